// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxPeople bounds how many revocations are looked at.
const maxPeople = 20

// findPeople finds who is treated differently although no policy is: those whose sessions
// were revoked, and those of a provider that came or went.
func (c *comparison) findPeople() {
	a := answers{}
	for i, r := range onlyIn(c.old.Revocations, c.now.Revocations, func(r policy.Revocation) string {
		return r.Provider + "\x00" + r.User + "\x00" + r.Client + "\x00" + r.Policy + "\x00" + r.Before.UTC().String()
	}) {
		if i == maxPeople {
			c.out.Incomplete = append(c.out.Incomplete, "more SessionRevocations differ than can be compared")
			break
		}
		age := c.Now.Sub(r.Before).Truncate(time.Minute) + 2*time.Minute
		if !strings.Contains(r.User, "@") || age < 0 || age > policy.MaxSessionDuration {
			continue // whom no session that is still good is of, or no address tells
		}
		a.add(aboutEmail, strings.ToLower(r.User))
		a.add(aboutProvider, r.Provider)
		a.add(aboutAge, age.String())
	}
	if c.old.Providers != nil && c.now.Providers != nil {
		for _, p := range onlyIn(c.old.Providers, c.now.Providers, strings.Clone) {
			a.add(aboutProvider, p)
		}
	}
	if len(a) > 0 {
		c.people = a
	}
}

// findTokens finds which service tokens and token issuers differ.
func (c *comparison) findTokens() {
	c.tokensDiffer = onlyIn(c.old.Tokens, c.now.Tokens, func(t policy.ServiceToken) string {
		return fmt.Sprint(t.Source, t.ClientID, t.PolicyNamespaces, t.Disabled, t.ExpiresAt.UTC(), t.Secrets)
	})
	c.issuersDiffer = c.old.TokenIssuers.Differing(c.now.TokenIssuers)
}

// onlyIn returns what one of two lists has alone.
func onlyIn[T any](x, y []T, key func(T) string) (out []T) {
	for _, lists := range [...][2][]T{{x, y}, {y, x}} {
		for _, v := range lists[0] {
			if !slices.ContainsFunc(lists[1], func(o T) bool { return key(o) == key(v) }) {
				out = append(out, v)
			}
		}
	}
	return out
}

// findRoutes finds which Ingresses name another policy than before. Where one side has no
// routes at all, nothing is known of them.
func (c *comparison) findRoutes() {
	c.routesDiffer = map[string][]string{}
	if len(c.old.routes) == 0 || len(c.now.routes) == 0 {
		return
	}
	for _, routes := range []map[string]string{c.old.routes, c.now.routes} {
		for ingress, named := range routes {
			if c.old.routes[ingress] != c.now.routes[ingress] {
				c.routesDiffer[named] = append(c.routesDiffer[named], ingress)
			}
		}
	}
}

// routesOf are the Ingresses that make a difference for a pair, after "": that none is
// known. Where another namespace claims the host, too, those are all that are decided.
func (c *comparison) routesOf(p *pair) []string {
	var out []string
	add := func(s *side, of *policy.Policy) {
		if of == nil {
			return
		}
		name := policy.Audience(of.Source)
		out = append(out, c.routesDiffer[name]...)
		if p.oldContended || p.nowContended {
			out = append(out, s.byPolicy[name]...)
		}
	}
	add(c.old, p.old)
	add(c.now, p.now)
	if len(out) == 0 {
		return nil
	}
	slices.Sort(out)
	return append([]string{""}, slices.Compact(out)...)
}
