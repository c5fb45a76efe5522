// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/url"
	"strings"
	"testing"
)

// at is an address of an application at a port of its own.
func at(host, port, path string) string { return "https://" + host + port + path }

// listPorts has the operator list ports.
func (s *site) listPorts(ports ...string) {
	for _, r := range s.replicas {
		r.ReturnPorts = ports
	}
}

// Ports that the operator lists are kept by every step of a sign-in and a sign-out;
// the port of the team host is where all others lead, as anybody can name one.
func TestPortsAreKept(t *testing.T) {
	for _, c := range []struct{ at, listed, want string }{
		{":8443", "8443", ":8443"}, {"", "443", ""}, {":8443", "", "team"}, {":8444", "8443", "team"}, {"", "8443", "team"},
	} {
		s := newSite(t, nil)
		s.listPorts(strings.Fields(c.listed)...)
		want := c.want
		if want == "team" {
			want = ":" + s.port
		}
		b := s.browser()
		b.follow = false
		p := b.walk(nil, b.get(at("app1.example.com", c.at, "/.access/login?rd=%2Fx%3Fy")))
		b.want(p, 200, "/x?y for ann")
		if p.at.Host != "app1.example.com"+want {
			t.Errorf("%+v: at %s", c, p.at)
		}
		for _, address := range b.visited[1:] {
			if u, _ := url.Parse(address); u.Hostname() == "app1.example.com" && u.Host != "app1.example.com"+want {
				t.Errorf("%+v: by %.80s", c, address)
			}
		}
		home := at("app1.example.com", want, "/")
		done := b.get(at("app1.example.com", c.at, "/.access/done"))
		out := b.get(at("app1.example.com", c.at, "/.access/logout"), "Sec-Fetch-Site", "same-origin")
		stay := b.get(at("app1.example.com", c.at, "/.access/logout"), "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
		if done.links()["Open the application"] != home || out.links()["Sign in again"] != home+".access/login" ||
			stay.links()["Stay signed in"] != home {
			t.Errorf("%+v: %v %v %v", c, done.links(), out.links(), stay.links())
		}
	}
}

// A port that is no longer listed is none, whatever was sealed while it was.
func TestPortIsNoLongerListed(t *testing.T) {
	s := newSite(t, nil)
	s.listPorts("8443")
	b := s.browser()
	b.follow = false
	p := b.get(at("app1.example.com", ":8443", "/.access/login?rd=%2Fx"))
	s.listPorts()
	for range 3 {
		if p.location == "" {
			p = b.signIn(b.get(b.visited[len(b.visited)-1]), "ann", password)
		}
		if u, _ := url.Parse(p.location); u.Hostname() == "app1.example.com" {
			if u.Host != "app1.example.com:"+s.port {
				t.Errorf("a ticket goes to %s", u.Host)
			}
			return
		}
		p = b.get(p.location)
	}
	t.Errorf("no ticket: %d %s", p.status, p.location)
}

// TestReturnURLPorts: an address to come back to may name a port that is listed, at a host where
// it may lead; any other is the root, at the port that was asked.
func TestReturnURLPorts(t *testing.T) {
	table := returnTable(t)
	h := returnHandler(t, "https://auth.example.com")
	h.ReturnPorts = []string{"8443", "443"}
	for rd, want := range map[string]string{
		"/x": "https://app.example.com:8443/x", "https://app.example.com:8443/x": "https://app.example.com:8443/x",
		"https://other.example.com:8443/x": "https://other.example.com:8443/x", "https://other.example.com/x": "https://other.example.com/x",
		"https://evil.com:8443/x": "", "https://app.example.com:8444/x": "", "https://app.example.com:08443/x": "",
		"https://app.example.com:443/x": "", "https://app.example.com:8443@evil.com/": "", "https://evil.com#:8443/": "",
		"https://app.example.com:8443:8443/": "", "https://app.example.com:/": "", "http://app.example.com:8443/": "",
		"https://auth.example.com:8443/": "", `https://app.example.com:8443\@evil.com/`: "", "//evil.com:8443/": "",
	} {
		if want == "" {
			want = "https://app.example.com:8443/"
		}
		if got := h.checked(rd, "app.example.com", ":8443", table, maxReturn); got != want {
			t.Errorf("%q: %q, want %q", rd, got, want)
		}
	}
}
