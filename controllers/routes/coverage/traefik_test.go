// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// A refExpression is a matcher of Traefik: its text, and whether it may match a
// host, and may fail to, whatever the rest of the request is.
type refExpression struct {
	text      string
	may, mayN func(host string) bool
}

func randomExpression(r *rand.Rand, depth int) refExpression {
	always := func(string) bool { return true }
	kind := r.IntN(3)
	if depth > 0 {
		kind = r.IntN(6)
	}
	switch kind {
	case 0:
		a, b := routestest.Pick(r, "a.t", "b.t", "c.t"), routestest.Pick(r, "a.t", "b.t", "c.t")
		is := func(h string) bool { return h == a || h == b }
		return refExpression{fmt.Sprintf("Host(`%s`, \"%s\")", a, b), is, func(h string) bool { return !is(h) }}
	case 1:
		e := routestest.Pick(r, `^a\.t$`, `[ab]\.t`, `.+`, `^nobody$`)
		is := regexp.MustCompile(e).MatchString
		return refExpression{"HostRegexp(`" + e + "`)", is, func(h string) bool { return !is(h) }}
	case 2:
		return refExpression{routestest.Pick(r, "PathPrefix(`/x || Host(a.t)`)", "Method(`GET`)", "Header(`X`,`!(`)"), always, always}
	case 3:
		x := randomExpression(r, depth-1)
		return refExpression{"!(" + x.text + ")", x.mayN, x.may}
	default:
		x, y := randomExpression(r, depth-1), randomExpression(r, depth-1)
		and := func(h string) bool { return x.may(h) && y.may(h) }
		or := func(h string) bool { return x.may(h) || y.may(h) }
		andN := func(h string) bool { return x.mayN(h) || y.mayN(h) }
		orN := func(h string) bool { return x.mayN(h) && y.mayN(h) }
		if kind == 4 {
			return refExpression{"(" + x.text + ") && (" + y.text + ")", and, andN}
		}
		return refExpression{"(" + x.text + "||" + y.text + ")", or, orN}
	}
}

// TestMatchHostsMissesNothing: a host that an expression may match is among those
// that are read out of it, or it is read as any.
func TestMatchHostsMissesNothing(t *testing.T) {
	hosts := []string{"a.t", "b.t", "c.t"}
	c := &coverage{claimed: hosts}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	some := 0
	for range 20000 {
		e := randomExpression(r, 4)
		got := c.matchHosts(e.text)
		if !slices.Contains(got, "") {
			some++
		}
		for _, h := range hosts {
			if e.may(h) && !slices.Contains(got, h) && !slices.Contains(got, "") {
				t.Fatalf("seed %d: %s may match %s, and is read as %q", seed, e.text, h, got)
			}
		}
	}
	if some < 1000 {
		t.Errorf("only %d expressions are read as less than any", some)
	}
}

// FuzzMatchHosts: what cannot be read is any host, and never none.
func FuzzMatchHosts(f *testing.F) {
	for _, s := range []string{"", "Host(`a.t`", "Host()", ")", "Host(`a.t`) Host(`b.t`)", "a", "!", "Host(`a.t`) && ", "Host(`a`b`)", "||", "Host(`a.t`);x", "Host(`*`)"} {
		f.Add(s)
	}
	c := &coverage{claimed: []string{"a.t"}}
	f.Fuzz(func(t *testing.T, match string) {
		got := c.matchHosts(match)
		if len(got) == 0 && !regexp.MustCompile(`Host(SNI)?(Regexp)?\s*\(`).MatchString(match) {
			t.Errorf("%q is read as no host", match)
		}
	})
}

// TestMatchHosts: what cannot be read is any host, and text is read as Go reads it: in
// double quotes a backslash is written twice.
func TestMatchHosts(t *testing.T) {
	any, none := []string{""}, []string{}
	a, b, both := []string{"a.t"}, []string{"b.t"}, []string{"a.t", "b.t"}
	c := &coverage{claimed: both}
	for match, want := range map[string][]string{
		"Host(`a.t`)":                                 a,
		"Host(`A.T.`)":                                a,
		`Host("a.t")`:                                 a,
		`Host("\x61.t")`:                              a,
		"Host(`a.t`, `b.t`)":                          both,
		"Host(`b.t`) || Host(`a.t`)":                  both,
		"Host(`a.t`) && PathPrefix(`/x`)":             a,
		"PathPrefix(`/x`) && Host(`a.t`)":             a,
		"PathPrefix(`/x`) || Host(`a.t`)":             any,
		"Host(`a.t`) && !PathPrefix(`/x`)":            a,
		"!Host(`a.t`)":                                any,
		"!Host(`a.t`) && Host(`b.t`)":                 b,
		"!(Host(`a.t`) || Host(`b.t`))":               any,
		"Host(`a.t`) || Host(`b.t`) && Method(`X`)":   both,
		"(Host(`a.t`) || Method(`X`)) && Host(`b.t`)": b,
		"HostRegexp(`^a[.]t$`)":                       a,
		"HostRegexp(`^A\\.T$`)":                       a,
		`HostRegexp("^a\\.t$")`:                       a,
		`HostRegexp("^[ab]\\.t$")`:                    both,
		"HostRegexp(`^c[.]t$`)":                       none,
		"HostRegexp(`{name:.+}.t`)":                   any,
		"HostRegexp(`(`)":                             both,
		"HostSNI(`a.t`)":                              a,
		"HostSNI(`*`)":                                any,
		"HostSNIRegexp(`^b`)":                         b,
		"Host(`*.t`)":                                 {".t"},
		"Unheard(`a.t`)":                              any,
		"host(`a.t`)":                                 any,
		"HostHeader(`a.t`)":                           any,
		"Unheard(`a.t`) && Host(`b.t`)":               b,
		"Unheard(`a.t`) || Host(`b.t`)":               any,
		"":                                            any,
		"Host(`a.t`":                                  any,
		"Host(`a.t`)) ":                               any,
		"Host(a.t)":                                   any,
		`Host("a." + "t")`:                            any,
		`Host("\q.t")`:                                any,
		"Host(`a.t`) // || Host(`b.t`)":               any,
		"Host(`a.t`) Host(`b.t`)":                     any,
		"Host":                                        any,
	} {
		if got := c.matchHosts(match); !slices.Equal(got, want) {
			t.Errorf("%s is read as %q, want %q", match, got, want)
		}
	}
}
