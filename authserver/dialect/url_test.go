// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"cmp"
	"reflect"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// pinned binds an Ingress to each policy of a table's fixture, of the same name.
func pinned(t testing.TB) *policy.Table {
	t.Helper()
	var all []policy.Binding
	for _, name := range []string{"app", "public", "api", "open", "wild", "managed", "blocked", "norule", "passing", "redirect",
		"unauthorized", "broken"} {
		all = append(all, policy.Binding{Ingress: "shop/" + name, Policy: "shop/" + name})
	}
	return fixture(t, all...)
}

// urlEndpoints are those that carry the target in their own URL, by their prefix.
func urlEndpoints(set dialect.IdentityHeaders) map[string]dialect.Dialect {
	return map[string]dialect.Dialect{
		contract.NginxPrefix:       dialect.Nginx{Identity: set},
		contract.NginxPassPrefix:   dialect.Nginx{Identity: set, PassPreflights: true},
		contract.NginxCanaryPrefix: dialect.Nginx{Identity: set, PassPreflights: true, Canary: true},
		contract.URLPrefix:         dialect.URL{Forward: dialect.Forward{Identity: set, Pages: pages}},
	}
}

func askURL(d dialect.Dialect, table *policy.Table, r request, target string) (*dialect.Answer, *policy.Decision) {
	v := newView(r)
	v.host, v.target = "authz.internal", target
	return put(d, v, table, r)
}

// Pinned to the Ingress that names the policy, an endpoint answers as it does
// otherwise; pinned to any other, it refuses. URL answers as Forward does.
func TestPinned(t *testing.T) {
	table := pinned(t)
	column := map[string]int{contract.NginxPrefix: 0, contract.NginxPassPrefix: 1, contract.NginxCanaryPrefix: 1, contract.URLPrefix: 3}
	for prefix, d := range urlEndpoints(dialect.DefaultIdentityHeaders) {
		for _, c := range statuses {
			rest := c.r.method + "/" + c.r.host + c.r.uri
			plain, decision := askURL(d, table, c.r, prefix+rest)
			if plain.Status != c.want[column[prefix]] {
				t.Errorf("%s%s: %d, want %d", prefix, rest, plain.Status, c.want[column[prefix]])
			}
			name := ""
			if decision != nil {
				name = decision.Source.Name
			}
			for _, ingress := range []string{"shop/app", "shop/public", "shop/api", "shop/open", "shop/wild", "shop/passing", "shop/broken",
				"shop/none", "evil/app", "shop/" + cmp.Or(name, "none")} {
				a, _ := askURL(d, table, c.r, prefix+ingress+"/"+rest)
				if name != "" && ingress == "shop/"+name {
					if a.Status != plain.Status || !reflect.DeepEqual(a.Fields(), plain.Fields()) {
						t.Errorf("%s, pinned: %d %v, unpinned: %d %v", c.name, a.Status, a.Fields(), plain.Status, plain.Fields())
					}
				} else if a.Status != 403 {
					t.Errorf("%s of %s: %d", c.name, ingress, a.Status)
				}
			}
		}
	}
}

func TestURLIsForward(t *testing.T) {
	table := fixture(t)
	for _, c := range statuses {
		for _, e := range endpoints(dialect.CloudflareIdentityHeaders) {
			if e.name != "forward" {
				continue
			}
			want, _ := e.ask(table, c.r)
			got, _ := askURL(urlEndpoints(dialect.CloudflareIdentityHeaders)[contract.URLPrefix], table, c.r, contract.URLPrefix+c.r.method+"/"+
				c.r.host+c.r.uri)
			if got.Status != want.Status || !reflect.DeepEqual(got.Fields(), want.Fields()) || string(got.Body) != string(want.Body) {
				t.Errorf("%s: %d %v, forward: %d %v", c.name, got.Status, got.Fields(), want.Status, want.Fields())
			}
		}
	}
}

