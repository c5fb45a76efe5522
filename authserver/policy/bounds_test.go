// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Bounds, and the alphabets of the grammars, letter by letter: what hack/mutate found that
// no oracle looked at.

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

// TestAlphabets: of every byte, whether it is in the alphabet of the grammar.
func TestAlphabets(t *testing.T) {
	for c := range 256 {
		b := string([]byte{byte(c)})
		in := func(alphabet string) bool { return strings.Contains(alphabet, b) }
		if got, want := isToken(b), in(letters+digits+"!#$%&'*+-.^_`|~"); got != want { // RFC 9110 §5.6.2
			t.Errorf("token %q: %v", b, got)
		}
		if got, want := isUnreserved(byte(c)), in(letters+digits+"-._~"); got != want { // RFC 3986 §2.3
			t.Errorf("unreserved %q: %v", b, got)
		}
		if got, want := isLabelByte(byte(c)), in(letters[:26]+digits+"-_"); got != want {
			t.Errorf("label %q: %v", b, got)
		}
		if got, want := checkLabels("a"+b+"b") == nil, in(letters+digits+"-_."); got != want {
			t.Errorf("host %q: %v", b, got)
		}
		if lower, changed := appendLower(nil, b); c < 0x80 && (string(lower) != strings.ToLower(b) || changed != (strings.ToLower(b) != b)) ||
			c >= 0x80 && (changed || string(lower) != b) {
			t.Errorf("in lower case, %q is %q", b, lower)
		}
		// An escape of what needs none has a more canonical spelling; those of controls are refused.
		target, err := NewTarget("a.x", fmt.Sprintf("/%%%02X", c))
		refused := c < ' ' || c == 0x7f || c == '\\' || c >= 0x80 // alone, the last is no UTF-8
		if (err != nil) != (refused && c < 0x80) && c < 0x80 || c < 0x80 && err == nil && target.notCanonical != in(letters+digits+"-._~/;?# ") {
			t.Errorf("%%%02X: %v, not canonical: %v", c, err, target.notCanonical)
		}
	}
	for c := range rune(0x180) {
		s := "a" + string(c) + "b"
		if got, want := isClaimText(s, 10), !unicode.IsControl(c); got != want {
			t.Errorf("claim %q: %v", s, got)
		}
		if got, want := isPrintable(s), !unicode.IsControl(c) && !strings.ContainsRune(" \",\\", c); got != want {
			t.Errorf("printable %q: %v", s, got)
		}
	}
	for _, s := range []string{"", " a", "a ", "\ufffd", "\xff", "a\xffb"} {
		if isClaimText(s, 10) {
			t.Errorf("%q is text", s)
		}
	}
}

