// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jub "github.com/jub0bs/cors"
	rs "github.com/rs/cors"
)

// An exchange is a CORS configuration and a request; an answer is what a peer
// or we make of it. 299 is the application's own.
type exchange struct {
	c                          *CORS
	method, origin, acrm, acrh string
	private                    bool
}

type answer struct {
	status int
	h      map[string]string // Access-Control-* alone: Vary is a dialect's to write
}

func (x *exchange) preflight() bool {
	return x.method == "OPTIONS" && x.origin != "" && x.acrm != ""
}

// granted reports whether the answer lets the origin in.
func (a *answer) granted() bool { return a.h["Access-Control-Allow-Origin"] != "" }

func (a *answer) refuse(x *exchange) {
	a.h = map[string]string{}
	if x.preflight() {
		a.status = 403
	}
}

// ours is the adapter which a dialect is in earnest.
func ours(tb testing.TB, table *Table, x *exchange) answer {
	tb.Helper()
	d := table.Decide(Request{Target: mustTarget(tb, "https://a.x/"), Method: x.method, Origin: x.origin, Preflight: Preflight{x.acrm, x.acrh, x.private}, Now: now})
	a := answer{299, map[string]string{}}
	switch d.Verdict {
	case AnswerPreflight:
		a.status = 200
	case Deny, Challenge:
		a.status = 403
	case Admit:
	}
	for name, value := range map[string]string{"Origin": d.CORS.AllowOrigin, "Methods": d.CORS.AllowMethods, "Headers": d.CORS.AllowHeaders} {
		if value != "" {
			a.h["Access-Control-Allow-"+name] = value
		}
	}
	if d.CORS.AllowCredentials {
		a.h["Access-Control-Allow-Credentials"] = "true"
	}
	if d.CORS.AllowPrivateNetwork {
		a.h["Access-Control-Allow-Private-Network"] = "true"
	}
	if d.CORS.MaxAge != "" {
		a.h["Access-Control-Max-Age"] = d.CORS.MaxAge
	}
	if d.CORS.ExposeHeaders != "" {
		a.h["Access-Control-Expose-Headers"] = d.CORS.ExposeHeaders
	}
	return a
}

// request is the exchange as net/http would hand it to a peer.
func (x *exchange) request() *http.Request {
	r := &http.Request{Method: x.method, Header: http.Header{}}
	for name, value := range map[string]string{"Origin": x.origin, "Access-Control-Request-Method": x.acrm, "Access-Control-Request-Headers": x.acrh} {
		if value != "" {
			r.Header[name] = []string{value}
		}
	}
	if x.private {
		r.Header["Access-Control-Request-Private-Network"] = []string{"true"}
	}
	return r
}

func theirs(h http.Handler, x *exchange) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, x.request())
	a := answer{w.Code, map[string]string{}}
	for name, values := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			a.h[name] = strings.Join(values, ", ")
		}
	}
	return a
}

var application = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(299) })

// A peer is another implementation, configured alike; nil: it cannot be.
var peers = map[string]func(*CORS) http.Handler{
	"rs": func(c *CORS) http.Handler {
		if c.AllowAllMethods { // rs/cors has no such setting
			return nil
		}
		o := rs.Options{AllowedOrigins: c.AllowedOrigins, AllowedMethods: c.AllowedMethods, AllowedHeaders: c.AllowedHeaders, ExposedHeaders: c.ExposedHeaders,
			MaxAge: c.MaxAge, AllowCredentials: c.AllowCredentials, AllowPrivateNetwork: c.AllowPrivateNetwork}
		if c.AllowAllOrigins {
			o.AllowedOrigins = []string{"*"}
		}
		switch {
		case c.AllowAllHeaders:
			o.AllowedHeaders = []string{"*"}
		case len(o.AllowedHeaders) == 0:
			o.AllowedHeaders = []string{"x-none-at-all"} // an empty list would mean three of them
		}
		return rs.New(o).Handler(application)
	},
	"jub0bs": func(c *CORS) http.Handler {
		o := jub.Config{Credentialed: c.AllowCredentials, Methods: c.AllowedMethods, RequestHeaders: c.AllowedHeaders, MaxAgeInSeconds: c.MaxAge, ResponseHeaders: c.ExposedHeaders}
		o.PreflightSuccessStatus, o.DangerouslyTolerateInsecureOrigins, o.DangerouslyTolerateSubdomainsOfPublicSuffixes = 200, true, true
		for _, origin := range c.AllowedOrigins {
			o.Origins = append(o.Origins, strings.ToLower(origin)) // it takes no other
		}
		if c.AllowAllOrigins {
			o.Origins = []string{"*"}
		}
		if c.AllowAllMethods {
			o.Methods = []string{"*"}
		}
		if c.AllowAllHeaders && c.AllowCredentials {
			o.RequestHeaders = []string{"*"}
		} else if c.AllowAllHeaders {
			o.RequestHeaders = []string{"*", "Authorization"}
		}
		m, err := jub.NewMiddleware(o)
		if err != nil { // it never allows "null"
			return nil
		}
		return m.Wrap(application)
	},
}

