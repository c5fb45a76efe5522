// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestPublicAddresses: nothing is fetched from where only we can get. (THREATS I12)
func TestPublicAddresses(t *testing.T) {
	for _, a := range []string{"8.8.8.8", "1.1.1.1", "192.0.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111",
		"2a00:1450:4001::200e", "::ffff:8.8.8.8"} {
		if !isPublic(netip.MustParseAddr(a)) {
			t.Errorf("%s is public", a)
		}
	}
	for _, a := range []string{
		"0.0.0.0", "10.0.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
		"100.100.100.200",
		"192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
		"255.255.255.255",
		"192.88.99.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2002:a9fe:a9fe::1",
		"2002:7f00:1::",
		"2001::1", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
		"100::1", "5f00::1", "4000::1",
	} {
		if isPublic(netip.MustParseAddr(a)) {
			t.Errorf("%s is not public", a)
		}
		if a := netip.AddrPortFrom(netip.MustParseAddr(a).WithZone(""), 443); publicOnly("tcp", a.String(), nil) == nil {
			t.Errorf("%s is connected to", a)
		}
	}
	for _, address := range []string{"8.8.8.8:80", "8.8.8.8:22", "nowhere:443", "", "8.8.8.8"} {
		if publicOnly("tcp", address, nil) == nil {
			t.Errorf("%q is connected to", address)
		}
	}
}

// TestRebinding: a name that resolves to an address of ours is not connected to, whatever it
// resolved to before: the address is looked at that is connected to. (THREATS I12)
func TestRebinding(t *testing.T) {
	reached := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	f := newFetcher(time.Now)
	// All names lead to this machine, as a resolver of an attacker's would have it.
	transport := f.http.Transport.(*http.Transport)
	if transport.Proxy != nil {
		t.Error("a proxy would connect to what it likes")
	}
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "agent.example.net:443" {
			t.Errorf("it connects to %s", address)
		}
		return dial(ctx, network, server.Listener.Addr().String())
	}
	for range 2 {
		if c, err := f.client(t.Context(), clientID); c != nil || !errors.Is(err, errNotPublic) {
			t.Errorf("%v %v", c, err)
		}
	}
	if reached {
		t.Error("somebody was asked")
	}
}