// What is neither a method nor the names of an Ingress is a mistake in the auth-url.
func TestPinnedTargets(t *testing.T) {
	table := pinned(t)
	for target, want := range map[string]int{
		"shop/open/GET/public.example.com/":                             200,
		"shop/open/GET/public.example.com":                              400,
		"shop/open/GET/public.example.com?x":                            403,
		"shop/open/GET/PUBLIC.example.com.:443/x":                       200,
		"shop/open/OPTIONS/public.example.com/":                         200,
		"shop/open/GET/public.example.com/a//b":                         403, // no relaxing rule for an odd path
		"shop/open/get/public.example.com/":                             400,
		"shop/open/GET":                                                 400,
		"shop/open/":                                                    400,
		"shop/open":                                                     400,
		"shop/":                                                         400,
		"shop":                                                          400,
		"shop/GET/public.example.com/":                                  400,
		"shop//GET/public.example.com/":                                 400,
		"/open/GET/public.example.com/":                                 400,
		"Shop/open/GET/public.example.com/":                             400,
		"shop/Open/GET/public.example.com/":                             400,
		"$namespace/$ingress_name/GET/public.example.com/":              400,
		"$namespace/open/GET/public.example.com/":                       400,
		"shop/$ingress_name/GET/public.example.com/":                    400,
		"shop/open/$request_method/public.example.com/":                 400,
		"shop/open/GET/$host/":                                          400,
		"shop/open/GET/$host$request_uri":                               400,
		"shop/open/app/GET/public.example.com/":                         400,
		"-shop/open/GET/public.example.com/":                            400,
		"../open/GET/public.example.com/":                               400,
		"sh%6fp/open/GET/public.example.com/":                           400,
		strings.Repeat("a", 254) + "/open/GET/public.example.com/":      400,
		"shop/open/" + strings.Repeat("A", 65) + "/public.example.com/": 403, // a visitor's method
		"GET/public.example.com/shop/open/":                             200, // not pinned: it is the path
	} {
		for prefix, d := range urlEndpoints(dialect.DefaultIdentityHeaders) {
			v := newView(request{host: "authz.internal"})
			v.target = prefix + target
			if a, _ := put(d, v, table, request{}); a.Status != want {
				t.Errorf("%s%s: %d, want %d", prefix, target, a.Status, want)
			}
			var q dialect.Ask
			if refusal := d.Read(v, &q); want == 400 && (refusal == nil || !refusal.Operator || refusal.Message == "") {
				t.Errorf("%s%s: the operator is not told", prefix, target)
			}
		}
	}
}

// families are the headers by which each family of proxies names a target. Here all
// of them name one that everybody may have.
var families = map[string][]string{
	"nginx":     {"X-Original-Url: https://public.example.com/", "X-Original-Method: GET"},
	"uri":       {"X-Original-Uri: /public/x", "X-Scheme: https"},
	"forward":   {"X-Forwarded-Method: GET", "X-Forwarded-Proto: https", "X-Forwarded-Host: public.example.com", "X-Forwarded-Uri: /"},
	"prefix":    {"X-Forwarded-Prefix: /public", "X-Replaced-Path: /public/x", "X-Rewrite-Url: /public/x"},
	"forwarded": {"Forwarded: host=public.example.com;proto=https", "X-Forwarded-Host: public.example.com"},
	"gateway":   {"Path: /public/x", "Method: GET"},
	"envoy":     {"X-Envoy-Original-Path: /public/x", "X-Envoy-Original-Host: public.example.com", "X-Envoy-Internal: true"},
	"override":  {"X-HTTP-Method-Override: OPTIONS", "X-Method-Override: OPTIONS", "X-HTTP-Method: OPTIONS"},
	"pin":       {"X-Namespace: shop", "X-Ingress-Name: open", "X-Service-Name: open"},
	"case":      {"X_original_url: https://public.example.com/", "X_forwarded_uri: /public/x", "X_forwarded_host: public.example.com"},
}

// Every endpoint, with the target headers of every family: what names no target for
// an endpoint changes nothing, or the request is refused. C1-C9.
func TestHeadersOfEveryFamily(t *testing.T) {
	table := pinned(t)
	asked := request{method: "GET", host: "app.example.com", uri: "/admin"}
	all := endpoints(dialect.DefaultIdentityHeaders)
	for prefix, d := range urlEndpoints(dialect.DefaultIdentityHeaders) {
		for _, pin := range []string{"", "shop/app/"} {
			all = append(all, endpoint{prefix + pin, d, func(r request, v *view) { v.target = prefix + pin + r.method + "/" + r.host + r.uri }})
		}
	}
	for _, e := range all {
		want, _ := e.ask(table, asked)
		for family, headers := range families {
			r := asked
			r.headers = headers
			got, decision := e.ask(table, r)
			switch {
			case decision != nil && decision.Verdict == policy.Admit, got.Status < 300:
				t.Errorf("%s with the headers of %s: %d", e.name, family, got.Status)
			case got.Status != want.Status && got.Status != 400 && got.Status != 403:
				t.Errorf("%s with the headers of %s: %d, without: %d", e.name, family, got.Status, want.Status)
			case strings.HasPrefix(e.name, "/authz/") && got.Status != want.Status:
				t.Errorf("%s takes the headers of %s for more than noise: %d, want %d", e.name, family, got.Status, want.Status)
			}
		}
	}
}

