// SPDX-License-Identifier: Apache-2.0

package login

import (
	"strings"
	"testing"
)

// TestFrameComesBack: a sign-in in a frame goes on where it needs no page, and else goes back to the
// application's address, for which nobody is led anywhere else. THREATS E17.
func TestFrameComesBack(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	begins := func(host string) string {
		p := b.get(s.url(host, "/.access/login?rd=%2Fboard%3Fx%3D1"))
		if p.status != 302 || !strings.HasPrefix(p.location, s.url(teamAt, "/.access/login/"+host+"?attempt=")) {
			t.Fatalf("%d %s", p.status, p.location)
		}
		return p.location
	}
	for _, dest := range []string{"iframe", "frame", "embed", "object", "fencedframe"} {
		p := b.get(begins("app1.example.com"), "Sec-Fetch-Dest", dest)
		if p.status != 302 || p.location != s.url("app1.example.com", "/board?x=1") {
			t.Errorf("%s without a session: %d %s", dest, p.status, p.location)
		}
	}
	for _, dest := range []string{"document", "", "Iframe", "iframe, x"} {
		if p := b.get(begins("app1.example.com"), "Sec-Fetch-Dest", dest); !strings.Contains(p.body, `type="password"`) {
			t.Errorf("%q without a session: %d %s", dest, p.status, p.location)
		}
	}
	b.follow = true
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann@example.com")
	b.follow = false
	if p := b.get(begins("app2.example.net"), "Sec-Fetch-Dest", "iframe"); !strings.Contains(p.location, "/.access/authorized?ticket=") {
		t.Errorf("with a session: %d %s", p.status, p.location)
	}
	if p := b.get(begins("app3.example.org"), "Sec-Fetch-Dest", "iframe"); p.location != s.url("app3.example.org", "/board?x=1") {
		t.Errorf("not permitted: %d %s", p.status, p.location)
	}
	if p := b.get(begins("app3.example.org"), "Sec-Fetch-Dest", "document"); p.status != 403 {
		t.Errorf("not permitted, in a tab: %d %s", p.status, p.location)
	}
}
