// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
)

// inParts is a site of which a part has sessions of its own.
func inParts(p []policy.Policy) []policy.Policy {
	team := named("team", "app1.example.com")
	team.Paths = []policy.Path{{Value: "/team"}}
	team.Session.Cookie.PathScoped = true
	team.Rules = allow(everyone())
	return append(p, team)
}

// cookie is what a browser sends with a name to an address.
func (b *browser) cookie(address, name string) string {
	u, _ := url.Parse(address)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// What another host of the domain can plant is no session, and displaces none.
// (attack: __Secure-ostiary undoes __Host-)
func TestPlantedCookies(t *testing.T) {
	s := newSite(t, inParts)
	whole, part := s.url("app1.example.com", "/x"), s.url("app1.example.com", "/team/x")
	mallory, ann := s.browser(), s.browser()
	for _, b := range []*browser{mallory, ann} {
		who := map[*browser]string{mallory: "bob", ann: "ann"}[b]
		b.want(b.enter("app1.example.com", "/x", who), 200, "/x for "+who)
		b.want(b.get(part), 200, "/team/x for "+who)
	}
	his, hers := mallory.cookie(whole, credential.CookieName), ann.cookie(whole, credential.CookieName)
	hisPart, hersPart := mallory.cookie(part, credential.PathCookieName), ann.cookie(part, credential.PathCookieName)
	bind := ann.cookie(part, credential.BindCookieName)
	if his == "" || hersPart == "" || bind == "" || bind == mallory.cookie(part, credential.BindCookieName) {
		t.Fatal(ann.jar("app1.example.com"))
	}
	const host, secure, here = credential.CookieName + "=", credential.PathCookieName + "=", credential.BindCookieName + "="
	for name, tc := range map[string]struct{ address, cookie, want string }{
		"his session under the other name":      {whole, secure + his, ""},
		"and beside one that is damaged":        {whole, secure + his + "; " + host + hers[:len(hers)-9], ""},
		"and where it could count":              {part, secure + his, ""},
		"his, of the part, elsewhere":           {whole, secure + hisPart, ""},
		"his, of the part, as one of the whole": {whole, host + hisPart, ""},
		"the same, at the part":                 {part, host + hisPart, ""},
		"hers, of the part":                     {part, secure + hersPart, "ann"},
		"with what is hers beside it":           {part, secure + hersPart + "; " + here + bind, "ann"},
		"his before hers":                       {part, secure + hisPart + "; " + secure + hersPart + "; " + here + bind, "ann"},
		"his after hers":                        {part, here + bind + "; " + secure + hersPart + "; " + secure + hisPart, "ann"},
		"his alone, in her browser":             {part, secure + hisPart + "; " + here + bind, ""},
		"nobody can tell":                       {part, secure + hisPart + "; " + secure + hersPart, ""},
		"junk first":                            {part, strings.Repeat(secure+"x; ", 20) + secure + hersPart, "ann"},
		"junk first, on the whole":              {whole, strings.Repeat(host+"x; ", 20) + host + hers, "ann"},
		"his under the other name before hers":  {whole, secure + his + "; " + host + hers, "ann"},
	} {
		stranger := s.browser()
		stranger.follow = false
		p := stranger.get(tc.address, "Cookie", tc.cookie)
		got := ""
		if p.status == http.StatusOK {
			_, got, _ = strings.Cut(p.body, " for ")
			got, _, _ = strings.Cut(got, "@")
		}
		if got != tc.want {
			t.Errorf("%s: %d %q, want %q", name, p.status, got, tc.want)
		}
		if p := stranger.get(s.url("app1.example.com", "/.access/get-identity"), "Cookie", secure+his+"; "+secure+hisPart); p.status != 401 {
			t.Errorf("get-identity: %d %s", p.status, p.body)
		}
	}
}

// Signing out leaves no session in the browser, whatever name and path it has, and
// what was planted counts no more than before.
func TestSignOutDropsEveryName(t *testing.T) {
	for name, edit := range map[string]func([]policy.Policy) []policy.Policy{"no parts": nil, "parts": inParts} {
		s := newSite(t, edit)
		b := s.browser()
		b.want(b.enter("app1.example.com", "/x", "ann"), 200, "ann")
		part := s.url("app1.example.com", "/team/x")
		b.want(b.get(part), 200, "ann")
		old, bind := b.cookie(part, credential.PathCookieName), b.cookie(part, credential.BindCookieName)
		b.follow = false
		p := b.get(s.url("app1.example.com", "/.access/logout"), "Sec-Fetch-Site", "same-origin")
		dropped := map[string]bool{}
		for _, line := range p.header.Values("Set-Cookie") {
			c, err := http.ParseSetCookie(line)
			if err == nil && c.MaxAge < 0 {
				key := c.Name + " " + c.Path
				if c.Partitioned {
					key += " partitioned"
				}
				dropped[key] = true
			}
		}
		want := []string{"__Host-ostiary /", "__Host-ostiary / partitioned", "__Secure-ostiary /", "__Secure-ostiary / partitioned"}
		if name == "parts" {
			want = append(want, "__Secure-ostiary /team", "__Secure-ostiary /team partitioned")
		}
		for _, key := range want {
			if !dropped[key] {
				t.Errorf("%s: %s stays: %v", name, key, p.header)
			}
		}
		if b.cookie(part, credential.PathCookieName) != "" {
			t.Errorf("%s: the session of the part is still there", name)
		}
		if name == "parts" {
			now := b.cookie(part, credential.BindCookieName)
			if now == "" || now == bind {
				t.Errorf("the browser is bound as before: %q", now)
			}
			// One that could not be removed counts no more.
			if p := b.get(part, "Cookie", credential.PathCookieName+"="+old+"; "+credential.BindCookieName+"="+now); p.status == http.StatusOK {
				t.Errorf("a session that stayed behind: %s", p.body)
			}
		}
		total := 0
		for field, lines := range p.header {
			for _, line := range lines {
				total += len(field) + len(line) + 4
			}
		}
		if total > 3000 {
			t.Errorf("%s: the header section has %d bytes", name, total)
		}
	}
}

// A second sign-in takes the place of the first, whichever jar that is in.
func TestOneSessionInTwoJars(t *testing.T) {
	for _, partitioned := range []bool{false, true} {
		s := newSite(t, func(p []policy.Policy) []policy.Policy {
			p[0].Session.Cookie.Partitioned = partitioned
			return p
		})
		b := s.browser()
		b.want(b.enter("app2.example.net", "/", "ann"), 200, "ann")
		b.follow = false
		next := s.url("app1.example.com", "/.access/login?rd=%2Fx")
		var p page
		for range 3 {
			p = b.get(next, "Cookie", credential.CookieName+"=x") // as if the other jar held one
			next = p.location
		}
		var kept, dropped *http.Cookie
		for _, line := range p.header.Values("Set-Cookie") {
			if c, err := http.ParseSetCookie(line); err == nil && c.Name == credential.CookieName {
				if c.MaxAge < 0 {
					dropped = c
				} else {
					kept = c
				}
			}
		}
		if kept == nil || dropped == nil || kept.Partitioned != partitioned || dropped.Partitioned == partitioned {
			t.Errorf("partitioned %v: %v", partitioned, p.header.Values("Set-Cookie"))
		}
	}
}
