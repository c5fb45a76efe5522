// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// portal is a host that policies share, one of them in part, and who takes
// tokens from it.
func portal() []Policy {
	root, api, team := of(
		"n",
		"root",
		0,
		Allow,
		[]string{"a.x", "*.b.x"},
	), of(
		"n",
		"api",
		0,
		Allow,
		[]string{"a.x"},
		prefixes("/api")...), of(
		"n",
		"team",
		0,
		Allow,
		[]string{"a.x"},
		Path{Value: "/team"},
		Path{Value: "/é", Exact: true},
	)
	root.IdentityProviders = []string{"corp", "guests"}
	root.Denied = Denied{Message: "Ask Ann."}
	root.Rules = append(root.Rules, Rule{Action: Block, Include: groups("leavers"), SessionDuration: 90 * time.Hour})
	api.Session = Session{Duration: 2 * time.Hour, Cookie: Cookie{SameSite: SameSiteLax}}
	api.Rules = append(api.Rules, Rule{Action: Allow, Include: groups("dev", "ops"), SessionDuration: time.Hour})
	team.Session.Cookie = Cookie{PathScoped: true, ScriptReadable: true}
	team.Session.Duration = 7 * time.Hour
	team.Rules = append(team.Rules, Rule{Action: Allow, Include: groups("team"), Require: proof("mfa")})
	broken := of("n", "broken", 0, NoAction, []string{"a.x"}, prefixes("/broken")...)
	taker, deaf := of("o", "taker", 0, Allow, []string{"t.y"}), of("o", "deaf", 0, Allow, []string{"t.y"}, prefixes("/deaf")...)
	taker.CORS = &CORS{
		AllowedOrigins:   []string{"https://a.x", "https://*.b.x:8443"},
		AllowAllMethods:  true,
		AllowCredentials: true,
		Tokens:           true,
	}
	taker.Rules = []Rule{{Action: Allow, Include: groups("tokens", "dev"), Require: proof("hwk")}}
	deaf.CORS = &CORS{AllowedOrigins: []string{"https://a.x"}, AllowAllMethods: true, AllowCredentials: true}
	deaf.Rules = []Rule{{Action: Allow, Include: groups("secret")}}
	return []Policy{root, api, team, broken, taker, deaf}
}

