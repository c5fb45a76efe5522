// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
)

// A mapping says which claims are what, by their paths.
type mapping struct {
	user, email, groups, amr string
	format                   string // of groups
	trustEmail               bool
	stepUp                   []config.StepUp
}

func newMapping(c *Config) mapping {
	return mapping{
		user: cmp.Or(c.UserClaim, "sub"), email: cmp.Or(c.EmailClaim, "email"), trustEmail: c.TrustUnverifiedEmail,
		groups: cmp.Or(c.GroupsClaim, "groups"), format: cmp.Or(c.GroupsFormat, config.List), amr: cmp.Or(c.AMRClaim, "amr"),
		stepUp: c.StepUp,
	}
}

// identify makes an Identity of the ID token, and of what the userinfo endpoint
// adds if that does not say it all. If that one does not answer, what it might have
// added is Unsaid: it takes the rules to know whether that matters, as somebody
// without groups is not only let in to less, a rule may also keep a group out.
func (o *openID) identify(ctx context.Context, m *oidc.Metadata, id claims, accessToken string, wanted []string) (Identity, error) {
	sources := []claims{id}
	var unsaid Unsaid
	if m.UserInfoURL != "" && accessToken != "" && !o.mapping.complete(id, wanted) {
		info, err := o.userInfo(ctx, m, accessToken, id["sub"].(string)) // checked to be one
		switch {
		case err == nil:
			sources = append(sources, info)
		case errors.Is(err, errSomebodyElse) || o.mapping.id(sources) == "":
			return Identity{}, err
		default:
			email, _ := o.mapping.emailOf(id)
			_, groups := lookup(id, o.mapping.groups)
			unsaid = Unsaid{Email: !email, Groups: !groups, Err: err}
			o.log.Warn("its userinfo endpoint does not answer: what the ID token does not say is missing",
				"error", err, "email", !email, "groups", !groups, "claims", missing(id, wanted))
		}
	}
	if o.graph != nil && first(sources, o.mapping.groups) == nil && overage(id, o.mapping.groups) {
		sources[0], unsaid = o.withGroups(ctx, id, accessToken, unsaid)
	}
	return o.mapping.person(o.log, o.config.Name, sources, wanted, unsaid)
}

// withGroups returns the claims of an ID token with the groups that it had no room for.
func (o *openID) withGroups(ctx context.Context, id claims, accessToken string, unsaid Unsaid) (claims, Unsaid) {
	groups, err := o.memberOf(ctx, accessToken)
	if err != nil {
		o.log.Warn("the groups of a user who signs in are not in the ID token, and Microsoft Graph does not tell them", "error", err)
		unsaid.Groups, unsaid.Err = true, err
		return id, unsaid
	}
	id = maps.Clone(id)
	id[o.mapping.groups] = groups
	return id, unsaid
}

// person makes an Identity of what sources say, the most important one first, and warns of
// all that they say in vain.
func (m *mapping) person(log *slog.Logger, provider string, sources []claims, wanted []string, unsaid Unsaid) (Identity, error) {
	who, dropped, err := m.identity(sources)
	if err != nil {
		return Identity{}, err
	}
	if dropped != "" {
		log.Warn("not all groups of a user who signs in are known", "user", who.ID, "provider", provider, "why", dropped)
	}
	if odd := m.unread(sources); len(odd) > 0 {
		log.Warn("claims of a user who signs in could not be read, and count as missing", "user", who.ID, "claims", odd)
	}
	who.Provider = provider
	var warnings []string
	if who.Claims, warnings = m.said(sources, wanted, unsaid.Err != nil); len(warnings) > 0 {
		log.Warn("not all claims of a user who signs in can be used by rules", "user", who.ID, "why", warnings)
	}
	who.Unsaid = unsaid
	if dropped != "" { // one that is not known may be one that a rule keeps out
		who.Unsaid.Groups = true
		who.Unsaid.Err = cmp.Or(unsaid.Err, oidc.Fail(ErrRejected, "not all groups are known: %s", dropped))
	}
	return who, nil
}

