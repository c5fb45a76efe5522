// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// An elsewhere is a host that nobody claims, and what it leads to.
type elsewhere struct {
	ref routes.Ref
	routes.Served
}

// Remarks are what is no finding, as it may well be meant, and good to know: for
// people who look.
func Remarks(w routes.Snapshot, s routes.Settings, claims func(host string) bool) []string {
	out := []string{}
	if asksNoACME(&w) {
		out = append(out, "ingress-nginx sends no auth request for paths of an Ingress that begin with "+family.AcmePath+", on any host: that is its default, for proofs of certificates (no-auth-locations in its ConfigMap).")
	}
	c := look(routes.Read(w, s), claims)
	for _, e := range c.elsewhere {
		for _, b := range e.Backends {
			app := c.routed[types.NamespacedName{Namespace: e.ref.Namespace, Name: b.Name}]
			if app == nil || len(app.hosts) == 0 {
				continue
			}
			slices.Sort(app.hosts)
			out = append(out, fmt.Sprintf("%s leads %s to Service %s/%s, to which protected %s leads, too. No policy claims %s, so it is not protected there.",
				e.ref, e.Where(), e.ref.Namespace, b.Name, routes.ShowHost(app.hosts[0]), routes.ShowHost(e.Host)))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// asksNoACME: there is an ingress-nginx, and nothing says that its default is not
// in force.
func asksNoACME(w *routes.Snapshot) bool {
	nginx := slices.ContainsFunc(w.Classes, func(class *networkingv1.IngressClass) bool {
		p := class.Annotations[routes.ProxyAnnotation]
		return p == string(routes.IngressNGINX) || p == "" && routes.Controllers[class.Spec.Controller] == routes.IngressNGINX
	})
	said := 0
	for _, m := range w.Configs {
		free, ok := m.Data["no-auth-locations"]
		switch {
		case !family.IsControllerConfig(m):
		case ok && !slices.ContainsFunc(family.NoAuthPrefixes(free), func(p string) bool { return strings.HasPrefix(family.AcmePath, p) }):
			said++
		default:
			return nginx
		}
	}
	return nginx && said == 0
}