// Every endpoint, with a session that may pass and the target headers of every family
// beside its own: URL endpoints take them for noise, header endpoints refuse what
// another family's proxy writes, and nothing that no proxy writes changes anything.
func TestMixturesAreRefused(t *testing.T) {
	table := pinned(t)
	asked := request{method: "GET", host: "app.example.com", uri: "/admin", as: ann("app")}
	all := map[string]endpoint{"grpc": {"grpc", dialect.GRPC{Envoy: dialect.Envoy{Pages: pages}},
		func(r request, v *view) { v.method, v.target = r.method, r.uri }}}
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		all[e.name] = e
	}
	for prefix, d := range urlEndpoints(dialect.DefaultIdentityHeaders) {
		for _, pin := range []string{"", "shop/app/"} {
			all[prefix+pin] = endpoint{prefix + pin, d, func(r request, v *view) { v.target = prefix + pin + r.method + "/" + r.host + r.uri }}
		}
	}
	all["forward, pinned"] = endpoint{"forward, pinned", dialect.Forward{Pages: pages}, func(r request, v *view) {
		all["forward"].proxy(r, v)
		v.target = contract.ForwardPrefix + "shop/app"
	}}
	refused := map[string]map[string]int{ // by the names of endpoint and family
		"nginx-headers":   {"nginx": 400, "forward": 400},
		"forward":         {"nginx": 400, "uri": 400, "forward": 400, "forwarded": 400},
		"forward, pinned": {"nginx": 400, "uri": 400, "forward": 400, "forwarded": 400},
		"envoy":           {"nginx": 403, "uri": 403, "forward": 403},
		"grpc":            {"nginx": 403, "uri": 403, "forward": 403},
	}
	for name, e := range all {
		if strings.HasPrefix(name, "render") || name == "preflight" || name == "browser" {
			continue // they are asked by nobody, and grant nothing
		}
		for family, headers := range families {
			r := asked
			r.headers = headers
			if got, _ := e.ask(table, r); got.Status != cmp.Or(refused[name][family], 200) {
				t.Errorf("%s with the headers of %s: %d, want %d", name, family, got.Status, cmp.Or(refused[name][family], 200))
			}
		}
	}
}

// A method in lower case, which Traefik takes, is no namespace: "shop /GET/public..."
// at the host "open" would be asked about as the Ingress shop/open.
func TestMethodThatPlaysANamespace(t *testing.T) {
	for prefix, d := range urlEndpoints(dialect.DefaultIdentityHeaders) {
		for header, want := range map[string]int{"X-Forwarded-Method: shop": 403, "X-Original-Method: shop": 403,
			"X-Forwarded-Method: GET": 200, "X-Forwarded-Method: M-SEARCH": 200, "X-Forwarded-Method:": 200, "X-Forwarded-Method: get": 200} {
			v := newView(request{host: "authz.internal", headers: []string{header}})
			v.target = prefix + "shop/open/GET/public.example.com/x"
			if a, _ := put(d, v, pinned(t), request{}); a.Status != want {
				t.Errorf("%s with %s: %d, want %d", prefix, header, a.Status, want)
			}
		}
	}
}

// Forward, pinned.
func TestPinnedForward(t *testing.T) {
	table := pinned(t)
	d := dialect.Forward{Pages: pages}
	for target, want := range map[string]int{
		contract.ForwardPath: 200, contract.ForwardPath + "?x": 200, contract.ForwardPrefix + "shop/open": 200, contract.ForwardPrefix +
			"shop/open?x": 200,
		contract.ForwardPrefix + "shop/app": 403, contract.ForwardPrefix + "evil/open": 403, contract.ForwardPrefix + "shop": 400,
		contract.ForwardPrefix:                400,
		contract.ForwardPrefix + "shop/open/": 400, contract.ForwardPrefix + "shop/open/x": 400, contract.ForwardPrefix + "$namespace/x": 400,
		contract.ForwardPrefix + "Shop/open": 400, contract.ForwardPrefix + "shop/open%2fx": 400,
	} {
		v := newView(request{host: "authz.internal", headers: families["forward"]})
		v.target = target
		if a, _ := put(d, v, table, request{}); a.Status != want {
			t.Errorf("%s: %d, want %d", target, a.Status, want)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, target := range []string{
		"GET/open.example.com/open", "ns/open/GET/open.example.com/open", "ns/rest/GET/open.example.com/open",
		"ns/open/OPTIONS/app.example.com/x",
		"ns/open/GET/open.example.com/open/../admin", "ns/open/GET/$host/open", "ns//GET/open.example.com/open",
		"a/b/c/GET/open.example.com/open",
	} {
		f.Add(target, seedHeaders)
	}
	table := narrow(f, policy.Binding{Ingress: "ns/open", Policy: "ns/open"}, policy.Binding{Ingress: "ns/rest", Policy: "ns/rest"})
	f.Fuzz(func(t *testing.T, target, headers string) {
		for prefix, d := range urlEndpoints(dialect.DefaultIdentityHeaders) {
			v := (&view{method: "GET", target: prefix + target, host: "open.example.com", headers: map[string][]string{}}).fields(headers)
			rest, pinned := strings.CutPrefix(target, "ns/open/")
			_, rest, _ = strings.Cut(rest, "/")
			i := strings.IndexAny(rest, "/?")
			unpinned := target != "" && target[0] <= '_' && !(target[0] >= '0' && target[0] <= '9')
			checkFuzzed(t, d, v, table, i >= 0 && (pinned || unpinned) && mayPass(rest[:i], rest[i:]))
		}
	})
}
