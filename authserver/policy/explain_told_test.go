// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
	"time"
)

// TestToldOfTargets: an explanation says how a target was read, by which host and path it is
// guarded, and if by none, why.
func TestToldOfTargets(t *testing.T) {
	broken := of("n", "broken", 3, Bypass, []string{"bad.x"})
	broken.Rules = []Rule{{}}
	paths := []Path{{Value: "/only"}, {Value: "/only/one", Exact: true}}
	table, _ := build([]Policy{of("n", "all", 0, Bypass, []string{"a.x"}), of("n", "part", 1, Bypass, []string{"b.x"}, paths...),
		of("n", "wild", 2, Bypass, []string{"*.w.x"}), broken, of("n", "deep", 4, Bypass, []string{"**.d.x"}),
		of("n", "under", 5, Bypass, []string{"a.x"}, prefixes("/under")...)})
	for url, want := range map[string][2]string{
		"https://a.x/": {"canonical: host a.x, path /", "found: by host a.x, path / (Prefix); policies in the table: 6"},
		"https://a.x/b/../c": {"not canonical: host a.x, path /c; it came as /b/../c, which servers may also read as it stands",
			"found: by host a.x, path / (Prefix); policies in the table: 6"},
		"https://a.x/one%2f..%2fc": {"", "ambiguous: the path holds an encoded slash; " +
			"allowEncodedSlashes would let this policy judge it if every reading led here"},
		"https://a.x/c": {"canonical: host a.x, path /c", "found: by host a.x, path / (Prefix); policies in the table: 6"},
		"https://a.x/under/c": {"canonical: host a.x, path /under/c",
			"found: by host a.x, path /under (Prefix); policies in the table: 6"},
		"https://b.x/only/one": {"canonical: host b.x, path /only/one",
			"found: by host b.x, path /only/one (Exact); policies in the table: 6"},
		"https://b.x/only/two": {"canonical: host b.x, path /only/two",
			"found: by host b.x, path /only (Prefix); policies in the table: 6"},
		"https://b.x/":     {"canonical: host b.x, path /", "none: policies claim this host, but none of them this path"},
		"https://c.x/":     {"canonical: host c.x, path /", "none: no policy claims this host"},
		"https://one.w.x/": {"canonical: host one.w.x, path /", "found: by host *.w.x, path / (Prefix); policies in the table: 6"},
		"https://two.one.d.x/": {"canonical: host two.one.d.x, path /",
			"found: by host **.d.x, path / (Prefix); policies in the table: 6"},
		"https://bad.x/": {"canonical: host bad.x, path /",
			"invalid: the policy has mistakes, so everything it claims is denied until they are mended"},
		"https://a.x/z/../under": {"", "ambiguous: the readings of this path lead to different policies"},
		"https://a.x/c%2fd": {"",
			"ambiguous: the path holds an encoded slash; allowEncodedSlashes would let this policy judge it if every reading " +
				"led here"},
	} {
		_, tr := table.Explain(Request{Target: mustTarget(t, url), Method: "GET", Now: now})
		if got := stepOf(tr, "target"); want[0] != "" && got != want[0] {
			t.Errorf("%s: %q, want %q", url, got, want[0])
		}
		if got := stepOf(tr, "policy"); got != want[1] {
			t.Errorf("%s: %q, want %q", url, got, want[1])
		}
	}
}

