// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

func checkClient(o *v1alpha1.OAuthClient) (policy.RegisteredClient, []policy.Issue) {
	c := translate.OAuthClient(o)
	return c, policy.ValidateClient(&c)
}

// clientsOf takes the OAuthClients of all files. One with a mistake is nobody's client, and keeps
// its client_id.
func (s *Set) clientsOf(first map[string]*entry) {
	var all []policy.RegisteredClient
	var of []*entry
	for _, e := range s.entries {
		switch {
		case e.kind == clientKind && (first[e.key()] != e || e.client == nil):
			s.report(e, nil)
		case e.kind == clientKind:
			o := *e.client
			o.Name = e.name
			c := translate.OAuthClient(&o)
			c.Defects = slices.Clone(e.defects)
			all, of = append(all, c), append(of, e)
		}
	}
	s.OAuthClients = policy.NewOAuthClients(all...)
	for _, e := range of { // what is wrong with it itself is among these
		s.report(e, s.OAuthClients.Issues(e.name)[len(e.defects):])
	}
}
