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

// A question is what a proxy asks before it lets a request pass.
type question int

const (
	asksNobody question = iota
	asksUs
	asksOthers
	asksWrongly // us, but not about the request that is made
	turnedOff   // the controller would ask us, and an Ingress says not to
)

// question tells what the proxy of an Ingress asks about its requests.
func (x *Index) question(ing *networkingv1.Ingress, proxy Proxy) question {
	switch proxy {
	case IngressNGINX, TraefikNGINX:
		return x.nginxQuestion(ing.Annotations, proxy)
	case Traefik:
		return x.traefikQuestion(traefikMiddlewares.list(ing.Annotations))
	case HAProxyIngress:
		return x.haproxyQuestion(ing.Annotations)
	default:
		return asksNobody
	}
}

// nginxTargets are the paths of our own that ask about the request that is made.
// Without variables they would ask about another, which may well be allowed; with
// $http_host in place of $host the visitor chooses.
var nginxTargets = regexp.MustCompile("^(" + contract.NginxHeaderPath +
	"|(" + contract.NginxPrefix + "|" + contract.NginxPassPrefix + "|" + contract.URLPrefix + ")([a-z0-9.-]+/[a-z0-9.-]+/)?" + regexp.QuoteMeta(contract.NginxTarget) + ")$")

func (x *Index) nginxQuestion(annotations map[string]string, proxy Proxy) question {
	switch text := nginxAuthURL.text(annotations); {
	case text != "":
		return x.authURL(text, nginxTargets)
	case proxy != IngressNGINX || !x.nginx.globalAuth:
		return asksNobody
	case nginxGlobalAuth.flag(proxy, annotations) == off:
		return turnedOff
	default:
		return asksUs
	}
}

// forwardTarget reads the X-Forwarded-* headers.
var forwardTarget = regexp.MustCompile("^(" + contract.ForwardPath + "|(" + contract.ForwardPrefix + "|" + contract.ForwardRoutePrefix + ")[a-z0-9.-]+/[a-z0-9.-]+)$")

// haproxyQuestion: without headers that the proxy sets itself, a visitor's own
// would say what is asked about.
func (x *Index) haproxyQuestion(annotations map[string]string) question {
	text := haproxyAuthURL.text(annotations)
	placement := haproxyPlacement.choice(annotations)
	if text == "" || placement != "" && haproxyPlacement.unread(HAProxyIngress, annotations) != "" {
		return asksNobody // with a placement that it does not know it asks nowhere
	}
	q := x.authURL(text, forwardTarget)
	sets := strings.ToLower(haproxySets.text(annotations))
	for _, header := range contract.Lower([]string{contract.ForwardedHost, contract.ForwardedURI, contract.ForwardedMethod}) {
		if q == asksUs && (!strings.Contains(sets, header) || placement == "frontend") {
			return asksWrongly
		}
	}
	return q
}

// authURL judges the address that a proxy asks, by the paths that will do.
func (x *Index) authURL(text string, targets *regexp.Regexp) question {
	// By hand: a parser has no name for the variables in a path.
	scheme, rest, ok := strings.Cut(text, "://")
	authority, path, _ := strings.Cut(rest, "/")
	if scheme == "svc" { // haproxy-ingress: svc://namespace/name:port/path
		var name string
		name, path, _ = strings.Cut(path, "/")
		scheme, authority = "http", serviceHost(name, authority)
	}
	if !ok || !x.ourAuthority(scheme, authority) {
		return asksOthers
	}
	if !targets.MatchString("/" + path) {
		return asksWrongly
	}
	return asksUs
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

// traefikQuestion: one Middleware that asks us will do.
func (x *Index) traefikQuestion(middlewares []string) question {
	if slices.ContainsFunc(middlewares, func(m string) bool { return x.asksAs[m] }) {
		return asksUs
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
		if address != "" && !trusts && x.authURL(address, forwardTarget) == asksUs {
			asks[nameOf(m)] = true
		}
	}
	for range x.Middlewares { // a chain may hold a chain
		before := len(asks)
		for _, m := range x.Middlewares {
			for _, link := range objects(m.Object, "spec", "chain", "middlewares") {
				if asks[refOf(link, m.GetNamespace())] {
					asks[nameOf(m)] = true
				}
			}
		}
		if len(asks) == before {
			break
		}
	}
	return asks
}

// leadsToUs reports whether there are backends, and all are our own Services.
func (x *Index) leadsToUs(namespace string, all []networkingv1.IngressBackend) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(b networkingv1.IngressBackend) bool {
		return b.Service == nil || x.ownPart(namespace, b.Service.Name) == ""
	})
}

// ownPart tells which of our Services a name is: "authz", "public", or "" for none.
func (x *Index) ownPart(namespace, name string) string {
	part, ok := strings.CutPrefix(name, x.Settings.ServicePrefix+"-")
	if !ok || namespace != x.Settings.Namespace || !slices.Contains([]string{"authz", "grpc", "public", "render", "preflight"}, part) {
		return ""
	}
	return part
}
