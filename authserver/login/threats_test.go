// SPDX-License-Identifier: Apache-2.0

package login

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// toTicket signs in and stops at the address that carries the ticket.
func (b *browser) toTicket(host, path, user string) string {
	b.t.Helper()
	b.follow = false
	defer func() { b.follow = true }()
	p := b.get(b.url(host, "/.access/login?rd="+url.QueryEscape(path)))
	for range 5 {
		switch {
		case strings.Contains(p.location, "/.access/authorized?"):
			return p.location
		case p.location != "":
			p = b.get(p.location)
		default:
			p = b.signIn(p, user, password)
		}
	}
	b.t.Fatalf("no ticket came: %d %s", p.status, p.body)
	return ""
}

// hasSession reports whether an answer sets a session.
func (p page) hasSession() bool {
	return slices.ContainsFunc(p.header.Values("Set-Cookie"), func(c string) bool {
		return strings.HasPrefix(c, "__Host-ostiary=") && !strings.HasPrefix(c, "__Host-ostiary=;")
	})
}

// E5: a ticket is good once, for one minute, on one host, in one browser, and as it is.
func TestTicket(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	address := b.toTicket("app1.example.com", "/x", "ann")
	at, _ := url.Parse(address)
	sealed := at.Query().Get("ticket")
	b.follow = false

	thief := s.browser()
	thief.follow = false
	// In another browser it leads to a sign-in of that one's own, and does not stay in
	// the address: a script could read it there.
	refused := func(b *browser, where string) {
		t.Helper()
		p := b.get(address)
		if p.status != 302 || p.hasSession() || !strings.HasPrefix(p.location, s.url("app1.example.com", "/.access/login?")) {
			t.Errorf("%s: %d %s", where, p.status, p.location)
		}
		if p := b.get(b.get(p.location).location); p.hasSession() || !strings.Contains(p.body, `type="password"`) {
			t.Errorf("%s: %d %s", where, p.status, p.header.Get("X-Access-Reason"))
		}
	}
	refused(thief, "in another browser")
	// A thief who began a login of their own has a key, but not this one.
	thief.get(s.url("app1.example.com", "/.access/login?rd=%2F"))
	refused(thief, "in another browser that began a login")
	b.get(s.url("app2.example.net", "/.access/login?rd=%2F"))
	if p := b.get(s.url("app2.example.net", "/.access/authorized?ticket="+sealed)); p.status != 400 || p.hasSession() {
		t.Errorf("on another host: %d", p.status)
	}
	for i := range len(sealed) {
		if i%17 != 0 && i != len(sealed)-1 {
			continue
		}
		c := byte('A')
		if sealed[i] == c {
			c = 'B'
		}
		bad := sealed[:i] + string(c) + sealed[i+1:]
		if p := b.get(s.url("app1.example.com", "/.access/authorized?ticket="+bad)); p.status != 400 || p.hasSession() {
			t.Errorf("with byte %d changed: %d", i, p.status)
		}
	}
	for _, q := range []string{"", "?ticket=", "?ticket=x", "?ticket=a.b.c.d.e", "?ticket=" + strings.Repeat("A", 60000)} {
		if p := b.get(s.url("app1.example.com", "/.access/authorized"+q)); p.status/100 != 4 || p.hasSession() {
			t.Errorf("%.40q: %d", q, p.status)
		}
	}
	if p := b.get(address); p.status != 302 || !p.hasSession() || p.location != s.url("app1.example.com", "/x") {
		t.Fatalf("the good one: %d %s", p.status, p.location)
	}
	// It comes a second time: there is a session by now, and no other.
	if p := b.get(address); p.status != 302 || p.hasSession() || p.location != s.url("app1.example.com", "/x") {
		t.Errorf("a second time: %d %s", p.status, p.location)
	}
	forget := func() {
		u, _ := url.Parse(s.url("app1.example.com", "/"))
		b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-ostiary", Path: "/", Secure: true, MaxAge: -1}})
	}
	forget()
	for range 2 { // at each replica
		if p := b.get(address); p.status != 400 || p.hasSession() || p.header.Get("X-Access-Reason") != "bad-ticket" {
			t.Errorf("a second time, without its session: %d %s", p.status, p.location)
		}
	}
	late := b.toTicket("app1.example.com", "/late", "ann")
	b.follow = false
	s.later(61 * time.Second)
	if p := b.get(late); p.status != 400 || p.hasSession() || p.header.Get("X-Access-Reason") != "bad-ticket" {
		t.Errorf("after 61 s: %d", p.status)
	}
}

