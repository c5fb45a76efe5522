// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// parts are a host of which a part has sessions of its own, and another host that
// the same policy guards.
func parts(t testing.TB) *policy.Table {
	t.Helper()
	all := []policy.Selector{{Property: policy.Everyone}}
	of := func(name string, paths ...policy.Path) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "n", Name: name}, Hosts: []string{"a.example.com", "b.example.com"}, Paths: paths,
			Rules: []policy.Rule{{Action: policy.Allow, Include: all}}}
	}
	part := of("part", policy.Path{Value: "/part"})
	part.Session.Cookie.PathScoped = true
	table, issues := policy.Build(policy.Input{
		Policies:    policy.CompileAll([]policy.Policy{of("root"), part, of("other", policy.Path{Value: "/other"})}),
		Revocations: []policy.Revocation{{User: "gone", Before: start.Add(time.Hour)}},
	})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return table
}

func at(t testing.TB, table *policy.Table, url string) policy.Place {
	t.Helper()
	target, err := policy.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	return table.At(&policy.Request{Target: target, Method: "GET", Now: start})
}

// A crumb is a cookie that may come along, and what a plain reading says of it.
type crumb struct {
	label, name, value string
	who                string   // empty: it is no session, now or here
	part               bool     // it was made for a part of the host
	audience           []string // whom it is for
	bind               string
	age                time.Duration
}

// crumbs are one cookie of each kind.
func crumbs(t testing.TB, r *Ring) []crumb {
	t.Helper()
	make := func(c crumb, change func(*Claims)) crumb {
		claims := Claims{Issuer: issuer, Audience: c.audience, ID: c.who, Provider: "corp", Host: "a.example.com", PathScoped: c.part,
			Bind:     c.bind,
			IssuedAt: start.Add(-c.age), Lifetime: time.Hour}
		if change != nil {
			change(&claims)
			c.who = ""
		}
		c.value = mint(t, r, claims, start.Add(-c.age))
		return c
	}
	root, part := []string{"n/root", "n/other"}, []string{"n/part"}
	out := []crumb{
		make(crumb{label: "ann", who: "ann", audience: root, age: 5 * time.Minute}, nil),
		make(crumb{label: "ann, newer", who: "ann", audience: root}, nil),
		make(crumb{label: "bob", who: "bob", audience: root}, nil),
		make(crumb{label: "ann's, part", who: "ann", audience: part, part: true, bind: "here", age: 5 * time.Minute}, nil),
		make(crumb{label: "eve's, part", who: "eve", audience: part, part: true, bind: "there"}, nil),
		make(crumb{label: "eve's, part, unbound", who: "eve", audience: part, part: true}, nil),
		make(crumb{label: "over", who: "eve", audience: root, age: 2 * time.Hour}, func(c *Claims) { c.Lifetime = 121 * time.Minute }),
		make(crumb{label: "wrong host", who: "eve", audience: root}, func(c *Claims) { c.Host = "b.example.com" }),
		make(crumb{label: "wrong host, part", who: "eve", audience: part, part: true}, func(c *Claims) { c.Host = "b.example.com" }),
		make(crumb{label: "revoked", who: "eve", audience: root}, func(c *Claims) { c.ID = "gone" }),
		make(crumb{label: "for scripts", who: "eve", audience: root}, func(c *Claims) { c.AuthorizedParty = "https://spa.example.com" }),
		make(crumb{label: "not for us", who: "eve", audience: []string{"z/z"}}, func(*Claims) {}),
		{label: "junk", value: "x"}, {label: "junk of our shape", value: strings.Repeat("A", 300) + "." + strings.Repeat("B", 300) + ".C"},
	}
	out[6].value = mint(t, r, Claims{Issuer: issuer, Audience: root, ID: "eve", Lifetime: time.Minute}, start.Add(-time.Hour))
	forged := out[2]
	forged.label, forged.value, forged.who = "forged", forge(forged.value, 3), ""
	out = append(out, forged)
	var both []crumb
	for _, c := range out {
		for _, c.name = range []string{CookieName, PathCookieName} {
			both = append(both, c)
		}
	}
	for _, bind := range []string{"here", "there"} {
		both = append(both, crumb{label: "bind " + bind, name: BindCookieName, value: bind})
	}
	return both
}

