// SPDX-License-Identifier: Apache-2.0

package login

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// ownersTable: two namespaces, each with two hosts, one that they share, and one that
// the other claims in vain.
func ownersTable(t testing.TB) *policy.Table {
	t.Helper()
	named := func(ns, name string, hosts ...string) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: ns, Name: name}, Hosts: hosts, Rules: allow(everyone())}
	}
	guest := named("evil", "guest", "shared.example.com")
	guest.Paths = []policy.Path{{Value: "/evil"}}
	table, _ := policy.Build(policy.Input{
		Policies: policy.CompileAll([]policy.Policy{
			named("shop", "app", "app.example.com", "other.example.com", "*.preview.example.com", "shared.example.com"),
			named("evil", "app", "evil.example.net", "*.evil.example.net"), guest,
		}),
		Terms: policy.Terms{Grants: []policy.Grant{{Host: "shared.example.com", Namespace: "evil"}}},
	})
	return table
}

// Attack: open redirect by claiming. No host leads to one of another namespace,
// unless the platform allows it.
func TestReturnStaysInTheNamespace(t *testing.T) {
	table, h := ownersTable(t), returnHandler(t, "https://auth.example.com")
	all := []string{"app.example.com", "other.example.com", "x.preview.example.com", "evil.example.net", "a.evil.example.net", "shared.example.com", "auth.example.com", "www.corp.example"}
	group := map[string]string{"app.example.com": "shop", "other.example.com": "shop", "x.preview.example.com": "shop", "evil.example.net": "evil", "a.evil.example.net": "evil"}
	for _, allowed := range [][]string{nil, {"www.corp.example", "*.evil.example.net"}} {
		h.ReturnHosts = allowed
		for _, from := range all {
			for _, to := range all {
				rd := "https://" + to + "/x"
				listed := allowed != nil && (to == "www.corp.example" || to == "a.evil.example.net")
				want := "https://" + from + "/"
				if from == to && table.Claims(to) || group[from] != "" && group[from] == group[to] || listed {
					want = rd
				}
				if got := h.destination(rd, from, table); got != want {
					t.Errorf("from %s, asked for %s: %s, want %s", from, rd, got, want)
				}
			}
		}
	}
	h.ReturnHosts = nil
	if got := h.destination("https://app.example.com/x", "app.example.com", nil); got != "https://app.example.com/" {
		t.Errorf("without a table: %s", got)
	}
}

var switchLink = regexp.MustCompile(`href="([^"]*switch=1[^"]*)"`)

// Who may not pass can become somebody else, and comes back; nobody is led there on
// another's word.
func TestSwitchComesBack(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	p := b.enter("app3.example.org", "/deep?x=1&y=2", "ann")
	b.want(p, 403, "ann@example.com")
	m := switchLink.FindStringSubmatch(p.body)
	if m == nil {
		t.Fatalf("no link:\n%s", p.body)
	}
	link := html.UnescapeString(m[1])

	other := s.browser()
	other.want(other.enter("app1.example.com", "/", "bob"), 200, "bob")
	other.follow = false
	if p := other.get(link, "Sec-Fetch-Site", "same-origin"); strings.Contains(p.location, "app3.example.org") {
		t.Errorf("bob is led to %s", p.location)
	}
	b.follow = false
	if p := b.get(link, "Sec-Fetch-Site", "same-origin"); p.location != s.url("app3.example.org", "/deep?x=1&y=2") {
		t.Errorf("ann is led to %q", p.location)
	}
	// An address in the open leads nowhere from the team host.
	b.follow = true
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	b.follow = false
	rd := url.Values{"switch": {"1"}, "rd": {s.url("app3.example.org", "/")}}
	if p := b.get(s.url("auth.example.com", "/.access/logout?"+rd.Encode()), "Sec-Fetch-Site", "same-origin"); p.location != "" {
		t.Errorf("the team host leads to %q", p.location)
	}
}
