// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
)

// refForeign is what doc.go says of requests that another site made, read plainly.
func refForeign(p *Policy, r *Request) bool {
	if p.AllowCrossSite {
		return false
	}
	reads := slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, r.Method)
	if reads && !r.WebSocket {
		return false
	}
	if r.OriginUnread {
		return true
	}
	if r.Origin != "" && p.CORS != nil && !p.CORS.AllowAllOrigins && slices.ContainsFunc(p.CORS.AllowedOrigins, func(o string) bool { return strings.EqualFold(o, r.Origin) }) {
		return false
	}
	switch r.Site {
	case SiteOwn:
		return false
	case SiteOther:
		return true
	case SiteUnsaid, SiteNear:
	}
	if r.Origin == "" {
		return r.Site != SiteUnsaid
	}
	own := []string{"://a.x", "://a.x.", "://a.x:443", "://a.x:80"}
	switch r.Port {
	case "8443":
		own = []string{"://a.x:8443", "://a.x.:8443"}
	case "":
		own = append(own, "://a.x:8443", "://a.x:9443")
	}
	lower := strings.ToLower(r.Origin)
	for _, o := range own {
		if lower == "https"+o || lower == "http"+o {
			return false
		}
	}
	return true
}

// refAdmits is what one rule for everyone does, wherever a request comes from.
func refAdmits(action Action, r *Request) string {
	if action == Bypass || action == Allow && r.Subject != nil {
		return "admit"
	}
	return "deny"
}

// TestOracleCrossSite: for every method, Origin, Fetch Metadata, port and list of
// origins, with a cookie, a token, by a person and by nobody, a request that another
// site made is refused where only a cookie admits it, and nowhere else.
// (attack: CSRF by default; field: SameSite=None for everybody)
func TestOracleCrossSite(t *testing.T) {
	lists := []*CORS{
		nil,
		{AllowedOrigins: []string{"https://o.x"}, AllowAllMethods: true, AllowCredentials: true},
		{AllowedOrigins: []string{"https://o.x"}, AllowAllMethods: true},
		{AllowedOrigins: []string{"null"}, AllowAllMethods: true},
		{AllowAllOrigins: true, AllowAllMethods: true},
		{BypassPreflight: true},
	}
	origins := []string{"", "null", "https://a.x", "http://a.x", "https://A.X", "https://a.x.", "https://a.x:443", "https://a.x:8443", "https://a.x:9443",
		"https://o.x", "HTTPS://O.X", "https://o.x:8443", "https://evil.x", "https://a.x.evil.y", "https://xa.x", "https://b.a.x",
		"https://a.x@evil.x", "https://a.x:8443@evil.x",
		"ftp://a.x", "a.x", "://a.x", "https://", "https://a.x/", "https://a.x:", "https://[::1]:8443", "chrome-extension://a.x",
		"https://a.x, https://evil.x"}
	target, visitors := mustTarget(t, "https://a.x/"), []*Subject{nil, session("n/p")}
	refused, admitted, n := 0, 0, 0
	for _, action := range []Action{Allow, Bypass, ServiceAuth, Block} {
		for _, list := range lists {
			for _, allow := range []bool{false, true} {
				p := one(does(action)...)
				p.CORS, p.AllowCrossSite = list, allow
				table := mustBuild(t, p)
				for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "TRACE", "CONNECT", "get", "GETS"} {
					for _, origin := range origins {
						for site := SiteUnsaid; site <= SiteOther; site++ {
							for bits := range 1 << 3 {
								for _, port := range []string{"", "8443", "443"} {
									for _, s := range visitors {
										if n++; n%every(1) > 0 {
											continue
										}
										r := Request{Target: target, Method: method, Origin: origin, Site: site, Port: port, Subject: s, Now: now,
											InHeader: bits&1 > 0, WebSocket: bits&2 > 0, OriginUnread: bits&4 > 0}
										d := table.Decide(r)
										want := refAdmits(action, &r)
										if want == "admit" && action != Bypass && !r.InHeader && refForeign(&p, &r) {
											want = "forged"
										}
										got := map[Verdict]string{Admit: "admit", Deny: "deny", Challenge: "deny"}[d.Verdict]
										if d.Reason == OriginNotAllowed {
											got = "forged"
										}
										if got != want {
											t.Fatalf("%s %+v: %s %+v, want %s\n%+v", action, r, got, d, want, list)
										}
										switch got {
										case "forged":
											refused++
											if d.Identified || d.Source.Field != "spec.crossSite" || d.Verdict != Deny {
												t.Fatalf("%+v", d)
											}
										case "admit":
											admitted++
										}
										if bits == 0 && port == "" {
											if e, tr := table.Explain(r); e != d || got == "forged" && tr.Steps[len(tr.Steps)-1].What != "crossSite" {
												t.Fatalf("Explain: %+v %+v", e, tr)
											}
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if refused == 0 || admitted == 0 {
		t.Errorf("the test is blind: %d refused, %d admitted", refused, admitted)
	}
}
