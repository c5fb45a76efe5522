// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestHolds: what each variable and function says of the usual request.
func TestHolds(t *testing.T) {
	for text, want := range map[string]bool{
		"request.method == 'GET'": true, "request.method == 'get'": false, "request.host == 'app.example.com'": true,
		"request.path.startsWith('/api/')": true, "request.path.startsWith('/apix')": false, "request.path.contains('v1')": true,
		"request.path.matches('^/api/v[0-9]+/')": true, "request.path.matches('^/v')": false, "matches(request.path, 'things$')": true,
		"request.origin.endsWith('.example.com')": true, "request.origin == ''": false, "size(request.path) < 10": false,
		"cidr('10.0.0.0/8').containsIP(request.address)": true, "cidr('11.0.0.0/8').containsIP(request.address)": false,
		"request.address == ip('10.1.2.3')": true, "request.address.family() == 6": false, "string(request.address) == '10.1.2.3'": true,
		"identity.email == 'ann@example.com'": true, "identity.email.endsWith('@example.org')": false, "identity.provider == 'corp'": true,
		"'staff' in identity.groups": true, "'ops' in identity.groups": false, "!('ops' in identity.groups) && 'dev' in identity.groups": true,
		"'mfa' in identity.amr": true, "identity.amr.exists(a, a in ['hwk', 'swk'])": false, "identity.amr.all(a, a.size() == 3)": true,
		"now.getHours('+01:00') == 4 && now.getHours() == 3": true, "now.getDayOfWeek() in [1, 2, 3, 4, 5]": true,
		"now < timestamp('2026-01-02T03:04:06Z')": true, "now + duration('2s') < timestamp('2026-01-02T03:04:06Z')": false,
		"'ANN'.lowerAscii() == 'ann'": true, "'\u212aim'.lowerAscii() == 'kim'": false, "'Ä'.lowerAscii() == 'ä'": false,
		"request.method == 'GET' ? 'dev' in identity.groups : false": true, "true": true, "1 == 2": false,
		"[1, 2].exists(x, [2, 3].exists(y, x == y))": true, "// a comment\ntrue": true, "dyn(request.path) == '/api/v1/things'": true,
	} {
		c := Compile(text)
		if c.Problem() != "" || c.Text() != text || c.Cost() == 0 || c.Cost() > policy.MaxConditionCost {
			t.Errorf("%s: %q %d", text, c.Problem(), c.Cost())
			continue
		}
		if got, err := c.Holds(usual()); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
}

// TestRefused: what is no expression for a policy, and where the message points.
func TestRefused(t *testing.T) {
	deep := strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100)
	for text, want := range map[string]string{
		"": "empty", " \n": "empty", "// only": "line 1, column 8: the expression ends too early",
		"1 +":                             "line 1, column 4: the expression ends too early",
		"request.metod == 'GET'":          "line 1, column 1: request.metod: there is no such variable or function; the variables are request.address, request.host, ",
		"true &&\n  identity.mail == 'a'": "line 2, column 3: identity.mail: there is no such variable", "x": "x: there is no such",
		"request == 1":       "request: there is no such variable or function; the variables are identity.amr,",
		"'ä' == request.pat": "column 8: request.pat: there",
		"request.path":       "the result is a string, and has to be true or false", "dyn(true)": "the result is a dyn", "[true]": "list(bool)",
		"request.path == 1": "there is no such operator or function for these types: '_==_' applied to '(string, int)'",
		"true true":         "unexpected 'true'", "a'": "Syntax error", "request.path.split('/') == ['']": "split",
		"{'a': 1}.exists(k, true)":                             "there are no maps",
		"google.protobuf.Struct{} == google.protobuf.Struct{}": "there are no maps and no messages",
		"has(request.path)":                                    "request.path: it cannot be used like that", "[1].exists(now, now == 1)": "choose another name",
		"identity.groups.exists(g, g == 'a')": "only be asked for one group by its name", "identity.groups.size() == 1": "by its name",
		"identity.email in identity.groups": "by its name", "identity.groups == ['a']": "by its name", "'' in identity.groups": "by its name",
		"'a\\n' in identity.groups": "by its name", "('a' + 'b') in identity.groups": "by its name", "dyn(identity.groups) == 1": "by its name",
		"['a'].exists(g, g in identity.groups)": "by its name", "[identity.groups].size() == 1": "by its name",
		"'" + strings.Repeat("g", 257) + "' in identity.groups": "by its name",
		"now.getHours('Europe/Amsterdam') > 1":                  "write the time zone as 'UTC'",
		"now.getHours(request.method) > 1":                      "time zone", "now.getHours('+99:00') > 1": "time zone",
		"request.path.matches(request.method)": "as one text in quotes", "request.path.matches('a' + 'b')": "as one text",
		"request.path.matches('(')":                    "invalid matches",
		"request.path.matches('((a{100}){100}){100}')": "invalid matches", "request.path.matches('(.{0,900})x')": "at most 50000 is allowed",
		"cidr('10.0.0.0/33').containsIP(request.address)": "cidr", "ip('1.2.3') == request.address": "IP",
		"timestamp('soon') < now": "timestamp", "duration('1x') < duration('1s')": "duration",
		"[1].all(a, [1].all(b, [1].all(c, true)))": "nesting", "'\u202e' == request.pat\u200b": "line 1", "'\xff' == ''": "UTF-8",
		strings.Repeat("a", MaxLength+1): "at most 2048", strings.Repeat("ä", MaxLength+1): "at most 2048", deep: "", strings.Repeat("!",
			1000) + "true": "",
		strings.Repeat("[", 200) + strings.Repeat("]", 200) + " == []": "", "x0 && x1 && x2 && x3 && x4 && x5 && x6": "and 2 more",
		"[1,2,3,4,5,6,7,8,9].map(a, [1,2,3,4,5,6,7,8,9].map(b, request.path + request.path)).size() == 1": "",
		"request.path.size() / 0 == 1 && 9223372036854775808 == 1":                                        "int",
	} {
		c := Compile(text)
		problem := c.Problem()
		if problem == "" && want == "" && c.Cost() <= policy.MaxConditionCost {
			continue // deep, and harmless
		}
		if problem == "" || !strings.Contains(problem, want) || policy.Line(problem) != problem || len(problem) > 3000 {
			t.Errorf("%.100q: %q, want %q", text, problem, want)
		}
		if holds, err := c.Holds(usual()); holds || err == nil {
			t.Errorf("%.100q holds", text)
		}
	}
}

