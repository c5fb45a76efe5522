// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// checkRequest is what Envoy sends of "METHOD /path" at app.example.com; headers are
// "name: value". Envoy joins lines of one name; raw (encode_raw_headers), it does not.
func checkRequest(line string, raw bool, headers ...string) *authv3.CheckRequest {
	method, path, _ := strings.Cut(line, " ")
	h := &authv3.AttributeContext_HttpRequest{Method: method, Path: path, Host: "app.example.com", Scheme: "https", Protocol: "HTTP/2"}
	for _, s := range append([]string{":authority:app.example.com", ":method:" + method, ":path:" + path, ":scheme:https", "x-forwarded-proto: https"}, headers...) {
		i := strings.IndexByte(s[1:], ':') + 1
		name, value := s[:i], strings.TrimSpace(s[i+1:])
		switch old, there := h.Headers[name]; {
		case raw:
			if h.HeaderMap == nil {
				h.HeaderMap = &corev3.HeaderMap{}
			}
			h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
		case h.Headers == nil:
			h.Headers = map[string]string{name: value}
		case there:
			h.Headers[name] = old + "," + value
		default:
			h.Headers[name] = value
		}
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: h}}}
}

// outcome is what Envoy makes of a response: the request's headers that it sets and
// removes if it lets it through, or the answer.
type outcome struct {
	allowed bool
	code    codes.Code
	status  int
	set     map[string]string // on the request if it is allowed, else on the answer
	added   map[string]string // on the application's answer
	removed []string
	body    string
	// metadata says whether the application's own CORS headers have to go.
	metadata string
}

func read(t testing.TB, r *authv3.CheckResponse) outcome {
	t.Helper()
	o := outcome{code: codes.Code(r.GetStatus().GetCode()), set: map[string]string{}, added: map[string]string{}}
	o.allowed = o.code == codes.OK
	o.metadata = r.GetDynamicMetadata().GetFields()["x-ostiary-cors"].GetStringValue()
	put := func(to map[string]string, all []*corev3.HeaderValueOption, adds bool) {
		for _, h := range all {
			name := h.GetHeader().GetKey()
			adds := adds && name == "vary"
			if name != strings.ToLower(name) {
				t.Errorf("%s is not in lower case", name)
			}
			if _, twice := to[name]; twice {
				t.Errorf("%s comes twice", name)
			}
			appends := h.GetAppend() //nolint:staticcheck // older Envoys go by it
			if overwrites := h.GetAppendAction() == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD; overwrites == adds || appends.GetValue() != adds || appends == nil {
				t.Errorf("%s: append %v, action %v", name, appends, h.GetAppendAction())
			}
			to[name] = h.GetHeader().GetValue()
		}
	}
	switch h := r.GetHttpResponse().(type) {
	case *authv3.CheckResponse_OkResponse:
		put(o.set, h.OkResponse.GetHeaders(), false)
		put(o.added, h.OkResponse.GetResponseHeadersToAdd(), true)
		o.removed = slices.Sorted(slices.Values(h.OkResponse.GetHeadersToRemove()))
		if !o.allowed {
			t.Errorf("%v with an ok_response", o.code)
		}
	case *authv3.CheckResponse_DeniedResponse:
		put(o.set, h.DeniedResponse.GetHeaders(), false)
		o.status, o.body = int(h.DeniedResponse.GetStatus().GetCode()), h.DeniedResponse.GetBody()
		if o.allowed || o.status == 0 {
			t.Errorf("%v with a denied_response of %d", o.code, o.status)
		}
	default:
		t.Errorf("the response is a %T", h)
	}
	if _, err := proto.Marshal(r); err != nil {
		t.Errorf("it cannot be sent, which is an error: %v", err)
	}
	return o
}

func (w *world) check(t testing.TB, r *authv3.CheckRequest) outcome {
	t.Helper()
	resp, err := authorization{w.Server}.Check(context.Background(), r)
	if err != nil {
		t.Fatalf("an error, which failure_mode_allow makes a yes: %v", err)
	}
	return read(t, resp)
}

const (
	spaOrigin = "origin: https://spa.example.com"
	asksPut   = "access-control-request-method: PUT"
	goodOne   = "cookie: __Host-ostiary=good"
	pageLoad  = "sec-fetch-mode: navigate"
	callsGRPC = "content-type: application/grpc+proto"
)