// TestBounds: what is as long as it may be, and what is longer by one.
func TestBounds(t *testing.T) {
	n := func(c string, n int) string { return strings.Repeat(c, n) }
	all := compileCORS(&CORS{AllowAllOrigins: true, AllowAllMethods: true, AllowAllHeaders: true})
	few := compileCORS(&CORS{AllowedHeaders: []string{n("x", 128), n("y", 129)}})
	client := serviceTokens{byID: map[string]*serviceToken{}}
	for _, length := range []int{maxClientID, maxClientID + 1} {
		client.byID[n("i", length)] = &serviceToken{machine: Machine{ExpiresAt: now.Add(1)},
			secrets: []TokenSecret{{Sum: SecretSum(n("s", maxSecret))}, {Sum: SecretSum(n("s", maxSecret+1))}}}
	}
	verified := func(id, secret int) bool {
		return client.verify(&PresentedToken{ID: n("i", id), Secret: n("s", secret)}, now) != nil
	}
	path := func(length int) bool { return (&ClaimMatch{n("p", length), []string{"v"}}).check() == (problem{}) }
	dots := func(count int) bool { return (&ClaimMatch{"p" + n(".p", count), []string{"v"}}).check() == (problem{}) }
	label := func(length int) string { return n(n("a", 63)+".", 4)[:length] }
	for name, holds := range map[string][2]bool{
		"origin":          {all.allowsOrigin(n("o", maxOrigin)), all.allowsOrigin(n("o", maxOrigin+1))},
		"method":          {all.allowsMethod(n("M", maxMethod)), all.allowsMethod(n("M", maxMethod+1))},
		"headers":         {all.allowsHeaders(n("h", maxRequestHeaders)), all.allowsHeaders(n("h", maxRequestHeaders+1))},
		"header":          {few.allowsHeader(n("X", 128)), few.allowsHeader(n("Y", 129))},
		"client ID":       {verified(maxClientID, maxSecret), verified(maxClientID+1, maxSecret)},
		"secret":          {verified(maxClientID, maxSecret), verified(maxClientID, maxSecret+1)},
		"audience":        {IsAudience(n("a", maxTokenAudience)), IsAudience(n("a", maxTokenAudience+1))},
		"no audience":     {IsAudience("a"), IsAudience("")},
		"claim":           {path(maxClaimPath), path(maxClaimPath + 1)},
		"claim of claims": {dots(maxClaimDots), dots(maxClaimDots + 1)},
		"value":           {checkClaimValue(n("v", maxClaimValue)) == "", checkClaimValue(n("v", maxClaimValue+1)) == ""},
		"host":            {checkLabels(label(maxHost)) == nil, checkLabels(label(maxHost+1)) == nil},
		"port":            {validPort("65535"), validPort("100000")},
		"no port":         {validPort("1"), validPort("")},
		"endless port":    {validPort("1"), validPort("18446744073709551617")}, // 1, modulo 2^64
		"path":            {checkPath("/"+n("p", 1023)) == (problem{}), checkPath("/"+n("p", 1024)) == (problem{})},
	} {
		if holds != [2]bool{true, false} {
			t.Errorf("%s: at the bound and past it: %v", name, holds)
		}
	}
	if few.allowsHeader(n("Z", 200)) {
		t.Error("a header that nobody listed")
	}
	for _, p := range []Property{Property(len(properties)), 255} {
		if p.String() != "invalid" || p.identifies() || p.ofMachine() {
			t.Errorf("property %d: %s", p, p)
		}
	}
	for in, want := range map[string]string{
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:0.0.0.0/96": "0.0.0.0/0",
		"::ffff:0:0/95": "::ffff:0.0.0.0/95", "2001:db8::/97": "2001:db8::/97",
		"10.0.0.0/8": "10.0.0.0/8",
	} {
		if got := unmap(netip.MustParsePrefix(in)); got != netip.MustParsePrefix(want) {
			t.Errorf("%s is %s", in, got)
		}
	}
}

// TestLongListsTwice: what is listed twice is found in long lists as in short ones.
func TestLongListsTwice(t *testing.T) {
	for _, n := range []int{2, fewEntries, fewEntries + 1, 3 * fewEntries} {
		p := one(does(Allow)...)
		p.Hosts = nil
		for i := range n {
			p.Hosts = append(p.Hosts, fmt.Sprintf("h%d.x", i))
		}
		if issues := Validate(&p); len(issues) > 0 {
			t.Errorf("%d hosts: %v", n, issues)
		}
		p.Hosts[n-1] = p.Hosts[0]
		issues := Validate(&p)
		if len(issues) != 1 || issues[0].Code != codeListedTwice || issues[0].Source.Field != fmt.Sprintf("spec.hosts[%d]", n-1) {
			t.Errorf("%d hosts, one of them twice: %v", n, issues)
		}
	}
}

