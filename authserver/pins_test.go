// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// pin binds an HTTPRoute to each policy of the world, an Ingress to some, and pairs of one name.
func (w *world) pin() {
	w.rebuild(func(in *policy.Input) { in.Bindings = pairs() })
}

func pairs() []policy.Binding {
	return []policy.Binding{
		{Ingress: policy.RouteKind + "ns/rest", Policy: "ns/rest"}, {Ingress: policy.RouteKind + "ns/public", Policy: "ns/public"},
		{Ingress: policy.RouteKind + "ns/gone", Policy: "ns/gone"}, {Ingress: policy.RouteKind + "evil/rest", Policy: "evil/rest"},
		{Ingress: "ns/only-ingress", Policy: "ns/public"},
		{Ingress: "ns/torn", Policy: "ns/public"}, {Ingress: policy.RouteKind + "ns/torn", Policy: "ns/rest"},
		{Ingress: "ns/pair", Policy: "ns/public"}, {Ingress: policy.RouteKind + "ns/pair", Policy: "ns/public"},
	}
}

// asked asks by the table of the authz listener.
func (w *world) asked(t testing.TB, addr, line string, headers ...string) *answer {
	t.Helper()
	h := strings.TrimSpace(strings.Join(append([]string{"Host: app.example.com", "Connection: close"}, headers...), "\r\n"))
	answers := raw(t, addr, line+" HTTP/1.1\r\n"+h+"\r\n\r\n")
	if len(answers) != 1 {
		t.Fatalf("%s: %d answers", line, len(answers))
	}
	return answers[0]
}

const (
	signedIn = "Cookie: __Host-ostiary=good"
	fromSPA  = "Origin: https://spa.example.com"
	forPUT   = "Access-Control-Request-Method: PUT"
)

// Only the policy that the HTTPRoute names decides; a deleted one denies, and so does
// the Ingress of the same name. attack: a broader policy opens what was deleted. THREATS H3.
func TestRoutePins(t *testing.T) {
	w := newWorld(t, nil)
	w.pin()
	addr := w.authz(t)
	for _, c := range []struct {
		line, header string
		want         int
	}{
		{"GET /authz/v1/envoy-route/ns/public/public/x", "", 200},
		{"GET /authz/v1/envoy-route/ns/rest/x", signedIn, 200},
		{"GET /authz/v1/envoy-route/ns/rest/x", "", 401},
		{"GET /authz/v1/envoy-route/ns/rest/public", "", 403},
		{"GET /authz/v1/envoy-route/ns/public/x", signedIn, 403},
		{"GET /authz/v1/envoy-route/ns/gone/public", "", 403},
		{"GET /authz/v1/envoy-route/evil/rest/public", "", 403},
		{"GET /authz/v1/envoy-route/ns/unknown/public", "", 403},
		{"GET /authz/v1/envoy-route/ns/only-ingress/public", "", 403},
		{"GET /authz/v1/envoy-route/ns/public/public/../x", "", 403},
		{"GET /authz/v1/envoy-route/ns/public", "", 400},
		{"GET /authz/v1/envoy-route/ns/public?x", "", 400},
		{"GET /authz/v1/envoy-route/ns", "", 400},
		{"GET /authz/v1/envoy-route/ns//public", "", 400},
		{"GET /authz/v1/envoy-route//public/public", "", 400},
		{"GET /authz/v1/envoy-route/$namespace/public/public", "", 400},
		{"GET /authz/v1/envoy-route/NS/public/public", "", 400},
		{"GET /authz/v1/envoy-route/ns/public%2fpublic", "", 400},
		{"GET /authz/v1/envoy-route", "", 400},
		{"OPTIONS /authz/v1/envoy-route/ns/rest/x", fromSPA + "\r\n" + forPUT, 204},
		{"OPTIONS /authz/v1/envoy-route/ns/public/x", fromSPA + "\r\n" + forPUT, 403},
		{"GET /authz/v1/external/ns/public/public/x", "", 200},
		{"GET /authz/v1/external/ns/rest/x", signedIn, 200},
		{"GET /authz/v1/external/ns/rest/x", "Sec-Fetch-Mode: navigate", 302},
		{"GET /authz/v1/external/ns/gone/public", "", 403},
		{"GET /authz/v1/external/ns/public", "", 400},
		{"GET /authz/v1/external/", "", 400},
		{"OPTIONS /authz/v1/external/ns/rest/x", fromSPA + "\r\n" + forPUT, 403}, // some data planes take any 2xx for a yes
	} {
		if a := w.asked(t, addr, c.line, c.header); a.StatusCode != c.want {
			t.Errorf("%s %q: %d, want %d", c.line, c.header, a.StatusCode, c.want)
		}
	}
	if l := w.log.lines(t, "refused"); len(l) == 0 || l[0]["level"] != "WARN" || !strings.Contains(fmt.Sprint(l[0]["why"]), "prefix alone") {
		t.Errorf("the operator is not told: %v", l)
	}
}

