// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"reflect"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A class are methods that no rule tells apart.
type class struct {
	method, words string
}

// requests follows every caller of every method, from no page and from pages of every
// origin that the two policies treat differently.
func (x *explorer) requests() {
	classes := x.classes()
	for _, m := range classes {
		x.request.Method, x.class = m.method, m.words
		x.follow()
	}
	if x.sameCORS() {
		return // what a page does that it cannot, anybody does: there is nothing new to see
	}
	base := x.request
	for _, o := range x.origins {
		x.request.Origin = o[0]
		x.pages(classes)
		x.request = base
	}
}

// pages follows what pages of one origin make browsers send.
func (x *explorer) pages(classes []class) {
	origin := x.request.Origin
	// Whom both know, or neither, can do what anybody can: that was seen.
	other := lists(x.pair.old, origin) != lists(x.pair.now, origin) || x.crossSite()
	for _, m := range classes {
		x.request.Method, x.class = m.method, m.words
		if other && changes(m.method) || x.manages() {
			x.follow()
		}
		if x.takesTokens() {
			x.request.Token = true
			x.follow()
			x.request.Token = false
		}
	}
	if other {
		x.request.Method, x.class, x.request.WebSocket = "GET", "WebSocket", true
		x.follow()
	}
}

// crossSite reports whether the policies differ in what a cookie is enough for.
func (x *explorer) crossSite() bool {
	o, n := x.pair.old, x.pair.now
	return o != nil && n != nil && o.AllowCrossSite != n.AllowCrossSite || x.rehearses()
}

// rehearses reports whether one side is in a dry run.
func (x *explorer) rehearses() bool { return x.pair.oldDry != nil || x.pair.nowDry != nil }

func changes(method string) bool { return method != "GET" && method != "HEAD" && method != "OPTIONS" }

// policies are those that decide, each with its side.
func (x *explorer) policies() (out []sided) {
	for _, p := range []sided{{x.pair.old, x.c.old}, {x.pair.now, x.c.now}, {x.pair.oldDry, x.c.old}, {x.pair.nowDry, x.c.now}} {
		if p.Policy != nil {
			out = append(out, p)
		}
	}
	return out
}

// sameCORS reports whether both policies treat other origins alike.
func (x *explorer) sameCORS() bool {
	o, n := x.pair.old, x.pair.now
	return o != nil && n != nil && !x.rehearses() && o.AllowCrossSite == n.AllowCrossSite && reflect.DeepEqual(o.CORS, n.CORS)
}

func (x *explorer) manages() bool {
	return slices.ContainsFunc(x.policies(), func(p sided) bool { return p.CORS != nil && p.CORS.ManageResponses })
}

func (x *explorer) takesTokens() bool {
	o, n := x.pair.old, x.pair.now
	was, is := o != nil && o.CORS != nil && o.CORS.Tokens, n != nil && n.CORS != nil && n.CORS.Tokens
	return (was || is) && (was != is || lists(o, x.request.Origin) != lists(n, x.request.Origin))
}

// classes are the methods that rules name, and one each of those that they do not: one
// that only reads, and one that does not.
func (x *explorer) classes() []class {
	var named []string
	for _, p := range x.policies() {
		for _, r := range p.Rules {
			for _, m := range r.Methods {
				if !slices.Contains(named, m) {
					named = append(named, m)
				}
			}
		}
	}
	for _, m := range x.world.methods {
		if !slices.Contains(named, m) {
			named = append(named, m)
		}
	}
	var out []class
	other := "every "
	if len(named) > 0 {
		other = "every other "
	}
	reading, writing := []string{"GET", "HEAD"}, []string{"POST", "PUT", "PATCH", "DELETE", "PURGE"}
	for i, list := range [...][]string{reading, writing} {
		for _, m := range list {
			if !slices.Contains(named, m) {
				out = append(out, class{m, other + [...]string{"reading", "writing"}[i] + " method"})
				break
			}
		}
	}
	for _, m := range named {
		out = append(out, class{m, m})
	}
	return out
}

