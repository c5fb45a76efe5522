// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// richPolicies claim overlapping paths with every action; all are valid.
func richPolicies() []Policy {
	cors := spa()
	cors.ManageResponses, cors.Tokens = true, true
	p := func(name string, rule Action, c *CORS, paths ...Path) Policy {
		return Policy{Source: Source{Namespace: "n", Name: name}, Since: birth, Hosts: []string{"a.x", "*.x"}, Paths: paths, CORS: c,
			AllowEncodedSlashes: rule == Allow, Rules: append(does(rule), Rule{Action: Block, Include: networks("10.0.0.0/8")}, Rule{Action: Allow, Include: emails("ann@x")})}
	}
	ab := p("ab", Allow, nil, Path{Value: "/a/b"}, Path{Value: "/c"})
	ab.IdentityProviders = []string{"corp", "guests"}
	ab.Rules = append([]Rule{{Action: Block, Include: groups("leavers")}, {Action: Allow, Include: proof("mfa"), SessionDuration: time.Hour}}, ab.Rules...)
	return []Policy{
		p("root", Allow, cors),
		p("a", Bypass, &CORS{BypassPreflight: true}, Path{Value: "/a"}),
		ab,
		p("abc", ServiceAuth, cors, Path{"/a/b/c", true}),
		p("admin", Block, cors, Path{Value: "/admin"}),
	}
}

var oddURLs = []string{
	"https://a.x", "https://a.x/", "http://A.X:8443/a/b?q=/c", "https://a.x./a", "https://a.x/a/../b", "https://a.x/a//b", "https://a.x/a///../b",
	"https://a.x/a/..;/b", "https://a.x/a;v=1/b", "https://a.x/a%2fb", "https://a.x/a/%2e%2e/b", "https://a.x/a/%252e%252e%252fb", "https://a.x/%61",
	"https://a.x/a/%25%32%65%25%32%65/b", "https://a.x/a%3f/../b", "https://a.x/a%23b", "https://a.x/a#b", "https://a.x/a\\b", "https://a.x/%5c", "https://a.x/%00",
	"https://a.x/a b", "https://a.x/%zz", "https://a.x/%c0%ae", "https://a.x/caf\u00e9", "https://user@a.x/", "https://[::1]:80/", "https://a.x:0/", "//a.x/a", "/a", "*", "",
	"https://b.a.x/a", "https://x/", "https://-a_.x/a/./b/.", "https://a.x/a/b/c/..", "https://a.x/a/b/%2e%2e/%2f%3b/..;a=b%2525",
	"https://a.x/a/..%20/b", "https://a.x/a./b%20", "https://a.x/a/%ef%bc%8e%ef%bc%8e%ef%bc%8fb", "https://a.x/a/.%e2%80%8b.%c2%a0/b", "https://a.x/a%e2%80%a6/b", "https://a.x/a/...%2520/b",
}

func FuzzParseTarget(f *testing.F) {
	for _, u := range oddURLs {
		f.Add(u)
	}
	policies := richPolicies()
	table, ref := mustBuild(f, policies...), newReference(policies)
	f.Fuzz(func(t *testing.T, raw string) {
		target, err := ParseTarget(raw)
		if err != nil {
			if target.Host() != "" || target.Path() != "" || table.Decide(Request{Target: target, Method: "GET", Now: now}).Verdict != Deny {
				t.Fatalf("%q: an error, and %+v", raw, target)
			}
			return
		}
		rest := raw[strings.Index(raw, "://")+3:]
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			rest = rest[i:]
		} else {
			rest = "/"
		}
		wellFormed(t, raw, target)
		if len(rest) > 200 {
			return // the reference is slow
		}
		for _, s := range []*Subject{nil, session(table.Audience(target))} {
			r := Request{Target: target, Method: "GET", Now: now, Subject: s}
			d := table.Decide(r)
			sound(t, ref, refHost(target.Host()), rest, &r, d)
			if e, _ := table.Explain(r); e != d {
				t.Fatalf("%q: Explain %+v, Decide %+v", raw, e, d)
			}
		}
	})
}

// refHost keeps hosts that no name can match out of the reference.
func refHost(h string) string {
	if strings.HasPrefix(h, "[") {
		return "address"
	}
	return h
}

