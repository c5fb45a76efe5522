// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// ownPath serves our own pages on a host of an application: signing in and out. They
// ask nobody. The certificate is that of the application's Ingress.
func (p *planner) ownPath(w *family.Wants, host string) {
	at := p.loginPath(host)
	switch o := at.ingress; {
	case at.byHand:
		return
	case at.taken:
		w.Found(routes.LoginPathTaken, "users cannot sign in on %s: Ingress %s/%s has the path %s, which is Ostiary's own. Take it off, or choose another one for Ostiary (--path-prefix).", host, o.Namespace, o.Name, at.path)
		return
	case o != nil && routes.IsNGINX(w.Class.Proxy):
		w.Found(routes.ShadowedLogin, "users cannot sign in on %s: the path %q of Ingress %s/%s is a regular expression there (use-regex or rewrite-target of an Ingress of the host), matches %s/login, and is tried first because it is longer. "+
			"Make it shorter, or have it not match that.", host, at.path, o.Namespace, o.Name, p.Settings.PathPrefix)
	}
	parts := []string{w.Class.Name, fmt.Sprint(w.Class.Legacy)}
	for _, key := range routes.SortedKeys(w.SignIn) {
		parts = append(parts, key, w.SignIn[key])
	}
	words := "host " + host
	if w.Class.Name != "" {
		words += " of class " + w.Class.Name
	}
	name := types.NamespacedName{Namespace: p.Settings.Namespace, Name: family.HostName("access", host, parts...)}
	path := family.IngressPath(p.Settings.PathPrefix+"/", string(networkingv1.PathTypePrefix), p.Settings.Service("public").Name, p.Settings.PublicPort)
	p.put(w.OwnIngress(name, family.PurposeOf(words, host), w.SignIn, []any{family.IngressRule(host, path)}))
}

// ownPages are the paths that people are sent to.
var ownPages = []string{"", "login", "authorized", "logout", "get-identity", "certs", "token", "client.js"}

// A loginPath says what is in the way of our own path on a host.
type loginPath struct {
	byHand  bool                  // somebody leads it to us
	taken   bool                  // ingress has that very path
	ingress *networkingv1.Ingress // if not taken: it has an expression that is tried first
	path    string
}

// loginPath looks at the Ingresses of a host, once.
func (p *planner) loginPath(host string) *loginPath {
	if p.login[host] == nil {
		p.login[host] = p.findLoginPath(host)
	}
	return p.login[host]
}

func (p *planner) findLoginPath(host string) *loginPath {
	mine := p.Settings.PathPrefix + "/"
	out := &loginPath{}
	all := p.Shared().Hosts[host]
	// One expression or rewrite among the Ingresses of a host makes expressions of all
	// its paths to ingress-nginx, and of those the longest is tried first.
	expressions := slices.ContainsFunc(all, func(o *networkingv1.Ingress) bool {
		proxy := cmp.Or(p.RouteOf(o).Class.Proxy, routes.IngressNGINX)
		regex, rewritten := routes.ReadsExpressions(o.Annotations, proxy)
		return routes.IsNGINX(proxy) && (regex || rewritten)
	})
	for _, o := range all {
		for _, at := range routes.PlacesOf(o) {
			switch {
			case at.Host != host:
			case strings.TrimSuffix(at.Path, "/") == p.Settings.PathPrefix:
				byHand := at.Backend != nil && p.OwnPart(o.Namespace, at.Backend.Name) == "public"
				return &loginPath{byHand: byHand, taken: !byHand, ingress: o, path: at.Path}
			case expressions && out.ingress == nil && len(at.Path) >= len(mine) && p.matchesOwn(at.Path):
				out.ingress, out.path = o, at.Path
			}
		}
	}
	return out
}

// matchesOwn reports whether an expression matches a path of our own. One that cannot
// be read may.
func (p *planner) matchesOwn(expression string) bool {
	re, err := regexp.Compile("(?i)^" + expression)
	return err != nil || slices.ContainsFunc(ownPages, func(page string) bool { return re.MatchString(p.Settings.PathPrefix + "/" + page) })
}
