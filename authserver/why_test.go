// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"html"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
)

// signingIn is a world where people can sign in.
func signingIn(t *testing.T) *world {
	t.Helper()
	ring, err := credential.NewRing(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, func(c *Config) {
		c.Ring = func() *credential.Ring { return ring }
		c.Login = &login.Config{Providers: idp.New(idp.Options{Log: c.Log})}
	})
}

// TestWhyLink: the page of a denial, and nothing else, links to why; and each denial is kept
// once, however many listeners took part.
func TestWhyLink(t *testing.T) {
	const forward = "GET /authz/v1/forward HTTP/1.1\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: app.example.com\r\nX-Forwarded-Uri: "
	navigate := "Sec-Fetch-Mode: navigate\r\n"
	for name, c := range map[string]struct {
		shown
		links, kept bool
	}{
		"a page":           {shown{"authz", forward + "/office\r\n" + navigate}, true, true},
		"a fetch":          {shown{"authz", forward + "/office\r\n"}, false, true},
		"sign in first":    {shown{"authz", forward + "/x\r\n" + navigate}, false, false},
		"what was refused": {shown{"render", "GET / HTTP/1.1\r\nX-Code: 403\r\nX-Original-URI: /office\r\n" + navigate}, true, false},
		"what may pass":    {shown{"authz", forward + "/public\r\n" + navigate}, false, false},
		"a refused preflight": {shown{"authz", "GET /authz/v1/forward HTTP/1.1\r\nX-Forwarded-Method: OPTIONS\r\nX-Forwarded-Host: app.example.com\r\n" +
			"X-Forwarded-Uri: /office\r\nOrigin: https://x.example\r\nAccess-Control-Request-Method: PUT\r\n"}, false, true},
	} {
		w := signingIn(t)
		addr := ""
		if c.listener == "render" {
			addr = w.http(t, w.Render())
		} else {
			addr = w.authz(t)
		}
		a := raw(t, addr, c.request+"Host: app.example.com\r\nX-Request-Id: request-1\r\nConnection: close\r\n\r\n")
		if len(a) != 1 {
			t.Fatalf("%s: %v", name, statuses(a))
		}
		body, _ := io.ReadAll(a[0].Body)
		_, link, links := strings.Cut(string(body), `href="https://auth.example.com/.access/why?`)
		if links != c.links || strings.Contains(string(body), "/why") != c.links {
			t.Errorf("%s: %s", name, body)
		}
		if link, _, _ = strings.Cut(link, `"`); links {
			q, err := url.ParseQuery(html.UnescapeString(link))
			if err != nil || q.Get("id") != "request-1" || len(q.Get("what")) < 100 {
				t.Errorf("%s: %q", name, link)
			}
		}
		n := w.denials.Find("request-1")
		if (n != nil) != c.kept || n != nil && (n.Host != "app.example.com" || n.Path != "/office") {
			t.Errorf("%s is kept as %+v", name, n)
		}
	}
}

// TestNoWhyWithoutSignIn: where nobody can sign in, there is no page to link to, and nothing
// is kept.
func TestNoWhyWithoutSignIn(t *testing.T) {
	w := newWorld(t, nil)
	a := raw(t, w.http(t, w.Render()), "GET / HTTP/1.1\r\nX-Code: 403\r\nX-Original-URI: /office\r\nSec-Fetch-Mode: navigate\r\n"+
		"Host: app.example.com\r\nX-Request-Id: request-1\r\nConnection: close\r\n\r\n")
	body, _ := io.ReadAll(a[0].Body)
	if a[0].StatusCode != 403 || strings.Contains(string(body), "/why") || w.denials.Find("request-1") != nil {
		t.Errorf("%d %s", a[0].StatusCode, body)
	}
}

// TestDeniedIsToldTwiceAlike: whoever is signed in and may not pass is told who they are, what
// the application's owner says of it, and how to be somebody else, by whatever listener.
func TestDeniedIsToldTwiceAlike(t *testing.T) {
	w := signingIn(t)
	w.rebuild(func(in *policy.Input) {
		mine := []policy.Policy{{Source: policy.Source{Namespace: "ns", Name: "rest"}, Hosts: []string{"app.example.com"},
			Rules:  []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Email, Value: "bob@example.com"}}}},
			Denied: policy.Denied{Message: "Ask the payroll team.", URL: "https://help.example.com/payroll"}}}
		in.Policies = policy.CompileAll(mine)
	})
	const navigate = "Sec-Fetch-Mode: navigate\r\nHost: app.example.com\r\nX-Request-Id: request-1\r\nConnection: close\r\n"
	const cookie = "Cookie: __Host-ostiary=good\r\n"
	words := []string{"Signed in as <bdi>ann@example.com</bdi>", "Ask the payroll team.", `href="https://help.example.com/payroll"`,
		"Use another account", ">Try again<", `href="https://app.example.com/x"`,
		`href="https://auth.example.com/"`, "Why was I denied?", "<dd>request-1</dd>", "<dd>no-rule-matched</dd>"}
	for name, c := range map[string]struct {
		addr, request string
		told          bool
	}{
		"forward": {w.authz(t), "GET /authz/v1/forward HTTP/1.1\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: app.example.com\r\n" +
			"X-Forwarded-Uri: /x\r\n" + cookie, true},
		"envoy":                    {w.authz(t), "GET /authz/v1/envoy/x HTTP/1.1\r\n" + cookie, true},
		"render":                   {w.http(t, w.Render()), "GET / HTTP/1.1\r\nX-Code: 403\r\nX-Original-URI: /x\r\n" + cookie, true},
		"a mistake of the request": {w.authz(t), "GET /authz/v1/envoy/x%2f..%2fy HTTP/1.1\r\n" + cookie, false},
		"nobody":                   {w.http(t, w.Render()), "GET / HTTP/1.1\r\nX-Code: 403\r\nX-Original-URI: /x\r\n", false},
	} {
		a := raw(t, c.addr, c.request+navigate+"\r\n")
		if len(a) != 1 {
			t.Fatalf("%s: %v", name, statuses(a))
		}
		body, _ := io.ReadAll(a[0].Body)
		for _, want := range words {
			told := strings.Contains(string(body), want)
			if c.told && (!told || a[0].StatusCode != 403) || !c.told && strings.Contains(want, "ann@") && told {
				t.Errorf("%s: %d, %q: %t\n%s", name, a[0].StatusCode, want, told, body)
			}
		}
	}
}