// What is sealed for one purpose is nothing for another.
func TestPurposes(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	first := b.get(s.url("app1.example.com", "/.access/login?rd=%2F"))
	at, _ := url.Parse(first.location)
	sealed := at.Query().Get("attempt")
	if p := b.get(s.url("app1.example.com", "/.access/authorized?ticket="+sealed)); p.status != 400 || p.hasSession() {
		t.Errorf("an attempt as a ticket: %d", p.status)
	}
	if p := b.get(s.url("auth.example.com", "/.access/logout?farewell="+sealed), "Sec-Fetch-Site", "cross-site"); strings.Contains(p.header.Get("Set-Cookie"), teamCookie) {
		t.Error("an attempt as a farewell")
	}
	address := b.toTicket("app1.example.com", "/", "ann")
	ticket := address[strings.Index(address, "ticket=")+len("ticket="):]
	stranger := s.browser()
	stranger.follow = false
	for _, name := range []string{teamCookie, "__Host-ostiary"} {
		if p := stranger.get(s.url("auth.example.com", "/.access/login/app1.example.com?attempt="+sealed), "Cookie", name+"="+ticket); strings.Contains(p.location, "ticket=") {
			t.Errorf("a ticket as the cookie %s", name)
		}
	}
	for _, c := range b.client.Jar.Cookies(&url.URL{Scheme: "https", Host: "auth.example.com:" + s.port, Path: "/"}) {
		if p := stranger.get(s.url("app1.example.com", "/"), "Cookie", "__Host-ostiary="+c.Value); p.status != 302 {
			t.Errorf("%s as a session at an application: %d", c.Name, p.status)
		}
	}
}

// tampered changes a letter in the middle: the last ones of base64 can hold bits
// that mean nothing.
func tampered(sealed string) string {
	i, c := len(sealed)/2, byte('A')
	if sealed[i] == c {
		c = 'B'
	}
	return sealed[:i] + string(c) + sealed[i+1:]
}

// E5, on the way there: attempts that are tampered with, for another host, too old.
func TestAttempt(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	first := b.get(s.url("app1.example.com", "/.access/login?rd=%2F"))
	at, _ := url.Parse(first.location)
	sealed := at.Query().Get("attempt")
	for name, address := range map[string]string{
		"none, no host": "/.access/login/evil.example",
		"empty":         "/.access/login/app1.example.com?attempt=",
		"another host":  "/.access/login/app2.example.net?attempt=" + sealed,
		"no host":       "/.access/login/?attempt=" + sealed,
		"odd host":      "/.access/login/%00?attempt=" + sealed,
		"tampered":      "/.access/login/app1.example.com?attempt=" + tampered(sealed),
		"twice, no one": "/.access/login/app1.example.com?attempt=x&attempt=" + sealed,
	} {
		if p := b.get(s.url("auth.example.com", address)); p.status != 400 || strings.Contains(p.body, `type="password"`) {
			t.Errorf("%s: %d", name, p.status)
		}
	}
	s.later(attemptTime + time.Second)
	if p := b.get(first.location); p.status != 400 || p.header.Get("X-Access-Reason") != "expired-attempt" || !strings.Contains(p.body, s.url("app1.example.com", "/")) {
		t.Errorf("too late: %d %s", p.status, p.header.Get("X-Access-Reason"))
	}
}

// E7, the part before the provider is asked: no state, no cookie, two states,
// another provider's address.
func TestCallbackState(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	for _, q := range []string{"", "?code=x", "?state=", "?code=x&state=", "?code=x&state=AAAAAAAAAAAAAAAAAAAAAA",
		"?code=x&state=AAAAAAAAAAAAAAAAAAAAAA&state=AAAAAAAAAAAAAAAAAAAAAA", "?error=access_denied", "?code=x&state=%0d%0aset-cookie:a=b", "?code=x&state=" + strings.Repeat("A", 5000)} {
		for _, provider := range []string{"people", "nobody", "", "%2e%2e"} {
			p := b.get(s.url("auth.example.com", "/.access/idp/"+provider+"/callback"+q))
			if p.status != 400 || p.header.Get("Set-Cookie") != "" {
				t.Errorf("%.40s at %q: %d %s", q, provider, p.status, p.header.Get("Set-Cookie"))
			}
		}
	}
}

