// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

func TestSubject(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 0)
	c := ada()
	good := mint(t, r, c, start)
	c.ID = "bob"
	bob := mint(t, r, c, start)
	c.Lifetime = time.Minute
	over := mint(t, r, c, start.Add(-time.Hour))
	foreign := mint(t, fixedRing(t, fixedKey(t, "EdDSA", 5, start)), ada(), start)
	const name = CookieName
	for _, test := range []struct {
		name, cookie, authorization string
		want                        string // ID
		why                         policy.Reason
	}{
		{"nothing", "", "", "", policy.NoReason},
		{"other cookies", "a=b; c=d", "", "", policy.NoReason},
		{"cookie", name + "=" + good, "", "ada-1815", 0},
		{"among others", "a=b; " + name + "=" + good + "; c=d", "", "ada-1815", 0},
		{"among odd ones", ";;; =; =x; a; \"; \x00;" + name + "=" + good + ";,;", "", "ada-1815", 0},
		{"no blanks", "a=b;" + name + "=" + good + ";c=d", "", "ada-1815", 0},
		{"many blanks", "a=b; \t  " + name + "=" + good + " \t ;c=d", "", "ada-1815", 0},
		{"quoted", name + `="` + good + `"`, "", "", policy.BadSignature},
		{"percent-encoded name", "__Host%2dostiary=" + good, "", "", policy.NoReason},
		{"other case", strings.ToLower(name) + "=" + good, "", "", policy.NoReason},
		{"longer name", name + "2=" + good, "", "", policy.NoReason},
		{"name with an end", "x" + name + "=" + good, "", "", policy.NoReason},
		{"shorter name", "ostiary=" + good, "", "", policy.NoReason},
		{"secure prefix", "__Secure-ostiary=" + good, "", "", policy.NoReason},
		{"blank before =", name + " =" + good, "", "", policy.NoReason},
		{"blank after =", name + "= " + good, "", "", policy.BadSignature},
		{"in another value", "a=" + name + "=" + good, "", "", policy.NoReason},
		{"in a quoted value", `a="x; ` + name + "=" + good + `"`, "", "", policy.BadSignature},
		{"name alone", name, "", "", policy.NoReason},
		{"empty", name + "=", "", "", policy.NoReason},
		{"empty, then good", name + "=; " + name + "=" + good, "", "ada-1815", 0},
		{"bad", name + "=x", "", "", policy.BadSignature},
		{"NUL", name + "=\x00", "", "", policy.BadSignature},
		{"expired", name + "=" + over, "", "", policy.SessionExpired},
		{"bad, then good", name + "=x; " + name + "=" + good, "", "ada-1815", 0},
		{"good, then bad", name + "=" + good + "; " + name + "=x", "", "ada-1815", 0},
		{"two good", name + "=" + good + "; " + name + "=" + bob, "", "ada-1815", 0},
		{"expired, then bad", name + "=" + over + "; " + name + "=x", "", "", policy.SessionExpired},
		{"bad, bad, good", strings.Repeat(name+"=x; ", 2) + name + "=" + good, "", "", policy.BadSignature},
		{"chunks", name + "_0=" + good[:90] + "; " + name + "_1=" + good[90:], "", "", policy.NoReason},
		{"bearer", "", "Bearer " + good, "ada-1815", 0},
		{"bearer, other case", "", "bEARER " + good, "ada-1815", 0},
		{"bearer, many blanks", "", " Bearer   " + good + "  ", "ada-1815", 0},
		{"bearer, tab", "", "Bearer\t" + good, "", policy.NoReason},
		{"bearer, joined", "", "Bearer" + good, "", policy.NoReason},
		{"bearer, empty", "", "Bearer ", "", policy.NoReason},
		{"bearer alone", "", "Bearer", "", policy.NoReason},
		{"bearer twice", "", "Bearer " + good + ", Bearer " + good, "", policy.BadSignature},
		{"bearer quoted", "", `Bearer "` + good + `"`, "", policy.BadSignature},
		{"bearer of others", "", "Bearer " + foreign, "", policy.BadSignature},
		{"bearer, opaque", "", "Bearer ghp_0123456789", "", policy.BadSignature},
		{"bearer, expired", "", "Bearer " + over, "", policy.SessionExpired},
		{"basic", "", "Basic YWRhOnNlY3JldA==", "", policy.NoReason},
		{"scheme alike", "", "Bearerx " + good, "", policy.NoReason},
		{"token alone", "", good, "", policy.NoReason},
		{"cookie first", name + "=" + good, "Bearer " + bob, "ada-1815", 0},
		{"cookie and foreign bearer", name + "=" + good, "Bearer " + foreign, "ada-1815", 0},
		{"bad cookie, good bearer", name + "=x", "Bearer " + bob, "bob", 0},
		{"expired cookie, foreign bearer", name + "=" + over, "Bearer x", "", policy.SessionExpired},
		{"other cookie, bearer", "a=b", "Bearer " + bob, "bob", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			subject, why := v.Subject(test.cookie, test.authorization, start)
			got := ""
			if subject != nil {
				got = subject.ID
			}
			if got != test.want || why != test.why {
				t.Errorf("got %q, %q; want %q, %q", got, why, test.want, test.why)
			}
		})
	}
}

func TestCookieName(t *testing.T) {
	if !strings.HasPrefix(CookieName, "__Host-") {
		t.Error(CookieName)
	}
}
