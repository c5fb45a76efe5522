// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ostiary/ostiary/authserver/policy"
)

// hostile are expressions of people who want the server to work, or to fall.
func hostile() []string {
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 100), ",") + "]"
	return []string{
		strings.Repeat("(", 1000) + "true" + strings.Repeat(")", 1000), strings.Repeat("!", 2047) + "a", strings.Repeat("-", 2000) + "1 == 1",
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + " == []", strings.Repeat("true ? ", 300) + "true" + strings.Repeat(" : false",
			300),
		"true" + strings.Repeat(" && true", 250), "true" + strings.Repeat(" || request.path.matches('a+')", 60), strings.Repeat("a.", 1000) + "a",
		"'" + strings.Repeat("a", 2000) + "' == request.path", "r'''" + strings.Repeat("\\", 1000) + "''' == ''",
		"b'" + strings.Repeat("\\x00", 500) + "' == b''",
		list + ".all(a, " + list + ".all(b, " + list + ".all(c, a + b + c > 0)))", list + ".all(a, " + list + ".all(b, a + b > 0))",
		list + ".map(a, " + list + ".map(b, request.path + request.path)).size() > 0",
		list + ".map(x, request.path).exists(p, p.matches('(a|b|c)*d'))",
		"request.path.matches('(a+)+$')", "request.path.matches('(.{0,999}){9}x')", "request.path.matches('" + strings.Repeat("(a|b)*",
			150) + "')",
		"request.path.matches(request.path)", "(request.path + request.path + request.path + request.path).matches('a*b*c*d*e*f*g*')",
		"9223372036854775807 + 1 == 1", "-9223372036854775808 / -1 == 1", "1 % 0 == 1", "1e999 > 0.0", "0.0 / 0.0 == 1.0",
		"duration('9223372036s') + duration('9223372036s') > duration('0s')",
		"timestamp('9999-12-31T23:59:59Z') + duration('1000000h') > now", "string(b'\\xff\\xfe') == ''", "type(request) == type(1)",
		"request.__proto__ == 1", "identity['email'] == ''",
		"\u202etrue", "tr\u200bue", "'\u0000' == ''", "'\\U0010FFFF' == ''", "'\\ud800' == ''", "ｔｒｕｅ", "true // \u2028 false",
		"`request`.method == ''", "request.`method` == ''",
		"optional.of(1).hasValue()", "cel.bind(x, 1, x == 1)", "request.?method.hasValue()", "google.protobuf.Any{} == 1",
		"dyn([dyn(request.path)]).exists(x, x.matches('a'))",
		"int('" + strings.Repeat("9", 1000) + "') == 1", "[[[[[]]]]] == [[[[[dyn(1)]]]]]",
		"size(string(now)) > 0 && string(now).matches('^2026')", "null == null", "''.lowerAscii().lowerAscii() == ''",
	}
}

// loaded are facts as large as they can be.
func loaded() *policy.Facts {
	f := usual()
	f.Method, f.Path, f.Origin = strings.Repeat("G", maxMethod), "/"+strings.Repeat("a", maxPath-1), strings.Repeat("o", maxOrigin)
	f.Email, f.Provider, f.Host = strings.Repeat("e", maxEmail), strings.Repeat("p", maxProvider), strings.Repeat("h", maxHost)
	f.Groups, f.AMR = make([]string, maxGroups), make([]string, maxAMR)
	for i := range f.Groups {
		f.Groups[i] = strings.Repeat("g", maxGroup)
	}
	for i := range f.AMR {
		f.AMR[i] = strings.Repeat("m", maxProof)
	}
	return f
}

// holdsBounds fails the test unless a compiled text is refused, or costs what it says
// at the most.
func holdsBounds(tb testing.TB, text string, visits ...*policy.Facts) {
	tb.Helper()
	c := compile(text)
	if c.problem != "" {
		if policy.Line(c.problem) != c.problem || !utf8.ValidString(c.problem) || c.program != nil && c.cost > 0 {
			tb.Errorf("%q: %q", text, c.problem)
		}
		return
	}
	if c.cost == 0 || c.cost > policy.MaxConditionCost || utf8.RuneCountInString(text) > MaxLength {
		tb.Errorf("%q: accepted, and can cost %d", text, c.cost)
	}
	for _, f := range visits {
		value, details, err := c.program.Eval((*facts)(f))
		if cost := details.ActualCost(); cost == nil || *cost > c.cost {
			tb.Errorf("%q: reckoned to cost %d, and it cost %v: %v %v", text, c.cost, *cost, value, err)
		}
		if _, ok := value.Value().(bool); err == nil && !ok {
			tb.Errorf("%q: %v", text, value)
		}
		again, againErr := c.Holds(f)
		if first, _ := c.Holds(f); first != again || againErr != nil && again {
			tb.Errorf("%q: %v, %v", text, first, again)
		}
		if len(c.looks.Groups) > 0 && !c.looks.Identity {
			tb.Errorf("%q: %+v", text, c.looks)
		}
	}
}

// TestHostile: none of them is over the cost.
func TestHostile(t *testing.T) {
	for _, text := range hostile() {
		holdsBounds(t, text, usual(), loaded(), &policy.Facts{})
	}
}

// FuzzCompile: no text makes it panic, none is accepted that costs too much, and none
// costs more than was reckoned.
func FuzzCompile(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text)
	}
	for text := range alphabet {
		f.Add(text)
	}
	visits := []*policy.Facts{usual(), loaded(), {}}
	f.Fuzz(func(t *testing.T, text string) { holdsBounds(t, text, visits...) })
}