// compare asks us and a peer, and counts the differences that were needed.
func compare(tb testing.TB, peer string, h http.Handler, table *Table, x *exchange, used map[string]int) {
	tb.Helper()
	if h == nil {
		return
	}
	asked := *x
	for _, d := range differences {
		before := asked
		if strings.Contains(d.peers, peer) && d.ask != nil {
			d.ask(&asked)
		}
		if asked != before {
			used[peer+" "+d.name]++
		}
	}
	got, want := ours(tb, table, x), theirs(h, &asked)
	raw := answer{want.status, maps.Clone(want.h)}
	for _, d := range differences {
		before := answer{want.status, maps.Clone(want.h)}
		if strings.Contains(d.peers, peer) && d.answer != nil {
			d.answer(x, &want)
		}
		if want.status != before.status || !maps.Equal(want.h, before.h) {
			used[peer+" "+d.name]++
		}
	}
	if got.status != want.status || !maps.Equal(got.h, want.h) {
		tb.Fatalf("%s %q, preflight %q %q private=%v of %+v\n  we:   %d %v\n  %s: %d %v, and from that %d %v",
			x.method, x.origin, x.acrm, x.acrh, x.private, *x.c, got.status, got.h, peer, raw.status, raw.h, want.status, want.h)
	}
}

// configurations are all that CORS can be, in small.
func configurations() []*CORS {
	var out []*CORS
	for i := range 3 * 3 * 3 * 2 * 2 {
		c := &CORS{AllowPrivateNetwork: i&1 > 0, AllowCredentials: i&2 > 0}
		i >>= 2
		switch i % 3 {
		case 0:
			c.AllowAllOrigins, c.AllowCredentials = true, false
		case 1:
			c.AllowedOrigins = []string{"https://a.x", "HTTPS://B.X:8443", "https://*.dev.x.y", "http://[::1]:90", "https://*.x.y:1"}
		case 2:
			c.AllowedOrigins = []string{"null", "http://localhost:3000"}
		}
		switch i / 3 % 3 {
		case 0:
			c.AllowAllMethods, c.MaxAge = true, -1
		case 1:
			c.AllowedMethods, c.ExposedHeaders = []string{"GET", "PATCH"}, []string{"x-b", "X-Request-ID"}
		case 2:
			c.AllowedMethods, c.MaxAge = []string{"OPTIONS", "DELETE", "POST"}, 600
		}
		switch i / 9 {
		case 0:
			c.AllowAllHeaders = true
		case 1:
			c.AllowedHeaders = []string{"X-CSRF", "content-type", "authorization"}
		}
		out = append(out, c)
	}
	return out
}

func (c *CORS) table(tb testing.TB) *Table {
	p := one(does(Bypass)...)
	managed := *c
	managed.ManageResponses = true
	p.CORS = &managed
	return mustBuild(tb, p)
}

