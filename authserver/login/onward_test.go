// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/json"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

const app1, teamAt = "app1.example.com", "auth.example.com"

// byScript sends a form as a script of an origin does: the team host's asks again where it is told 409.
func (b *browser) byScript(address, origin string, form url.Values, header ...string) page {
	b.t.Helper()
	header = append([]string{"Origin", origin, "Accept", "application/json"}, header...)
	p := b.do(http.MethodPost, address, form, header...)
	if p.status == http.StatusConflict && origin == b.url(teamAt, "") {
		p = b.do(http.MethodPost, address, form, header...)
	}
	return p
}

// to is where an answer to a script leads.
func (p page) to() string {
	var answer struct{ To string }
	_ = json.Unmarshal([]byte(p.body), &answer) // nowhere
	return answer.To
}

var onwardData = regexp.MustCompile(`(action|data-[a-z]+)="([^"]*)"`)

// onward reads a page that goes on by a script: its form, and what it knows.
func (p page) onward(t testing.TB) (form url.Values, data map[string]string) {
	t.Helper()
	if p.status != http.StatusOK || !strings.Contains(p.body, `<form id="onward" method="post"`) {
		t.Fatalf("%s is no page that goes on: %d %s", p.at, p.status, afterMain(p.body))
	}
	form, data = url.Values{}, map[string]string{}
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	_, tag, _ := strings.Cut(p.body, `<form id="onward"`)
	tag, _, _ = strings.Cut(tag, ">")
	for _, m := range onwardData.FindAllStringSubmatch(tag, -1) {
		data[m[1]] = html.UnescapeString(m[2])
	}
	return form, data
}

// began begins a sign-in by a script, signs in, and returns the page that ends it.
func (b *browser) began(rd string) page {
	b.t.Helper()
	p := b.byScript(b.url(app1, "/.access/login"), b.url(app1, ""), url.Values{"rd": {rd}})
	if p.status != 200 || !strings.HasPrefix(p.to(), b.url(teamAt, "/.access/login/app1.example.com?attempt=")) {
		b.t.Fatalf("the script was told %d %s", p.status, p.body)
	}
	p = b.get(p.to())
	if strings.Contains(p.body, `type="password"`) {
		p = b.signIn(p, "ann", password)
	}
	return p
}

func (b *browser) forget(host string) {
	u, _ := url.Parse(b.url(host, "/"))
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: credential.CookieName, Path: "/", Secure: true, MaxAge: -1}})
}