func TestSignIn(t *testing.T) {
	table, _ := build(portal())
	shared := []string{"n/api", "n/root"}
	for url, want := range map[string]SignIn{
		"https://a.x/": {
			Policy: Source{Namespace: "n", Name: "root"}, Audience: []string{"n/root", "n/api"}, Providers: []string{"corp", "guests"}, Duration: 2 * time.Hour, Unsaid: true, Cookie: Cookie{SameSite: SameSiteLax},
			Reads: Reads{Groups: []string{"dev", "leavers", "ops", "tokens"}, AMR: true}, Denied: Denied{Message: "Ask Ann."},
		},
		"https://a.x/api//x": {
			Policy: Source{Namespace: "n", Name: "api"}, Audience: shared, Duration: 2 * time.Hour, Unsaid: true, Cookie: Cookie{SameSite: SameSiteLax},
			Reads: Reads{Groups: []string{"dev", "leavers", "ops", "tokens"}, AMR: true},
		},
		"https://a.x/team/x/y": {
			Policy: Source{Namespace: "n", Name: "team"}, Audience: []string{"n/team"}, Duration: 7 * time.Hour, Cookie: Cookie{SameSite: SameSiteLax, PathScoped: true, ScriptReadable: true}, Path: "/team",
			Reads: Reads{Groups: []string{"dev", "team", "tokens"}, AMR: true},
		},
		"https://a.x/%C3%A9": {
			Policy: Source{Namespace: "n", Name: "team"}, Audience: []string{"n/team"}, Duration: 7 * time.Hour, Cookie: Cookie{SameSite: SameSiteLax, PathScoped: true, ScriptReadable: true}, Path: "/%C3%A9",
			Reads: Reads{Groups: []string{"dev", "team", "tokens"}, AMR: true},
		},
		"https://c.b.x/": {
			Policy: Source{Namespace: "n", Name: "root"}, Audience: []string{"n/root"}, Providers: []string{"corp", "guests"}, Unsaid: true, Cookie: Cookie{SameSite: SameSiteLax},
			Reads: Reads{Groups: []string{"leavers"}}, Denied: Denied{Message: "Ask Ann."},
		},
		"https://c.b.x:8443/": {
			Policy: Source{Namespace: "n", Name: "root"}, Audience: []string{"n/root"}, Providers: []string{"corp", "guests"}, Unsaid: true, Cookie: Cookie{SameSite: SameSiteLax},
			Reads: Reads{Groups: []string{"dev", "leavers", "tokens"}, AMR: true}, Denied: Denied{Message: "Ask Ann."},
		},
		"https://a.x/broken": {}, "https://a.x/..;/api": {}, "https://b.x/": {}, "https://evil.x/": {},
	} {
		target, err := ParseTarget(url)
		if err != nil {
			target = mustTarget(t, "https://evil.x/")
		}
		origin := "https://" + target.Host()
		if url == "https://c.b.x:8443/" {
			origin += ":8443"
		}
		got, ok := table.SignIn(target, origin)
		got.Reads.asked, got.Reads.askedElsewhere = nil, nil // see reads_test.go
		if !reflect.DeepEqual(got, want) || ok != (want.Policy.Name != "") {
			t.Errorf("%s: %v %+v\nwant %+v", url, ok, got, want)
		}
	}
	for host, want := range map[string]bool{"a.x": true, "c.b.x": true, "b.x": false, "d.c.b.x": false, "t.y": true, "": false} {
		if table.Claims(host) != want {
			t.Errorf("Claims(%q) = %v", host, !want)
		}
	}
	if got := table.CookiePaths("a.x"); !slices.Equal(got, []string{"/%C3%A9", "/team"}) || table.CookiePaths("c.b.x") != nil {
		t.Errorf("paths of cookies: %q", got)
	}
	got := table.Reads()
	if got.asked = nil; !reflect.DeepEqual(got, Reads{Groups: []string{"dev", "leavers", "ops", "secret", "team", "tokens"}, AMR: true}) {
		t.Errorf("all that is read: %+v", got)
	}
	var none *Table
	if in, ok := none.SignIn(mustTarget(t, "https://a.x/"), ""); ok || in.Policy.Name != "" || none.Claims("a.x") ||
		none.CookiePaths("a.x") != nil ||
		none.Session("a.x", session("n/root"), now, 0) != NotReady ||
		none.TokenAudience("a.x", "", session("n/root"), now) != nil ||
		none.Reads().Groups != nil {
		t.Error("what a nil table says")
	}
}

// The cookie goes with requests of other sites where some policy that shares it wants
// that, and nowhere else. (field: SameSite=None for everybody)
func TestSameSite(t *testing.T) {
	credentials := &CORS{AllowedOrigins: []string{"https://o.x"}, AllowAllMethods: true, AllowCredentials: true}
	reading := &CORS{AllowedOrigins: []string{"https://o.x"}, AllowAllMethods: true}
	everybody := &CORS{AllowAllOrigins: true, AllowAllMethods: true}
	for i, tc := range []struct {
		cookie Cookie
		cors   *CORS
		other  *CORS // of a policy for a part of the host
		says   SameSite
		scoped bool
		want   SameSite
	}{
		{want: SameSiteLax},
		{cors: reading, want: SameSiteLax},
		{cors: everybody, want: SameSiteLax},
		{cors: credentials, want: SameSiteNone},
		{cookie: Cookie{SameSite: SameSiteLax}, cors: credentials, want: SameSiteLax},
		{cookie: Cookie{SameSite: SameSiteStrict}, cors: credentials, want: SameSiteStrict},
		{cookie: Cookie{SameSite: SameSiteNone}, want: SameSiteNone},
		{cookie: Cookie{Partitioned: true}, want: SameSiteNone},
		{cookie: Cookie{Partitioned: true, SameSite: SameSiteLax}, want: SameSiteLax},
		{other: credentials, want: SameSiteNone},
		{other: reading, want: SameSiteLax},
		{other: credentials, says: SameSiteLax, want: SameSiteLax},
		{says: SameSiteNone, want: SameSiteNone},
		{says: SameSiteStrict, want: SameSiteLax},
		{other: credentials, scoped: true, want: SameSiteLax},
		{cookie: Cookie{SameSite: SameSiteLax}, other: credentials, want: SameSiteLax},
	} {
		p, other := of("n", "p", 0, Allow, []string{"a.x"}), of("n", "o", 0, Allow, []string{"a.x"}, prefixes("/o")...)
		p.Session.Cookie, p.CORS, other.CORS = tc.cookie, tc.cors, tc.other
		other.Session.Cookie = Cookie{SameSite: tc.says, PathScoped: tc.scoped}
		in, ok := mustBuild(t, p, other).SignIn(mustTarget(t, "https://a.x/"), "")
		if !ok || in.Cookie.SameSite != tc.want {
			t.Errorf("%d %+v: %d", i, tc, in.Cookie.SameSite)
		}
	}
}

