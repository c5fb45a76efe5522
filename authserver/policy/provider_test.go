// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func provided(subjects string) *Subject {
	id, provider, _ := strings.Cut(subjects, "@")
	return &Subject{ID: id, Email: id + "@example.com", Provider: provider, Audience: []string{"n/p"},
		SignedInAt: now, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
}

// A session is good for as long as there is a provider that answers for it: Decide,
// Explain and everything else of the table say so.
func TestProviders(t *testing.T) {
	cors := &CORS{AllowedOrigins: []string{"https://o.x"}, AllowAllMethods: true, AllowCredentials: true, Tokens: true}
	p := one(Rule{Action: Allow, Include: everyone()})
	p.CORS = cors
	free := mustBuild(t, p)
	list := []Provider{{Name: "corp"}, {Name: "people", Listed: true, Users: []User{{"ann", "Ann@example.com"}, {"bob", ""}}}, {Name: "empty", Listed: true}}
	for name, c := range map[string]struct {
		providers *Providers
		void      string
	}{
		"not known yet":     {nil, ""},
		"none":              {NewProviders(), "ann@corp ann@people eve@people ann@empty ann@gone"},
		"a zero Providers":  {&Providers{}, "ann@corp ann@people eve@people ann@empty ann@gone"},
		"all":               {NewProviders(list...), "eve@people ann@empty ann@gone"},
		"one":               {NewProviders(list[0]), "ann@people eve@people ann@empty ann@gone"},
		"two of one name":   {NewProviders(append(list, Provider{Name: "corp", Listed: true})...), "ann@corp eve@people ann@empty ann@gone"},
		"three of one name": {NewProviders(list[0], list[0], list[0]), "ann@corp ann@people eve@people ann@empty ann@gone"},
	} {
		for _, table := range []*Table{free.providing(c.providers), first(Build(Input{Policies: CompileAll([]Policy{p}), Providers: c.providers}))} {
			for _, who := range []string{"ann@corp", "ann@people", "eve@people", "ann@empty", "ann@gone", "ann@"} {
				s, want := provided(who), NoReason
				if slices.Contains(strings.Fields(c.void), who) {
					want = SessionRevoked
				}
				r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}
				d := table.Decide(r)
				e, trace := table.Explain(r)
				if d != e || (d.Verdict == Admit) != (want == NoReason) || want != NoReason && d.Reason != want {
					t.Errorf("%s, %s: %s, and Explain says %s", name, who, brief(d), brief(e))
				}
				told := strings.Contains(trace.Steps[len(trace.Steps)-2].Detail, s.Provider)
				if want != NoReason && !told {
					t.Errorf("%s, %s: %+v", name, who, trace.Steps)
				}
				if got := table.Session("a.x", s, now, 0); got != want {
					t.Errorf("%s, %s: Session says %s", name, who, got)
				}
				if table.Revoked(s) != (want != NoReason) || (len(table.TokenAudience("a.x", "https://o.x", s, now)) > 0) != (want == NoReason) {
					t.Errorf("%s, %s: Revoked %v, tokens for %q", name, who, table.Revoked(s), table.TokenAudience("a.x", "https://o.x", s, now))
				}
			}
		}
	}
	var none *Table
	if none.Provided("corp") || !free.Provided("x") {
		t.Error("what a nil table says, and one that knows no providers")
	}
	table := free.providing(NewProviders(list...))
	if id, ok := table.UserID("people", "aNN@example.com"); id != "ann" || !ok {
		t.Errorf("%q %v", id, ok)
	}
	for _, c := range [][2]string{{"people", "bob"}, {"people", ""}, {"corp", "ann@example.com"}, {"gone", "ann@example.com"}} {
		for _, table := range []*Table{table, free, none} {
			if id, ok := table.UserID(c[0], c[1]); ok {
				t.Errorf("%q is %q", c, id)
			}
		}
	}
	for name, want := range map[string]bool{"corp": true, "people": true, "empty": true, "gone": false} {
		if got := table.Provided(name); got != want {
			t.Errorf("%s is provided: %v", name, got)
		}
	}
}

func first(t *Table, _ []Issue) *Table { return t }

// Providers are in the revision, whatever their order, and so are the revocations and
// routes beside them.
func TestProvidersAreInTheRevision(t *testing.T) {
	table := mustBuild(t, one(does(Allow)...))
	user := func(id, email string) []User { return []User{{id, email}} }
	seen := map[string]int{}
	for i, list := range [][]Provider{nil, {{Name: "a"}}, {{Name: "b"}}, {{Name: "a"}, {Name: "b"}}, {{Name: "a", Listed: true}}, {{Name: "a", Listed: true, Users: user("u", "")}},
		{{Name: "a", Listed: true, Users: user("v", "")}}, {{Name: "a", Listed: true, Users: user("u", "v")}}, {{Name: "a", Listed: true, Users: append(user("u", ""), user("v", "")...)}},
		{{Name: "a", Listed: true, Users: user("u", "")}, {Name: "b", Listed: true, Users: user("u", "")}}} {
		turned := slices.Clone(list)
		slices.Reverse(turned)
		for _, bindings := range [][]Binding{nil, {{"n/i", "n/p"}}} {
			for _, revocations := range [][]Revocation{nil, {{User: "ann", Before: now}}} {
				with := func(list []Provider) *Table {
					return table.bound(bindings).providing(NewProviders(list...)).revoking(revocations)
				}
				if with(list).Revision() != with(turned).Revision() {
					t.Errorf("%+v: in another order, another revision", list)
				}
				for _, r := range []string{with(list).Revision(), with(list).bound(bindings).revoking(revocations).Revision()} {
					if j, ok := seen[r]; ok && j != i {
						t.Errorf("%+v has the revision of number %d", list, j)
					}
					seen[r] = i
				}
			}
		}
	}
	if _, ok := seen[table.Revision()]; ok || len(seen) != 40 {
		t.Errorf("%d revisions", len(seen))
	}
	if got := table.providing(NewProviders()).providing(nil); got.Revision() != table.Revision() || !got.Provided("x") {
		t.Error("providers stay that were taken away")
	}
}

// In which order a provider lists its users is no matter, even where two have one address.
func TestUsersInAnyOrder(t *testing.T) {
	users := []User{{"ann", "a@x"}, {"bob", "A@X"}, {"bob", "b@x"}, {"eve", ""}}
	want := NewProviders(Provider{Name: "people", Listed: true, Users: users})
	for range 6 {
		users = append(users[1:], users[0])
		for _, list := range [][]User{users, {users[1], users[0], users[3], users[2]}} {
			before := slices.Clone(list)
			if got := NewProviders(Provider{Name: "people", Listed: true, Users: list}); !reflect.DeepEqual(got, want) || !slices.Equal(list, before) {
				t.Errorf("%v: %+v, want %+v", before, got.byName["people"], want.byName["people"])
			}
		}
	}
}

// Asking for the provider costs no allocation.
func TestProvidersAllocateNothing(t *testing.T) {
	table := mustBuild(t, one(Rule{Action: Allow, Include: everyone()})).providing(NewProviders(Provider{Name: "people", Listed: true, Users: []User{{"ann", ""}}}))
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: provided("ann@people"), Now: now}
	if n := testing.AllocsPerRun(100, func() {
		if table.Decide(r).Verdict != Admit {
			t.Fatal("not admitted")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