// TestCheck takes each request in both forms of headers.
func TestCheck(t *testing.T) {
	w := newWorld(t, nil)
	for name, c := range map[string]struct {
		line    string
		headers []string
		status  int // 0: allowed
		code    codes.Code
		field   string
		value   string
	}{
		"bypass":                 {"GET /public/x?y", nil, 0, codes.OK, "x-access-email", ""},
		"signed in":              {"GET /x", []string{goodOne}, 0, codes.OK, "x-access-email", "ann@example.com"},
		"its token":              {"POST /x", []string{goodOne}, 0, codes.OK, "x-access-jwt-assertion", "tok"},
		"fetch":                  {"GET /x", []string{spaOrigin}, 401, codes.Unauthenticated, "access-control-allow-origin", "https://spa.example.com"},
		"fetch, said why":        {"GET /x", nil, 401, codes.Unauthenticated, "x-access-reason", "no-session"},
		"fetch of another":       {"GET /x", []string{"origin: https://evil.example"}, 401, codes.Unauthenticated, "access-control-allow-origin", ""},
		"navigation":             {"GET /x?y=1", []string{pageLoad}, 302, codes.Unauthenticated, "location", "https://app.example.com/.access/login?rd=%2Fx%3Fy%3D1"},
		"navigation by POST":     {"POST /x", []string{pageLoad}, 401, codes.Unauthenticated, "location", ""},
		"navigation, old":        {"GET /x", []string{"accept: text/html,*/*"}, 302, codes.Unauthenticated, "x-access-reason", "no-session"},
		"two modes":              {"GET /x", []string{pageLoad, pageLoad}, 401, codes.Unauthenticated, "location", ""},
		"websocket":              {"GET /x", []string{"sec-websocket-key: x", "upgrade: websocket", "accept: text/html"}, 401, codes.Unauthenticated, "location", ""},
		"forged":                 {"GET /x", []string{"cookie: __Host-ostiary=forged"}, 401, codes.Unauthenticated, "x-access-reason", "bad-signature"},
		"two cookie lines":       {"GET /x", []string{"cookie: a=b", goodOne}, 401, codes.Unauthenticated, "x-access-reason", ""},
		"preflight":              {"OPTIONS /x", []string{spaOrigin, asksPut}, 200, codes.PermissionDenied, "access-control-allow-methods", "PUT"},
		"preflight, origin":      {"OPTIONS /x", []string{spaOrigin, asksPut}, 200, codes.PermissionDenied, "access-control-allow-origin", "https://spa.example.com"},
		"preflight, vary":        {"OPTIONS /x", []string{spaOrigin, asksPut}, 200, codes.PermissionDenied, "vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"},
		"preflight of another":   {"OPTIONS /x", []string{"origin: https://evil.example", asksPut}, 403, codes.PermissionDenied, "x-access-reason", "origin-not-allowed"},
		"preflight without CORS": {"OPTIONS /public", []string{spaOrigin, asksPut}, 403, codes.PermissionDenied, "x-access-reason", "preflight-not-configured"},
		"two origins":            {"OPTIONS /x", []string{spaOrigin, spaOrigin, asksPut}, 403, codes.PermissionDenied, "access-control-allow-origin", ""},
		"two methods asked for":  {"OPTIONS /x", []string{spaOrigin, asksPut, asksPut}, 403, codes.PermissionDenied, "access-control-allow-origin", ""},
		"an empty method":        {"OPTIONS /x", []string{spaOrigin, "access-control-request-method:"}, 403, codes.PermissionDenied, "access-control-allow-origin", ""},
		"plain OPTIONS":          {"OPTIONS /public", nil, 0, codes.OK, "x-access-user", ""},
		"denied":                 {"GET /office", nil, 403, codes.PermissionDenied, "x-access-reason", "no-rule-matched"},
		"denied, a page":         {"GET /office", []string{pageLoad}, 403, codes.PermissionDenied, "content-type", "text/html; charset=utf-8"},
		"odd path":               {"GET /public/../x", nil, 403, codes.PermissionDenied, "x-access-reason", "ambiguous-path"},
		"encoded slash":          {"GET /public/..%2fx", nil, 403, codes.PermissionDenied, "x-access-reason", "ambiguous-path"},
		"fragment":               {"GET /public#/../x", nil, 403, codes.PermissionDenied, "", ""},
		"no path":                {"CONNECT ", nil, 403, codes.PermissionDenied, "x-access-reason", "bad-request"},
		"asterisk":               {"OPTIONS *", nil, 403, codes.PermissionDenied, "x-access-reason", "bad-request"},
		"a query alone":          {"GET ?/public", nil, 403, codes.PermissionDenied, "x-access-reason", "bad-request"},
		"method in lower case":   {"get /public", nil, 403, codes.PermissionDenied, "x-access-reason", "bad-request"},
		"no method":              {" /public", nil, 403, codes.PermissionDenied, "x-access-reason", "bad-request"},
		"request id":             {"GET /x", []string{"x-request-id: 0123-4567"}, 401, codes.Unauthenticated, "x-request-id", "0123-4567"},
		"nginx's headers":        {"GET /public", []string{"x-original-url: https://app.example.com/public"}, 403, codes.PermissionDenied, "x-access-reason", "bad-request"},
		"Traefik's headers":      {"GET /public", []string{"x-forwarded-uri: /public"}, 403, codes.PermissionDenied, "x-access-reason", "bad-request"},
		"Traefik's method":       {"GET /public", []string{"x-forwarded-method: GET"}, 403, codes.PermissionDenied, "x-access-reason", "bad-request"},
		"another host":           {"GET /x", []string{"x-forwarded-host: public.example.com", "forwarded: host=public.example.com"}, 401, codes.Unauthenticated, "", ""},
		"another method":         {"GET /x", []string{"x-http-method-override: OPTIONS", spaOrigin, asksPut}, 401, codes.Unauthenticated, "", ""},
		"gRPC":                   {"POST /x", []string{callsGRPC}, 401, codes.Unauthenticated, "grpc-status", "16"},
		"gRPC, said why":         {"POST /x", []string{callsGRPC, "accept: text/html"}, 401, codes.Unauthenticated, "grpc-message", "no-session"},
		"gRPC, no JSON":          {"POST /x", []string{callsGRPC}, 401, codes.Unauthenticated, "content-type", ""},
		"gRPC, denied":           {"POST /office", []string{"content-type: application/grpc"}, 403, codes.PermissionDenied, "grpc-status", "7"},
		"gRPC, signed in":        {"POST /x", []string{callsGRPC, goodOne}, 0, codes.OK, "grpc-status", ""},
		"grpc-web is a fetch":    {"POST /x", []string{"content-type: application/grpc-web+proto"}, 401, codes.Unauthenticated, "content-type", "application/json"},
		"JSON":                   {"POST /x", []string{"content-type: application/json"}, 401, codes.Unauthenticated, "grpc-status", ""},
		"panic":                  {"GET /x", []string{"cookie: __Host-ostiary=panic"}, 500, codes.Internal, "x-access-reason", "internal-error"},
	} {
		for _, raw := range []bool{false, true} {
			o := w.check(t, checkRequest(c.line, raw, c.headers...))
			if o.allowed != (c.status == 0) || o.status != c.status || o.code != c.code || o.set[c.field] != c.value && (c.field != "x-access-reason" || c.value != "") {
				t.Errorf("%s (raw: %t): %d %v, %s: %q\n%+v", name, raw, o.status, o.code, c.field, o.set[c.field], o)
			}
			if !o.allowed && c.status != 200 && (o.set["x-access-reason"] == "" || o.set["x-request-id"] == "") {
				t.Errorf("%s: refused without a word: %v", name, o.set)
			}
		}
	}
}

