// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

func newHandler(t testing.TB, team string) Handler {
	t.Helper()
	now := time.Unix(1e9, 0)
	ring, err := credential.NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	everyone := []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}}
	p := func(name string, hosts []string, oauth *policy.OAuth, paths ...policy.Path) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "shop", Name: name}, Hosts: hosts, Rules: everyone, OAuth: oauth, Paths: paths}
	}
	tools := []string{"tools.example.com"}
	named := p("tools", tools, &policy.OAuth{Scopes: []string{"notes:read"}})
	named.Launcher.Title = "Our \"tools\" <b>"
	table, _ := policy.Build(policy.Input{
		Policies: policy.CompileAll([]policy.Policy{named,
			p("part", tools, &policy.OAuth{Issuer: "corp", ResourceName: "A part"}, policy.Path{Value: "/mcp"}, policy.Path{Value: "/ä"}),
			p("lost", tools, &policy.OAuth{Issuer: "nobody"}, policy.Path{Value: "/lost"}),
			p("plain", tools, nil, policy.Path{Value: "/plain"}),
			p("wild", []string{"*.apps.example.com"}, &policy.OAuth{}),
		}),
		TokenIssuers: policy.NewTokenIssuers(policy.TokenIssuer{Name: "corp", Issuer: "https://idp.example.com",
			Audiences: []string{"https://tools.example.com/mcp"}, Everywhere: true}),
	})
	u, err := url.Parse(team)
	if err != nil {
		t.Fatal(err)
	}
	return Handler{&public.Site{
		Table: func() *policy.Table { return table }, Ring: func() *credential.Ring { return ring }, TeamURL: u, PathPrefix: "/.access",
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: func() time.Time { return now }, SignsIn: true,
	}}
}

// ask returns nil where nothing of ours answers.
func ask(h Handler, method, address string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, address, nil)
	_, rest, _ := strings.Cut(address, "://")
	r.RequestURI = "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		r.RequestURI = rest[i:]
	}
	r.Header.Set("Origin", "https://inspector.example")
	w := httptest.NewRecorder()
	if !h.Serve(w, r, "test-request", h) {
		return nil
	}
	return w
}

// TestProtectedResource: what is said of a resource (RFC 9728), at both addresses, to any origin.
// At any other there is none. (THREATS I21)
func TestProtectedResource(t *testing.T) {
	h := newHandler(t, "https://login.example.com")
	team, header := []any{"https://login.example.com"}, []any{"header"}
	for address, want := range map[string]map[string]any{
		"https://tools.example.com": {"resource": "https://tools.example.com", "authorization_servers": team,
			"scopes_supported": []any{"notes:read"}, "bearer_methods_supported": header, "resource_name": "Our \"tools\" <b>"},
		"https://tools.example.com/mcp": {"resource": "https://tools.example.com/mcp", "resource_name": "A part",
			"authorization_servers": []any{"https://idp.example.com"}, "bearer_methods_supported": header},
		"https://tools.example.com/%C3%A4": {"resource": "https://tools.example.com/%C3%A4", "resource_name": "A part",
			"authorization_servers": []any{"https://idp.example.com"}, "bearer_methods_supported": header},
		"https://any.apps.example.com": {"resource": "https://any.apps.example.com", "authorization_servers": team,
			"bearer_methods_supported": header},
		// No resource's own address: a client would take what it got for a lie.
		"https://tools.example.com/other": nil, "https://tools.example.com/mcp/": nil, "https://tools.example.com/mcp/x": nil,
		"https://tools.example.com/%6dcp": nil, "https://tools.example.com//mcp": nil, "https://tools.example.com/./mcp": nil,
		"https://tools.example.com/x/../mcp": nil, "https://tools.example.com/mcp%2f": nil, "https://tools.example.com/mcp;a": nil,
		"https://tools.example.com/plain": nil, "https://tools.example.com/lost": nil, "https://nobody.example.com": nil,
	} {
		u, rest := address[:len("https://")], address[len("https://"):]
		host, path, _ := strings.Cut(rest, "/")
		if path != "" {
			path = "/" + path
		}
		for _, prefix := range []string{"/.access/oauth/resource", "/.well-known/oauth-protected-resource"} {
			w := ask(h, "GET", u+host+prefix+path)
			if w == nil {
				t.Errorf("%s: nothing answers at %s", address, prefix)
				continue
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: pages of %q may read it", address, got)
			}
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Errorf("%s: %v", address, err)
			}
			switch {
			case want == nil && (w.Code != http.StatusNotFound || got["resource"] != nil || w.Header().Get("Cache-Control") != "no-store"):
				t.Errorf("%s: %d %v", address, w.Code, got)
			case want != nil && (w.Code != http.StatusOK || !reflect.DeepEqual(got, want)):
				t.Errorf("%s: %d %v, want %v", address, w.Code, got, want)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	h := newHandler(t, "https://login.example.com")
	const address = "https://tools.example.com/.access/oauth/resource"
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "OPTIONS": 204, "PUT": 405, "DELETE": 405} {
		w := ask(h, method, address)
		if w.Code != want {
			t.Errorf("%s: %d", method, w.Code)
		}
		if method == "OPTIONS" && w.Header().Get("Access-Control-Allow-Headers") != "MCP-Protocol-Version" {
			t.Error("clients of MCP cannot ask with their header")
		}
	}
	if w := ask(h, "POST", address); w.Code == http.StatusOK {
		t.Error("a form is taken")
	}
	for _, elsewhere := range []string{"https://login.example.com/.access/oauth/resource", "https://tools.example.com/.access/oauth/resources",
		"https://tools.example.com/.access/oauth", "https://tools.example.com/.well-known/oauth-protected-resourcex"} {
		if w := ask(h, "GET", elsewhere); w != nil {
			t.Errorf("%s: %d", elsewhere, w.Code)
		}
	}
}

// FuzzResource: whatever is asked for, what is answered is about that very address, and about
// a policy with OAuth.
func FuzzResource(f *testing.F) {
	for _, s := range []string{"tools.example.com\x00/mcp", "any.apps.example.com\x00", "tools.example.com:443\x00/a/%2e%2e//b"} {
		host, path, _ := strings.Cut(s, "\x00")
		f.Add(host, path)
	}
	h := newHandler(f, "https://login.example.com")
	f.Fuzz(func(t *testing.T, host, path string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host, r.RequestURI = host, "/.access/oauth/resource"+path
		w := httptest.NewRecorder()
		if !h.Serve(w, r, "test-request", h) || w.Code != http.StatusOK {
			return
		}
		var doc struct{ Resource string }
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		asked, _, _ := strings.Cut(path, "?")
		want := "https://" + public.CanonicalHost(host) + strings.TrimSuffix(asked, "/")
		if doc.Resource != want {
			t.Fatalf("%q %q: %q, want %q", host, path, doc.Resource, want)
		}
	})
}