// ForwardAuth, pinned: by either kind, and a pair that disagrees is a wrong configuration.
func TestForwardPins(t *testing.T) {
	w := newWorld(t, nil)
	w.pin()
	addr := w.authz(t)
	for target, want := range map[string]int{
		"forward/ns/public": 200, "forward/ns/rest": 403, "forward/ns/gone": 403, "forward/ns/unknown": 403, "forward/ns/only-ingress": 200, "forward/ns/pair": 200,
		"forward/ns/torn": 400, "forward-route/ns/torn": 403, "forward-route/ns/public": 200, "forward-route/ns/only-ingress": 403, "forward-route/ns/pair": 200,
		"forward-route/ns": 400, "forward-route/": 400, "forward-route/ns/public/x": 400, "forward-route": 404,
	} {
		a := w.asked(t, addr, "GET /authz/v1/"+target, "X-Forwarded-Method: GET", "X-Forwarded-Host: app.example.com", "X-Forwarded-Uri: /public/x")
		if a.StatusCode != want {
			t.Errorf("%s: %d, want %d", target, a.StatusCode, want)
		}
	}
	if l := w.log.lines(t, "refused"); !strings.Contains(w.log.String(), "name different policies") {
		t.Errorf("the operator is not told: %v", l)
	}
}

// The contract's pinned form cannot be told from a visitor's path: neither reading
// opens what the other would not, over every table of bindings and path.
func TestPinOrPath(t *testing.T) {
	paths := []string{"/", "/x", "/public", "/public/x", "/office", "", "?x", "//x", "/ns/rest/public", "/ns/public/public"}
	for _, policies := range [][]policy.Path{nil, {{Value: "/ns"}}, {{Value: "/ns/public"}}, {{Value: "/ns/rest/public", Exact: true}}} {
		w := newWorld(t, nil)
		everyone := []policy.Selector{{Property: policy.Everyone}}
		of := func(name string, action policy.Action, paths ...policy.Path) policy.Policy {
			return policy.Policy{Source: policy.Source{Namespace: "ns", Name: name}, Hosts: []string{"app.example.com"}, Paths: paths,
				Rules: []policy.Rule{{Name: name, Action: action, Include: everyone}}}
		}
		all := []policy.Policy{of("rest", policy.Allow), of("public", policy.Bypass, policy.Path{Value: "/public"})}
		if policies != nil {
			all = append(all, of("deep", policy.Bypass, policies...))
		}
		w.in.Policies = policy.CompileAll(all)
		w.pin()
		for _, route := range []string{"ns/rest", "ns/public", "ns/gone", "ns/unknown", "ns/only-ingress"} {
			for _, path := range paths {
				for _, cookie := range []string{"", "__Host-ostiary=good"} {
					is := func(prefix string) int { return w.status(prefix+"/"+route+path, cookie) }
					both, unpinned, pinned := is("/authz/v1/envoy"), w.unpinned("/"+route+path, cookie), is("/authz/v1/envoy-route")
					known := w.live.Table().HasRoute(route)
					switch {
					case both == 200 && (unpinned != 200 || known && pinned != 200):
						t.Errorf("%s%s %q: let through; as a path %d, pinned %d", route, path, cookie, unpinned, pinned)
					case !known && both != unpinned:
						t.Errorf("%s%s %q: %d, and unpinned %d", route, path, cookie, both, unpinned)
					case known && both != 200 && unpinned == 200 && pinned == 200:
						t.Errorf("%s%s %q: %d, and both readings may pass", route, path, cookie, both)
					}
				}
			}
		}
	}
}

