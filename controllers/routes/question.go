// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// A Question is what a proxy asks before it lets a request pass.
type Question int

// What a route can ask.
const (
	AsksNobody Question = iota
	AsksUs
	AsksOthers
	AsksWrongly // us, but not about the request that is made
	TurnedOff   // the controller would ask us, and an Ingress says not to
)

// AuthURL judges the address that a proxy asks, by the paths that will do.
func (x *Index) AuthURL(text string, targets *regexp.Regexp) Question {
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
	told := strings.TrimSuffix(strings.ToLower(us.Hostname()), ".")
	return slices.Contains([]string{told, local, local + ".svc", local + ".svc.cluster.local"}, strings.TrimSuffix(host, "."))
}

// serviceHost makes "name.namespace:port" of "name:port".
func serviceHost(name, namespace string) string {
	host, port, _ := strings.Cut(name, ":")
	return host + "." + namespace + ":" + port
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