// E9: a planted session at the team host is dropped where somebody signs in, and
// the new one is another.
func TestFixation(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	team, _ := url.Parse(s.url("auth.example.com", "/"))
	b.client.Jar.SetCookies(team, []*http.Cookie{{Name: teamCookie, Value: "planted", Path: "/", Secure: true}})
	first := b.get(s.url("app1.example.com", "/.access/login?rd=%2F"))
	p := b.get(first.location)
	if c := p.header.Get("Set-Cookie"); !strings.HasPrefix(c, teamCookie+"=;") || !strings.Contains(c, "Max-Age=0") {
		t.Errorf("the planted cookie stays: %q", c)
	}
	p = b.signIn(p, "ann", password)
	set := strings.Join(p.header.Values("Set-Cookie"), "; ")
	if !strings.Contains(set, teamCookie+"=ey") {
		t.Errorf("no new session: %q", set)
	}
	// Two cookies of the name: one is somebody else's.
	_, good, _ := strings.Cut(set, teamCookie+"=")
	good, _, _ = strings.Cut(good, ";")
	stranger := s.browser()
	stranger.follow = false
	p = stranger.get(first.location, "Cookie", teamCookie+"="+good+"; "+teamCookie+"=other")
	if strings.Contains(p.location, "ticket=") {
		t.Error("one of two sessions was believed")
	}
}

// F1: cookies of every bad kind, on every endpoint that reads one.
func TestBadCookies(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	for _, value := range []string{"", "x", "a.b.c", "a.b.c.d.e", "ey.ey.ey", strings.Repeat("A", 4000), strings.Repeat("a.", 2000), `"quoted"`, "%00", "eyJhbGciOiJub25lIn0.e30."} {
		for _, name := range []string{"__Host-ostiary", "__Secure-ostiary", teamCookie, hopsCookie, keyCookie + "0", keyCookie + "w", keyCookie} {
			for _, address := range []string{s.url("app1.example.com", "/.access/get-identity"), s.url("app1.example.com", "/"), s.url("app1.example.com", "/.access/login"),
				s.url("app1.example.com", "/.access/token?for="+s.url("app2.example.net", "")), s.url("auth.example.com", "/"), s.url("app1.example.com", "/.access/authorized?ticket=x")} {
				p := b.get(address, "Cookie", name+"="+value, "X-Requested-With", "test")
				if p.status >= 500 || p.hasSession() || strings.Contains(p.body, "@example.com") {
					t.Errorf("%s=%.20s at %s: %d", name, value, address, p.status)
				}
			}
		}
	}
}

// E4: no header says where to go.
func TestNoHeaderIsBelieved(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	for _, name := range []string{"X-Auth-Request-Redirect", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "Forwarded", "X-Forwarded-Proto", "X-Host", "Referer"} {
		p := b.get(s.url("app1.example.com", "/.access/login?rd=%2Fx"), name, "https://evil.example/")
		if p.status != 302 || !strings.HasPrefix(p.location, s.url("auth.example.com", "/.access/login/app1.example.com?attempt=")) {
			t.Errorf("%s: %d %s", name, p.status, p.location)
		}
	}
}

// A form of another site is refused, and nothing here can be framed or read.
func TestCrossSiteForms(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	form := b.get(s.url("app1.example.com", "/"))
	fields := url.Values{"username": {"ann"}, "password": {password}}
	for _, m := range hidden.FindAllStringSubmatch(form.body, -1) {
		fields.Set(m[1], m[2])
	}
	b.follow = false
	action := form.at.Scheme + "://" + form.at.Host + form.at.Path
	for _, header := range [][]string{
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", ""}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none"},
		{"Origin", "https://auth.example.com.evil.example"},
	} {
		p := b.do(http.MethodPost, action, fields, header...)
		if p.status != 403 || p.header.Get("Set-Cookie") != "" {
			t.Errorf("%v: %d %v", header, p.status, p.header.Values("Set-Cookie"))
		}
	}
	if p := b.do(http.MethodPost, action, fields); p.status != 303 {
		t.Errorf("our own form: %d", p.status)
	}
}

// Methods that are none.
func TestMethods(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	for _, path := range []string{"/.access/login", "/.access/authorized", "/.access/get-identity", "/.access/token", "/.access/client.js", "/.access/logout"} {
		for _, m := range []string{"PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"} {
			p := b.do(m, s.url("app1.example.com", path), nil, "Origin", s.url("app2.example.net", ""), "Access-Control-Request-Method", "GET")
			if p.status != 405 && p.status != 403 || p.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %d", m, path, p.status)
			}
		}
	}
}

