// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Somebody's groups do not all fit: what rules look at does, at the team host and at the
// applications, and a rule about a group that nobody looked for has them sign in anew.
func TestMoreGroupsThanFit(t *testing.T) {
	blocked := func(group string) []policy.Rule {
		return append([]policy.Rule{{Action: policy.Block, Include: []policy.Selector{{Property: policy.IdPGroup, Value: group}}}}, allow(everyone())...)
	}
	with := func(app1, app2 string) func([]policy.Policy) []policy.Policy {
		return func(p []policy.Policy) []policy.Policy {
			p[0].Rules, p[1].Rules = blocked(app1), blocked(app2)
			return p
		}
	}
	s := newSite(t, with("strangers", "aliens"))
	var named []string
	for i := range 600 {
		named = append(named, fmt.Sprintf("a-department-of-many-%03d", i))
	}
	hash, _ := hashed()
	users := fmt.Sprintf("- {name: ann, email: ann@example.com, groups: [%s], passwordHash: %q}\n", strings.Join(named, ", "), hash)
	if problems := s.providers.Update([]idp.Config{{Name: "people", Type: "users", Users: []byte(users)}}); len(problems) > 0 {
		t.Fatal(problems)
	}
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	if n := len(b.session("app1.example.com")); n > 800 {
		t.Errorf("the session's token has %d bytes", n)
	}
	b.want(b.get(s.url("app2.example.net", "/")), 200, "for ann") // without a prompt
	// The same rules, said by others: nothing new was asked.
	s.publish(with("aliens", "strangers")(standard(s.port)))
	b.want(b.get(s.url("app1.example.com", "/")), 200, "for ann")
	s.publish(with("strangers", named[7])(standard(s.port)))
	p := b.get(s.url("app2.example.net", "/"))
	if !strings.Contains(p.body, `type="password"`) {
		t.Fatalf("a session outran a new rule: %d %s", p.status, p.body)
	}
	if p = b.signIn(p, "ann", password); p.status != 403 || strings.Contains(p.body, "for ann") {
		t.Errorf("%d %s", p.status, p.body)
	}
	b.want(b.get(s.url("app1.example.com", "/")), 200, "for ann")
}