// TestParseGrants: HOST=NAMESPACE[,NAMESPACE...], and nothing else.
func TestParseGrants(t *testing.T) {
	got, err := ParseGrants([]string{"*.a.x=shop,pay", "b.x=shop"})
	if want := []Grant{{"*.a.x", "shop"}, {"*.a.x", "pay"}, {"b.x", "shop"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for spec, why := range map[string]string{
		"": "", "a.x": "write HOST=NAMESPACE", "a.x=": "write HOST=NAMESPACE", "a_b!=shop": "", "=shop": "", "A.x=shop": "lower",
		"a.x=shop,": "a namespace is empty", "a.x=,shop": "a namespace is empty",
	} {
		if got, err := ParseGrants([]string{"b.x=shop", spec}); err == nil || got != nil ||
			!strings.Contains(err.Error(), fmt.Sprintf("%q: ", spec)) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, %v", spec, got, err)
		}
	}
}

// TestPlaces: where a credential counts.
func TestPlaces(t *testing.T) {
	scoped := of("n", "scoped", 0, Allow, []string{"b.x"}, prefixes("/s")...)
	scoped.Session.Cookie.PathScoped = true
	table := mustBuild(t, one(does(Allow)...), scoped).bound([]Binding{{"n/i", "n/p"}})
	ask := func(url string) *Request {
		return &Request{Target: mustTarget(t, url), Method: "POST", Site: SiteOther, Origin: "https://evil.x", Now: now}
	}
	own, other := ask("https://a.x/"), ask("https://c.x/")
	pinned, stray := ask("https://a.x/"), ask("https://a.x/")
	pinned.Ingress, stray.Ingress = "n/i", "n/j"
	read := ask("https://a.x/")
	read.Method = "GET"
	good, foreign, over := session("n/p"), session("n/other"), session("n/p")
	over.ExpiresAt = now
	for name, tc := range map[string]struct {
		at                                Place
		scoped, refuses                   bool
		counts, countsForeign, countsOver bool
	}{
		"anywhere":          {Place{}, false, false, true, true, true},
		"a host":            {table.OnHost("a.x", now, 0), false, false, true, false, false},
		"nobody's host":     {table.OnHost("c.x", now, 0), false, false, false, false, false},
		"a request":         {table.At(own), false, true, true, false, false},
		"that reads":        {table.At(read), false, false, true, false, false},
		"of a route":        {table.At(pinned), false, true, true, false, false},
		"nobody's":          {table.At(other), false, false, false, false, false},
		"of its own cookie": {table.At(ask("https://b.x/s")), true, true, false, false, false},
	} {
		got := []bool{tc.at.PathScoped(), tc.at.RefusesCookies(), tc.at.Counts(good), tc.at.Counts(foreign), tc.at.Counts(over)}
		if want := []bool{tc.scoped, tc.refuses, tc.counts, tc.countsForeign, tc.countsOver}; !slices.Equal(got, want) {
			t.Errorf("%s: path-scoped, refuses cookies, counts if good, of others, if it is over: %v", name, got)
		}
	}
	var none *Table
	if p := none.At(own); p.PathScoped() || p.RefusesCookies() {
		t.Error("without a table there are policies")
	}
	r := Request{}
	r.Present(Presented{Subject: good, Refused: SessionExpired, InHeader: true})
	b := &Bearer{}
	r.PresentToken(b, TokenExpired)
	want := Request{Subject: good, Refused: SessionExpired, InHeader: true, Bearer: b, BearerRefused: TokenExpired}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("%+v", r)
	}
	ann := Subject{ID: "1", Provider: "p"}
	for _, tc := range []struct {
		other Subject
		same  bool
	}{
		{Subject{ID: "1", Provider: "p", User: "ann"}, true},
		{Subject{ID: "1", Provider: "q"}, false},
		{Subject{ID: "2", Provider: "p"}, false},
		{Subject{ID: "2", Provider: "q"}, false},
	} {
		if ann.SamePerson(&tc.other) != tc.same {
			t.Errorf("%+v and %+v: %v", ann, tc.other, !tc.same)
		}
	}
	if a, b := (&Subject{ID: "1"}).Name(), (&Subject{ID: "1", User: "ann"}).Name(); a != "1" || b != "ann" {
		t.Error(a, b)
	}
}

// TestOfMachine: there is no signing in where a machine's credential is wrong.
func TestOfMachine(t *testing.T) {
	for r := NoReason; r <= 100; r++ {
		if want := slices.Contains([]Reason{ServiceTokenInvalid, TokenInvalid, TokenExpired, TokenUnverified}, r); r.OfMachine() != want {
			t.Errorf("%s: %v", r, !want)
		}
		if r.AsksPeople() == (r.OfMachine() || r == NoRuleMatched) {
			t.Errorf("%s: people are asked to sign in: %v", r, r.AsksPeople())
		}
	}
}