// Nobody is sent to what acts on somebody else's word, and no image signs out.
func TestNoActionByReturnURL(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	b.follow = false
	for _, rd := range []string{"/.access/logout?all", "/.access/logout", "/.access/", "/.access?x", "/.access/login?rd=/x", "/.access/token?for=x", s.url("app2.example.net", "/.access/logout?all")} {
		if got := s.replicas[0].destination(rd, "app1.example.com", s.table); got != s.url("app1.example.com", "/") {
			t.Errorf("%s leads to %s", rd, got)
		}
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors"}, {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Site", "same-site"}} {
		for _, address := range []string{s.url("app1.example.com", "/.access/logout?all"), s.url("auth.example.com", "/.access/logout")} {
			if p := b.get(address, header...); p.status != 200 || p.header.Get("Set-Cookie") != "" || !strings.Contains(p.body, `method="post"`) {
				t.Errorf("%v: %d %s", header, p.status, p.header.Get("Set-Cookie"))
			}
		}
	}
	// A farewell without a name is none: the team host asks.
	p := s.browser()
	p.follow = false
	nobody := p.get(s.url("app1.example.com", "/.access/logout?all"), "Sec-Fetch-Site", "none")
	if p := b.get(nobody.location, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); p.status != 200 || p.header.Get("Set-Cookie") != "" {
		t.Errorf("a farewell of nobody: %d %s", p.status, p.header.Get("Set-Cookie"))
	}
}

// A host that no policy claims has nothing to sign in to.
func TestUnknownHost(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	for _, host := range []string{"evil.example", "app1.example.com.evil.example", "sub.app1.example.com"} {
		if p := b.get(s.url(host, "/.access/login?rd=%2F")); p.status != 404 || p.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d", host, p.status)
		}
	}
}

// F15: users of a provider that was removed, and users who were, are out at once
// at the team host.
func TestRemovedProvider(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	s.providers.Update(nil)
	if p := b.get(s.url("app2.example.net", "/")); p.status != http.StatusServiceUnavailable {
		t.Errorf("%d", p.status)
	}
}

// A path of our own in another spelling is none of ours.
func TestExactPaths(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	for _, path := range []string{"/.access/login/", "/.access//login", "/.access/%6cogin", "/.access/./login", "/.access/Login", "/.accesslogin", "/.access", "/.access/"} {
		if p := b.get(s.url("app1.example.com", path)); p.status == 302 && strings.Contains(p.location, "attempt=") {
			t.Errorf("%s begins a login", path)
		}
	}
}

// An application that nobody may enter by any rule leaves no session behind, and
// its page names no rule.
func TestDeniedPageSaysNoRule(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[2].Rules[0].Name = "the secret board"
		return p
	})
	b := s.browser()
	p := b.enter("app3.example.org", "/", "ann")
	b.want(p, 403, "ann@example.com")
	if strings.Contains(p.body, "secret board") || strings.Contains(p.body, "root@") {
		t.Errorf("the page gives rules away: %s", p.body)
	}
}

// F16: no token counts in an address, and none is logged, whatever happens to it.
func TestNoTokenInAddresses(t *testing.T) {
	var log strings.Builder
	s := newSite(t, nil)
	for _, r := range s.replicas {
		r.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	_, a := b.token("app1.example.com", "app2.example.net")
	stranger := s.browser()
	stranger.follow = false
	for _, name := range []string{"access_token", "token", "jwt", "__Host-ostiary", "CF_Authorization", "ticket"} {
		for _, host := range []string{"app1.example.com", "app2.example.net"} {
			p := stranger.get(s.url(host, "/x?"+name+"="+a.Token), "Origin", s.url("app1.example.com", ""))
			if p.status == 200 {
				t.Errorf("%s in the address of %s is good", name, host)
			}
			stranger.get(s.url(host, "/.access/get-identity?"+name+"="+a.Token))
			stranger.get(s.url(host, "/.access/authorized?ticket="+a.Token))
		}
	}
	stranger.get(s.url("auth.example.com", "/.access/login/app1.example.com?attempt="+a.Token))
	b.get(s.url("app1.example.com", "/.access/logout?all"))
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "eyJ") {
			t.Errorf("a token in the log: %s", line)
		}
	}
	if log.Len() == 0 {
		t.Error("nothing was logged")
	}
}

// F10: a group that the list of built-in users no longer has is gone when the session at an
// application is over by its policy, although the one at the team host goes on.
func TestGroupTakenAway(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Rules = allow([]policy.Selector{{Property: policy.IdPGroup, Value: "staff"}})
		p[0].Session.Duration = time.Hour
		return p
	})
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	for range 11 { // without a prompt, as long as they are in the list
		s.later(2 * time.Hour)
		b.want(b.get(s.url("app1.example.com", "/")), 200, "for ann")
	}
	s.providers.Update([]idp.Config{{Name: "people", DisplayName: "People", Type: "users", Users: []byte(strings.ReplaceAll(string(people(t, "ann")), "[staff]", "[]"))}})
	b.want(b.get(s.url("app1.example.com", "/")), 200, "for ann") // the hour is not over
	s.later(61 * time.Minute)
	b.want(b.get(s.url("app1.example.com", "/")), 403, "don’t have access")
	s.later(2 * time.Hour)
	b.want(b.get(s.url("app2.example.net", "/")), 200, `type="password"`) // 24 hours after the password, it is asked for
}