// TestDocumentAddresses: a client's id is one plain public address, or none. (THREATS I12)
func TestDocumentAddresses(t *testing.T) {
	for _, id := range []string{clientID, "https://claude.ai/oauth/claude-code-client-metadata", "https://a.example.com/x?y=z",
		"https://a.example.com/%C3%A9"} {
		if _, err := documentAddress(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{
		"", "https://", "https:", "https://agent.example.net", "https://agent.example.net/", "http://agent.example.net/x",
		"HTTPS://agent.example.net/x",
		"https://agent.example.net:443/x", "https://agent.example.net:8443/x", "https://AGENT.example.net/x", "https://agent.example.net./x",
		"https://u@agent.example.net/x", "https://u:p@agent.example.net/x", "https://agent.example.net/x#", "https://agent.example.net/x#y",
		"https://agent.example.net/a/../x", "https://agent.example.net/./x", "https://agent.example.net/%2e%2e/x",
		"https://agent.example.net/%2E./x",
		"https://127.0.0.1/x", "https://2130706433/x", "https://0x7f000001/x", "https://0x7f.1/x", "https://127.1/x", "https://[::1]/x",
		"https://[::ffff:a9fe:a9fe]/x",
		"https://localhost/x", "https://a.localhost/x", "https://metadata.google.internal/x", "https://kubernetes.default.svc/x",
		"https://x.default.svc.cluster.local/x",
		"https://printer.local/x", "https://printer/x", "https://a.example.com\\@b.example.com/x", "https://a.example.com/ x",
		"https://a.example.com/\r\nx",
		"https://a.example.com/é", "https:a.example.com/x", "https:///x", "https://a.example.com%2f@b/x",
		"https://a.example.com/" + strings.Repeat("x", maxClientID),
	} {
		if _, err := documentAddress(id); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
}

// TestDocuments: a document is taken as it must be, and no other. (THREATS I2)
func TestDocuments(t *testing.T) {
	c, err := parseDocument(clientID, []byte(documentText(nil)))
	if err != nil || c.Name != "Example Agent" || len(c.RedirectURIs) != 2 || c.Registered {
		t.Fatalf("%+v %v", c, err)
	}
	set := func(name string, value any) func(map[string]any) { return func(d map[string]any) { d[name] = value } }
	for name, edit := range map[string]func(map[string]any){
		"another's id":           set("client_id", "https://agent.example.org/client.json"),
		"no id":                  func(d map[string]any) { delete(d, "client_id") },
		"an id of another case":  set("client_id", "https://agent.example.net/CLIENT.json"),
		"a secret":               set("client_secret", "x"),
		"authentication":         set("token_endpoint_auth_method", "client_secret_basic"),
		"authentication by keys": set("token_endpoint_auth_method", "private_key_jwt"),
		"another grant":          set("grant_types", []string{"client_credentials"}),
		"no grant":               set("grant_types", []string{}),
		"another answer":         set("response_types", []string{"token"}),
		"no redirect":            set("redirect_uris", []string{}),
		"a redirect in a text":   set("redirect_uris", redirect),
		"a script":               set("redirect_uris", []string{redirect, "javascript:alert(1)"}),
		"data":                   set("redirect_uris", []string{"data:text/html,x"}),
		"without TLS":            set("redirect_uris", []string{"http://agent.example.net/"}),
		"a short scheme":         set("redirect_uris", []string{"agent://callback"}),
		"a fragment":             set("redirect_uris", []string{redirect + "#"}),
		"a line end":             set("redirect_uris", []string{"https://agent.example.net/\r\nX"}),
		"many redirects":         set("redirect_uris", strings.Split(strings.Repeat(redirect+" ", maxRedirectURIs)+redirect, " ")),
		"a number for a name":    set("client_name", 1),
	} {
		if c, err := parseDocument(clientID, []byte(documentText(edit))); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for _, text := range []string{"", "{}", "[]", "null", "<html>", documentText(nil) + "x", "\xff" + documentText(nil)} {
		if c, err := parseDocument(clientID, []byte(text)); err == nil {
			t.Errorf("%.20q: %+v", text, c)
		}
	}
	for given, want := range map[string]string{
		"a\u202eb\nc": "a b c", strings.Repeat("é", 100): strings.Repeat("é", 50), "  ": "", "<b>x</b>": "<b>x</b>", "日本 語": "日本 語",
	} {
		if c, err := parseDocument(clientID, []byte(documentText(set("client_name", given)))); err != nil || !strings.HasPrefix(c.Name,
			want) || len(c.Name) > maxName+3 {
			t.Errorf("%q is shown as %q (%v)", given, c.Name, err)
		}
	}
}

// TestRedirectURIs: to the letter, but for the port of a program on the person's own machine. (THREATS I1)
func TestRedirectURIs(t *testing.T) {
	c := &Client{RedirectURIs: []string{"https://a.example.com/cb?x=1", "http://127.0.0.1:1/cb", "http://[::1]/cb", "com.example.app:/cb"}}
	for uri, want := range map[string]bool{
		"https://a.example.com/cb?x=1": true, "https://a.example.com/cb": false, "https://a.example.com:443/cb?x=1": false,
		"https://a.example.com/cb?x=1&y": false,
		"http://127.0.0.1:1/cb":          true, "http://127.0.0.1:65000/cb": true, "http://127.0.0.1/cb": true,
		"http://127.0.0.1:1/cb/":  false,
		"http://127.0.0.1:1/cb?x": false, "http://127.0.0.1:1@evil.example.org/cb": false, "http://127.0.0.1.evil.example.org/cb": false,
		"http://localhost:1/cb": false, "http://[::1]:9/cb": true, "http://[::1%25eth0]/cb": false, "https://127.0.0.1:1/cb": false,
		"com.example.app:/cb": true, "com.example.app:/cb2": false, "com.example.app://x/cb": false, "http://127.0.0.1:99999999/cb": false,
		"http://127.0.0.1:x/cb": false,
	} {
		if got := c.mayReturnTo(uri); got != want {
			t.Errorf("%s: %t", uri, got)
		}
	}
}

// answering is a RoundTripper by a handler.
type answering http.HandlerFunc

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	a(w, r)
	return w.Result(), nil
}

// TestFetch: what is long, elsewhere or no JSON is not taken, what is good is fetched once for as
// long as it says, and memory is bounded. (THREATS I12)
func TestFetch(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	asked := 0
	answer := func(w http.ResponseWriter, _ *http.Request) {}
	f := fetcherOver(answering(func(w http.ResponseWriter, r *http.Request) { asked++; answer(w, r) }), func() time.Time { return now })
	good := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write([]byte(documentText(nil)))
	}
	for name, bad := range map[string]func(http.ResponseWriter, *http.Request){
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.org/x", http.StatusFound)
		},
		"not there": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound); good(w) },
		"a page":    func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html"); good2(w) },
		"long": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(documentText(func(d map[string]any) { d["x"] = strings.Repeat("x", maxDocument) })))
		},
	} {
		answer = bad
		before := asked
		if c, err := f.client(t.Context(), clientID); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
		if _, err := f.client(t.Context(), clientID); err == nil || asked != before+2 {
			t.Errorf("%s: it is remembered, or asked elsewhere (%d)", name, asked-before)
		}
	}
	answer = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=600"); good(w) }
	before := asked
	for range 3 {
		if _, err := f.client(t.Context(), clientID); err != nil {
			t.Fatal(err)
		}
	}
	if asked != before+1 {
		t.Errorf("it was asked %d times", asked-before)
	}
	now = now.Add(10 * time.Minute)
	if _, err := f.client(t.Context(), clientID); err != nil || asked != before+2 {
		t.Errorf("after its time: %d %v", asked-before, err)
	}
	answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(documentText(func(d map[string]any) { d["client_id"] = r.URL.String() })))
	}
	for i := range maxDocuments + 50 {
		if _, err := f.client(t.Context(), fmt.Sprintf("https://agent.example.net/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.known) > maxDocuments {
		t.Errorf("%d are remembered", len(f.known))
	}
	for given, want := range map[string]time.Duration{"": minFresh, "no-store": minFresh, "max-age=0": minFresh,
		"public, max-age=120": 2 * time.Minute,
		"max-age=99999999":    maxFresh, "max-age=-1": minFresh, "MAX-AGE=\"300\"": 5 * time.Minute,
		"max-age=99999999999999999999": minFresh} {
		if got := freshness(given); got != want {
			t.Errorf("%q: %s", given, got)
		}
	}
}

func good2(w http.ResponseWriter) { _, _ = w.Write([]byte(documentText(nil))) }