func wellFormed(t *testing.T, raw string, target Target) {
	t.Helper()
	host, path := target.Host(), target.Path()
	if host == "" || len(host) > 253 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.[]:") != "" || strings.HasSuffix(host, ".") {
		t.Fatalf("%q: host %q", raw, host)
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.ContainsAny(path, "\\\x00\r\n\t\x7f") {
		t.Fatalf("%q: path %q", raw, path)
	}
	for seg := range strings.SplitSeq(path, "/") {
		if seg == "." || seg == ".." {
			t.Fatalf("%q: path %q holds a dot segment", raw, path)
		}
	}
	if target.Canonical() && len(target.readings) > 0 {
		t.Fatalf("%q: canonical, with readings %q", raw, target.readings)
	}
	// What was decoded is not decoded again.
	escaped := (&url.URL{Path: path}).EscapedPath()
	escaped = strings.NewReplacer(";", "%3B", "[", "%5B").Replace(escaped)
	again, err := NewTarget(host, escaped)
	if len(escaped) > maxPath {
		again, err = target, nil // three letters in place of one are too long
	}
	if err != nil || again.path != path || again.host != host {
		t.Fatalf("%q: %q became %q, %v", raw, path, again.path, err)
	}
	// net/url reads the same path, where it reads one at all.
	if u, err := url.Parse(raw); err == nil && target.Canonical() {
		if p := u.Path; p != path && !(p == "" && path == "/") {
			t.Fatalf("%q: path %q, net/url says %q", raw, path, p)
		}
		if h := strings.ToLower(u.Hostname()); strings.TrimSuffix(h, ".") != strings.Trim(host, "[]") && netipString(h) != strings.Trim(host, "[]") {
			t.Fatalf("%q: host %q, net/url says %q", raw, host, h)
		}
	}
}

func netipString(h string) string {
	a, err := netip.ParseAddr(h)
	if err != nil {
		return ""
	}
	return a.String()
}

func FuzzCheckOrigin(f *testing.F) {
	for _, o := range []string{"null", "NULL", "*", "https://a.x", "HTTPS://A.X:8443", "https://*.a.x", "https://*.a.x:1", "http://*.localhost", "https://a.x:443", "https://a.x/", "https://[::1]:80",
		"https://[[::1]]", "https://[fe80::1%25eth0]", "https://[0:0::1]", "https://[::ffff:1.2.3.4]", "https://1.2.3.4", "https://*.1.2.3.4", "https://u@a.x", "app://x", "chrome-extension://abc", "https://a.x:00080", "https://*", "https://a.*.x", "https://pr-*.a.x:8443", "https://*-app.a.x", "http://localhost:*", "https://[::1]:*", "https://caf\u00e9.x"} {
		f.Add(o, byte(3), byte('x'))
	}
	f.Fuzz(func(t *testing.T, o string, at, with byte) {
		if CheckOrigin(o) != "" {
			return
		}
		c := compileCORS(&CORS{AllowedOrigins: []string{o}})
		lower := strings.ToLower(o)
		match := strings.Replace(strings.Replace(lower, ":*", ":3000", 1), "*", "s", 1)
		if !c.allowsOrigin(match) {
			t.Fatalf("%q does not allow %q", o, match)
		}
		if c.allowsOrigin("null") != (o == "null") || c.allowsOrigin("") || c.allowsOrigin("*") {
			t.Fatalf("%q allows null, nothing or *", o)
		}
		changed := []byte(match)
		changed[int(at)%len(changed)] = with
		if s := string(changed); strings.ToLower(s) != match && c.allowsOrigin(s) && !refPattern(lower, strings.ToLower(s)) {
			t.Fatalf("%q allows %q", o, s)
		}
		for _, s := range []string{match + "x", match + ".x", "x" + match, match + "/", match + " ", " " + match, match + ":1", match + ",", match + "\x00"} {
			if c.allowsOrigin(s) && !refPattern(lower, s) {
				t.Fatalf("%q allows %q", o, s)
			}
		}
		if o == "null" {
			return
		}
		u, err := url.Parse(match)
		if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme+"://"+u.Host != match {
			t.Fatalf("%q is no origin to net/url: %+v, %v", match, u, err)
		}
	})
}

func FuzzDecide(f *testing.F) {
	for i, u := range oddURLs {
		f.Add(u, []string{"GET", "OPTIONS", "options", ""}[i%4], []string{"", "https://spa.example.com", "null", "https://b.DEV.example.com"}[i/4%4], []string{"", "PATCH", "get"}[i%3], "x-csrf, Content-Type", "ann@x", byte(i), []byte{10, 0, 0, byte(i)}, int64(i)*600)
	}
	policies := richPolicies()
	free := mustBuild(f, policies...).bound(fuzzedBindings)
	voids := []Revocation{{User: "Ann@x", Before: now.Add(-time.Hour)}, {User: "u1", Before: now}}
	revoking := free.revoking(voids)
	f.Fuzz(func(t *testing.T, rawURL, method, origin, acrm, acrh, email string, flags byte, address []byte, age int64) {
		r := Request{Method: method, Origin: origin, Preflight: Preflight{acrm, acrh, flags&1 > 0}, Refused: Reason(flags) % (NotReady + 1), Now: now}
		r.Target, _ = ParseTarget(rawURL)
		r.Address, _ = netip.AddrFromSlice(address)
		table, revocations := free, voids[:0]
		if age&1 > 0 {
			table, revocations = revoking, voids
		}
		audience := table.Audience(r.Target)
		if flags&2 > 0 {
			issued := now.Add(-time.Duration(age) * time.Second)
			r.Subject = &Subject{ID: acrm, Email: email, Audience: []string{acrh, audience}, SignedInAt: issued, IssuedAt: issued, ExpiresAt: now.Add(time.Duration(flags) * time.Minute)}
			r.Subject.Groups, r.Subject.AMR, r.Subject.Provider = strings.Fields(acrh), strings.Fields(email), email
		}
		if r.Subject != nil && flags&8 > 0 {
			r.Subject.Audience = []string{email}
		}
		if r.Subject != nil && flags&16 > 0 {
			r.Subject.AuthorizedParty = []string{"https://spa.example.com", email, origin}[flags>>5%3]
		}
		d := table.Decide(r)
		if e, _ := table.Explain(r); e != d {
			t.Fatalf("Explain %+v, Decide %+v", e, d)
		}
		invariants(t, &r, d, refStanding(policies, revocations, audience, &r))
		for _, ingress := range []string{"n/i", "n/j", "n/torn", "n/lost", acrh, email} {
			checkPinned(t, table, r, d, ingress)
		}
	})
}