// TestExplainSaysEveryStep: each step that decides is told, with where it stands.
func TestExplainSaysEveryStep(t *testing.T) {
	steps := func(table *Table, change func(*Request)) string {
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now, Address: netip.MustParseAddr("10.1.1.1")}
		change(&r)
		_, trace := table.Explain(r)
		var out []string
		for _, s := range trace.Steps {
			out = append(out, s.What+": "+s.Outcome+": "+s.Detail)
		}
		return strings.Join(out, "\n")
	}
	p := one(Rule{Action: ServiceAuth, Include: tokenNamed("n/ci")}, Rule{Action: ServiceAuth, Include: jwt("ci", "app")},
		Rule{Action: Bypass, Include: networks("10.0.0.0/8")}, Rule{Action: Allow, Include: everyone(), SessionDuration: time.Minute})
	p.CORS = &CORS{AllowedOrigins: []string{"https://o.x"}, AllowedMethods: []string{"GET"}}
	table := mustBuild(t, p).knowing(tokens()).trusting(tokenIssuers()...)
	token := func(id, secret string) func(*Request) {
		return func(r *Request) { r.Token = PresentedToken{ID: id, Secret: secret} }
	}
	far := func(r *Request) { r.Address = netip.MustParseAddr("11.1.1.1") }
	for name, tc := range map[string]struct {
		change func(*Request)
		want   string
	}{
		"preflight": {func(r *Request) { r.Method, r.Origin, r.Preflight.Method = "OPTIONS", "https://evil.x", "GET" },
			"preflight: refused: origin https://evil.x is not listed"},
		"origin":         {func(r *Request) { r.Origin = "https://o.x" }, "readable: yes: origin https://o.x"},
		"another origin": {func(r *Request) { r.Origin = "https://e.x" }, "readable: no: origin"},
		"token":          {token("id-ci", "new"), "token: valid: service:n/ci"},
		"no secret":      {token("id-ci", ""), "the client ID or the secret of the service token is missing"},
		"no client ID":   {token("", "new"), "the client ID or the secret of the service token is missing"},
		"unknown token":  {token("x", "new"), "no service token has this client ID"},
		"wrong secret":   {token("id-ci", "bot"), "the secret is not that of service token"},
		"token is over":  {token("id-over", "over"), "has expired"},
		"disabled":       {token("id-off", "off"), "is disabled"},
		"others' token":  {token("id-m", "m"), "token: not for this policy"},
		"bearer":         {func(r *Request) { r.BearerRefused = TokenExpired }, "the bearer token in Authorization does not count"},
		"rule":           {func(*Request) {}, "rule: matched: bypass"},
		"another rule":   {far, "rule: not matched: bypass"},
		"not by this path": {func(r *Request) { r.Target = mustTarget(t, "https://a.x//") },
			"rule: skipped: bypass matches, but applies only to canonical paths"},
		"session is old": {func(r *Request) {
			far(r)
			s := session("n/p")
			s.IssuedAt = now.Add(-time.Hour)
			r.Subject = s
		}, "session: expired: the session is 1h0m0s old, and may be 1m0s"},
	} {
		if got := strings.ToLower(steps(table, tc.change)); !strings.Contains(got, strings.ToLower(tc.want)) {
			t.Errorf("%s: %q is not in\n%s", name, tc.want, got)
		}
	}
	certified := mustBuild(t, one(Rule{Action: Allow, Include: certificate("ci")}))
	if got := steps(certified, func(*Request) {}); !strings.Contains(got, "certificate") {
		t.Errorf("%s", got)
	}
}

// TestTermsAreNotEachOther: what is granted is another revision than what is reserved.
func TestTermsAreNotEachOther(t *testing.T) {
	list := []Grant{{"a.x", "n"}}
	seen := map[string]string{}
	for name, terms := range map[string]Terms{
		"none": {}, "granted": {Grants: list}, "reserved": {Reservations: list}, "both": {Grants: list, Reservations: list},
	} {
		table, _ := Build(Input{Policies: CompileAll([]Policy{one(does(Allow)...)}), Terms: terms})
		if other, ok := seen[table.Revision()]; ok {
			t.Errorf("%s is the same as %s", name, other)
		}
		seen[table.Revision()] = name
	}
}

