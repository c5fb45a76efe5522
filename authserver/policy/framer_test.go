// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestFramers: whose pages may show a refusal in a frame. Nobody whom the policy does not list, as
// browsers read sources.
func TestFramers(t *testing.T) {
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("https://app%d.example.com", i))
	}
	for _, c := range []struct {
		name string
		cors *CORS
		want string
	}{
		{"no cors", nil, ""},
		{"a list", basic(func(c *CORS) { c.AllowedOrigins = []string{app1, "https://B.example:8443", "http://localhost:3000"} }),
			app1 + " https://b.example:8443 http://localhost:3000"},
		{"a label here is any number of them there", basic(func(c *CORS) {
			c.AllowedOrigins = []string{"https://*.preview.example.com", "https://pr-*.example.com", app1}
		}), app1},
		{"ports of this machine", basic(func(c *CORS) { c.AllowedOrigins = []string{"http://localhost:*"} }), "http://localhost:*"},
		{"null is everybody's", basic(func(c *CORS) { c.AllowedOrigins = []string{"null", app1} }), app1},
		{"an extension", basic(func(c *CORS) { c.AllowedOrigins = []string{"chrome-extension://abcdefgh"} }), "chrome-extension://abcdefgh"},
		{"an address", basic(func(c *CORS) { c.AllowedOrigins = []string{"http://[::1]:3000", "http://192.0.2.1"} }), "http://192.0.2.1"},
		{"all", basic(func(c *CORS) { c.AllowAllOrigins, c.AllowedOrigins = true, nil }), ""},
		{"the application answers for itself", &CORS{BypassPreflight: true}, ""},
		{"more than an answer has room for", basic(func(c *CORS) { c.AllowedOrigins = many }),
			strings.Join(many[:len(strings.Fields(strings.Join(many, " ")[:maxFramers+1]))-1], " ")},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := mustBuild(t, app2(c.cors))
			d := table.Decide(Request{Target: mustTarget(t, app2URL), Method: "GET", Now: now})
			if d.Framers != c.want || len(d.Framers) > maxFramers {
				t.Errorf("%q, want %q", d.Framers, c.want)
			}
			for _, source := range strings.Fields(d.Framers) {
				if !c.cors.Lists(strings.Replace(source, ":*", ":3000", 1)) {
					t.Errorf("%s is not listed", source)
				}
			}
		})
	}
}

// TestFramersOfHostileOrigins: whatever an origin holds that validation let through one day, it
// ends no directive and begins no header.
func TestFramersOfHostileOrigins(t *testing.T) {
	for _, bad := range []string{"https://a.example; script-src *", "https://a.example, x", "https://a.example\r\nx: y", "*", "https:",
		"https://", "https://*", "'unsafe-inline'", "data:", "https://a.example *", "https://a.example/ https:", "https://*.com",
		"javascript://%0a", "//a.example"} {
		if got := framers([]string{bad}); got != "" {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

// TestActivates: which browsers are asked to send the cookie that they hold back.
func TestActivates(t *testing.T) {
	with := func(c *CORS) { c.AllowCredentials = true }
	session := func(s Session) func(*Policy) { return func(p *Policy) { p.Session = s } }
	none := Session{Cookie: Cookie{SameSite: SameSiteNone}}
	for _, c := range []struct {
		name   string
		cors   *CORS
		change func(*Policy)
		want   []string
	}{
		{"no cors", nil, session(none), nil},
		{"no credentials", basic(), nil, nil},
		{"credentials", basic(with), nil, []string{app1}},
		{"a cookie of other sites", basic(), session(none), []string{app1}},
		{"Lax", basic(with), session(Session{Cookie: Cookie{SameSite: SameSiteLax}}), nil},
		{"Strict", basic(with), session(Session{Cookie: Cookie{SameSite: SameSiteStrict}}), nil},
		{"partitioned", basic(with), session(Session{Cookie: Cookie{SameSite: SameSiteNone, Partitioned: true}}), nil},
		{"null", basic(with, func(c *CORS) { c.AllowedOrigins = []string{"null"} }), nil, nil},
		{"all", basic(func(c *CORS) { c.AllowAllOrigins, c.AllowedOrigins = true, nil }), session(none), nil},
		{"the application answers for itself", &CORS{BypassPreflight: true}, session(none), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := app2(c.cors)
			if c.change != nil {
				c.change(&p)
			}
			table := mustBuild(t, p)
			for _, origin := range []string{"", app1, "https://evil.example", app1 + ".evil.example", "http://app1.example.com", "null"} {
				for _, method := range []string{"GET", "POST", "OPTIONS"} {
					d := table.Decide(Request{Target: mustTarget(t, app2URL), Method: method, Origin: origin, Now: now})
					if d.Partitioned != (c.name == "partitioned") {
						t.Errorf("%s of %q: partitioned: %v", method, origin, d.Partitioned)
					}
					if want := slices.Contains(c.want, origin) && method != "OPTIONS"; d.Activates != want {
						t.Errorf("%s of %q: %v", method, origin, d.Activates)
					}
				}
			}
		})
	}
}