// complete reports whether the userinfo endpoint has nothing to add. AMR it
// never has.
func (m *mapping) complete(id claims, wanted []string) bool {
	_, user := lookup(id, m.user)
	_, groups := lookup(id, m.groups)
	email, _ := m.emailOf(id)
	return user && groups && email && len(missing(id, wanted)) == 0
}

// identity reads the claims of an ID token and after it those of the userinfo
// endpoint, and says why not all groups are there.
func (m *mapping) identity(sources []claims) (who Identity, dropped string, err error) {
	who.Email = m.verifiedEmail(sources)
	// The subject is who somebody is, whatever they are called: other claims may be for
	// people to choose, or go to somebody else one day (OpenID Connect Core §5.7).
	if who.ID, _ = sources[0]["sub"].(string); !config.IsName(who.ID) {
		return Identity{}, "", oidc.Fail(ErrRejected, "it does not identify the user: the claim \"sub\" is missing, or unusable")
	}
	if who.User = m.id(sources); who.User == "" {
		return Identity{}, "", oidc.Fail(ErrRejected, "it does not identify the user: the claim %q is missing, or unusable", m.user)
	}
	for _, name := range []string{"name", "preferred_username"} {
		if s, _ := first(sources, name).(string); who.Name == "" && config.IsName(s) {
			who.Name = s
		}
	}
	groups := first(sources, m.groups)
	if groups == nil && overage(sources[0], m.groups) {
		dropped = "there are too many for the ID token (_claim_names)"
	}
	var more bool
	written, _ := groupTexts(m.format, groups)
	if who.Groups, more = names(written); more {
		dropped = "there are more than it may have"
	}
	who.AMR, _ = names(texts(first(sources, m.amr)))
	who.AMR = m.proven(who.AMR, sources[0])
	return who, dropped, nil
}

// first returns what the first source has at a path that has anything there.
func first(sources []claims, path string) any {
	for _, c := range sources {
		if v, ok := lookup(c, path); ok {
			return v
		}
	}
	return nil
}

// id returns what somebody is to be called. If that is their address, it has to be
// one that counts: else anybody could be anybody.
func (m *mapping) id(sources []claims) string {
	if m.user == m.email || m.user == "email" {
		return (&mapping{email: m.user, trustEmail: m.trustEmail}).verifiedEmail(sources)
	}
	switch v := first(sources, m.user).(type) {
	case string:
		if config.IsName(v) {
			return v
		}
	case json.Number: // some number their users
		if n, err := v.Int64(); err == nil && n >= 0 {
			return v.String()
		}
	}
	return ""
}

// verifiedEmail returns the address that counts. It and the word that it is
// verified come from the same source.
func (m *mapping) verifiedEmail(sources []claims) string {
	for _, c := range sources {
		if has, email := m.emailOf(c); has {
			return email
		}
	}
	return ""
}

// emailOf reports whether claims settle which address somebody has, and returns
// it if it counts. The claim that vouches for one is beside it: for email it is
// email_verified (OpenID Connect Core 1.0 §5.1), for upn it would be
// upn_verified, as email_verified says nothing about a upn.
func (m *mapping) emailOf(c claims) (bool, string) {
	v, ok := lookup(c, m.email)
	if !ok {
		return false, ""
	}
	verified, said := lookup(c, m.email+"_verified")
	if !said && !m.trustEmail {
		return false, ""
	}
	email, _ := v.(string)
	if !m.trustEmail && verified != true && verified != "true" || !config.IsEmail(email) {
		return true, ""
	}
	return true, email
}

// names returns the texts that can be names, each once, and whether there are more
// than are taken.
func names(all []string) (list []string, more bool) {
	seen := map[string]bool{}
	for _, s := range all {
		switch {
		case !config.IsName(s) || seen[s]:
		case len(list) == config.MaxGroups:
			return list, true
		default:
			seen[s] = true
			list = append(list, s)
		}
	}
	return list, false
}

// overage reports whether a claim is kept elsewhere (§5.6.2), as Entra does it
// with groups. Nobody follows the address that stands beside it: see memberOf.
func overage(c claims, path string) bool {
	named, _ := c["_claim_names"].(map[string]any)
	_, ok := named[path]
	return ok
}
