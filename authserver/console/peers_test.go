// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// samePort listens on two addresses of this machine at one port, as two Pods do. Others may
// take the port of the second one in between.
func samePort(t *testing.T) (first, second net.Listener, port string) {
	t.Helper()
	for range 100 {
		one, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(one.Addr().String())
		two, err := net.Listen("tcp", "127.0.0.2:"+port)
		if err == nil {
			return one, two, port
		}
		_ = one.Close() // its port is no use
	}
	t.Fatal("no port is free on both addresses")
	return nil, nil, ""
}

// withPeer returns two replicas with the same keys and policies, of which the first one knows
// the second, itself, and one that does not answer.
func withPeer(t *testing.T) (one, two *Handler) {
	t.Helper()
	one, two = withOperators(t, ann), withOperators(t, ann)
	two.Ring, two.Table = one.Ring, one.Table
	serve := func(l net.Listener, h *Handler) {
		server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter,
			r *http.Request) {
			h.Serve(w, r, "peer", h)
		})}
		go server.Serve(l) //nolint:errcheck // it ends with the test
		t.Cleanup(func() { _ = server.Close() })
	}
	first, second, port := samePort(t)
	serve(first, two)
	serve(second, one)
	peers, err := NewPeers("replicas.example:" + port)
	if err != nil {
		t.Fatal(err)
	}
	peers.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "replicas.example" {
			return nil, errors.New("no such host")
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}, nil
	}
	one.Peers = peers
	return one, two
}

// TestPeers: a replica lists what the others denied, each once, finds it by its number, and
// says who did not answer.
func TestPeers(t *testing.T) {
	one, two := withPeer(t)
	denied(t, one, "/here", "request-1", eve.subject)
	denied(t, two, "/there", "request-2", eve.subject)
	body := ask(one, http.MethodGet, base+"console/denials").Body.String()
	for text, n := range map[string]int{"/here": 1, "/there": 1, "The last ones of 2 replicas": 1, "1 did not answer": 1} {
		if got := strings.Count(body, text); got != n {
			t.Errorf("%q is there %d times", text, got)
		}
	}
	if body := ask(one, http.MethodGet, base+"console/denials?user=bob").Body.String(); strings.Contains(body, "/there") {
		t.Error("the filter does not count at the others")
	}
	if w := ask(one, http.MethodGet, base+"why?id=request-2"); w.Code != 200 || !strings.Contains(w.Body.String(), "/there") {
		t.Errorf("by its number: %d", w.Code)
	}
	if w := ask(one, http.MethodGet, base+"why?id=request-3"); w.Code != 404 {
		t.Errorf("a number that nobody knows: %d", w.Code)
	}
}

// TestFollower: what comes at another replica is told once, and all of it after a restart.
func TestFollower(t *testing.T) {
	one, two := withPeer(t)
	denied(t, two, "/before", "request-1", eve.subject)
	w := follower{h: one}
	next := func() (paths string) {
		for _, n := range w.next(t.Context()) {
			paths += n.Path
		}
		return paths
	}
	if got := next(); got != "" {
		t.Errorf("what was before: %s", got)
	}
	denied(t, two, "/a", "request-2", eve.subject)
	denied(t, two, "/b", "request-3", eve.subject)
	if got := next(); got != "/a/b" {
		t.Errorf("news: %s", got)
	}
	if got := next(); got != "" {
		t.Errorf("told twice: %s", got)
	}
	two.boot, two.Denials = "another", new(Denials)
	denied(t, two, "/c", "request-4", eve.subject)
	if got := next(); got != "/c" {
		t.Errorf("after a restart: %s", got)
	}
}

// TestPeersOnly: nobody but a replica is told anything, whoever they are: there is no such page.
func TestPeersOnly(t *testing.T) {
	h := withOperators(t, ann)
	denied(t, h, "/secret-path", "request-1", eve.subject)
	other := withOperators(t, ann) // with keys of its own
	seal := func(h *Handler, purpose string, age time.Duration) string {
		s, err := h.Ring().Seal(purpose, peerAsk{"x"}, now.Add(peerToken-age), now.Add(-age))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		token  string
		status int
	}{
		"a replica": {seal(h, purposePeer, 0), 200}, "nobody": {"", 404}, "junk": {"x", 404}, "another purpose": {seal(h, purposeWhy,
			0), 404},
		"other keys": {seal(other, purposePeer, 0), 404}, "too old": {seal(h, purposePeer, peerToken), 404},
	} {
		w := ask(h, http.MethodGet, base+peerPath, peerHeader, c.token)
		if w.Code != c.status || strings.Contains(w.Body.String(), "secret-path") != (c.status == 200) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := ask(h, http.MethodPost, base+peerPath, peerHeader, seal(h, purposePeer, 0), "Sec-Fetch-Site", "same-origin"); w.Code != 404 {
		t.Errorf("POST: %d", w.Code)
	}
}

// TestPeersAreBounded: what is no answer of a replica counts as none.
func TestPeersAreBounded(t *testing.T) {
	one, _ := withPeer(t)
	for name, answer := range map[string]string{"no JSON": "<html>", "a null": `{"denials":[null]}`,
		"far too much": `{"boot":"` + strings.Repeat("x", peerBytes) + `"}`,
		"too many":     `{"denials":[` + strings.Repeat("{},", kept) + `{}]}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		_, one.Peers.port, _ = net.SplitHostPort(server.Listener.Addr().String())
		if answers, silent := one.Peers.ask(t.Context(), one, filter{}, nil); len(answers) != 0 || silent != 3 {
			t.Errorf("%s: %d answers, %d silent", name, len(answers), silent)
		}
		server.Close()
	}
	for _, bad := range []string{"name", ":9002", "name:", "name:0", "name:65536", "name:http"} {
		if _, err := NewPeers(bad); err == nil {
			t.Errorf("%q is taken for NAME:PORT", bad)
		}
	}
	if p, err := NewPeers(""); p != nil || err != nil {
		t.Errorf("none: %v, %v", p, err)
	}
}