// TestToldOfSessions: an explanation says of a session whose it is, or what it is that does
// not count of it.
func TestToldOfSessions(t *testing.T) {
	p := one(does(Allow)...)
	p.Session.RevokedBefore = now.Add(-10 * time.Hour)
	p.IdentityProviders = []string{"corp", "guests"}
	table := mustBuild(t, p)
	for name, c := range map[string]struct {
		change func(s *Subject)
		want   string
	}{
		"good":         {func(*Subject) {}, "valid: ann@x, signed in 1h0m0s ago"},
		"another host": {func(s *Subject) { s.Host = "b.x" }, "wrong-audience: the session is for b.x, and not for this host"},
		"this host":    {func(s *Subject) { s.Host = "a.x" }, "valid: ann@x, signed in 1h0m0s ago"},
		"others": {func(s *Subject) { s.Audience = []string{"n/q", "n/r"} },
			"wrong-audience: the session is for n/q, n/r, and not for this policy"},
		"this, for q": {func(s *Subject) { s.Host, s.Audience = "a.x", []string{"n/q"} },
			"wrong-audience: the session is for n/q, and not for this policy"},
		"of no provider": {func(s *Subject) { s.Provider = "" },
			"wrong-provider: ann@x signed in by nowhere, and the policy requires corp or guests"},
		"another provider": {func(s *Subject) { s.Provider = "other" },
			"wrong-provider: ann@x signed in by other, and the policy requires corp or guests"},
		"pages": {func(s *Subject) { s.AuthorizedParty = "https://o.x" },
			"wrong-audience: the token is for pages of https://o.x; the request has to come from there, and the policy to take tokens from there"},
		"revoked": {func(s *Subject) { s.SignedInAt = now.Add(-11 * time.Hour) },
			"session-revoked: ann@x signed in before sessions of this policy were revoked"},
		"over": {func(s *Subject) { s.ExpiresAt = now }, "session-expired: the session of ann@x is over"},
	} {
		s := session("n/p")
		s.Email, s.Provider, s.SignedInAt = "ann@x", "corp", now.Add(-time.Hour)
		c.change(s)
		_, tr := table.Explain(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now, Subject: s})
		if got := stepOf(tr, "session"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	_, tr := table.Explain(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now})
	if got := stepOf(tr, "session"); got != "no-session: the request has no valid session" {
		t.Error(got)
	}
}

// TestToldOfOtherSites: what is refused for its site says what it is, and where from.
func TestToldOfOtherSites(t *testing.T) {
	table := mustBuild(t, one(does(Allow)...))
	const rest = ", authenticated by a cookie only: another site could have made the browser send it; list the origin in " +
		"spec.cors.allowedOrigins, send a token in Authorization, or set crossSite: Allow"
	for want, r := range map[string]Request{
		"refused: a POST from another site" + rest:            {Method: "POST", Site: SiteOther},
		"refused: a PUT from origin https://o.x" + rest:       {Method: "PUT", Site: SiteOther, Origin: "https://o.x"},
		"refused: a WebSocket from origin https://o.x" + rest: {Method: "GET", Site: SiteOther, Origin: "https://o.x", WebSocket: true},
	} {
		r.Target, r.Now, r.Subject = mustTarget(t, "https://a.x/"), now, session("n/p")
		if _, tr := table.Explain(r); stepOf(tr, "crossSite") != want {
			t.Errorf("%q, want %q", stepOf(tr, "crossSite"), want)
		}
	}
}

// TestToldOfPreflightsLetThrough: a preflight that is let through, or is not for what is in
// doubt, is explained as what was decided.
func TestToldOfPreflightsLetThrough(t *testing.T) {
	p := one(does(Allow)...)
	p.CORS = &CORS{BypassPreflight: true}
	table := mustBuild(t, p)
	twice := mustTarget(t, "https://a.x/b/../c")
	const unproven = "refused: preflight: Bypass applies only where the proxy, and not the client, names the host"
	for want, change := range map[string]func(r *Request){
		"let through: preflight: Bypass: the application answers it": func(*Request) {},
		"refused: preflight: Bypass applies only to canonical paths": func(r *Request) { r.Target = twice },
		unproven: func(r *Request) { r.HostUnproven = true },
	} {
		r := preflight(t, "https://a.x/", "https://o.x", "GET", "")
		change(&r)
		if d, tr := table.Explain(r); stepOf(tr, "preflight") != want || (d.Verdict == Admit) != strings.HasPrefix(want, "let") {
			t.Errorf("%s: %q, want %q", brief(d), stepOf(tr, "preflight"), want)
		}
	}
}

// TestToldOfIssuersThatAreNotForAll: of a token that would match, were its issuer for the policy's
// namespace, it is said that it is not.
func TestToldOfIssuersThatAreNotForAll(t *testing.T) {
	table := mustBuild(t, one(Rule{Action: ServiceAuth, Include: jwt("theirs", "app")})).trusting(tokenIssuers()...)
	_, tr := table.Explain(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now,
		Bearer: bearing(t, "theirs", "https://theirs.x", `{"sub":"s"}`)})
	if f := tr.last().Findings[0]; f.Matches != "no" || f.Detail != "policies of namespace n cannot use the TokenIssuer theirs" {
		t.Errorf("%+v", f)
	}
}
