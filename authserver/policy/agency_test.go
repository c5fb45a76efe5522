// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"
)

// agencyTable has an application for clients whose first rule says how old a session may be, one
// for clients of another issuer, and one for none.
func agencyTable(t *testing.T) *Table {
	t.Helper()
	of := func(name string, o *OAuth) Policy {
		return Policy{Source: Source{Namespace: "shop", Name: name}, Hosts: []string{name + ".example.com"}, OAuth: o, Rules: []Rule{
			{Name: "short", Action: Allow, SessionDuration: time.Hour, Include: []Selector{{Property: Email, Value: "short@example.com"}}},
			{Name: "long", Action: Allow, Include: []Selector{{Property: Email, Value: "ann@example.com"}}}}}
	}
	table, issues := Build(Input{Policies: CompileAll([]Policy{of("mcp", &OAuth{Scopes: []string{"a"}}), of("corp",
		&OAuth{Issuer: "corp"}), of("app", nil)})})
	for _, i := range issues {
		if !i.Warning() {
			t.Fatal(i)
		}
	}
	return table
}

// actingFor is somebody for whom a client acts, of whom a provider spoke some time ago.
func actingFor(email string, ago time.Duration) *Subject {
	return &Subject{ID: "1", Email: email, Client: "cli", Audience: []string{"shop/mcp"}, Host: "mcp.example.com",
		GrantedAt: now.Add(-ago), SignedInAt: now.Add(-ago), IssuedAt: now.Add(-ago), ExpiresAt: now.Add(time.Minute)}
}

// TestAgency: what clients can have is what the policy of the target says, of the team host.
func TestAgency(t *testing.T) {
	table := agencyTable(t)
	for host, want := range map[string]bool{"mcp.example.com": true, "corp.example.com": false, "app.example.com": false,
		"no.example.com": false} {
		target, err := NewTarget(host, "/x")
		if err != nil {
			t.Fatal(err)
		}
		a, ok := table.Agency(target)
		if ok != want || ok && (a.Audience != "shop/mcp" || a.AccessToken != DefaultAccessToken || a.RefreshToken != DefaultRefreshToken) {
			t.Errorf("%s: %+v %t", host, a, ok)
		}
	}
	if _, ok := (*Table)(nil).Agency(Target{}); ok {
		t.Error("no table lets clients act")
	}
}

// TestAgentsAge: a rule that says how old a session may be says so of clients, too; the age that
// all other sessions have at most is no limit of theirs, but their tokens' end is.
func TestAgentsAge(t *testing.T) {
	table := agencyTable(t)
	target, _ := NewTarget("mcp.example.com", "/")
	for name, c := range map[string]struct {
		who  *Subject
		want Reason
	}{
		"of a rule that says nothing": {actingFor("ann@example.com", 20*24*time.Hour), SignedIn},
		"longer than any session":     {actingFor("ann@example.com", 31*24*time.Hour), SessionExpired},
		"in time for the rule":        {actingFor("short@example.com", time.Hour), SignedIn},
		"too old for the rule":        {actingFor("short@example.com", time.Hour+time.Second), SessionExpired},
		"of nobody who may":           {actingFor("eve@example.com", 0), NoRuleMatched},
	} {
		r := Request{Target: target, Method: "POST", Now: now, SessionDuration: 24 * time.Hour, Subject: c.who, InHeader: true}
		if d := table.Decide(r); d.Reason != c.want {
			t.Errorf("%s: %s, want %s", name, d.Reason, c.want)
		}
		if still := table.StillAdmits(target, c.who, now); still != (c.want == SignedIn || name == "too old for the rule") {
			t.Errorf("%s: a token for the next minutes: %t", name, still)
		}
		if r.InHeader = false; !table.At(&r).Counts(c.who) != (name == "longer than any session") {
			t.Errorf("%s: it counts beside a cookie that does not: %t", name, table.At(&r).Counts(c.who))
		}
	}
	person := actingFor("ann@example.com", 25*time.Hour)
	person.Client = ""
	if d := table.Decide(Request{Target: target, Now: now, SessionDuration: 24 * time.Hour, Subject: person}); d.Reason != SessionExpired {
		t.Errorf("their own session: %s", d.Reason)
	}
}