// accepted is the slow reading: whom the cookies name where the policy of that
// audience decides.
func accepted(jar []crumb, audience string) string {
	var binds []string
	for _, c := range jar {
		if c.name == BindCookieName {
			binds = append(binds, c.value)
		}
	}
	for _, name := range []string{CookieName, PathCookieName} {
		var fit []crumb
		for _, c := range jar {
			if c.name == name && c.who != "" && c.part == (name == PathCookieName) && slices.Contains(c.audience, audience) &&
				(!c.part || len(binds) == 0 || slices.Contains(binds, c.bind)) {
				fit = append(fit, c)
			}
		}
		if len(fit) == 0 {
			continue
		}
		newest := slices.MinFunc(fit, func(x, y crumb) int { return int(x.age - y.age) })
		same := !slices.ContainsFunc(fit, func(c crumb) bool { return c.who != newest.who })
		if same || name == PathCookieName && len(binds) > 0 {
			return newest.who
		}
	}
	return ""
}

func field(jar []crumb) (cookie, labels string) {
	for _, c := range jar {
		cookie += c.name + "=" + c.value + "; "
		labels += c.name + "=" + c.label + "; "
	}
	return cookie + "theme=dark", labels
}

// TestWhoeverCookiesName: for every one, two and three cookies of ours, in every
// order, and for many more at random, whom the decision knows is whom a plain
// reading knows. (attack: __Secure-ostiary undoes __Host-)
func TestWhoeverCookiesName(t *testing.T) {
	r := fixedRing(t)
	v, table := NewVerifier(r, issuer, 0), parts(t)
	all := crumbs(t, r)
	check := func(jar []crumb) {
		cookie, labels := field(jar)
		for url, audience := range map[string]string{"https://a.example.com/x": "n/root", "https://a.example.com/part/x": "n/part",
			"https://a.example.com/other": "n/other"} {
			target, _ := policy.ParseTarget(url)
			q := policy.Request{Target: target, Method: "GET", Now: start}
			q.Present(v.Subject(table.At(&q), cookie, "", start))
			got := ""
			if d := table.Decide(q); d.Verdict == policy.Admit {
				got = q.Subject.ID
			}
			if want := accepted(jar, audience); got != want {
				t.Fatalf("%s\n%s: %q, want %q", labels, url, got, want)
			}
		}
	}
	check(nil)
	for _, a := range all {
		check([]crumb{a})
		for _, b := range all {
			check([]crumb{a, b})
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		jar := make([]crumb, 3+random.IntN(6))
		for i := range jar {
			jar[i] = all[random.IntN(len(all))]
		}
		check(jar)
	}
}

// TestJunkDisplacesNothing: no number of cookies that are no session here keeps one
// out that is, nor does it win over it.
func TestJunkDisplacesNothing(t *testing.T) {
	r := fixedRing(t)
	v, table := NewVerifier(r, issuer, 0), parts(t)
	all := crumbs(t, r)
	ann, part, here := all[0], all[7], all[len(all)-2]
	if ann.label != "ann" || part.label != "ann's, part" || part.name != PathCookieName || here.value != "here" {
		t.Fatal(ann.label, part.label, part.name, here.value)
	}
	for _, junk := range all {
		if junk.who != "" && junk.name == CookieName && !junk.part {
			continue // a session of the whole host
		}
		for _, n := range []int{1, 4, 40} {
			for _, tc := range []struct {
				url  string
				good []crumb
			}{{"https://a.example.com/x", []crumb{ann}}, {"https://a.example.com/part", []crumb{here, part}}} {
				if junk.value == "there" && tc.good[0].value == "here" {
					continue // both browsers' own
				}
				jar := append(slices.Repeat([]crumb{junk}, n), tc.good...)
				if junk.name == part.name && junk.value == part.value {
					continue
				}
				for range 2 {
					cookie, labels := field(jar)
					if s := v.Subject(at(t, table, tc.url), cookie, "", start).Subject; s == nil || s.ID != "ann" {
						t.Errorf("%s (%d)\n%s: %+v", labels[:60], n, tc.url, s)
					}
					slices.Reverse(jar)
				}
			}
		}
	}
}

// TestBearerBesidesCookies: what Authorization says counts where no cookie does.
func TestBearerBesidesCookies(t *testing.T) {
	r := fixedRing(t)
	v, table := NewVerifier(r, issuer, 0), parts(t)
	token := func(id string, part bool, audience ...string) string {
		return mint(t, r, Claims{Issuer: issuer, Audience: audience, ID: id, PathScoped: part, Lifetime: time.Hour}, start)
	}
	root, part := token("root", false, "n/root"), token("part", true, "n/part")
	for _, tc := range []struct {
		url, cookie, bearer, want string
		inHeader                  bool
	}{
		{"https://a.example.com/", CookieName + "=" + root, part, "root", false},
		{"https://a.example.com/", CookieName + "=" + root, "x", "root", false},
		{"https://a.example.com/part", CookieName + "=" + root, part, "part", true},
		{"https://a.example.com/part", PathCookieName + "=" + part, root, "part", false},
		{"https://a.example.com/", PathCookieName + "=" + part, root, "root", true},
		{"https://a.example.com/", "", root, "root", true},
		{"https://a.example.com/part", "", root, "root", true}, // Decide says that it is not for this policy
		{"https://a.example.com/part", CookieName + "=" + root, "x", "root", false},
		{"https://none.example.com/", CookieName + "=" + root, part, "root", false},
	} {
		got := v.Subject(at(t, table, tc.url), tc.cookie, "Bearer "+tc.bearer, start)
		if got.Subject == nil || got.Subject.ID != tc.want || got.InHeader != tc.inHeader || got.Refused != policy.NoReason {
			t.Errorf("%+v: %+v", tc, got)
		}
	}
}

// TestPathScopedNoMore: the cookie of a part counts for as long as the policy has one.
func TestPathScopedNoMore(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 0)
	cookie := PathCookieName + "=" + mint(t, r, Claims{Issuer: issuer, Audience: []string{"n/part"}, ID: "ann", PathScoped: true,
		Lifetime: time.Hour}, start)
	for _, scoped := range []bool{true, false} {
		p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "part"}, Hosts: []string{"a.example.com"},
			Paths: []policy.Path{{Value: "/part"}},
			Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}}}
		p.Session.Cookie.PathScoped = scoped
		table, _ := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{p})})
		if got := v.Subject(at(t, table, "https://a.example.com/part"), cookie, "", start); (got.Subject != nil) != scoped {
			t.Errorf("%v: %+v", scoped, got)
		}
	}
}

