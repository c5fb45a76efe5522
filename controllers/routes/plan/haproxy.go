// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// haproxyTarget has the proxy say what is asked for. It tells an authentication service
// nothing by itself, so that a visitor's own headers would.
const haproxyTarget = contract.ForwardedHost + ": %[req.hdr(host)]\n" + contract.ForwardedURI + ": %[pathq]\n" + contract.ForwardedMethod + ": %[method]"

// haproxy plans for jcmoraisjr's haproxy-ingress, v0.17 or newer: what is older has no
// request-set-headers. Its cross-namespace-services has to be "allow"; if it is not,
// haproxy-ingress refuses every request.
func (p *planner) haproxy(g *guard) {
	question := questionOf(&p.Settings, g.proxy, g.Namespace, g.Name)
	if key := routes.HAProxyPrefix + "auth-url"; g.foreign(key, question[key]) {
		g.asked = p.HaproxyQuestion(g.Annotations) == routes.AsksUs
		p.found(g, routes.ForeignAuth, "%s has an auth-url of somebody else (%q), so that Ostiary changes nothing there. Remove it, and Ostiary writes its own at once.", g.ref, g.Annotations[key])
		return
	}
	g.asked = true
	for _, key := range routes.SortedKeys(question) {
		g.asked = p.set(g, key, question[key], "a visitor could say what is asked about, or who is calling") && g.asked
	}
	p.haproxyUndoes(g)
	p.haproxyPreflights(g)
	for _, host := range g.hosts {
		p.access(g, host, nil)
	}
}

// haproxyUndoes reports annotations of people's that undo what the question is for.
func (p *planner) haproxyUndoes(g *guard) {
	g.asked = g.asked && routes.HAProxyPlacement.Unread(g.proxy, g.Annotations) == ""
	if routes.HAProxyPlacement.Choice(g.Annotations) == "frontend" {
		g.asked = false
		p.found(g, routes.RewrittenTarget, "%s says %sauth-external-placement: frontend, so that haproxy-ingress asks before it has set the headers that say what is asked for: visitors can set them. Remove it.", g.ref, routes.HAProxyPrefix)
	}
	if routes.HAProxyCORS.Flag(g.proxy, g.Annotations) == routes.On {
		p.found(g, routes.ForeignCORS, "%s says %scors-enable, so its proxy answers every OPTIONS before Ostiary is asked. Write the origins into the policy's spec.cors, and remove the annotation.", g.ref, routes.HAProxyPrefix)
	}
	for _, u := range p.upstreamsOf(g.Ingress) {
		for _, other := range p.shared.to[u] {
			sets, some := routes.HAProxySets.Raw(other.Annotations)
			if other != g.Ingress && p.shared.proxies[other] == routes.HAProxyIngress && some && strings.TrimSpace(sets) != haproxyTarget {
				g.asked = false
				p.found(g, routes.SharedService, "%s leads to the same Service and port as Ingress %s/%s, which sets other headers (%srequest-set-headers): haproxy-ingress takes those of one of them, and without ours visitors can say what is asked about. Remove them there, or use a Service of its own.",
					g.ref, other.Namespace, other.Name, routes.HAProxyPrefix)
				return
			}
		}
	}
}

// haproxyPreflights leads what carries the header that only preflights have to our
// preflight listener. Of two paths that are the same, the one that asks for headers is
// tried first.
func (p *planner) haproxyPreflights(g *guard) {
	if g.bypasses() {
		return
	}
	var rules []any
	service := p.Settings.Service("preflight").Name
	places, _ := p.copied(g)
	for _, at := range places {
		if at.host != "" {
			rules = append(rules, ingressRule(at.host, ingressPath(at.path, at.pathType, service, p.Settings.PreflightPort)))
		}
	}
	if len(rules) == 0 {
		return
	}
	notes := map[string]string{routes.HAProxyPrefix + "http-header-match-regex": "Origin: .+\nAccess-Control-Request-Method: .+"}
	if kind := routes.HAProxyPathType.Text(g.Annotations); kind != "" {
		notes[routes.HAProxyPrefix+"path-type"] = kind // the same paths, read the same way
	}
	name := types.NamespacedName{Namespace: p.Settings.Namespace, Name: centralName("preflight", g.Namespace, g.Name)}
	p.put(p.ingress(g, name, forRoute(g.ref), notes, rules))
}