func (w *world) status(target, cookie string) int {
	x := &exchange{}
	w.handle(w.endpoint(target), pathView{target, cookie}, netip.Addr{}, x)
	return x.answer.Status
}

// unpinned is the status of a path where no HTTPRoute is known.
func (w *world) unpinned(path, cookie string) int {
	bound := w.live.Table()
	defer w.live.Publish(bound)
	w.rebuild(func(in *policy.Input) { in.Bindings = nil })
	return w.status("/authz/v1/envoy"+path, cookie)
}

// pathView is a GET of app.example.com.
type pathView struct{ target, cookie string }

func (v pathView) Method() string        { return "GET" }
func (v pathView) RequestTarget() string { return v.target }
func (v pathView) Host() string          { return "app.example.com" }
func (v pathView) Joined(string) string  { return "" }
func (v pathView) Header(name string) (string, int) {
	if name == "Cookie" && v.cookie != "" {
		return v.cookie, 1
	}
	return "", 0
}

// The login comes back to the path that was asked for, not to the pin before it.
func TestPinnedLogin(t *testing.T) {
	w := newWorld(t, nil)
	w.pin()
	addr := w.authz(t)
	for _, prefix := range []string{"envoy", "envoy-route", "external"} {
		a := w.asked(t, addr, "GET /authz/v1/"+prefix+"/ns/rest/x?y=1", "Sec-Fetch-Mode: navigate")
		if l := a.Header.Get("Location"); a.StatusCode != 302 || l != "https://app.example.com/.access/login?rd=%2Fx%3Fy%3D1" {
			t.Errorf("%s: %d %s", prefix, a.StatusCode, l)
		}
	}
}

// Over gRPC the pin comes in the context extensions, which no client can set.
func TestGRPCPins(t *testing.T) {
	w := newWorld(t, nil)
	w.pin()
	for _, c := range []struct {
		extensions map[string]string
		want       int // 0: let through
	}{
		{nil, 0},
		{map[string]string{"other": "x"}, 0},
		{map[string]string{dialect.NamespaceExtension: "ns", dialect.RouteExtension: "public"}, 0},
		{map[string]string{dialect.NamespaceExtension: "ns", dialect.IngressExtension: "only-ingress"}, 0},
		{map[string]string{dialect.NamespaceExtension: "ns", dialect.RouteExtension: "rest"}, 403},
		{map[string]string{dialect.NamespaceExtension: "ns", dialect.RouteExtension: "gone"}, 403},
		{map[string]string{dialect.NamespaceExtension: "ns", dialect.RouteExtension: "only-ingress"}, 403},
		{map[string]string{dialect.NamespaceExtension: "ns", dialect.IngressExtension: "public"}, 403},
		{map[string]string{dialect.NamespaceExtension: "ns"}, 400},
		{map[string]string{dialect.RouteExtension: "public"}, 400},
		{map[string]string{dialect.NamespaceExtension: "ns", dialect.RouteExtension: ""}, 400},
		{map[string]string{dialect.NamespaceExtension: "", dialect.RouteExtension: ""}, 400},
		{map[string]string{dialect.NamespaceExtension: "ns", dialect.RouteExtension: "public", dialect.IngressExtension: "only-ingress"}, 400},
		{map[string]string{dialect.NamespaceExtension: "ns/public", dialect.RouteExtension: "public"}, 400},
		{map[string]string{dialect.NamespaceExtension: "%REQ(x)%", dialect.RouteExtension: "public"}, 400},
	} {
		r := checkRequest("GET /public/x", false, "ostiary-namespace: ns", "ostiary-route: rest")
		r.Attributes.ContextExtensions = c.extensions
		if o := w.check(t, r); o.status != c.want || o.allowed != (c.want == 0) {
			t.Errorf("%v: %d", c.extensions, o.status)
		}
	}
}
