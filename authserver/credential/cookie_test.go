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
	c = ada()
	c.ID, c.AuthorizedParty = "script", "https://spa.example.com"
	script := mint(t, r, c, start)
	team, err := r.MintTeam(ada(), start)
	if err != nil {
		t.Fatal(err)
	}
	const name, path = CookieName, PathCookieName
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
		{"secure prefix, other case", "__secure-ostiary=" + good, "", "", policy.NoReason},
		{"http prefix", "__Http-ostiary=" + good, "", "", policy.NoReason},
		{"host and http prefix", "__Host-Http-ostiary=" + good, "", "", policy.NoReason},
		{"no prefix", "ostiary=" + good, "", "", policy.NoReason},
		{"host before secure", path + "=" + bob + "; " + name + "=" + good, "", "ada-1815", 0},
		{"bad host, then secure", name + "=x; " + path + "=" + good, "", "", policy.BadSignature},
		{"secure, then bad host", path + "=" + good + "; " + name + "=x", "", "", policy.BadSignature},
		{"expired host, bad secure", path + "=x; " + name + "=" + over, "", "", policy.SessionExpired},
		{"bad secure do not keep host out", strings.Repeat(path+"=x; ", 20) + name + "=" + good, "", "ada-1815", 0},
		{"bad ones keep no good one out", strings.Repeat(name+"=x; ", 500) + name + "=" + good, "", "ada-1815", 0},
		{"nor do those that are over", strings.Repeat(name+"="+over+"; ", 20) + name + "=" + good, "", "ada-1815", 0},
		{"nor forged ones", strings.Repeat(name+"="+forge(good, 1)+"; ", 20) + name + "=" + good, "", "ada-1815", 0},
		{"nor a bearer", strings.Repeat(name+"=x; ", 500), "Bearer " + bob, "bob", 0},
		{"beyond what a listener takes", strings.Repeat("x", maxCookies) + "; " + name + "=" + good, "", "", policy.NoReason},
		{"cookie of a token for scripts", name + "=" + script, "", "", policy.BadSignature},
		{"path cookie of a token for scripts", path + "=" + script, "", "", policy.NoReason},
		{"bearer of a token for scripts", "", "Bearer " + script, "script", 0},
		{"token for scripts twice", name + "=" + script, "Bearer " + script, "script", 0},
		{"token for scripts, then good", name + "=" + script + "; " + name + "=" + good, "", "ada-1815", 0},
		{"cookie of a team token", name + "=" + team, "", "", policy.BadSignature},
		{"bearer of a team token", "", "Bearer " + team, "", policy.BadSignature},
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
		{"two people", name + "=" + good + "; " + name + "=" + bob, "", "", policy.BadSignature},
		{"two people, other order", name + "=" + bob + "; " + name + "=" + good, "", "", policy.BadSignature},
		{"two people, and a bearer", name + "=" + bob + "; " + name + "=" + good, "Bearer " + bob, "bob", 0},
		{"one person twice", name + "=" + good + "; " + name + "=" + good, "", "ada-1815", 0},
		{"expired, then bad", name + "=" + over + "; " + name + "=x", "", "", policy.SessionExpired},
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
			subject, why := subjectOf(v, test.cookie, test.authorization)
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
	if !strings.HasPrefix(CookieName, "__Host-") || !strings.HasPrefix(PathCookieName, "__Secure-") ||
		!strings.HasPrefix(BindCookieName, "__Host-") {
		t.Error(CookieName, PathCookieName)
	}
}