// originClasses are all origins, together those that both policies treat alike.
func (x *explorer) originClasses() (out [][]string) {
	at := map[[2]bool]int{}
	for _, o := range x.allOrigins() {
		how := [2]bool{lists(x.pair.old, o), lists(x.pair.now, o)}
		i, ok := at[how]
		if !ok {
			i = len(out)
			at[how] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], o)
	}
	return out
}

// lists reports whether a policy's CORS lists an origin.
func lists(p *policy.Policy, origin string) bool {
	if p == nil || p.CORS == nil {
		return false
	}
	return p.CORS.Lists(origin)
}

// allOrigins are those that the policies list, one that neither does, and the opaque one.
func (x *explorer) allOrigins() []string {
	var out []string
	for _, p := range x.policies() {
		if p.CORS == nil {
			continue
		}
		for _, o := range p.CORS.AllowedOrigins {
			if o = example(o); !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	host := fresh("any", func(s string) bool { return slices.Contains(out, "https://"+s+".example.net") })
	return append(out, "https://"+host+".example.net", "null")
}

// example is an origin that a pattern matches.
func example(pattern string) string {
	pattern = strings.ToLower(pattern)
	scheme, rest, ok := strings.Cut(pattern, "://")
	if !ok {
		return pattern
	}
	if host, found := strings.CutSuffix(rest, ":*"); found {
		rest = host + ":3000"
	}
	rest = strings.ReplaceAll(rest, "**", "any")
	return scheme + "://" + strings.ReplaceAll(rest, "*", "any")
}

// preflights asks for every method and header that the policies list, and for one that
// they do not, from every origin that they treat differently.
func (x *explorer) preflights() {
	if x.sameCORS() && !x.pair.odd && x.pair.oldContended == x.pair.nowContended {
		return
	}
	clear(x.known)
	x.request.Method, x.class = "OPTIONS", "preflight"
	methods, headers := x.asked()
	for _, ingress := range append([]string{""}, x.routes()...) {
		for _, o := range x.origins {
			for _, m := range methods {
				for _, h := range headers {
					for _, private := range []bool{false, true} {
						r := x.request
						r.Origin, r.Preflight, r.PreflightHeaders, r.PrivateNetwork, r.Ingress = o[0], m, h, private, ingress
						if private && !x.private() {
							continue
						}
						x.judge(&r)
					}
				}
			}
		}
	}
}

// routes are the Ingresses that make a difference.
func (x *explorer) routes() []string {
	if list := x.answers[aboutIngress]; len(list) > 0 {
		return list[1:]
	}
	return nil
}

func (x *explorer) private() bool {
	return slices.ContainsFunc(x.policies(), func(p sided) bool { return p.CORS != nil && p.CORS.AllowPrivateNetwork })
}

// asked are methods and headers of preflights.
func (x *explorer) asked() (methods, headers []string) {
	headers = []string{""}
	listed := []string{}
	for _, p := range x.policies() {
		if p.CORS == nil {
			continue
		}
		for _, m := range p.CORS.AllowedMethods {
			if !slices.Contains(methods, m) {
				methods = append(methods, m)
			}
		}
		for _, h := range p.CORS.AllowedHeaders {
			if h = strings.ToLower(h); !slices.Contains(listed, h) {
				listed = append(listed, h)
			}
		}
	}
	for _, m := range []string{"DELETE", "PUT", "PATCH", "PURGE", "ANY"} {
		if !slices.Contains(methods, m) {
			methods = append(methods, m)
			break
		}
	}
	headers = append(headers, listed...)
	headers = append(headers, fresh("x-any", func(s string) bool { return slices.Contains(listed, s) }))
	if !slices.Contains(listed, "authorization") {
		headers = append(headers, "authorization")
	}
	return methods, headers
}