func TestKeep(t *testing.T) {
	r := Reads{Groups: []string{"a", "c"}}
	if got := r.Keep([]string{"c", "b", "a", "C"}); !slices.Equal(got, []string{"c", "a"}) {
		t.Errorf("%q", got)
	}
	if r.Keep(nil) != nil || (&Reads{}).Keep([]string{"a"}) != nil {
		t.Error("something of nothing")
	}
}

// Whoever signs in by a SignIn is let in by Decide, and their token is void on
// every other host.
func TestAudienceIsOfTheHost(t *testing.T) {
	var policies []Policy
	for i := range 40 {
		policies = append(policies, of("n", fmt.Sprintf("p%02d", i), 0, Allow, []string{"a.x"}, prefixes(fmt.Sprint("/p", i))...))
	}
	other := of("n", "other", 0, Allow, []string{"b.x"})
	table := mustBuild(t, append(policies, other)...)
	for i := range policies {
		target := mustTarget(t, fmt.Sprintf("https://a.x/p%d/x", i))
		in, ok := table.SignIn(target, "https://a.x")
		if !ok || len(in.Audience) != maxAudience || in.Audience[0] != Audience(policies[i].Source) ||
			len(slices.Compact(slices.Sorted(slices.Values(in.Audience)))) != maxAudience {
			t.Fatalf("%d: %v", i, in.Audience)
		}
		s := session("")
		s.Audience = in.Audience
		if d := table.Decide(Request{Target: target, Method: "GET", Subject: s, Now: now}); d.Verdict != Admit {
			t.Errorf("%d: %s", i, brief(d))
		}
		if d := table.Decide(Request{Target: mustTarget(t, "https://b.x/"), Method: "GET", Subject: s, Now: now}); d.Reason != WrongAudience {
			t.Errorf("%d: %s", i, brief(d))
		}
	}
}

