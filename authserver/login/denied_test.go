// SPDX-License-Identifier: Apache-2.0

package login

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// TestDeniedLeadsToWhy: who signed in and may not pass is told of with what they wanted to
// open, and their page links to what says why.
func TestDeniedLeadsToWhy(t *testing.T) {
	s := newSite(t, nil)
	var told []string
	for _, r := range s.replicas {
		r.Denied = func(_ *public.Exchange, target policy.Target, who *policy.Subject, d *policy.Decision) string {
			told = append(told, who.ID+" "+target.Host()+target.Path()+" "+d.Reason.String())
			return "https://auth.example.com/.access/why?what=sealed&id=1"
		}
	}
	b := s.browser()
	b.want(b.signIn(b.get(s.url("app1.example.com", "/")), "ann", password), 200, "for ann")
	if len(told) != 0 {
		t.Errorf("nobody was denied, and told of: %q", told)
	}
	p := b.get(s.url("app3.example.org", "/payroll?month=1"))
	if len(told) != 1 || told[0] != "ann app3.example.org/payroll no-rule-matched" {
		t.Errorf("%q", told)
	}
	if p.status != 403 || !strings.Contains(p.body, `href="https://auth.example.com/.access/why?what=sealed&amp;id=1"`) {
		t.Errorf("%d %s", p.status, p.body)
	}
}
