// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestOracleManyClaims has hosts with so many claims that they are kept in
// another way, and with just as many as are not, whichever claim comes last.
func TestOracleManyClaims(t *testing.T) {
	claims := tinyClaims()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 / every(3) {
		var policies []Policy
		for range 1 + rng.IntN(4) {
			policies = append(policies, claims[rng.IntN(len(claims))])
		}
		filler := Policy{Hosts: tinyHosts, Rules: does(Bypass)}
		for i := range few - 4 + rng.IntN(8) {
			filler.Paths = append(filler.Paths, Path{Value: fmt.Sprint("/a/b/fill", i), Exact: rng.IntN(2) == 0})
		}
		policies = slices.Insert(policies, rng.IntN(len(policies)+1), filler)
		agree(t, enact(rng.IntN(64), policies...))
	}
}

// TestClaimsAmongMany: a table of one claim more than are compared one after the
// other answers as one of exactly as many, for those that both have.
func TestClaimsAmongMany(t *testing.T) {
	var paths []string
	for i := range few {
		paths = append(paths, "/"+strings.Repeat("d/", i)+"e")
	}
	for n := range few + 2 {
		p := of("m", "p", 0, Bypass, []string{"a.x"}, prefixes(paths[:min(n, few)]...)...)
		p.Paths = append(p.Paths, Path{Value: "/only", Exact: true})
		q := of("m", "q", 1, Block, []string{"a.x"}, p.Paths...)
		table, issues := build([]Policy{p, q})
		if len(issues) != len(p.Paths) {
			t.Errorf("%d claims: %v", len(p.Paths), issues)
		}
		for i, path := range paths {
			want := "deny no-policy"
			if i < n {
				want = "allow bypass p"
			}
			for _, below := range []string{"", "/", "/x", "/x/y/z/" + strings.Repeat("d/", 50)} {
				if got := brief(get(table, "https://a.x"+path+below, false)); got != want {
					t.Errorf("%d claims, %s: %s, want %s", len(p.Paths), path+below, got, want)
				}
			}
			if got := brief(get(table, "https://a.x"+path+"x", false)); got != "deny no-policy" {
				t.Errorf("%d claims, %s: %s", len(p.Paths), path+"x", got)
			}
		}
		if got := brief(get(table, "https://a.x/only/x", false)); got != "deny no-policy" {
			t.Errorf("%d claims, below an Exact one: %s", len(p.Paths), got)
		}
	}
}

// TestSets: what is in a set does not depend on how many are.
func TestSets(t *testing.T) {
	var zero set
	if zero.has("") || zero.hasBytes(nil) || zero.size() != 0 {
		t.Error("the zero set is not empty")
	}
	for n := range 3 * few {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint("t", i))
		}
		s := newSet(list)
		if s.size() != n {
			t.Errorf("%d texts, size %d", n, s.size())
		}
		for i := range n + 1 {
			text := fmt.Sprint("t", i)
			if s.has(text) != (i < n) || s.hasBytes([]byte(text)) != (i < n) {
				t.Errorf("%d texts: %s", n, text)
			}
		}
		if s.has("") || s.has("T0") {
			t.Errorf("%d texts: one that is none", n)
		}
	}
}

// TestManyOrigins: lists of any length, of origins, of patterns and of headers. THREATS G15.
func TestManyOrigins(t *testing.T) {
	for _, n := range []int{1, few, few + 1, 3 * few} {
		c := &CORS{AllowedMethods: []string{"GET"}}
		for i := range n {
			c.AllowedOrigins = append(c.AllowedOrigins, fmt.Sprintf("https://O%d.example.com", i), fmt.Sprintf("https://*.p%d.example.com", i))
			c.AllowedHeaders = append(c.AllowedHeaders, fmt.Sprintf("X-H%d", i))
		}
		out := compileCORS(c)
		for i := range n + 1 {
			in := i < n
			for _, origin := range []string{"https://o%d.example.com", "HTTPS://O%d.example.com", "https://a.p%d.example.com", "https://A.P%d.example.com"} {
				if out.allowsOrigin(fmt.Sprintf(origin, i)) != in {
					t.Errorf("%d: "+origin, n, i)
				}
			}
			for _, origin := range []string{"http://o%d.example.com", "http://a.p%d.example.com", "https.p%d://a.example.com", "https://p%d.example.com", "https://a.b.p%d.example.com"} {
				if out.allowsOrigin(fmt.Sprintf(origin, i)) {
					t.Errorf("%d: "+origin, n, i)
				}
			}
			if out.allowsHeaders(fmt.Sprintf("x-h0, X-H%d", i)) != in {
				t.Errorf("%d: header %d", n, i)
			}
		}
	}
}