func TestSession(t *testing.T) {
	table, _ := build(portal())
	table = table.revoking([]Revocation{{User: "bob@y", Before: now}})
	for name, tc := range map[string]struct {
		host   string
		change func(*Subject)
		want   Reason
	}{
		"good":              {"a.x", func(*Subject) {}, NoReason},
		"of any":            {"a.x", func(s *Subject) { s.Audience = []string{"z/z", "n/api"} }, NoReason},
		"of the scoped one": {"a.x", func(s *Subject) { s.Audience = []string{"n/team"} }, NoReason},
		"of the broken one": {"a.x", func(s *Subject) { s.Audience = []string{"n/broken"} }, WrongAudience},
		"of another host":   {"t.y", func(*Subject) {}, WrongAudience},
		"no such host":      {"z.z", func(*Subject) {}, NoPolicy},
		"a token":           {"a.x", func(s *Subject) { s.AuthorizedParty = "https://a.x" }, WrongAudience},
		"over":              {"a.x", func(s *Subject) { s.ExpiresAt = now }, SessionExpired},
		"old for one":       {"a.x", func(s *Subject) { s.IssuedAt, s.Audience = now.Add(-3*time.Hour), []string{"n/api"} }, SessionExpired},
		"young for another": {"a.x", func(s *Subject) { s.IssuedAt, s.Audience = now.Add(-3*time.Hour), []string{"n/api", "n/root"} }, NoReason},
		"the first reason": {"a.x", func(s *Subject) {
			s.IssuedAt, s.Provider, s.Audience = now.Add(-3*time.Hour), "evil", []string{"n/api", "n/root"}
		}, SessionExpired},
		"revoked":            {"a.x", func(s *Subject) { s.Email = "BOB@y" }, SessionRevoked},
		"wrong provider":     {"a.x", func(s *Subject) { s.Provider, s.Audience = "evil", []string{"n/root"} }, WrongProvider},
		"right for somebody": {"a.x", func(s *Subject) { s.Provider, s.Audience = "evil", []string{"n/root", "n/api"} }, NoReason},
	} {
		s := session("n/root")
		s.Provider = "corp"
		tc.change(s)
		if got := table.Session(tc.host, s, now, 0); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if got := table.Session("a.x", nil, now, 0); got != NoSession {
		t.Errorf("nobody: %q", got)
	}
}

// One rule that says nothing lets a session last for as long as it says itself.
func TestSessionWithoutBound(t *testing.T) {
	table := mustBuild(
		t,
		one(Rule{Action: Allow, Include: emails("bob@y"), SessionDuration: time.Minute}, Rule{Action: Allow, Include: everyone()}),
	)
	s := session("n/p")
	if got := table.Session("a.x", s, now, 0); got != NoReason {
		t.Error(got)
	}
	if in, _ := table.SignIn(mustTarget(t, "https://a.x/"), ""); in.Duration != time.Minute {
		t.Error(in.Duration)
	}
}

func TestPathScoped(t *testing.T) {
	nested, root := of(
		"n",
		"nested",
		0,
		Allow,
		[]string{"a.x"},
		Path{Value: "/a"},
		Path{Value: "/a/b/c"},
		Path{Value: "/a/b"},
		Path{Value: "/a/b/c/d", Exact: true},
	), of(
		"n",
		"root",
		0,
		Allow,
		[]string{"a.x"},
	)
	for i := range few { // so that there are many
		nested.Paths = append(nested.Paths, Path{Value: fmt.Sprint("/z", i)})
	}
	nested.Session.Cookie.PathScoped, root.Session.Cookie.PathScoped = true, true // which a whole host cannot be
	for _, paths := range []int{4, 4 + few} {
		nested := nested
		nested.Paths = nested.Paths[:paths]
		table := mustBuild(t, nested, root)
		for path, want := range map[string]string{"/a": "/a", "/a/x": "/a", "/a/b": "/a/b", "/a/b/c/d/e": "/a/b/c", "/a/b/c/d": "/a/b/c/d"} {
			if in, _ := table.SignIn(mustTarget(t, "https://a.x"+path), ""); in.Path != want || !in.Cookie.PathScoped ||
				!slices.Equal(in.Audience, []string{"n/nested"}) {
				t.Errorf("%s: %+v", path, in)
			}
		}
		if in, _ := table.SignIn(mustTarget(t, "https://a.x/"), ""); in.Path != "" || in.Cookie.PathScoped ||
			!slices.Equal(in.Audience, []string{"n/root"}) {
			t.Errorf("the whole host: %+v", in)
		}
		if got := table.CookiePaths("a.x"); len(got) != paths || got[0] != "/a" {
			t.Errorf("paths of cookies: %q", got)
		}
	}
}

func TestTokenAudience(t *testing.T) {
	net := networks("10.0.0.0/8")
	for name, tc := range map[string]struct {
		rules []Rule
		want  bool
	}{
		"everyone":               {does(Allow), true},
		"group":                  {[]Rule{{Action: Allow, Include: groups("dev")}}, true},
		"no member":              {[]Rule{{Action: Allow, Include: groups("ops")}}, false},
		"blocked":                {[]Rule{{Action: Block, Include: groups("dev")}, {Action: Allow, Include: everyone()}}, false},
		"blocked below":          {[]Rule{{Action: Allow, Include: everyone()}, {Action: Block, Include: groups("dev")}}, true},
		"a method":               {[]Rule{{Action: Allow, Methods: []string{"PUT"}, Include: everyone()}}, true},
		"a method, blocked":      {[]Rule{{Action: Block, Methods: []string{"PUT"}, Include: everyone()}, {Action: Allow, Methods: []string{"PUT"}, Include: everyone()}}, false},
		"another, blocked":       {[]Rule{{Action: Block, Methods: []string{"PUT"}, Include: everyone()}, {Action: Allow, Include: everyone()}}, true},
		"from the office":        {[]Rule{{Action: Allow, Include: everyone(), Require: net}}, true},
		"but not from there":     {[]Rule{{Action: Allow, Include: everyone(), Exclude: net}}, true},
		"blocked there":          {[]Rule{{Action: Block, Include: net}, {Action: Allow, Include: everyone()}}, true},
		"blocked elsewhere":      {[]Rule{{Action: Block, Include: everyone(), Exclude: net}, {Action: Allow, Include: everyone()}}, true},
		"needs no token":         {does(Bypass), false},
		"for machines":           {does(ServiceAuth), false},
		"nobody":                 {nil, false},
		"somebody else's office": {[]Rule{{Action: Allow, Include: emails("bob@y"), Require: net}}, false},
	} {
		p := of("o", "p", 0, Allow, []string{"t.y"})
		p.Rules = tc.rules
		p.CORS = &CORS{AllowedOrigins: []string{"https://a.x"}, AllowAllMethods: true, AllowCredentials: true, Tokens: true}
		s := session("n/root")
		s.Groups = []string{"dev"}
		var want []string
		if tc.want {
			want = []string{"o/p"}
		}
		table := mustBuild(t, p)
		if got := table.TokenAudience("t.y", "https://a.x", s, now); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
		if got := table.TokenAudience("t.y", "https://b.x", s, now); got != nil {
			t.Errorf("%s, for another origin: %q", name, got)
		}
		for what, change := range map[string]func(*Policy){
			"revoked":       func(p *Policy) { p.Session.RevokedBefore = now },
			"provider":      func(p *Policy) { p.IdentityProviders = []string{"corp"} },
			"no tokens":     func(p *Policy) { p.CORS.Tokens = false },
			"mistaken":      func(p *Policy) { p.CORS.MaxAge = -9 },
			"no CORS":       func(p *Policy) { p.CORS = nil },
			"other origins": func(p *Policy) { p.CORS.AllowedOrigins = []string{"https://c.x"} },
		} {
			q := p
			cors := *p.CORS
			q.CORS = &cors
			change(&q)
			table, _ := build([]Policy{q})
			if got := table.TokenAudience("t.y", "https://a.x", s, now); got != nil {
				t.Errorf("%s, %s: %q", name, what, got)
			}
		}
	}
}

// Policies elsewhere, which take tokens from a host, cannot make its sessions large.
func TestReadElsewhere(t *testing.T) {
	taker := func(ns, name string, age int, named ...string) Policy {
		p := of(ns, name, age, Allow, []string{name + ".t"})
		p.CORS = &CORS{AllowedOrigins: []string{"https://a.x"}, AllowAllMethods: true, AllowCredentials: true, Tokens: true}
		p.Rules = nil
		for _, g := range named {
			p.Rules = append(p.Rules, Rule{Action: Allow, Include: groups(g)})
		}
		return p
	}
	many := func(prefix string) (named []string) {
		for i := range 40 {
			named = append(named, fmt.Sprintf("%s-%02d-of-the-many", prefix, i))
		}
		return named
	}
	table := mustBuild(t, of("n", "app", 0, Allow, []string{"a.x"}),
		taker("evil", "first", 1, many("one")...), taker("evil", "second", 2, many("two")...),
		taker("n", "own", 9, many("own")...), taker("good", "last", 10, "staff"))
	target, err := ParseTarget("https://a.x/")
	if err != nil {
		t.Fatal(err)
	}
	in, ok := table.SignIn(target, "https://a.x")
	if !ok || !slices.Contains(in.Reads.Groups, "own-39-of-the-many") {
		t.Errorf("those of the namespace come first: %q", in.Reads.Groups)
	}
	if slices.Contains(in.Reads.Groups, "one-00-of-the-many") || !slices.Contains(in.Reads.Groups, "staff") {
		t.Errorf("there is room for what fits: %q", in.Reads.Groups)
	}
	if n := len(strings.Join(in.Reads.Groups, "")) + len(in.Reads.Asked()); n > maxElsewhere {
		t.Errorf("%d bytes for others", n)
	}
	s := session("n/app")
	s.Asked, s.Groups = in.Reads.Asked(), []string{"one-00-of-the-many", "staff"}
	if table.TokenAudience("first.t", "https://a.x", s, now) != nil || table.TokenAudience("last.t", "https://a.x", s, now) == nil {
		t.Error("a token for those whom the session answers, and no other")
	}
}
