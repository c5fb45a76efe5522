// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// What questions about machines are about.
const (
	aboutToken       = "service token"
	aboutBearer      = "bearer" // whose token, and for which audience that no rule names
	aboutAudience    = "audience"
	aboutSaid        = "said "
	aboutCertificate = "certificate" // "": not known, noCertificate, isSo
	aboutCommonName  = "common name"
	aboutDNSName     = "DNS name"
	aboutURI         = "URI"
)

const noCertificate = "none"

// otherAudience is one that no issuer lists: a token for it alone is not good.
const otherAudience = "another-audience"

// A sided is a policy of one of the sides.
type sided struct {
	*policy.Policy
	on *side
}

// prove enters what machines prove themselves by.
func (r *Request) prove(t *policy.Table, q *policy.Request) {
	if r.assumed != nil {
		q.Assumed = r.assumed
	}
	if r.ServiceToken != "" {
		q.Token.Held = heldOf(r.ServiceToken, r.SecretSHA256)
	}
	if len(r.LinkedApps) > 0 {
		q.PresentLinked(policy.AssumeLinked(r.LinkedApps...), policy.NoReason)
	}
	if r.Certificate != nil {
		q.Certificate = policy.PresentedCertificate{Certificate: certificateOf(r.Certificate, q.Now), Known: true}
	}
	if r.Bearer == nil {
		return
	}
	at, audience := t.At(q), []string{}
	list, _ := r.Bearer["aud"].([]any)
	for _, a := range list {
		s, _ := a.(string)
		audience = append(audience, s)
	}
	if b := at.TokenOf(r.Bearer, audience, q.Now.Add(time.Hour)); b != nil {
		q.PresentToken(b, policy.NoReason)
	} else if at.Issues(r.Bearer) {
		q.PresentToken(nil, policy.TokenInvalid)
	}
}

func heldOf(name, sum string) *policy.HeldToken {
	namespace, object, _ := strings.Cut(name, "/")
	out := &policy.HeldToken{Source: policy.Source{Namespace: namespace, Name: object}}
	if raw, err := hex.DecodeString(sum); err == nil && len(raw) == 32 {
		out.Sum = (*[32]byte)(raw)
	}
	return out
}

// certificateOf is a certificate of these names; nil: there is none.
func certificateOf(names []string, now time.Time) *policy.Certificate {
	if slices.Equal(names, []string{noCertificate}) {
		return nil
	}
	c := &policy.Certificate{NotBefore: now, NotAfter: now.Add(time.Hour)}
	for _, name := range names {
		switch key, value, _ := strings.Cut(name, "="); key {
		case "uri":
			c.URIs = append(c.URIs, value)
		case "dnsName":
			c.DNSNames = append(c.DNSNames, value)
		default:
			c.CommonName = name
		}
	}
	c.Machine.Name = "cert:" + names[0]
	return c
}

// A signer answers whose bearer token there is: what it has as iss, and an audience that
// no rule names; empty: there is none such.
type signer struct{ issuer, audience string }

// addMachines adds what tells machines apart.
func (x *explorer) addMachines(a answers, named map[policy.Property][]policy.Selector) {
	a[aboutToken], a[aboutBearer], a[aboutCertificate] = []string{""}, []string{""}, []string{""}
	if slices.ContainsFunc(x.policies(), func(p sided) bool { return admitsMachines(p.Policy) }) {
		x.addTokens(a, valuesOf(named[policy.Token]))
	}
	x.addBearers(a, named[policy.JWT])
	x.addCertificates(a, named[policy.ClientCertificate])
	x.addLinks(a, named[policy.LinkedApp])
}

// admitsMachines reports whether a rule does.
func admitsMachines(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Rules, func(r policy.Rule) bool { return r.Action == policy.ServiceAuth })
}

// addTokens adds one service token of each kind that the policies tell apart, and those
// that they name.
func (x *explorer) addTokens(a answers, names []string) {
	seen := map[string]bool{}
	for _, t := range slices.Concat(x.c.old.Tokens, x.c.now.Tokens) {
		for i := range t.Secrets {
			name, sum := t.Source.Namespace+"/"+t.Source.Name, hex.EncodeToString(t.Secrets[i].Sum[:])
			kind, useful := "", false
			for _, p := range x.policies() {
				good, serves := p.on.Table.Holds(heldOf(name, sum), p.Source.Namespace, x.c.Now)
				kind += " " + yes(good) + " " + yes(serves)
				useful = useful || serves
			}
			if slices.Contains(names, name) {
				kind += " " + name
			}
			if !useful || seen[kind] {
				continue
			}
			if seen[kind] = true; x.c.oneSecret(t.Source) {
				sum = "" // there is no other
			}
			a.add(aboutToken, name+"@"+sum)
		}
	}
}

// oneSecret reports whether a service token has one secret, the same on both sides.
func (c *comparison) oneSecret(of policy.Source) bool {
	sums := map[[32]byte]bool{}
	for _, t := range slices.Concat(c.old.Tokens, c.now.Tokens) {
		for i := range t.Secrets {
			if t.Source == of {
				sums[t.Secrets[i].Sum] = true
			}
		}
	}
	return len(sums) == 1
}

