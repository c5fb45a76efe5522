// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// everyEndpoint is endpoints and those that are pinned, bound or over gRPC.
func everyEndpoint() []endpoint {
	set := dialect.DefaultIdentityHeaders
	all := endpoints(set)
	for prefix, d := range urlEndpoints(set) {
		for _, pin := range []string{"", "shop/open/"} {
			all = append(all, endpoint{prefix + pin, d, func(r request, v *view) { v.target = prefix + pin + r.method + "/" + r.host + r.uri }})
		}
	}
	header := func(name, target string) {
		for _, e := range all {
			if e.name == name {
				all = append(all, endpoint{target, e.d, func(r request, v *view) {
					e.proxy(r, v)
					v.target = target
				}})
				return
			}
		}
	}
	header("nginx-headers", contract.NginxHeaderPath+"?host=public.example.com")
	header("forward", contract.ForwardPrefix+"shop/open")
	header("forward", contract.ForwardRoutePrefix+"shop/open")
	envoy := dialect.Envoy{Pages: pages}
	after := func(prefix string, d dialect.Dialect) endpoint {
		return endpoint{prefix, d, func(r request, v *view) { v.method, v.target = r.method, prefix+r.uri }}
	}
	return append(all, after(contract.EnvoyRoutePrefix+"shop/open", envoy),
		after(contract.ExternalPrefix+"shop/open", dialect.External{Envoy: envoy}),
		after("", dialect.GRPC{Envoy: envoy}))
}