var fuzzedBindings = []Binding{{"n/i", "n/root"}, {"n/j", "n/a"}, {"n/torn", "n/root"}, {"n/torn", "n/a"}, {"n/lost", "n/gone"}}

// checkPinned: of what an Ingress routed, its policy decides as it always does, and
// no other policy decides anything. d is the decision without an Ingress.
func checkPinned(t *testing.T, table *Table, r Request, d Decision, ingress string) {
	t.Helper()
	if ingress == "" {
		return
	}
	r.Ingress = ingress
	got := table.Decide(r)
	if e, _ := table.Explain(r); e != got {
		t.Fatalf("Explain %+v, Decide %+v", e, got)
	}
	names := map[string]string{"n/i": "n/root", "n/j": "n/a"}[ingress]
	switch {
	case names != "" && Audience(d.Source) == names:
		if got != d {
			t.Fatalf("%q: %+v, without it %+v", ingress, got, d)
		}
	case got.Verdict != Deny || got.Identified || got.CORS != (CORSHeaders{}) || got.Source != (Source{}):
		t.Fatalf("%q: %+v, of another policy's: %+v", ingress, got, d)
	}
}

// refStanding reports whether the reference lets the credential count.
func refStanding(policies []Policy, revocations []Revocation, audience string, r *Request) bool {
	for i := range policies {
		if Audience(policies[i].Source) == audience {
			p := policies[i]
			if p.CORS != nil && r.Origin != "" && compileCORS(p.CORS).allowsOrigin(r.Origin) { // lists are tested elsewhere
				c := *p.CORS
				c.AllowedOrigins = []string{r.Origin}
				p.CORS = &c
			}
			return refSession(&p, revocations, r) == NoReason
		}
	}
	return false
}

// invariants hold for every request and every table.
func invariants(t *testing.T, r *Request, d Decision, good bool) {
	t.Helper()
	pre := r.Method == "OPTIONS" && r.Origin != "" && r.Preflight.Method != ""
	opens := d.Reason > NotReady
	switch {
	case d.Verdict > AnswerPreflight, d.Reason >= reasonCount, d.Reason == NoReason:
		t.Fatalf("no such verdict or reason: %+v", d)
	case (d.Verdict == Admit || d.Verdict == AnswerPreflight) != opens:
		t.Fatalf("verdict and reason disagree: %+v", d)
	case !pre && r.Refused == NoReason && slices.Contains([]Reason{PreflightAnswered, PreflightBypassed, PreflightNotConfigured, OriginNotAllowed, MethodNotAllowed, HeaderNotAllowed}, d.Reason),
		pre && slices.Contains([]Reason{Bypassed, SignedIn, ServiceAdmitted, NoSession, Blocked, NoRuleMatched}, d.Reason):
		t.Fatalf("a preflight is %v, but %+v", pre, d)
	case d.Identified && !good, d.Reason == SignedIn && !good:
		t.Fatalf("let in nobody: %+v", d)
	case d.Verdict == Admit && !r.Target.Canonical() && d.Reason != SignedIn:
		t.Fatalf("relaxed for an odd path: %+v", d)
	case d.Verdict == Challenge && r.Method == "OPTIONS":
		t.Fatalf("OPTIONS challenged: %+v", d)
	case d.Verdict == Admit && r.Target.Host() == "":
		t.Fatalf("no target, but %+v", d)
	case d.CORS.AllowOrigin != "" && d.CORS.AllowOrigin != r.Origin,
		d.CORS.AllowMethods != "" && d.CORS.AllowMethods != r.Preflight.Method,
		!strings.Contains(r.Preflight.Headers, d.CORS.AllowHeaders),
		strings.ContainsAny(d.CORS.AllowOrigin+d.CORS.AllowMethods+d.CORS.AllowHeaders, "\r\n\x00"),
		len(d.CORS.AllowOrigin)+len(d.CORS.AllowMethods)+len(d.CORS.AllowHeaders) > 3<<10,
		(d.Verdict != AnswerPreflight) && d.CORS.AllowMethods != "",
		d.CORS.AllowOrigin != "" && !strings.EqualFold(r.Origin, "https://spa.example.com") && !refPattern("https://*.dev.example.com", strings.ToLower(r.Origin)):
		t.Fatalf("CORS: %+v for %+v", d, r)
	}
}