// addBearers adds tokens of every issuer that the policies name, and what rules ask of them.
func (x *explorer) addBearers(a answers, list []policy.Selector) {
	x.signers = map[string]signer{}
	var audiences, issuers []string
	values := answers{}
	for i := range list {
		m := list[i].JWT
		if !slices.Contains(audiences, m.Audience) {
			audiences = append(audiences, m.Audience)
		}
		for _, s := range []*side{x.c.old, x.c.now} {
			if t, ok := s.TokenIssuers.Get(m.Issuer); ok && !slices.Contains(issuers, t.Issuer) {
				issuers = append(issuers, t.Issuer)
			}
		}
		for _, c := range m.Claims {
			for _, v := range c.Values {
				values.add(aboutSaid+c.Path, v)
			}
		}
	}
	x.audiences = audiences
	for about, v := range values {
		a[about] = claimed(v)
	}
	for _, issuer := range issuers {
		for _, audience := range append([]string{""}, x.c.unnamedAudiences(issuer, audiences)...) {
			key := strings.TrimSpace(issuer + " " + audience)
			x.signers[key] = signer{issuer, audience}
			a.add(aboutBearer, key)
		}
	}
}

// unnamedAudiences are those that an issuer lists and no rule names: one for each kind that
// the two sides tell apart.
func (c *comparison) unnamedAudiences(issuer string, named []string) (out []string) {
	lists := func(s *side, audience string) bool {
		return s.TokenIssuers.Any(func(t policy.TokenIssuer) bool {
			return t.Issuer == issuer && slices.Contains(t.Audiences, audience)
		})
	}
	seen := map[[2]bool]bool{}
	for _, s := range []*side{c.old, c.now} {
		s.TokenIssuers.Any(func(t policy.TokenIssuer) bool {
			for _, a := range t.Audiences {
				if is := [2]bool{lists(c.old, a), lists(c.now, a)}; t.Issuer == issuer && !slices.Contains(named, a) && !seen[is] {
					seen[is] = true
					out = append(out, a)
				}
			}
			return false
		})
	}
	return out
}

// claimSeparator joins the values of a claim that is a list: no value has a control
// character.
const claimSeparator = "\x00"

// maxSubsets is of how many values all sets are tried.
const maxSubsets = 4

// claimed are what a claim can be: none of the values, each, and several of them.
func claimed(values []string) []string {
	for i, v := range values {
		if prefix, open := strings.CutSuffix(v, "*"); open {
			values[i] = prefix + fresh("any", func(s string) bool { return slices.Contains(values, prefix+s) })
		}
	}
	out := append([]string{""}, values...)
	if len(values) > maxSubsets {
		for i := range values {
			out = append(out, strings.Join(slices.Delete(slices.Clone(values), i, i+1), claimSeparator))
		}
		return append(out, strings.Join(values, claimSeparator))
	}
	for set := range 1 << len(values) {
		var some []string
		for i, v := range values {
			if set>>i&1 == 1 {
				some = append(some, v)
			}
		}
		if len(some) > 1 {
			out = append(out, strings.Join(some, claimSeparator))
		}
	}
	return out
}

// addCertificates adds what rules ask of the client's certificate.
func (x *explorer) addCertificates(a answers, list []policy.Selector) {
	if len(list) == 0 {
		return
	}
	a[aboutCertificate] = []string{"", noCertificate, isSo}
	taken := func(s string) bool {
		return slices.ContainsFunc(list, func(of policy.Selector) bool { return of.Certificate.CommonName == s })
	}
	a.add(aboutCommonName, fresh("another-client", taken))
	for i := range list {
		a.add(aboutCommonName, list[i].Certificate.CommonName)
	}
}

// fillMachine enters what is known of a machine into a request.
func (x *explorer) fillMachine(r *Request) {
	if token := x.known[question{about: aboutToken}]; token != "" {
		r.ServiceToken, r.SecretSHA256, _ = strings.Cut(token, "@")
	}
	r.LinkedApps = strings.Fields(x.known[question{about: aboutLink}])
	if of, ok := x.signers[x.known[question{about: aboutBearer}]]; ok {
		x.fillBearer(r, of)
	}
	switch x.known[question{about: aboutCertificate}] {
	case noCertificate:
		r.Certificate = []string{noCertificate}
	case isSo:
		r.Certificate = []string{x.answers[aboutCommonName][0]}
		if name, ok := x.known[question{about: aboutCommonName}]; ok {
			r.Certificate[0] = name
		}
		for _, kind := range [...][2]string{{aboutDNSName, "dnsName="}, {aboutURI, "uri="}} {
			for _, name := range x.said(kind[0]) {
				r.Certificate = append(r.Certificate, kind[1]+name)
			}
		}
	}
}

// said are the names that questions of a kind were answered with yes for, sorted.
func (x *explorer) said(about string) (out []string) {
	for q, answer := range x.known {
		if q.about == about && answer == isSo {
			out = append(out, q.name)
		}
	}
	slices.Sort(out)
	return out
}

func (x *explorer) fillBearer(r *Request, of signer) {
	audience := []any{}
	for _, a := range append(x.said(aboutAudience), of.audience) {
		if a != "" {
			audience = append(audience, a)
		}
	}
	if len(audience) == 0 {
		audience = []any{otherAudience}
	}
	r.Bearer = map[string]any{"iss": of.issuer, "aud": audience}
	for q, answer := range x.known {
		path, ok := strings.CutPrefix(q.about, aboutSaid)
		if !ok || answer == "" {
			continue
		}
		var list []any
		for v := range strings.SplitSeq(answer, claimSeparator) {
			list = append(list, v)
		}
		if r.Bearer[path] = any(list); len(list) == 1 {
			r.Bearer[path] = list[0]
		}
	}
}