// A sign-in that a script began ends by a form, which a script sends: no visit to the
// application is on the way that a worker there could answer.
func TestOnward(t *testing.T) {
	s := newSite(t, nil)
	team := s.url(teamAt, "")
	for name, send := range map[string]func(*browser, string, url.Values) page{
		"by the team host's page": func(b *browser, to string, f url.Values) page { return b.byScript(to, team, f) },
		"of the same site": func(b *browser, to string, f url.Values) page {
			return b.byScript(to, team, f, "Sec-Fetch-Site", "same-site")
		},
		"by the application's own page": func(b *browser, to string, f url.Values) page { return b.byScript(to, s.url(app1, ""), f) },
		"as a form of the team host":    func(b *browser, to string, f url.Values) page { return b.do("POST", to, f, "Origin", team) },
		"as a form from another site": func(b *browser, to string, f url.Values) page {
			return b.do("POST", to, f, "Origin", team, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
		},
		"as a form that begs for a JSON": func(b *browser, to string, f url.Values) page {
			return b.do("POST", to, f, "Origin", team, "Accept", "application/json", "Sec-Fetch-Mode", "navigate")
		},
	} {
		b := s.browser()
		p := b.began("/x?q=1")
		form, data := p.onward(t)
		if data["action"] != s.url(app1, "/.access/authorized") || data["data-origin"] != s.url(app1, "") ||
			data["data-to"] != s.url(app1, "/x?q=1") ||
			data["data-popup"] != "" || data["data-hand"] != "yes" || len(form) != 1 {
			t.Fatalf("%s: %v %v", name, data, form)
		}
		for _, visited := range b.visited {
			if strings.HasPrefix(visited, s.url(app1, "/")) {
				t.Errorf("%s: the application was visited: %s", name, visited)
			}
		}
		b.follow = false
		p = send(b, data["action"], form)
		script := strings.HasPrefix(name, "by") || strings.HasPrefix(name, "of")
		if p.status != 200 || !p.hasSession() || p.location != "" || script != (p.to() == data["data-to"]) ||
			!script && !strings.Contains(p.body, `content="0; url=`+data["data-to"]+`"`) {
			t.Fatalf("%s: %d %s %s", name, p.status, p.location, afterMain(p.body))
		}
		if got := p.header.Get("Access-Control-Allow-Origin"); got != "" && got != team || (got == "") != strings.Contains(name, "own") {
			t.Errorf("%s: Access-Control-Allow-Origin: %q", name, got)
		}
		b.want(b.get(data["data-to"]), 200, "/x?q=1 for ann@example.com")
		b.forget(app1)
		again := send(b, data["action"], form) // without the session's cookie, as of another site
		if used := again.status == 400 && again.header.Get("X-Access-Reason") == "bad-ticket"; again.hasSession() || used != script ||
			!script && !strings.Contains(again.body, `content="0; url=`+data["data-to"]+`"`) {
			t.Errorf("%s: a second time: %d %s", name, again.status, again.header.Get("X-Access-Reason"))
		}
	}
}

// Whoever waits for a window is told of it, and its page knows that it is one.
func TestOnwardInPopup(t *testing.T) {
	s := newSite(t, nil)
	for _, done := range []string{"/.access/done", "/.access/done?0.5"} {
		_, data := s.browser().began(s.url(app1, done)).onward(t)
		if data["data-popup"] != "yes" || data["data-to"] != s.url(app1, done) {
			t.Error(data)
		}
	}
}

// The page runs its own script alone, which asks one origin alone; and says to whom it
// sends a form who sends it.
func TestOnwardPolicy(t *testing.T) {
	s := newSite(t, nil)
	p := s.browser().began("/")
	csp := p.header.Get("Content-Security-Policy")
	got := regexp.MustCompile(`; script-src '(sha256-[^' ]+)'; connect-src ([^;]+)$`).FindStringSubmatch(csp)
	if got == nil || got[2] != s.url(app1, "") || strings.Contains(csp, "unsafe") || !strings.HasPrefix(csp, "default-src 'none'") {
		t.Error(csp)
	}
	if got := p.header.Get("Referrer-Policy"); got != "strict-origin" {
		t.Error("Referrer-Policy:", got)
	}
}

// E13: nobody but pages of the team host and the application's own begin or end anything by a
// form; and what is refused sets no cookie, and cannot be read elsewhere.
func TestOnwardOrigins(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	form, data := b.began("/").onward(t)
	b.follow = false
	team := s.url(teamAt, "")
	for _, address := range []string{data["action"], s.url(app1, "/.access/login"), s.url(app1, "/.access/logout")} {
		for name, header := range map[string][]string{
			"nobody":                    {"Origin", ""},
			"null":                      {"Origin", "null"},
			"another site":              {"Origin", "https://evil.example"},
			"another application":       {"Origin", s.url("app2.example.net", "")},
			"below the team host":       {"Origin", s.url("x.auth.example.com", "")},
			"the team host without TLS": {"Origin", strings.Replace(team, "https", "http", 1)},
			"another port":              {"Origin", "https://auth.example.com"},
			"the team host, and more":   {"Origin", team + ".evil.example"},
			"in upper case":             {"Origin", strings.ToUpper(team)},
			"said to be cross-site":     {"Origin", s.url(app1, ""), "Sec-Fetch-Site", "cross-site"},
			"said to be same-site":      {"Origin", s.url(app1, ""), "Sec-Fetch-Site", "same-site"},
			"cookies would not be kept": {"Origin", team, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Accept", "application/json"},
		} {
			for _, accept := range []string{"text/html", "application/json"} {
				p := b.do(http.MethodPost, address, form, append([]string{"Accept", accept}, header...)...)
				if p.status != 403 || len(p.header.Values("Set-Cookie")) > 0 || p.header.Get("X-Access-Reason") != "cross-site" {
					t.Errorf("%s at %s: %d %v", name, address, p.status, p.header)
				}
				if got := p.header.Get("Access-Control-Allow-Origin"); got != "" && (got != team || header[1] != team) {
					t.Errorf("%s at %s may read it: %s", name, address, got)
				}
			}
		}
	}
	if p := b.byScript(data["action"], team, form); p.status != 200 || !p.hasSession() {
		t.Errorf("and all that used the ticket up: %d", p.status)
	}
	// The team host takes its own forms alone.
	for _, path := range []string{"/.access/login/app1.example.com", "/.access/logout", "/.access/sessions"} {
		if p := b.do(http.MethodPost, s.url(teamAt, path), url.Values{}, "Origin", s.url(app1, "")); p.status != 403 {
			t.Errorf("%s: %d", path, p.status)
		}
	}
}

// E13. Login CSRF: a ticket that somebody else's browser asked for is of no use here, whoever
// sends it; and neither is one for another host, forged, late, or none.
func TestOnwardTicketOfAnother(t *testing.T) {
	s := newSite(t, nil)
	mallory, ann := s.browser(), s.browser()
	form, data := mallory.began("/").onward(t)
	ann.began("/") // she has a key, but not that one
	ann.follow = false
	team := s.url(teamAt, "")
	for _, origin := range []string{team, s.url(app1, "")} {
		if p := ann.byScript(data["action"], origin, form); p.status != 409 || p.hasSession() || p.header.Get("X-Access-Reason") != "no-state" {
			t.Errorf("a script of %s: %d %s", origin, p.status, p.body)
		}
	}
	// As a form it leads to a sign-in of hers, as a visit does.
	p := ann.do(http.MethodPost, data["action"], form, "Origin", team)
	if p.status != 303 || p.hasSession() || !strings.HasPrefix(p.location, s.url(app1, "/.access/login?")) ||
		strings.Contains(p.location, "ticket") {
		t.Errorf("a form: %d %s", p.status, p.location)
	}
	for name, ticket := range map[string]string{"none": "", "garbage": "x", "forged": tampered(form.Get("ticket"))} {
		if p := mallory.byScript(data["action"], team, url.Values{"ticket": {ticket}}); p.status != 400 || p.hasSession() {
			t.Errorf("%s: %d", name, p.status)
		}
	}
	if p := mallory.byScript(s.url("app2.example.net", "/.access/authorized"), team, form); p.status != 400 || p.hasSession() {
		t.Errorf("at another host: %d", p.status)
	}
	if p := mallory.byScript(data["action"], team, url.Values{"ticket": {strings.Repeat("a", 20<<10)}}); p.status != 400 || p.hasSession() {
		t.Errorf("20 KiB: %d", p.status)
	}
	s.later(ticketTime + time.Second)
	if p := mallory.byScript(data["action"], team, form); p.status != 400 || p.hasSession() {
		t.Errorf("too late: %d", p.status)
	}
}

// E13: a ticket of a sign-in that began by a visit does not come by a form.
func TestOnwardTicketOfAVisit(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	at, _ := url.Parse(b.toTicket(app1, "/x", "ann"))
	form := url.Values{"ticket": {at.Query().Get("ticket")}}
	if p := b.byScript(s.url(app1, "/.access/authorized"), s.url(teamAt, ""), form); p.status != 409 || p.hasSession() {
		t.Errorf("%d %s", p.status, p.body)
	}
	if p := b.get(at.String()); p.status != 200 || b.session(app1) == "" {
		t.Errorf("as a visit: %d", p.status)
	}
}

// E13: a script that was smuggled into a page of the application may send a ticket that it sees
// to whoever began the attempt. So pages of the application see none unless both are in one
// network, and what they send from another is of no use.
func TestOnwardNearby(t *testing.T) {
	for name, c := range map[string]struct {
		began, visits, posts string
		hand, taken          bool
	}{
		"here":                  {"192.0.2.7", "192.0.2.7", "192.0.2.7", true, true},
		"begun elsewhere":       {"198.51.100.1", "192.0.2.7", "192.0.2.7", false, false},
		"sent away":             {"192.0.2.7", "192.0.2.7", "198.51.100.1", true, false},
		"one network of IPv6":   {"2001:db8::1", "2001:db8::2", "2001:db8::3", true, true},
		"another one":           {"2001:db8::1", "2001:db8:0:1::1", "2001:db8::1", false, true},
		"nobody knows":          {"", "", "", false, false},
		"known at first":        {"192.0.2.7", "", "", false, false},
		"known in the end":      {"", "192.0.2.7", "192.0.2.7", false, false},
		"IPv4 in IPv6 is IPv4":  {"192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7", true, true},
		"a neighbour's address": {"192.0.2.7", "192.0.2.8", "192.0.2.7", false, true},
	} {
		s := newSite(t, nil)
		from := func(address string) {
			s.address = netip.Addr{}
			if address != "" {
				s.address = netip.MustParseAddr(address)
			}
		}
		b := s.browser()
		from(c.began)
		p := b.byScript(s.url(app1, "/.access/login"), s.url(app1, ""), url.Values{"rd": {"/"}})
		from(c.visits)
		form, data := b.signIn(b.get(p.to()), "ann", password).onward(t)
		if got := data["data-hand"] == "yes"; got != c.hand {
			t.Errorf("%s: handed over: %v", name, got)
		}
		from(c.posts)
		if p := b.byScript(data["action"], s.url(app1, ""), form); p.hasSession() != c.taken || !c.taken && p.status != 409 {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
		if p := b.byScript(data["action"], s.url(teamAt, ""), form); p.status != 200 {
			t.Errorf("%s, from the team host: %d", name, p.status)
		}
	}
}

// A link to sign in at the team host begins by a script as well, and by a visit where
// there is none.
func TestOnwardBegins(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	p := b.get(s.url(teamAt, "/.access/login/app1.example.com?redirect_url=%2Fx%3Fa%3D1"))
	form, data := p.onward(t)
	next := s.url(teamAt, "/.access/login/app1.example.com?attempt=")
	if data["action"] != s.url(app1, "/.access/login") || data["data-next"] != next || data["data-to"] != "" || data["data-hand"] != "" ||
		form.Get("rd") != "/x?a=1" || len(b.jar(app1)) > 0 {
		t.Errorf("%v %v %v", data, form, b.jar(app1))
	}
	want := `<noscript><meta http-equiv="refresh" content="0; url=` + s.url(app1, "/.access/login?rd=%2Fx%3Fa%3D1") + `"></noscript>`
	if !strings.Contains(p.body, want) {
		t.Errorf("without a script: %s", p.body[:2000])
	}
	answer := b.byScript(data["action"], s.url(teamAt, ""), form)
	if !strings.HasPrefix(answer.to(), next) || answer.header.Get("Access-Control-Allow-Credentials") != "true" ||
		answer.header.Get("Vary") != "Origin" {
		t.Fatalf("%d %s %v", answer.status, answer.body, answer.header)
	}
	_, data = b.signIn(b.get(answer.to()), "ann", password).onward(t)
	if data["data-to"] != s.url(app1, "/x?a=1") {
		t.Error(data)
	}
	// As a form, from another site.
	b = s.browser()
	p = b.do(http.MethodPost, s.url(app1, "/.access/login"), form, "Origin", s.url(teamAt, ""), "Sec-Fetch-Site", "cross-site",
		"Sec-Fetch-Mode", "navigate")
	b.signIn(p, "ann", password).onward(t)
	for rd, want := range map[string]string{"https://evil.example/": "/", "//evil.example": "/", "/" + strings.Repeat("a", 3000): "/"} {
		form, data := b.get(s.url(teamAt, "/.access/login/app1.example.com?redirect_url="+url.QueryEscape(rd))).onward(t)
		_, data = b.get(b.byScript(data["action"], s.url(teamAt, ""), form).to()).onward(t)
		if data["data-to"] != s.url(app1, want) {
			t.Errorf("%.20s leads to %s", rd, data["data-to"])
		}
	}
	// Whoever comes back to an attempt whose time is over begins anew in the same way.
	old := b.byScript(s.url(app1, "/.access/login"), s.url(app1, ""), url.Values{"rd": {"/old"}}).to()
	s.later(attemptTime + time.Second)
	if form, data := b.get(old).onward(t); data["action"] != s.url(app1, "/.access/login") || form.Get("rd") != "/old" {
		t.Error(data, form)
	}
}