var refHostname = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$`)

// refHost is the host that a server routes a Host header by; "" is none. It is written
// apart from package policy.
func refHost(s string) string {
	host, port := s, "1"
	if i := strings.LastIndex(s, ":"); i > strings.LastIndex(s, "]") {
		host, port = s[:i], s[i+1:]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || len(port) > 5 || port[0] == '+' {
		return ""
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || a.Zone() != "" || !strings.HasSuffix(host, "]") {
			return ""
		}
		return "[" + a.String() + "]"
	}
	host = strings.TrimSuffix(host, ".")
	if !refHostname.MatchString(host) || len(host) > 253 {
		return ""
	}
	return strings.ToLower(host)
}

// checkHost: the host that is judged is the one that the proxy was sent, or there is
// no judgement. attack: "Host: public.example.com?.apps.example.com".
func checkHost(t *testing.T, host, uri string) {
	t.Helper()
	if strings.Contains(host, "/") || uri != "" && !strings.Contains("/?#", uri[:1]) {
		return // no server takes it for a Host, nor for the end of one
	}
	want := refHost(host)
	path, _ := policy.NewTarget("x", uri)
	for _, e := range everyEndpoint() {
		r := request{method: "GET", host: host, uri: uri}
		if e.name == "preflight" {
			r.method, r.headers = "OPTIONS", []string{spa, acrm}
		}
		v := newView(r)
		e.proxy(r, v)
		var q dialect.Ask
		refusal := e.d.Read(v, &q)
		switch {
		case refusal != nil && refusal.Status < 400:
			t.Errorf("%s, host %q: refused with %d", e.name, host, refusal.Status)
		case refusal == nil && (want == "" || q.Target.Host() != want || q.Target.Path() != path.Path()):
			t.Errorf("%s, host %q, uri %q: judged as %q and %q, want %q and %q", e.name, host, uri, q.Target.Host(), q.Target.Path(), want,
				path.Path())
		case refusal != nil && want == "public.example.com" && uri == "/x" && e.name[0] != '/':
			t.Errorf("%s, host %q: %s", e.name, host, refusal.Message)
		}
	}
}

var oddHosts = []string{
	"public.example.com", "PUBLIC.Example.com", "public.example.com.", "public.example.com:8443", "public.example.com.:443",
	"public.example.com:0",
	"public.example.com:", "public.example.com:99999", "public.example.com:+80", "public.example.com:80:80", "public.example.com..",
	"public.example.com?.apps.example.com", "public.example.com#.apps.example.com", "public.example.com;.apps.example.com",
	"public.example.com&.apps.example.com",
	"public.example.com%2f.apps.example.com", "public.example.com%3f.apps.example.com", `public.example.com\.apps.example.com`,
	"public.example.com,app.example.com",
	"public.example.com .apps.example.com", "public.example.com\t", " public.example.com", "public.example.com\x00",
	"public.example.com@app.example.com",
	"app.example.com@public.example.com", "?public.example.com", "#public.example.com", "?", "#", "", ".", ":", ":80", "*", "*.example.com",
	".example.com",
	"$host", "${host}", "{host}", "%REQ(:AUTHORITY)%", "$host$request_uri", "{{ .Host }}", "public.example.com$request_uri",
	"public.example.com{path}",
	"[::1]", "[::1]:8080", "[::ffff:10.0.0.1]", "[::1", "::1", "[::1%eth0]", "[public.example.com]", "10.0.0.1", "public．example.com",
	"b\u00fccher.example",
	"xn--bcher-kva.example", "public.example.com\u2024", strings.Repeat("a", 64) + ".example.com", strings.Repeat("a.", 130) + "com",
}

func TestHosts(t *testing.T) {
	for _, h := range oddHosts {
		for _, uri := range []string{"/x", "/x?y=/", "/"} {
			checkHost(t, h, uri)
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, h := range oddHosts {
		f.Add(h, "/x")
		f.Add(h, "?x")
		f.Add(h, "")
	}
	f.Fuzz(func(t *testing.T, host, uri string) { checkHost(t, host, uri) })
}

// What a proxy leaves out, or does not fill in, is never judged as the path /: which
// may be open to everybody. THREATS H1, H2.
func TestMissingParts(t *testing.T) {
	table := pinned(t)
	uris := []string{"", "?", "?x=1", "?/public", "#", "*", "x", "{path}", "{uri}", "$request_uri", "${path}", "%REQ(:PATH)%", "%[path]",
		"/{path}", "/$request_uri", "/%REQ(:PATH)%", "/{http.request.uri}"}
	for _, e := range everyEndpoint() {
		for _, uri := range uris {
			for _, method := range []string{"GET", "OPTIONS"} {
				r := request{method: method, host: "public.example.com", uri: uri, headers: []string{spa, acrm}}
				v := newView(r)
				e.proxy(r, v)
				if e.d.String() == "render" && v.target != "/" && uri == "" || v.target == "" && e.name == "browser" {
					continue // a prefix alone; a person's question
				}
				var q dialect.Ask
				refusal := e.d.Read(v, &q)
				if refusal == nil || refusal.Message == "" {
					t.Errorf("%s, %s %q: judged as %q", e.name, method, uri, q.Target.Path())
				}
				if (uri == "" || uri == "/{path}") && refusal != nil && refusal.Status == 400 != refusal.Operator {
					t.Errorf("%s, %s %q: %+v", e.name, method, uri, refusal)
				}
				if a, d := put(e.d, v, table, r); d != nil || a.Status < 400 {
					t.Errorf("%s, %s %q: %d", e.name, method, uri, a.Status)
				}
			}
		}
	}
	// Paths that only look like one.
	for _, uri := range []string{"/$metadata", "/$batch", "/$", "/{}", "/{id}", "/%7Bpath%7D", "/x/{path}", "/uri", "/$uri/x"} {
		v := newView(request{host: "public.example.com"})
		v.target = contract.EnvoyPrefix + uri
		if a, _ := put(dialect.Envoy{Pages: pages}, v, table, request{}); a.Status != 200 {
			t.Errorf("%s: %d", uri, a.Status)
		}
	}
}

// The operator is told by name. NGINX Gateway Fabric asks at the prefix alone, with the
// target in headers.
func TestEmptyRemainder(t *testing.T) {
	gateway := []string{"Path: /admin/x", "Method: GET"}
	for _, prefix := range []string{contract.EnvoyPrefix, contract.EnvoyRoutePrefix + "shop/open", contract.ExternalPrefix + "shop/open"} {
		d := dialect.Dialect(dialect.Envoy{Pages: pages})
		if strings.HasPrefix(prefix, contract.ExternalPrefix) {
			d = dialect.External{Envoy: dialect.Envoy{Pages: pages}}
		}
		for _, rest := range []string{"", "?", "?x"} {
			for name, headers := range map[string][]string{"the prefix alone": nil, "NGINX Gateway Fabric": gateway} {
				v := newView(request{host: "public.example.com", headers: headers})
				v.target = prefix + rest
				var q dialect.Ask
				if r := d.Read(v, &q); r == nil || r.Status != 400 || !r.Operator || !strings.Contains(r.Message, name) {
					t.Errorf("%s%s: %+v", prefix, rest, r)
				}
			}
		}
	}
}

// The bound host of the header endpoint is one name, and nothing else.
func TestBoundHost(t *testing.T) {
	for query, want := range map[string]int{
		"": 403, "?x": 403, "?host=public.example.com": 200, "?host=PUBLIC.example.com.": 200, "?host=public.example.com:8443": 200,
		"?host=app.example.com": 403, "?host=": 400, "?host=$host": 400, "?host={host}": 400,
		"?host=public.example.com&host=app.example.com": 400,
		"?x&host=public.example.com":                    400, "?host=public.example.com?host=app.example.com": 400,
		"?host=public.example.com/":                400,
		"?host=public.example.com,app.example.com": 400, "?host=*.example.com": 400,
	} {
		v := newView(request{headers: []string{"X-Original-Url: https://public.example.com/x", "X-Original-Method: GET"}})
		v.target = contract.NginxHeaderPath + query
		if a, _ := put(dialect.NginxHeaders{}, v, fixture(t), request{}); a.Status != want {
			t.Errorf("%q: %d, want %d", query, a.Status, want)
		}
	}
}