// TestNoLoginForTokens: a request with a bearer token of an issuer that rules look at, and
// without a session, is never led to a login; without a token, it is.
func TestNoLoginForTokens(t *testing.T) {
	defer clear(said)
	rules := []Rule{{Action: ServiceAuth, Include: jwt("ci", "app", says("sub", "other"))}, does(Allow)[0]}
	table := mustBuild(t, one(rules...)).trusting(tokenIssuers()...)
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}
	if d := table.Decide(r); d.Unauthenticated == Unauthorized || d.Verdict != Challenge {
		t.Errorf("without: %+v", d)
	}
	r.Bearer = bearing(t, "ci", "https://ci.x", `{"sub":"robot"}`)
	if d := table.Decide(r); d.Unauthenticated != Unauthorized || d.Verdict == Admit {
		t.Errorf("with a token that no rule fits: %+v", d)
	}
	r.Subject = session("n/p")
	if d := table.Decide(r); d.Unauthenticated == Unauthorized || d.Verdict != Admit {
		t.Errorf("with a session as well: %+v", d)
	}
	if b := bearing(t, "ci", "https://ci.x", `{"":{"sub":"x"}}`); b.Claims.has(".sub", []string{"x"}) {
		t.Error("a claim without a name counts")
	}
}

// TestLastOfAKind: the last value that there is can be used, and none past it.
func TestLastOfAKind(t *testing.T) {
	wrong := func(change func(*Policy)) string {
		p := one(does(Allow)...)
		change(&p)
		return fmt.Sprint(Validate(&p))
	}
	for name, tc := range map[string]struct {
		change func(*Policy)
		want   string
	}{
		"unauthenticated": {func(p *Policy) { p.Unauthenticated = Unauthorized }, ""},
		"past it":         {func(p *Policy) { p.Unauthenticated = Unauthorized + 1 }, "nauthenticated"},
		"action past all": {func(p *Policy) { p.Rules[0].Action = Action(len(actionNames)) }, "action"},
		"all headers, and a": {func(p *Policy) {
			p.CORS = spa()
			p.CORS.AllowAllHeaders, p.CORS.AllowedHeaders = true, []string{"x-a"}
		}, "allowAllHeaders"},
	} {
		if got := wrong(tc.change); (got == "[]") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, raw := range []string{"/?#", "/?a#", "/#", "/a#b"} {
		if _, err := NewTarget("a.x", raw); err == nil {
			t.Errorf("%s is a target", raw)
		}
	}
}

// TestManyHostsAtOnce: hosts that are redone together, and take their memory together, do
// not share it.
func TestManyHostsAtOnce(t *testing.T) {
	for _, n := range []int{claimsAtOnce, 2*claimsAtOnce + 10} {
		var list []Policy
		for i := range n {
			p := one(does(Bypass)...)
			p.Source.Name, p.Hosts = fmt.Sprint("p", i), []string{fmt.Sprintf("h%d.x", i)}
			list = append(list, p)
		}
		table := mustBuild(t, list...)
		for i := range n {
			if d := get(table, fmt.Sprintf("https://h%d.x/", i), false); d.Verdict != Admit || d.Source.Name != list[i].Source.Name {
				t.Fatalf("h%d.x of %d: %+v", i, n, d)
			}
		}
	}
}

// TestWhyNoTarget: the first thing that is wrong is what is said.
func TestWhyNoTarget(t *testing.T) {
	for url, want := range map[string]error{
		"https:///a": errHostEmpty, "https://:8443/": errHostEmpty, "https://@a.x/": errUserinfo, "https://a.x:/": errPort, "https://?a": errHostEmpty,
	} {
		if _, err := ParseTarget(url); err != want { //nolint:errorlint // it is the value itself
			t.Errorf("%s: %v, want %v", url, err, want)
		}
	}
}
