// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// IdentityHeaders says which headers tell the application who is calling. They are the
// same for every policy, so that proxies know them all. The zero value are those of
// Ostiary alone.
type IdentityHeaders struct{ set *identitySet }

// Sets of identity headers.
var (
	DefaultIdentityHeaders    = IdentityHeaders{}
	CloudflareIdentityHeaders = IdentityHeaders{newIdentitySet(contract.AllIdentity(), nil)} // those of Cloudflare Access as well
)

// With returns the set with upstream headers, as contract.ParseUpstream returns them.
func (h IdentityHeaders) With(upstream []string) IdentityHeaders {
	if len(upstream) == 0 {
		return h
	}
	own := contract.Identity()
	if h.Cloudflare() {
		own = contract.AllIdentity()
	}
	return IdentityHeaders{newIdentitySet(own, slices.Clone(upstream))}
}

// Cloudflare reports whether those of Cloudflare Access are among them.
func (h IdentityHeaders) Cloudflare() bool { return h.get().cloudflare }

// Upstream returns those that policies fill in by their own choice.
func (h IdentityHeaders) Upstream() []string { return slices.Clone(h.get().upstream) }

// Has reports whether a header of our answer is for the application. Names are canonical.
func (h IdentityHeaders) Has(name string) bool {
	return contract.IsIdentity(name) || slices.Contains(h.get().upstream, name)
}

// Underscored are the identity headers with any of their hyphens an underscore. No
// proxy overwrites them, and many applications cannot tell them from ours.
func (h IdentityHeaders) Underscored() []string { return slices.Clip(h.get().underscored) }

// An identitySet is made once, when the program starts.
type identitySet struct {
	cloudflare  bool
	upstream    []string
	fixed       int // what the names of upstream headers take up
	underscored []string
	joined      string // the same, as Envoy reads a list
}

var defaultSet = newIdentitySet(contract.Identity(), nil)

func (h IdentityHeaders) get() *identitySet {
	if h.set == nil {
		return defaultSet
	}
	return h.set
}

func newIdentitySet(own, upstream []string) *identitySet {
	s := &identitySet{cloudflare: len(own) == len(contract.AllIdentity()), upstream: upstream}
	for _, name := range upstream {
		s.fixed += len(name) + len(": \r\n")
	}
	for _, name := range append(own, upstream...) {
		s.underscored = append(s.underscored, contract.Spellings(strings.ToLower(name))[1:]...)
	}
	s.joined = strings.Join(s.underscored, ",")
	return s
}

// maxHeader keeps the header section of a 200 under what nginx buffers by
// default (4 KiB): one byte more, and every request becomes a 500.
const maxHeader = 3500

// fixed is what the header section of a 200 holds besides the values: the
// status line, Date, Content-Length, and the names of the identity headers.
const fixed = 450

// admit writes a 200.
func (h IdentityHeaders) admit(a *Answer, q *Ask, d *policy.Decision) {
	a.Status, a.Admitted = 200, d.Verdict == policy.Admit
	rehearsed(a, d)
	if !d.Would.Passes() && d.DryRun != policy.DryRunNone {
		a.Set(contract.ReasonHeader, d.Would.Reason.String())
	}
	if d.ManageResponses && d.Verdict == policy.Admit {
		a.Set(contract.ManagedHeader, "managed")
		cors(a, &d.CORS)
		vary(a, q)
	}
	h.identity(a, q, d)
}

// identity adds every identity header, empty where nothing is known or where it
// cannot be sent: a proxy overwrites what the client sent only with what is there.
func (h IdentityHeaders) identity(a *Answer, q *Ask, d *policy.Decision) {
	set := h.get()
	left, copies := maxHeader-fixed-set.fixed-a.size(), 1
	if set.cloudflare {
		copies = 2
	}
	take := func(value string, copies int) string {
		if n := copies * len(value); n <= left && !hasControl(value) {
			left -= n
			return value
		}
		return ""
	}
	var token, email, user, groups string
	if d.Machine != nil {
		user, token = take(d.Machine.Name, 1), take(q.Assertion, copies)
	}
	if s := q.Subject; d.Identified && s != nil {
		email, user, token = take(s.Email, copies), take(s.Name(), 1), take(s.Token, copies)
		groups = take(joinGroups(s.Groups), 1)
	}
	a.Set(contract.IdentityToken, token)
	a.Set(contract.IdentityEmail, email)
	a.Set(contract.IdentityUser, user)
	a.Set(contract.IdentityGroups, groups)
	a.Set(contract.ClientID, "") // a secret is not for the application
	a.Set(contract.ClientSecret, "")
	a.Set(contract.AccessToken, "")
	if set.cloudflare {
		a.Set(contract.CloudflareToken, token)
		a.Set(contract.CloudflareEmail, email)
		a.Set(contract.CloudflareClientID, "")
		a.Set(contract.CloudflareClientSecret, "")
		a.Set(contract.CloudflareAccessToken, "")
	}
	subject := q.Subject
	if !d.Identified {
		subject = nil
	}
	for _, name := range set.upstream {
		a.Set(name, take(d.Upstream.Value(name, subject, d.Machine), 1))
	}
}

// joinGroups separates groups with commas. A comma inside one, as in an LDAP
// name, comes as %2C, and a percent sign as %25: no group can pass for two.
func joinGroups(groups []string) string {
	joined := strings.Join(groups, ",")
	if strings.Count(joined, ",")+1 == len(groups) && !strings.Contains(joined, "%") || len(groups) == 0 {
		return joined
	}
	escaped := make([]string, len(groups))
	for i, g := range groups {
		escaped[i] = groupEscaper.Replace(g)
	}
	return strings.Join(escaped, ",")
}

var groupEscaper = strings.NewReplacer("%", "%25", ",", "%2C")
