// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"
)

// TestNeedsEmail: whose address is not known is not let in where a rule of the
// target looks at it, or any rule anywhere keeps somebody out by it. The oracle is
// the decision: with an address taken away, nobody may be let in who was not.
func TestNeedsEmail(t *testing.T) {
	everyone, mail, domain := Selector{Property: Everyone}, Selector{Property: Email, Value: "eve@example.com"},
		Selector{Property: EmailDomain, Value: "example.com"}
	staff := Selector{Property: IdPGroup, Value: "staff"}
	rules := []Rule{
		{Action: Allow, Include: []Selector{everyone}},
		{Action: Allow, Include: []Selector{staff}},
		{Action: Allow, Include: []Selector{domain}},
		{Action: Allow, Include: []Selector{everyone}, Require: []Selector{domain}},
		{Action: Allow, Include: []Selector{everyone}, Exclude: []Selector{mail}},
		{Action: Block, Include: []Selector{mail}},
		{Action: Block, Include: []Selector{everyone}, Require: []Selector{domain}},
		{Action: Block, Include: []Selector{staff}, Exclude: []Selector{mail}},
		{Action: Allow, Include: cel(notEve)},
		{Action: Block, Include: cel(notEve)},
	}
	target, err := NewTarget("app.example.com", "/")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewTarget("other.example.com", "/")
	if err != nil {
		t.Fatal(err)
	}
	needed := 0
	for i := range rules {
		for j := range rules {
			for _, elsewhere := range [][]Rule{{rules[0]}, {rules[i], rules[0]}, {rules[j]}, {rules[len(rules)-1]}, {rules[len(rules)-2]}} {
				table, _ := build([]Policy{
					{Source: Source{Namespace: "a", Name: "app"}, Hosts: []string{"app.example.com"}, Rules: []Rule{rules[i], rules[j]}},
					{Source: Source{Namespace: "a", Name: "other"}, Hosts: []string{"other.example.com"}, Rules: elsewhere},
				})
				if table.NeedsEmail(target) {
					needed++
					continue
				}
				for _, at := range []Target{target, other} {
					with := Subject{ID: "eve", Email: "eve@example.com", Groups: []string{"staff"}, Audience: []string{table.Audience(at)},
						SignedInAt: now, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
					without := with
					without.Email = ""
					if d, e := table.Decide(Request{Target: at, Method: "GET", Subject: &without, Now: now}), table.Decide(Request{Target: at,
						Method: "GET", Subject: &with, Now: now}); d.Verdict == Admit && e.Verdict != Admit {
						t.Errorf("rules %d, %d: let in at %s for not being known", i, j, at.Host())
					}
				}
			}
		}
	}
	if needed == 0 || needed == len(rules)*len(rules)*5 {
		t.Errorf("needed %d times", needed)
	}
	if !(*Table)(nil).NeedsEmail(target) {
		t.Error("without a table")
	}
}
