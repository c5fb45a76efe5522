// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// answersOf are those that tell callers of the two policies apart.
func (x *explorer) answersOf(policies []sided) (answers, bool) {
	a, named := answers{}, map[policy.Property][]policy.Selector{}
	unread, ok := selectors(policies, func(in sided, s *policy.Selector) {
		one := *s
		if one.Property == policy.Token {
			one.Value = tokenName(in, s)
		}
		if one.Property == policy.LinkedApp {
			one.Value = linkName(in, s)
		}
		named[one.Property] = append(named[one.Property], one)
	})
	if !ok {
		x.c.cut(x.pair, "was edited and has a rule with the selector "+unread.String()+": this version does not know it")
		return nil, false
	}
	for _, s := range named[policy.LoginMethod] {
		a.add(aboutProvider, s.Value)
	}
	for _, s := range named[policy.OIDCClaim] {
		a.add(aboutProvider, providerOf(&s))
	}
	if i := slices.IndexFunc(named[policy.JWT], func(s policy.Selector) bool { return slices.ContainsFunc(s.JWT.Claims, ofToken) }); i >= 0 {
		x.c.cut(x.pair, "was edited and has a rule that names the claim iss, aud or exp, which every token has: use issuer and audience of jwt")
		return nil, false
	}
	x.world = worldOf(named[policy.Expression])
	x.addEmails(a, append(valuesOf(named[policy.Email]), x.world.emails...), valuesOf(named[policy.EmailDomain]))
	for _, p := range x.world.providers {
		a.add(aboutProvider, p)
	}
	x.c.addProviders(a, policies)
	x.c.addAges(a, policies)
	addClients(a, named[policy.Client], policies)
	x.addMachines(a, named)
	x.findEvaluations(named[policy.ExternalEvaluation])
	a[aboutAddress] = addressesOf(append(named[policy.Address], policy.Selector{Networks: x.world.networks}))
	a[aboutCountry] = countriesOf(named[policy.Country])
	a[aboutIngress] = x.c.routesOf(x.pair)
	for about, more := range x.c.people {
		for _, m := range more {
			a.add(about, m)
		}
	}
	return a, true
}

// ofToken reports whether a claim is about the token itself.
func ofToken(c policy.ClaimMatch) bool { return c.Path == "iss" || c.Path == "aud" || c.Path == "exp" }

// valuesOf are those of selectors that ignore case.
func valuesOf(list []policy.Selector) (out []string) {
	for i := range list {
		out = append(out, strings.ToLower(list[i].Value))
	}
	return out
}

// addEmails adds one address of each domain and of another one, and all that are named.
func (x *explorer) addEmails(a answers, emails, domains []string) {
	stranger := fresh("example.org", func(d string) bool { return slices.Contains(domains, d) })
	for _, d := range slices.Concat([]string{stranger}, domains) {
		who := fresh("somebody", func(s string) bool { return slices.Contains(emails, s+"@"+d) }) + "@" + d
		a.add(aboutEmail, who)
		if x.words[who] = "everybody at " + d; d == stranger {
			x.words[who] = "everybody who signs in"
		}
	}
	for _, e := range emails {
		a.add(aboutEmail, e)
	}
}

// countriesOf are those that are named, one that is not, and that none is known.
func countriesOf(list []policy.Selector) []string {
	out := []string{""}
	for i := range list {
		out = append(out, list[i].Countries...)
	}
	for _, c := range []string{"NZ", "IS", "PY"} {
		if !slices.Contains(out, c) {
			out = append(out, c)
			break
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func addressesOf(list []policy.Selector) []string {
	s := policy.Selector{}
	for i := range list {
		for _, n := range list[i].Networks {
			if !slices.Contains(s.Networks, n) {
				s.Networks = append(s.Networks, n)
			}
		}
	}
	return networksOf(s.Networks)
}

// addProviders adds those that policies tell apart, and one that they do not name.
func (c *comparison) addProviders(a answers, policies []sided) {
	for _, p := range policies {
		for _, name := range p.IdentityProviders {
			a.add(aboutProvider, name)
		}
	}
	named := len(a[aboutProvider])
	for _, name := range merged(c.old.Providers, c.now.Providers) {
		if named > 0 && len(a[aboutProvider]) == named {
			a.add(aboutProvider, name) // one is enough
		}
	}
	if len(a[aboutProvider]) == named {
		a.add(aboutProvider, fresh("another-provider", func(s string) bool { return slices.Contains(a[aboutProvider], s) }))
	}
}

// addClients adds the browser, and where policies are for clients or look at them those that
// they tell apart, and one that they do not name.
func addClients(a answers, named []policy.Selector, policies []sided) {
	a[aboutClient] = []string{notSo}
	for _, s := range named {
		a.add(aboutClient, s.Value)
	}
	if len(named) > 0 || slices.ContainsFunc(policies, func(p sided) bool { return p.OAuth != nil && p.OAuth.Issuer == "" }) {
		a.add(aboutClient, fresh("another-client", func(s string) bool { return slices.Contains(a[aboutClient], s) }))
	}
}

// addAges adds how old sessions are that limits tell apart. Where all limits are the same,
// that makes no difference.
func (c *comparison) addAges(a answers, policies []sided) {
	var limits []time.Duration
	var revoked []time.Time
	for _, p := range policies {
		if !p.Session.RevokedBefore.IsZero() {
			revoked = append(revoked, p.Session.RevokedBefore)
		}
		for _, r := range p.Rules {
			if r.Action == policy.Allow || r.Action == policy.ServiceAuth {
				limits = append(limits, cmp.Or(r.SessionDuration, p.Session.Duration, c.SessionDuration))
			}
		}
	}
	slices.Sort(limits)
	a[aboutAge] = []string{"0s"}
	if limits = slices.Compact(limits); len(limits) > 1 {
		for _, l := range limits {
			a.add(aboutAge, (l + time.Minute).String())
		}
	}
	for _, t := range revoked {
		if age := c.Now.Sub(t).Truncate(time.Minute) + 2*time.Minute; age > 0 && age < policy.MaxSessionDuration {
			a.add(aboutAge, age.String())
		}
	}
}