// TestLooks: what an expression looks at is what stands in it, be it reached or not.
func TestLooks(t *testing.T) {
	for text, want := range map[string]policy.Looks{
		"true":                  {},
		"now > now":             {Request: true},
		"request.method == 'A'": {Request: true},
		"identity.provider == 'corp' && request.path == '/'":  {Request: true, Identity: true},
		"false && identity.email == ''":                       {Identity: true, Email: true},
		"['a'].exists(x, x == identity.email)":                {Identity: true, Email: true},
		"'b' in identity.groups || 'a' in identity.groups":    {Identity: true, Groups: []string{"a", "b"}},
		"'a' in identity.groups && !('a' in identity.groups)": {Identity: true, Groups: []string{"a"}},
		"[1].all(x, 'ä b' in identity.groups)":                {Identity: true, Groups: []string{"ä b"}},
		"size(identity.amr) > 1":                              {Identity: true, AMR: true},
		"[1].exists(identity, identity == 1)":                 {}, // a variable of its own
	} {
		c := Compile(text)
		got := c.Looks()
		if c.Problem() != "" || got.Request != want.Request || got.Identity != want.Identity || got.Email != want.Email ||
			got.AMR != want.AMR || !slices.Equal(got.Groups, want.Groups) {
			t.Errorf("%s: %+v, want %+v; %s", text, got, want, c.Problem())
		}
	}
}

// TestUnknown: what depends on a fact that is not known has no answer, and no one is at
// fault; what does not, has one.
func TestUnknown(t *testing.T) {
	with := func(change func(*policy.Facts)) *policy.Facts { f := usual(); change(f); return f }
	none := with(func(f *policy.Facts) { f.Address = netip.Addr{} })
	odd := with(func(f *policy.Facts) { f.PathUnknown, f.OriginUnknown = true, true })
	long := with(func(f *policy.Facts) {
		big := strings.Repeat("a", 3000)
		f.Method, f.Path, f.Origin, f.Email, f.Provider, f.Host = big, big, big, big, big, big
		f.Groups, f.AMR = []string{big}, []string{big}
	})
	many := with(func(f *policy.Facts) { f.Groups, f.AMR = make([]string, 2000), make([]string, 40) })
	for _, tc := range []struct {
		text  string
		facts *policy.Facts
		want  string
	}{
		{"cidr('10.0.0.0/8').containsIP(request.address)", none, "unknown"}, {"!cidr('10.0.0.0/8').containsIP(request.address)", none, "unknown"},
		{"request.method == 'GET' || request.address == ip('10.0.0.1')", none, "true"},
		{"request.address == ip('10.0.0.1') || request.method == 'GET'", none, "true"},
		{"request.method == 'PUT' && request.address == ip('10.0.0.1')", none, "false"},
		{"request.method == 'GET' && request.address == ip('10.0.0.1')", none, "unknown"},
		{"request.path == '/'", odd, "unknown"}, {"request.origin == ''", odd, "unknown"}, {"request.host == ''", odd, "false"},
		{"request.method == ''", long, "unknown"}, {"request.path == ''", long, "unknown"}, {"request.origin == ''", long, "unknown"},
		{"request.host == ''", long, "unknown"},
		{"identity.email == ''", long, "unknown"}, {"identity.provider == ''", long, "unknown"}, {"'a' in identity.groups", long, "unknown"},
		{"'a' in identity.amr", long, "unknown"},
		{"'a' in identity.groups", many, "unknown"}, {"'a' in identity.amr", many, "unknown"},
		{"1 / (size(request.method) - 3) == 1", usual(), "division by zero"}, {"[1][size(request.path)] == 1", usual(), "index"},
		{"ip(request.path) == request.address", usual(), "IP"}, {"int(request.method) == 1", usual(), "conversion"},
	} {
		holds, err := Compile(tc.text).Holds(tc.facts)
		got := "false"
		switch {
		case errors.Is(err, policy.ErrUnknown):
			got = "unknown"
		case err != nil:
			got = err.Error()
		case holds:
			got = "true"
		}
		if !strings.Contains(got, tc.want) || err != nil && holds {
			t.Errorf("%s: %s, want %s", tc.text, got, tc.want)
		}
	}
}

// TestCompiledOnce: one text is compiled once while anybody has it, and then forgotten.
func TestCompiledOnce(t *testing.T) {
	const text = "request.method == 'ONCE'"
	a := Compile(text)
	if a != Compile(text) {
		t.Error("compiled twice")
	}
	runtime.KeepAlive(a)
	for range 50 {
		runtime.GC()
		memo.mu.Lock()
		_, kept := memo.byText[text]
		memo.mu.Unlock()
		if !kept {
			return
		}
		time.Sleep(time.Millisecond) // cleanups run beside
	}
	t.Error("kept for good")
}