// Every identity header is set, and what is empty is removed: however it is spelled,
// none of a client's reaches the application. C13.
func TestCheckIdentity(t *testing.T) {
	smuggled := []string{"x-webauth-user: root", "x-webauth_user: root", "x_webauth_email: root", "x-access-email: admin@example.com", "x-access-groups: root", "x_access_email: admin@example.com", "x-access_user: root"}
	for set, n := range map[dialect.IdentityHeaders]int{dialect.DefaultIdentityHeaders: 33, dialect.CloudflareIdentityHeaders: 33 + 7 + 15 + 14 + 3,
		dialect.DefaultIdentityHeaders.With([]string{"X-Webauth-User", "X-Webauth-Email"}): 33 + 3 + 3} {
		w := newWorld(t, func(c *Config) { c.Identity = set })
		ours := []string{"x-access-email", "x-access-groups", "x-access-jwt-assertion", "x-access-user", "x-access-client-id", "x-access-client-secret", "x-access-token"}
		ours = append(ours, contract.Lower(set.Upstream())...)
		if set.Cloudflare() {
			ours = append(ours, "cf-access-jwt-assertion", "cf-access-authenticated-user-email", "cf-access-client-id", "cf-access-client-secret", "cf-access-token")
		}
		slices.Sort(ours)
		underscored := slices.Sorted(slices.Values(set.Underscored()))
		for _, name := range underscored {
			if !slices.Contains(ours, strings.ReplaceAll(name, "_", "-")) || !strings.Contains(name, "_") {
				t.Errorf("%s is nobody's", name)
			}
		}
		if len(slices.Compact(slices.Clone(underscored))) != n {
			t.Errorf("%v: %d spellings, want %d", set.Upstream(), len(underscored), n)
		}
		for _, raw := range []bool{false, true} {
			nobody := w.check(t, checkRequest("GET /public", raw, smuggled...))
			want := slices.Sorted(slices.Values(slices.Concat(ours, underscored)))
			if got := slices.Sorted(maps.Keys(nobody.set)); !slices.Equal(got, ours) || !slices.Equal(nobody.removed, want) {
				t.Errorf("%v: set %v, removed %v, want %v", set.Upstream(), got, nobody.removed, want)
			}
			for name, value := range nobody.set {
				if value != "" {
					t.Errorf("nobody's %s is %q", name, value)
				}
			}
			ann := w.check(t, checkRequest("GET /x", raw, append(smuggled, goodOne)...))
			withoutToken := slices.DeleteFunc(slices.Clone(ours), func(name string) bool {
				return name != "x-access-groups" && name != "x-webauth-email" && !strings.Contains(name, "-client-") && !strings.HasSuffix(name, "-access-token")
			})
			want = slices.Sorted(slices.Values(append(withoutToken, underscored...)))
			if set.Has("X-Webauth-User") && ann.set["x-webauth-user"] != "u1" {
				t.Errorf("%+v", ann)
			}
			if ann.set["x-access-email"] != "ann@example.com" || ann.set["x-access-user"] != "u1" || !slices.Equal(ann.removed, want) {
				t.Errorf("%v: %+v", set.Upstream(), ann)
			}
		}
	}
}

