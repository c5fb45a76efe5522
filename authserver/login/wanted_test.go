// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestSignsInForWhatWasRefused: who signs in beside a page, for a fetch or a form that was
// refused, is judged by what was refused, and not by where the window ends.
func TestSignsInForWhatWasRefused(t *testing.T) {
	s := newSite(t, func(policies []policy.Policy) []policy.Policy {
		admin := named("admin", app1)
		admin.Paths = []policy.Path{{Value: "/admin"}}
		admin.Rules = allow(emails("root@example.com"))
		return append(policies, admin)
	})
	done := url.Values{"rd": {"/.access/done"}}
	for wanted, open := range map[string]bool{
		"":                           true,
		"/":                          true,
		"/administration":            true,
		"/admin":                     false,
		"/admin/x?y=/":               false,
		"/admin#x":                   false,
		"//evil.example/admin":       true,
		"https://evil.example/admin": true,
		"/a/../admin":                true,
		"/.access/logout":            true,
		"null":                       true,
		"/admin" + strings.Repeat("/a", maxFor/2): true,
		"/adm\tin": true,
	} {
		q := url.Values{"rd": done["rd"], "for": {wanted}}
		for way, begin := range map[string]func(*browser) page{
			"a visit": func(b *browser) page { return b.get(s.url(app1, "/.access/login?"+q.Encode())) },
			"a script": func(b *browser) page {
				p := b.byScript(s.url(app1, "/.access/login"), s.url(app1, ""), q)
				return b.get(p.to())
			},
		} {
			s.later(time.Minute) // that many sign-ins are slowed down
			b := s.browser()
			p := b.signIn(begin(b), "ann", password)
			if strings.Contains(p.body, `<form id="onward"`) {
				form, data := p.onward(t)
				p = b.do(http.MethodPost, data["action"], form, "Origin", s.url(teamAt, ""))
			}
			if (b.session(app1) != "") != open || !open && !strings.Contains(p.body, "you don’t have access to this application") {
				t.Errorf("%q by %s: %d at %s:\n%s", wanted, way, p.status, p.at, afterMain(p.body))
			}
		}
	}
}