func TestCORSDifferential(t *testing.T) {
	origins := []string{"", "null", "NULL", "https://a.x", "HTTPS://A.x", "http://a.x", "https://a.x:443", "https://b.x:8443", "https://b.x", "https://pr.dev.x.y", "https://a.b.dev.x.y",
		"https://.dev.x.y", "https://dev.x.y", "https://PR.dev.x.y", "https://pr.x.y:1", "https://a.pr.x.y:1", "http://localhost:3000",
		"http://[::1]:90", "https://evil.y", "x", "https://a.x/", "https://a.x, https://a.x",
		"https://\u212a.dev.x.y", "https://p_r.dev.x.y", "https://a@b.dev.x.y", "https://" + strings.Repeat("a", 64) + ".dev.x.y", "https://" + strings.Repeat("a.", 300) + "x"}
	methods := []string{"", "GET", "POST", "HEAD", "PATCH", "patch", "DELETE", "OPTIONS", "TRACE", "PURGE", "*", "A B", strings.Repeat("A", 33)}
	headers := []string{"", "x-csrf", "X-CSRF", "content-type,x-csrf", "x-csrf,content-type", " x-csrf ,\tcontent-type ", ",x-csrf,,", "x-csrf,x-csrf", "authorization", "x-evil", "x-csrf,x-evil", "*", "a b", "\u212a",
		strings.Repeat("x-csrf,", 400), strings.Repeat(",", 40)}
	used, n := map[string]int{}, 0
	for _, c := range configurations() {
		table := c.table(t)
		for peer, configure := range peers {
			h := configure(c)
			for _, o := range origins {
				for _, m := range methods {
					for _, list := range headers {
						if n++; n%(7*every(1)) != 0 { // 16 lists, 13 methods: each comes by
							continue
						}
						compare(t, peer, h, table, &exchange{c, "OPTIONS", o, m, list, len(list)%2 == 0}, used)
					}
					if n%every(1) > 0 {
						continue
					}
					compare(t, peer, h, table, &exchange{c, "GET", o, m, "x-csrf", true}, used)
					compare(t, peer, h, table, &exchange{c, "PUT", o, m, "", false}, used)
				}
			}
		}
	}
	for _, d := range differences {
		for peer := range strings.FieldsSeq(d.peers) {
			if used[peer+" "+d.name] == 0 && every(1) == 1 {
				t.Errorf("%s from %s is listed, but makes no difference", d.name, peer)
			}
		}
	}
}

func FuzzCORSDifferential(f *testing.F) {
	f.Add(byte(5), "OPTIONS", "https://a.x", "PATCH", "x-csrf,content-type", true)
	f.Add(byte(9), "GET", "https://PR.dev.x.y", "", "", false)
	f.Add(byte(40), "OPTIONS", "null", "PURGE", "Authorization, x y", false)
	f.Add(byte(77), "OPTIONS", "http://[::1]:90", "OPTIONS", ",,", true)
	type side struct {
		table *Table
		h     map[string]http.Handler
	}
	all := configurations()
	sides := make([]side, len(all))
	for i, c := range all {
		sides[i] = side{c.table(f), map[string]http.Handler{}}
		for peer, configure := range peers {
			sides[i].h[peer] = configure(c)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, method, origin, acrm, acrh string, private bool) {
		i := int(which) % len(all)
		for peer, h := range sides[i].h {
			compare(t, peer, h, sides[i].table, &exchange{all[i], method, origin, acrm, acrh, private}, map[string]int{})
		}
	})
}

func BenchmarkCORS(b *testing.B) {
	c := &CORS{AllowedOrigins: []string{"https://a.x", "https://b.x", "https://*.dev.x.y"}, AllowedMethods: []string{"GET", "PATCH"}, AllowedHeaders: []string{"content-type", "x-csrf"}, AllowCredentials: true}
	for _, origin := range []string{"https://b.x", "https://pr.dev.x.y", "https://evil.y"} {
		x := &exchange{c, "OPTIONS", origin, "PATCH", "content-type,x-csrf", false}
		b.Run(fmt.Sprintf("ours/%s", origin[8:]), func(b *testing.B) {
			table := c.table(b)
			r := preflight(b, "https://a.x/", x.origin, x.acrm, x.acrh)
			b.ReportAllocs()
			for b.Loop() {
				table.Decide(r)
			}
		})
		for _, peer := range []string{"rs", "jub0bs"} {
			b.Run(fmt.Sprintf("%s/%s", peer, origin[8:]), func(b *testing.B) {
				h, r, w := peers[peer](c), x.request(), httptest.NewRecorder()
				b.ReportAllocs()
				for b.Loop() {
					clear(w.Header())
					h.ServeHTTP(w, r)
				}
			})
		}
	}
}