// The application's answers get the CORS headers where a policy manages them; Vary
// adds to the application's own.
func TestCheckManagedResponses(t *testing.T) {
	w := newWorld(t, nil)
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{{Source: policy.Source{Namespace: "ns", Name: "rest"}, Hosts: []string{"app.example.com"},
		Rules: []policy.Rule{{Name: "all", Action: policy.Bypass, Include: []policy.Selector{{Property: policy.Everyone}}}},
		CORS:  &policy.CORS{AllowedOrigins: []string{"https://spa.example.com"}, AllowAllMethods: true, AllowCredentials: true, ManageResponses: true}}})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	w.live.Publish(table)
	o := w.check(t, checkRequest("GET /", false, spaOrigin))
	if !o.allowed || o.added["access-control-allow-origin"] != "https://spa.example.com" || o.added["access-control-allow-credentials"] != "true" || o.added["vary"] != "Origin" || len(o.added) != 3 || o.metadata != "managed" {
		t.Errorf("%+v", o)
	}
	// Then the application's are taken off, and nothing takes their place.
	for _, lines := range [][]string{{"origin: https://evil.example"}, nil} {
		if o := w.check(t, checkRequest("GET /", false, lines...)); !o.allowed || o.added["access-control-allow-origin"] != "" || o.metadata != "managed" || o.added["vary"] != "Origin" {
			t.Errorf("%v: %+v", lines, o)
		}
	}
}

// What Envoy makes of a denied_response: until lately it left out every header that
// was to be appended, and joined what was to be appended to a line of the same name.
// Each cookie is a line of its own, and no cache may miss Vary. D1.
func TestCheckReply(t *testing.T) {
	var a dialect.Answer
	a.Reset()
	a.Status = 403
	a.Set("Set-Cookie", "a=1; Secure")
	a.Set("Set-Cookie", "b=2; Secure")
	a.Set("Vary", "Origin")
	var lines []string
	for _, h := range denied(&a).GetDeniedResponse().GetHeaders() {
		cookie := h.GetHeader().GetKey() == "set-cookie"
		switch appends := h.GetAppend(); { //nolint:staticcheck // older Envoys go by it
		case appends.GetValue():
			t.Errorf("%v is lost", h)
		case cookie != (appends == nil), cookie != (h.GetAppendAction() == corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD):
			t.Errorf("%v: the last cookie alone is kept, or two lines", h)
		}
		lines = append(lines, h.GetHeader().GetKey()+": "+h.GetHeader().GetValue())
	}
	if want := []string{"set-cookie: a=1; Secure", "set-cookie: b=2; Secure", "vary: Origin"}; !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}