// TestSubjectAllocatesNothing: this is on the way of every request.
func TestSubjectAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	r := fixedRing(t)
	v, table := NewVerifier(r, issuer, 0), parts(t)
	all := crumbs(t, r)
	whole, _ := field([]crumb{all[0]})
	mixed, _ := field([]crumb{all[0], all[7], all[9], all[len(all)-2]})
	for name, cookie := range map[string]string{"one": whole, "several": mixed} {
		for _, url := range []string{"https://a.example.com/x", "https://a.example.com/part/x"} {
			place := at(t, table, url)
			if n := testing.AllocsPerRun(100, func() { v.Subject(place, cookie, "", start) }); n != 0 {
				t.Errorf("%s at %s: %v allocations", name, url, n)
			}
		}
	}
}

// FuzzCookies: whatever a Cookie field holds besides, a session at its end counts,
// unless there is another person's.
func FuzzCookies(f *testing.F) {
	r := fixedRing(f)
	v, table := NewVerifier(r, issuer, 0), parts(f)
	ann := crumbs(f, r)[0]
	f.Add("a=b; " + CookieName + "=x")
	f.Add(strings.Repeat(PathCookieName+"=x;", 9))
	f.Add(`"; ; =;` + BindCookieName + `="`)
	f.Fuzz(func(t *testing.T, junk string) {
		if len(junk) > maxCookies/2 {
			return
		}
		for _, cookie := range []string{junk + "; " + ann.name + "=" + ann.value, ann.name + "=" + ann.value + "; " + junk} {
			got := v.Subject(at(t, table, "https://a.example.com/x"), cookie, "", start)
			if got.Subject == nil || got.Subject.ID != "ann" || got.InHeader {
				t.Fatalf("%q: %+v", junk, got)
			}
		}
	})
}