// TestRevokedClient: what one client was let do is void from the time on that it was let do it, of
// the person who is named, and nothing else of theirs.
func TestRevokedClient(t *testing.T) {
	of := func(client string, ago time.Duration) *Subject {
		s := actingFor("ann@example.com", ago)
		s.Client, s.Provider = client, "corp"
		s.SignedInAt = now.Add(-100 * time.Hour)
		return s
	}
	for name, r := range map[string]Revocation{
		"by id":      {Provider: "corp", User: "1", Client: "cli", Before: now},
		"by address": {User: "ANN@example.com", Client: "cli", Before: now},
		"by name":    {User: "1", Client: "cli", Before: now},
	} {
		table := (&Table{}).revoking([]Revocation{r})
		if !table.Revoked(of("cli", time.Second)) {
			t.Errorf("%s: it goes on", name)
		}
		for other, s := range map[string]*Subject{"let act later": of("cli", 0), "another client": of("other", time.Second),
			"their session": of("", time.Second)} {
			if table.Revoked(s) {
				t.Errorf("%s: %s is void, too", name, other)
			}
		}
	}
	for name, c := range map[string]struct {
		policy, audience string
		void             bool
	}{"at one application": {"shop/mcp", "shop/mcp", true}, "and at another": {"shop/mcp", "evil/mcp", false},
		"of a longer name": {"shop/mcp", "shop/mcp2", false}, "wherever it may act": {"", "evil/mcp", true}} {
		r := Revocation{Provider: "corp", User: "1", Client: "cli", Policy: c.policy, Before: now}
		s := of("cli", time.Second)
		s.Audience = []string{c.audience}
		if got := (&Table{}).revoking([]Revocation{r}).Revoked(s); got != c.void {
			t.Errorf("%s: %t", name, got)
		}
		wide := Revocation{Provider: "corp", User: "1", Client: "cli", Before: now.Add(-time.Hour)}
		if got := (&Table{}).revoking([]Revocation{r, wide}).Revoked(s); got != c.void {
			t.Errorf("%s, beside an older one that is wide: %t", name, got)
		}
	}
	all := (&Table{}).revoking([]Revocation{{Provider: "corp", User: "1", Before: now}})
	if !all.Revoked(of("cli", 0)) {
		t.Error("who signs out everywhere still has somebody act")
	}
}

// TestRevokedClientOfEverybody: a client is void of everybody, or of a provider's users; nobody is
// meant where no client is.
func TestRevokedClientOfEverybody(t *testing.T) {
	of := func(provider, client string, ago time.Duration) *Subject {
		s := actingFor("ann@example.com", ago)
		s.Provider, s.Client, s.SignedInAt = provider, client, now.Add(-100*time.Hour)
		return s
	}
	for name, c := range map[string]struct {
		r    Revocation
		who  *Subject
		void bool
	}{
		"everybody":                   {Revocation{Client: "cli"}, of("corp", "cli", time.Second), true},
		"who lets it act anew":        {Revocation{Client: "cli"}, of("corp", "cli", 0), false},
		"another client":              {Revocation{Client: "cli"}, of("corp", "clip", time.Second), false},
		"their session":               {Revocation{Client: "cli"}, of("corp", "", time.Second), false},
		"a provider's users":          {Revocation{Client: "cli", Provider: "corp"}, of("corp", "cli", time.Second), true},
		"another provider's":          {Revocation{Client: "cli", Provider: "corp"}, of("guests", "cli", time.Second), false},
		"at one application":          {Revocation{Client: "cli", Policy: "shop/mcp"}, of("corp", "cli", time.Second), true},
		"at another application":      {Revocation{Client: "cli", Policy: "shop/app"}, of("corp", "cli", time.Second), false},
		"nobody's sessions":           {Revocation{}, of("corp", "", time.Second), false},
		"nobody's, of a provider":     {Revocation{Provider: "corp"}, of("corp", "", time.Second), false},
		"nobody's, and their clients": {Revocation{Policy: "shop/mcp"}, of("corp", "cli", time.Second), false},
	} {
		c.r.Before = now
		if got := (&Table{}).revoking([]Revocation{c.r}).Revoked(c.who); got != c.void {
			t.Errorf("%s: %t", name, got)
		}
		older := c.r
		older.Before = now.Add(-time.Hour)
		if got := (&Table{}).revoking([]Revocation{c.r, older}).Revoked(c.who); got != c.void {
			t.Errorf("%s, beside an older one: %t", name, got)
		}
	}
}
