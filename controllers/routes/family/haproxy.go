// SPDX-License-Identifier: Apache-2.0

package family

import (
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// haproxyTarget has the proxy say what is asked for. It tells an authentication service
// nothing by itself, so that a visitor's own headers would.
const haproxyTarget = contract.ForwardedHost + ": %[req.hdr(host)]\n" + contract.ForwardedURI + ": %[pathq]\n" + contract.ForwardedMethod + ": %[method]"

// haproxy is jcmoraisjr's haproxy-ingress.
type haproxy struct{}

func (haproxy) Serves(class routes.Class) bool { return class.Proxy == routes.HAProxyIngress }

func (haproxy) Paths(r *routes.Route, paths []policy.Path) []policy.Path { return written(r, paths) }

func (haproxy) Expected() string {
	return "its auth-url ends with " + contract.ForwardPath + " only if request-set-headers sets X-Forwarded-Host, -Uri and -Method; otherwise the visitor does"
}

func (haproxy) Gaps(_ *routes.Index, r *routes.Route, at *routes.Served, report Reporter) {
	passthrough(routes.HAProxyPassthrough, r, at, report)
}

// Question: without headers that the proxy sets itself, a visitor's own
// would say what is asked about.
func (haproxy) Question(x *routes.Index, r *routes.Route) routes.Question {
	text := routes.HAProxyAuthURL.Text(r.Annotations)
	placement := routes.HAProxyPlacement.Choice(r.Annotations)
	if text == "" || placement != "" && routes.HAProxyPlacement.Unread(routes.HAProxyIngress, r.Annotations) != "" {
		return routes.AsksNobody // with a placement that it does not know it asks nowhere
	}
	q := x.AuthURL(text, forwardTarget)
	sets := strings.ToLower(routes.HAProxySets.Text(r.Annotations))
	for _, header := range contract.Lower([]string{contract.ForwardedHost, contract.ForwardedURI, contract.ForwardedMethod}) {
		if q == routes.AsksUs && (!strings.Contains(sets, header) || placement == "frontend") {
			return routes.AsksWrongly
		}
	}
	return q
}

// Auth: headers that say what is asked for are the proxy's own.
func (haproxy) Auth(s *routes.Settings, namespace, name string) map[string]string {
	return map[string]string{
		routes.HAProxyPrefix + "auth-url":    haproxyURL(s, namespace, name),
		routes.HAProxyPrefix + "auth-method": "GET",
		routes.HAProxyPrefix + "auth-headers-request": strings.Join(append(contract.Asked(), "Upgrade",
			contract.ForwardedMethod, contract.ForwardedProto, contract.ForwardedHost, contract.ForwardedURI, contract.ForwardedFor), ","),
		routes.HAProxyPrefix + "auth-headers-succeed": strings.Join(s.IdentityHeaders, ","),
		routes.HAProxyPrefix + "auth-headers-fail":    "*",
		routes.HAProxyPrefix + "request-set-headers":  haproxyTarget,
	}
}

func (haproxy) AuthKey() string { return routes.HAProxyAuthURL.Key() }

func (f haproxy) AsksItself(ing *networkingv1.Ingress) bool {
	return strings.HasSuffix(ing.Annotations[f.AuthKey()], contract.ForwardPrefix+ing.Namespace+"/"+ing.Name)
}

func haproxyURL(s *routes.Settings, namespace, name string) string {
	return "svc://" + s.Service("authz").String() + ":" + strconv.Itoa(int(s.AuthzPort())) + contract.ForwardPrefix + namespace + "/" + name
}

// Plan is for jcmoraisjr's haproxy-ingress, v0.17 or newer: what is older has no
// request-set-headers. Its cross-namespace-services has to be "allow"; if it is not,
// haproxy-ingress refuses every request.
func (haproxy) Plan(w *Wants) {
	question := Of(w.Class).Auth(&w.Settings, w.Namespace, w.Name)
	if key := routes.HAProxyPrefix + "auth-url"; w.foreign(key, question[key]) {
		w.Asks = Of(w.Class).Question(w.Index, w.Route) == routes.AsksUs
		w.Found(routes.ForeignAuth, "%s has an auth-url that Ostiary did not set (%q), so Ostiary changes nothing there. Remove it, and Ostiary writes its own at once.", w.Ref, w.Route.Annotations[key])
		return
	}
	w.Asks = true
	for _, key := range routes.SortedKeys(question) {
		w.Asks = w.set(key, question[key], "a client could forge the target of the auth request, or the identity headers") && w.Asks
	}
	w.haproxyUndoes()
	w.haproxyPreflights()
	w.SignIn = map[string]string{}
}

// haproxyUndoes reports annotations of people's that undo what the question is for.
func (w *Wants) haproxyUndoes() {
	w.Asks = w.Asks && routes.HAProxyPlacement.Unread(w.Class.Proxy, w.Route.Annotations) == ""
	if routes.HAProxyPlacement.Choice(w.Route.Annotations) == "frontend" {
		w.Asks = false
		w.Found(routes.RewrittenTarget, "%s says %sauth-external-placement: frontend, so that haproxy-ingress asks before it has set the headers that say what is asked for: visitors can set them. Remove it.", w.Ref, routes.HAProxyPrefix)
	}
	if routes.HAProxyCORS.Flag(w.Class.Proxy, w.Route.Annotations) == routes.On {
		w.Found(routes.ForeignCORS, "%s says %scors-enable, so its proxy answers every OPTIONS before Ostiary gets an auth request. Write the origins into the policy's spec.cors, and remove the annotation.", w.Ref, routes.HAProxyPrefix)
	}
	for _, u := range w.UpstreamsOf(w.Ingress) {
		for _, other := range w.Shared().To[u] {
			sets, some := routes.HAProxySets.Raw(other.Annotations)
			if other != w.Ingress && w.RouteOf(other).Class.Proxy == routes.HAProxyIngress && some && strings.TrimSpace(sets) != haproxyTarget {
				w.Asks = false
				w.Found(routes.SharedService, "%s leads to the same Service and port as Ingress %s/%s, which sets other headers (%srequest-set-headers): haproxy-ingress takes those of one of them, and without ours visitors can say what is asked about. Remove them there, or use a Service of its own.",
					w.Ref, other.Namespace, other.Name, routes.HAProxyPrefix)
				return
			}
		}
	}
}

// haproxyPreflights leads what carries the header that only preflights have to our
// preflight listener. Of two paths that are the same, the one that asks for headers is
// tried first.
func (w *Wants) haproxyPreflights() {
	if w.Rules.Bypasses() {
		return
	}
	var rules []any
	service := w.Settings.Service("preflight").Name
	places, _ := w.copied()
	for _, at := range places {
		if at.Host != "" {
			rules = append(rules, IngressRule(at.Host, IngressPath(at.Path, at.PathType, service, w.Settings.PreflightPort)))
		}
	}
	if len(rules) == 0 {
		return
	}
	notes := map[string]string{routes.HAProxyPrefix + "http-header-match-regex": "Origin: .+\nAccess-Control-Request-Method: .+"}
	if kind := routes.HAProxyPathType.Text(w.Route.Annotations); kind != "" {
		notes[routes.HAProxyPrefix+"path-type"] = kind // the same paths, read the same way
	}
	name := types.NamespacedName{Namespace: w.Settings.Namespace, Name: CentralName("preflight", w.Namespace, w.Name)}
	w.put(w.OwnIngress(name, ForRoute(w.Ref), notes, rules))
}