// What is not a question about an HTTP request is refused, and the operator told.
func TestCheckMalformed(t *testing.T) {
	both := checkRequest("GET /public", false)
	both.Attributes.Request.Http.HeaderMap = checkRequest("GET /public", true).GetAttributes().GetRequest().GetHttp().GetHeaderMap()
	for name, r := range map[string]*authv3.CheckRequest{
		"nil": nil, "empty": {}, "no request": {Attributes: &authv3.AttributeContext{}}, "no http": {Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}},
		"both forms": both, "upper case": checkRequest("GET /public", false, "Cookie: x"), "upper case, raw": checkRequest("GET /public", true, "X-Original-Url: x"),
	} {
		w := newWorld(t, nil)
		if o := w.check(t, r); o.allowed || o.status != 400 || o.set["x-access-reason"] != "bad-request" {
			t.Errorf("%s: %+v", name, o)
		}
		if lines := w.log.lines(t, "refused"); len(lines) != 1 || lines[0]["level"] != "WARN" {
			t.Errorf("%s: the operator is not told: %v", name, lines)
		}
	}
	w := newWorld(t, nil)
	for _, host := range []string{"", "a b", "app.example.com:99999", "app.example.com,b", "public@app.example.com", "nobody.example.com"} {
		r := checkRequest("GET /public", false)
		r.Attributes.Request.Http.Host = host
		if o := w.check(t, r); o.allowed || o.status != 403 {
			t.Errorf("%q: %+v", host, o)
		}
	}
	empty := checkRequest("GET /public", true)
	empty.Attributes.Request.Http.HeaderMap.Headers = append(empty.Attributes.Request.Http.HeaderMap.Headers, nil)
	if o := w.check(t, empty); !o.allowed {
		t.Errorf("an empty header: %+v", o)
	}
}

// G1.
func TestCheckNotReady(t *testing.T) {
	w := newWorld(t, nil)
	for name, breakIt := range map[string]func(){
		"no keys":  func() { w.ready = false },
		"no table": func() { w.ready = true; w.live.Publish(nil) },
	} {
		breakIt()
		if o := w.check(t, checkRequest("GET /public", false)); o.allowed || o.status != 503 || o.code != codes.Unavailable || o.set["x-access-reason"] != "not-ready" {
			t.Errorf("%s: %+v", name, o)
		}
		if o := w.check(t, checkRequest("GET /public", false, callsGRPC)); o.allowed || o.status != 503 || o.set["grpc-status"] != "14" {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// What Envoy is told over gRPC is what it is told over HTTP: the same statuses, but
// for preflights, and the same headers.
func TestCheckIsEnvoy(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	for range 60 {
		method, path := pick("GET", "POST", "OPTIONS", "HEAD"), pick("/x", "/public", "/public/../x", "/office", "/x?y=/public")
		var headers []string
		for _, h := range []string{pick("", spaOrigin, "origin: https://evil.example"), pick("", asksPut), pick("", goodOne, "cookie: __Host-ostiary=bad"), pick("", pageLoad), pick("", callsGRPC)} {
			if h != "" {
				headers = append(headers, h)
			}
		}
		headers = append(headers, "x-request-id: 0123456789")
		got := w.check(t, checkRequest(method+" "+path, rng.IntN(2) == 0, headers...))
		a := raw(t, addr, fmt.Sprintf("%s /authz/v1/envoy%s HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n%s\r\n\r\n", method, path, strings.Join(headers, "\r\n")))[0]
		status := got.status
		if got.allowed || status == 200 {
			status = map[bool]int{true: 200, false: 204}[got.allowed]
		}
		if status != a.StatusCode {
			t.Fatalf("%s %s %q: %d over gRPC, %d over HTTP", method, path, headers, status, a.StatusCode)
		}
		for name := range a.Header {
			switch key := strings.ToLower(name); key {
			case "date", "content-length", "connection", "x-envoy-auth-headers-to-remove":
			default:
				if got.set[key] != a.Header.Get(name) {
					t.Errorf("%s %s %q: %s is %q over gRPC, %q over HTTP", method, path, headers, key, got.set[key], a.Header.Get(name))
				}
			}
		}
	}
}
