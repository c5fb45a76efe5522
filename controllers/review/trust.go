// SPDX-License-Identifier: Apache-2.0

package review

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

// untold says which edits decide whose word counts, and are in no table: of the keys of
// token issuers, of identity providers, and of where answers for clients go. No request shows
// what they open. Of a cluster the first two are not read, so it says that of all that the files
// have.
func untold(old, now *side) []string {
	out := answersElsewhere(old, now)
	if old.set == nil || now.set == nil {
		return append(out, unread(old, now)...)
	}
	return append(out, editedTrust(old, now)...)
}

// answersElsewhere says of which applications codes of people can go where they could not before.
func answersElsewhere(old, now *side) (out []string) {
	before := map[policy.Source]*policy.Policy{}
	for i := range old.Policies {
		before[old.Policies[i].Source] = &old.Policies[i]
	}
	for i := range now.Policies {
		was := before[now.Policies[i].Source]
		if was == nil || was.OAuth == nil { // that it lets programs in now is told
			continue
		}
		known := map[string][]string{}
		for _, c := range old.input.OAuthClients.Of(was) {
			known[c.ID] = c.RedirectURIs
		}
		for _, c := range now.input.OAuthClients.Of(&now.Policies[i]) {
			for _, uri := range c.RedirectURIs {
				if !slices.Contains(known[c.ID], uri) {
					out = append(out, fmt.Sprintf("AccessPolicy %s: answers for the client %s can go to %s: where codes of people go, no request shows",
						was.Source, policy.Line(policy.Cut(c.ID, 100)), policy.Line(policy.Cut(uri, 200))))
				}
			}
		}
	}
	return out
}

// editedTrust says it of what files alone have.
func editedTrust(old, now *side) (out []string) {
	for _, i := range now.set.TokenIssuers {
		for _, o := range old.set.TokenIssuers {
			// One of another name takes its place where the tokens say the same iss.
			if o.Name != i.Name && o.Issuer != i.Issuer {
				continue
			}
			if fields := keysDiffer(&o, &i); len(fields) > 0 {
				out = append(out, fmt.Sprintf("TokenIssuer %s differs from %s before it (%s): which keys its tokens are believed by, "+
					"no request shows", i.Name, o.Name, strings.Join(fields, ", ")))
				break
			}
		}
	}
	for _, p := range now.set.Providers {
		at := slices.IndexFunc(old.set.Providers, func(o config.Provider) bool { return o.Name == p.Name })
		if at < 0 {
			continue
		}
		if fields := providerDiffers(&old.set.Providers[at], &p); len(fields) > 0 {
			out = append(out, fmt.Sprintf("IdentityProvider %s was edited (%s): who can sign in as whom, no request shows",
				p.Name, strings.Join(fields, ", ")))
		}
	}
	return out
}

// unread says what the files of one side have of which the cluster's is not known.
func unread(sides ...*side) (out []string) {
	for _, s := range sides {
		if s.set == nil {
			continue
		}
		for _, i := range s.set.TokenIssuers {
			out = append(out, "TokenIssuer "+i.Name+": its keys in the cluster are not read, so they may be others")
		}
		for _, p := range s.set.Providers {
			out = append(out, "IdentityProvider "+p.Name+": its settings in the cluster are not read, so they may be others")
		}
	}
	return out
}

// keysDiffer names the fields that say by which keys tokens are believed, and how. Requests
// show the others.
func keysDiffer(a, b *bearerconfig.Issuer) []string {
	return named(map[string]bool{
		"issuer":  a.Issuer != b.Issuer && a.JWKS == "" && a.JWKSURL == "", // its address, too
		"jwksURL": a.JWKSURL != b.JWKSURL, "jwks": a.JWKS != b.JWKS, "algorithms": !slices.Equal(a.Algorithms, b.Algorithms),
		"caBundle": !bytes.Equal(a.CABundle, b.CABundle), "leeway": a.Leeway != b.Leeway,
	})
}

// providerDiffers names what differs of a provider, but for what only people see.
func providerDiffers(a, b *config.Provider) []string {
	differs := map[string]bool{}
	x, y := reflect.ValueOf(a.Clone()), reflect.ValueOf(b.Clone())
	for i := range x.NumField() {
		name := x.Type().Field(i).Name
		differs[spelled(name)] = name != "DisplayName" && !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface())
	}
	return named(differs)
}

// spelled is the name of a field in a manifest, or near enough to find it there.
func spelled(field string) string {
	if rest, ok := strings.CutPrefix(field, "CAB"); ok {
		return "caB" + rest
	}
	if rest, ok := strings.CutPrefix(field, "AMR"); ok {
		return "amr" + rest
	}
	return strings.ToLower(field[:1]) + field[1:]
}

func named(differs map[string]bool) []string {
	maps.DeleteFunc(differs, func(_ string, d bool) bool { return !d })
	return slices.Sorted(maps.Keys(differs))
}
