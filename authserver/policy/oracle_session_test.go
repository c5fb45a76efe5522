// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"testing"
	"time"
)

// tinySubjects are credentials with every mix of what one is judged by.
func tinySubjects() []*Subject {
	var out []*Subject
	for _, audience := range [][]string{{"n/p"}, {"n/q", "n/p"}, {"n/q"}, nil} {
		for _, party := range []string{"", "https://o.x", "https://evil.x"} {
			for _, provider := range []string{"", "corp", "evil"} {
				for _, signedIn := range []time.Duration{3 * time.Hour, 2 * time.Hour, 45 * time.Minute} {
					for _, age := range []time.Duration{90 * time.Minute, 45 * time.Minute, -2 * time.Minute} {
						for _, left := range []time.Duration{0, time.Hour} {
							out = append(out, &Subject{ID: "u1", Email: "Ann@x", Provider: provider, Audience: audience, AuthorizedParty: party,
								SignedInAt: now.Add(-signedIn), IssuedAt: now.Add(-age), ExpiresAt: now.Add(left)})
						}
					}
				}
			}
		}
	}
	return append(out, nil)
}

// tinySessionPolicies are policies with every mix of what they say of sessions.
func tinySessionPolicies() []Policy {
	var out []Policy
	cors := CORS{AllowedOrigins: []string{"https://o.x"}, AllowedMethods: []string{"GET"}, AllowCredentials: true}
	tokens := cors
	tokens.Tokens = true
	for _, providers := range [][]string{nil, {"corp"}, {"guests", "corp"}} {
		for _, duration := range []time.Duration{0, time.Hour} {
			for _, rule := range []time.Duration{0, 30 * time.Minute, 2 * time.Hour} {
				for _, revoked := range []time.Time{{}, now.Add(-2 * time.Hour)} {
					for _, c := range []*CORS{nil, &cors, &tokens} {
						p := one(Rule{Action: Allow, Include: everyone(), SessionDuration: rule})
						p.IdentityProviders, p.CORS, p.Session = providers, c, Session{Duration: duration, RevokedBefore: revoked}
						out = append(out, p)
					}
				}
			}
		}
	}
	return out
}

func TestOracleSessions(t *testing.T) {
	target, subjects := mustTarget(t, "https://a.x/"), tinySubjects()
	admitted := 0
	for i, p := range tinySessionPolicies() {
		free := mustBuild(t, p)
		for _, revocations := range [][]Revocation{
			nil,
			{{User: "ann@X", Before: now.Add(-2 * time.Hour)}, {User: "bob@y", Before: now}},
			{{User: "u1", Before: now.Add(-time.Hour)}, {User: "ann@x", Before: now.Add(-4 * time.Hour)}},
			{{Provider: "corp", User: "u1", Before: now.Add(-time.Hour)}, {Provider: "evil", User: "ann@x", Before: now}, {Provider: "evil", User: "Ann@x", Before: now}},
		} {
			table := free.revoking(revocations)
			for j, s := range subjects {
				if (i+j)%every(5) > 0 {
					continue
				}
				for _, origin := range []string{"", "https://o.x", "https://evil.x"} {
					r := Request{Target: target, Method: "GET", Origin: origin, Subject: s, Now: now}
					v, why := Challenge, refSession(&p, revocations, &r)
					if limit := cmp.Or(p.Rules[0].SessionDuration, p.Session.Duration); why == NoReason && limit > 0 && s.IssuedAt.Add(limit).Before(now) {
						why = SessionExpired
					}
					if why == NoReason {
						v, why = Admit, SignedIn
						admitted++
					}
					if d := table.Decide(r); d.Verdict != v || d.Reason != why {
						t.Fatalf("%+v from %q: %s; the reference says %s %s\n%+v\n%+v", s, origin, brief(d), v, why, p, revocations)
					}
					if e, _ := table.Explain(r); e.Verdict != v || e.Reason != why {
						t.Fatalf("Explain says %s", brief(e))
					}
				}
			}
		}
	}
	if admitted == 0 {
		t.Error("nobody was admitted: the test is blind")
	}
}
