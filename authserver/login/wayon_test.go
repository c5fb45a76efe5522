// SPDX-License-Identifier: Apache-2.0

package login

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/idp"
)

// links are where a page leads, by what its links say.
func (p page) links() map[string]string {
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>\s*(?:<[^>]*>)*([^<]*)`).FindAllStringSubmatch(p.body, -1) {
		out[html.UnescapeString(m[2])] = html.UnescapeString(m[1])
	}
	return out
}

// twoProviders are the built-in users, and a provider that does not answer.
func twoProviders(t *testing.T, s *site) {
	t.Helper()
	hash, _ := hashed()
	users := idp.Config{Name: "people", DisplayName: "people", Type: "users",
		Users: []byte("[{name: ann, passwordHash: " + strconv.Quote(string(hash)) + "}]")}
	gone := newOpenIDProvider(t)
	away := gone.config()
	away.Name, away.DisplayName = "gone", "gone"
	gone.server.Close()
	if problems := s.providers.Update([]idp.Config{users, away}); len(problems) > 0 {
		t.Fatal(problems)
	}
}

// TestWayToAnotherProvider: from the form of one provider, after a mistake too, and from one
// that does not answer, it goes back to the choice; where there is no choice, nothing says so.
func TestWayToAnotherProvider(t *testing.T) {
	s := newSite(t, nil)
	twoLists(t, s, false)
	b := s.browser()
	choice := b.get(s.url("app1.example.com", "/x"))
	form := b.get(choice.links()["guests"])
	wrong := b.signIn(form, "ann", "wrong")
	for name, p := range map[string]page{"form": form, "wrong": wrong} {
		back := b.get(p.links()["Sign in another way"])
		if back.status != 200 || back.links()["people"] == "" || back.links()["guests"] == "" {
			t.Errorf("%s: %d %v", name, back.status, back.links())
		}
	}
	down := newSite(t, nil)
	twoProviders(t, down)
	b = down.browser()
	p := b.get(b.get(down.url("app1.example.com", "/x")).links()["gone"])
	if back := b.get(p.links()["Try again"]); p.status != 502 || back.links()["people"] == "" || back.links()["gone"] == "" {
		t.Errorf("a provider that does not answer: %d %v\n%s", p.status, p.links(), afterMain(p.body))
	}
	if s := newSite(t, nil); strings.Contains(s.browser().get(s.url("app1.example.com", "/")).body, "another way") {
		t.Error("another way where there is one provider")
	}
}

// TestTooManyTriesLeadBack: whoever tried too often is told for which application, and has a
// link to try again there.
func TestTooManyTriesLeadBack(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	form := b.get(s.url("app1.example.com", "/deep?q=1"))
	var p page
	for range 50 {
		if p = b.signIn(form, "ann", "wrong"); p.status == http.StatusTooManyRequests {
			break
		}
	}
	if p.status != http.StatusTooManyRequests || p.links()["Try again"] != s.url("app1.example.com", "/deep?q=1") ||
		!strings.Contains(p.body, "<dd>app1.example.com</dd>") {
		t.Errorf("%d %v\n%s", p.status, p.links(), afterMain(p.body))
	}
}

// TestSignOutLeadsOn: the question whether to sign out has a link to stay, and a page after it
// says of what somebody is signed out, and leads on.
func TestSignOutLeadsOn(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.enter("app1.example.com", "/", "ann")
	from := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}
	for address, stay := range map[string]string{
		s.url("app1.example.com", "/.access/logout"): s.url("app1.example.com", "/"),
		s.url("auth.example.com", "/.access/logout"): s.url("auth.example.com", "/"),
	} {
		if p := b.get(address, from...); p.links()["Stay signed in"] != stay {
			t.Errorf("%s: %v\n%s", address, p.links(), afterMain(p.body))
		}
	}
	out := b.get(s.url("app1.example.com", "/.access/logout"))
	if !strings.Contains(out.body, "<h1>You’re signed out of <bdi>app1.example.com</bdi></h1>") || out.links()["Sign in again"] == "" {
		t.Error(afterMain(out.body))
	}
	b.enter("app1.example.com", "/", "ann")
	p := b.do(http.MethodPost, s.url("auth.example.com", "/.access/logout"), url.Values{})
	if p.status != 200 || p.links()["Go to the start page"] != s.url("auth.example.com", "/") {
		t.Errorf("%d %v\n%s", p.status, p.links(), afterMain(p.body))
	}
}
