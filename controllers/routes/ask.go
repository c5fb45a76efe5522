// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
)

// A Question is what a proxy asks before it lets a request pass.
type Question int

const (
	asksNobody Question = iota
	AsksUs
	AsksOthers
	AsksWrongly // us, but not about the request that is made
	TurnedOff   // the controller would ask us, and an Ingress says not to
)

// Question tells what the proxy of an Ingress asks about its requests.
func (x *Index) Question(ing *networkingv1.Ingress, proxy Proxy) Question {
	switch proxy {
	case IngressNGINX, TraefikNGINX:
		return x.nginxQuestion(ing.Annotations, proxy)
	case Traefik:
		return x.TraefikQuestion(TraefikMiddlewares.List(ing.Annotations))
	case HAProxyIngress:
		return x.HaproxyQuestion(ing.Annotations)
	default:
		return asksNobody
	}
}

// nginxTargets are the paths of our own that ask about the request that is made.
// Without variables they would ask about another, which may well be allowed; with
// $http_host in place of $host the visitor chooses.
var nginxTargets = regexp.MustCompile("^(" + contract.NginxHeaderPath +
	"|(" + contract.NginxPrefix + "|" + contract.NginxPassPrefix + "|" + contract.URLPrefix + ")([a-z0-9.-]+/[a-z0-9.-]+/)?" + regexp.QuoteMeta(contract.NginxTarget) + ")$")

func (x *Index) nginxQuestion(annotations map[string]string, proxy Proxy) Question {
	switch text := NGINXAuthURL.Text(annotations); {
	case text != "":
		return x.authURL(text, nginxTargets)
	case proxy != IngressNGINX || !x.NGINX.globalAuth:
		return asksNobody
	case NGINXGlobalAuth.Flag(proxy, annotations) == Off:
		return TurnedOff
	default:
		return AsksUs
	}
}

// forwardTarget reads the X-Forwarded-* headers.
var forwardTarget = regexp.MustCompile("^(" + contract.ForwardPath + "|(" + contract.ForwardPrefix + "|" + contract.ForwardRoutePrefix + ")[a-z0-9.-]+/[a-z0-9.-]+)$")

// HaproxyQuestion: without headers that the proxy sets itself, a visitor's own
// would say what is asked about.
func (x *Index) HaproxyQuestion(annotations map[string]string) Question {
	text := HAProxyAuthURL.Text(annotations)
	placement := HAProxyPlacement.Choice(annotations)
	if text == "" || placement != "" && HAProxyPlacement.Unread(HAProxyIngress, annotations) != "" {
		return asksNobody // with a placement that it does not know it asks nowhere
	}
	q := x.authURL(text, forwardTarget)
	sets := strings.ToLower(HAProxySets.Text(annotations))
	for _, header := range contract.Lower([]string{contract.ForwardedHost, contract.ForwardedURI, contract.ForwardedMethod}) {
		if q == AsksUs && (!strings.Contains(sets, header) || placement == "frontend") {
			return AsksWrongly
		}
	}
	return q
}

// authURL judges the address that a proxy asks, by the paths that will do.
func (x *Index) authURL(text string, targets *regexp.Regexp) Question {
	// By hand: a parser has no name for the variables in a path.
	scheme, rest, ok := strings.Cut(text, "://")
	authority, path, _ := strings.Cut(rest, "/")
	if scheme == "svc" { // haproxy-ingress: svc://namespace/name:port/path
		var name string
		name, path, _ = strings.Cut(path, "/")
		scheme, authority = "http", serviceHost(name, authority)
	}
	if !ok || !x.ourAuthority(scheme, authority) {
		return AsksOthers
	}
	if !targets.MatchString("/" + path) {
		return AsksWrongly
	}
	return AsksUs
}

// ourAuthority reports whether an address is that of our authz listener, by the
// name that we were told or by one that its Service has in every cluster.
func (x *Index) ourAuthority(scheme, authority string) bool {
	us, err := url.Parse(x.Settings.AuthzURL)
	if err != nil || us.Host == "" {
		return false
	}
	if scheme != us.Scheme {
		return false
	}
	host, port, _ := strings.Cut(strings.ToLower(authority), ":")
	if port != us.Port() {
		return false
	}
	local := x.Settings.ServicePrefix + "-authz." + x.Settings.Namespace
	return slices.Contains([]string{strings.ToLower(us.Hostname()), local, local + ".svc", local + ".svc.cluster.local"}, strings.TrimSuffix(host, "."))
}

// serviceHost makes "name.namespace:port" of "name:port".
func serviceHost(name, namespace string) string {
	host, port, _ := strings.Cut(name, ":")
	return host + "." + namespace + ":" + port
}

// TraefikQuestion: one Middleware that asks us will do.
func (x *Index) TraefikQuestion(middlewares []string) Question {
	if slices.ContainsFunc(middlewares, func(m string) bool { return x.asksAs[m] }) {
		return AsksUs
	}
	return asksNobody
}

// askingMiddlewares finds the Middlewares that ask us about the request that is
// made, and the chains that hold one of them.
func (x *Index) askingMiddlewares() map[types.NamespacedName]bool {
	asks := map[types.NamespacedName]bool{}
	for _, m := range x.Middlewares {
		address, _, _ := unstructured.NestedString(m.Object, "spec", "forwardAuth", "address")
		trusts, _, _ := unstructured.NestedBool(m.Object, "spec", "forwardAuth", "trustForwardHeader")
		if address != "" && !trusts && x.authURL(address, forwardTarget) == AsksUs {
			asks[NameOf(m)] = true
		}
	}
	for range x.Middlewares { // a chain may hold a chain
		before := len(asks)
		for _, m := range x.Middlewares {
			for _, link := range Objects(m.Object, "spec", "chain", "middlewares") {
				if asks[RefOf(link, m.GetNamespace())] {
					asks[NameOf(m)] = true
				}
			}
		}
		if len(asks) == before {
			break
		}
	}
	return asks
}

// LeadsToUs reports whether there are backends, and all are our own Services.
func (x *Index) LeadsToUs(namespace string, all []networkingv1.IngressBackend) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(b networkingv1.IngressBackend) bool {
		return b.Service == nil || x.OwnPart(namespace, b.Service.Name) == ""
	})
}

// OwnPart tells which of our Services a name is: "authz", "public", or "" for none.
func (x *Index) OwnPart(namespace, name string) string {
	part, ok := strings.CutPrefix(name, x.Settings.ServicePrefix+"-")
	if !ok || namespace != x.Settings.Namespace || !slices.Contains([]string{"authz", "grpc", "public", "render", "preflight"}, part) {
		return ""
	}
	return part
}
