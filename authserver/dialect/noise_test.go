// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// noise are header fields on which no decision and no answer depends, with values that
// their grammars allow and some that they do not.
var noise = map[string][]string{
	"X-Forwarded-Proto":         {"http", "https, http", "https,http", "", "gopher", "wss", ",", "\"https\"", strings.Repeat("https, ", 100)},
	"X-Forwarded-Scheme":        {"https, http"},
	"X-Scheme":                  {"x"},
	"X-Forwarded-Port":          {"443", "443, 80", "x"},
	"X-Forwarded-Server":        {"public.example.com"},
	"X-Forwarded-Prefix":        {"/public"},
	"X-Forwarded-Ssl":           {"off"},
	"X-Real-Ip":                 {"192.0.2.1", "192.0.2.1, 192.0.2.2", "x"},
	"Forwarded":                 {"for=192.0.2.1;host=public.example.com", "for=\"[2001:db8::1]:4711\", for=_hidden", "\"", ";;,"},
	"True-Client-Ip":            {"192.0.2.1"},
	"Via":                       {"1.1 a, 2 b", "\x80"},
	"User-Agent":                {"curl/8", "", "caf\xe9"},
	"Referer":                   {"https://public.example.com/public", "x"},
	"Accept-Encoding":           {"gzip, br"},
	"Te":                        {"trailers"},
	"Range":                     {"bytes=0-1, 3-"},
	"If-None-Match":             {"\"a\", W/\"b\""},
	"Cache-Control":             {"no-cache, max-age=0"},
	"Pragma":                    {"no-cache"},
	"Dnt":                       {"1"},
	"Priority":                  {"u=1, i"},
	"Sec-Fetch-Dest":            {"document, x"},
	"Sec-Fetch-User":            {"?1"},
	"Sec-Ch-Ua":                 {"\"a\";v=\"1\", \"b\""},
	"Traceparent":               {"00-0-0-01"},
	"Expect":                    {"x"},
	"Early-Data":                {"1"},
	"Max-Forwards":              {"0"},
	"Keep-Alive":                {"timeout=5"},
	"Proxy-Authorization":       {"Basic x"},
	"X-Code-X":                  {"401"},
	"Http2-Setting":             {"x"},
	"Upgrade-Insecure-Requests": {"1"},
}

// TestNoise: mutate one input that takes no part in a decision, and the whole answer
// stays, on every endpoint. field: "X-Forwarded-Proto: https, http" was refused.
func TestNoise(t *testing.T) {
	table := pinned(t)
	requests := map[string]request{
		"open":       {method: "GET", host: "public.example.com", uri: "/x?y"},
		"signed in":  {method: "POST", host: "app.example.com", uri: "/x", as: ann("app")},
		"challenged": {method: "GET", host: "app.example.com", uri: "/x", headers: []string{navigate}},
		"refused":    {method: "GET", host: "blocked.example.com", uri: "/", headers: []string{spa}},
		"preflight":  {method: "OPTIONS", host: "app.example.com", uri: "/api/x", headers: []string{spa, acrm}},
	}
	for _, e := range everyEndpoint() {
		for name, r := range requests {
			plain, decision := e.ask(table, r)
			for header, values := range noise {
				for _, lines := range append(one(values), values) {
					v := newView(r)
					e.proxy(r, v)
					v.headers[header] = lines
					got, d := put(e.d, v, table, r)
					if got.Status != plain.Status || !reflect.DeepEqual(got.Fields(), plain.Fields()) || string(got.Body) != string(plain.Body) ||
						(d == nil) != (decision == nil) {
						t.Errorf("%s, %s, %s %.60q: %d, without %d", e.name, name, header, lines, got.Status, plain.Status)
					}
				}
				v := newView(r)
				e.proxy(r, v)
				delete(v.headers, header)
				if got, _ := put(e.d, v, table, r); got.Status != plain.Status {
					t.Errorf("%s, %s, no %s: %d, with it %d", e.name, name, header, got.Status, plain.Status)
				}
			}
		}
	}
}

// one makes a header of one line of each value.
func one(values []string) (out [][]string) {
	for _, v := range values {
		out = append(out, []string{v})
	}
	return out
}

// The parts that a decision needs, once too often: no endpoint chooses between them.
func TestDoubledParts(t *testing.T) {
	table := pinned(t)
	single := map[string][]string{
		"nginx-headers": {"X-Original-Url", "X-Original-Method"}, "forward": {"X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri"},
		"render-401": {"X-Original-Uri"},
	}
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		for _, header := range single[e.name] {
			for _, second := range []string{"same", "", "/public", "GET", "https://public.example.com/"} {
				r := request{method: "GET", host: "app.example.com", uri: "/x", as: ann("app")}
				v := newView(r)
				e.proxy(r, v)
				if second == "same" {
					second = v.headers[header][0]
				}
				v.set(header, second)
				if a, d := put(e.d, v, table, r); d != nil || a.Status != 400 {
					t.Errorf("%s, %s twice, %q: %d", e.name, header, second, a.Status)
				}
				v.headers[header] = v.headers[header][:0]
				if a, d := put(e.d, v, table, r); (d != nil || a.Status != 400) && e.name != "render-401" || d != nil && d.Verdict == policy.Admit &&
					a.Status < 400 {
					t.Errorf("%s, no %s: %d", e.name, header, a.Status)
				}
			}
		}
	}
}
