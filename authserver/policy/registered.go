// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A RegisteredClient is a client that the operators answer for by an object of its own, and not
// the policy of an application.
type RegisteredClient struct {
	Source Source
	OAuthClient
	// Namespaces are those for whose policies it is; Everywhere: for all.
	Everywhere bool
	Namespaces []string
	// Defects are mistakes that were found before.
	Defects []Issue
}

// serves reports whether it is for policies of a namespace.
func (c *RegisteredClient) serves(namespace string) bool {
	return c.Everywhere || contains(c.Namespaces, namespace)
}

// meets reports whether two are for policies of one namespace.
func (c *RegisteredClient) meets(o *RegisteredClient) bool {
	return c.Everywhere || o.Everywhere || slices.ContainsFunc(c.Namespaces, o.serves)
}

// OAuthClients are all that have objects of their own. nil: there are none.
//
// A client_id belongs to one client at an application: that of an object comes before the policy's
// own list, which is told; redirect URIs are never joined. Of several objects that are for one
// namespace none is used, and neither is one with a mistake: it keeps its client_id all the same, so
// that nobody else is asked about in its place.
type OAuthClients struct {
	byID    map[string][]*registered // by client_id
	objects map[string][]*registered // all, by name
	digest  sum
}

type registered struct {
	RegisteredClient
	issues   []Issue
	unusable bool
}

// NewOAuthClients judges clients by themselves and beside each other. Their order is no matter.
func NewOAuthClients(list ...RegisteredClient) *OAuthClients {
	out := &OAuthClients{byID: map[string][]*registered{}, objects: make(map[string][]*registered, len(list))}
	all := make([]*registered, len(list))
	for i := range list {
		all[i] = &registered{RegisteredClient: list[i]}
		all[i].issues = slices.Concat(list[i].Defects, ValidateClient(&list[i]))
		all[i].unusable = len(all[i].issues) > 0
	}
	slices.SortStableFunc(all, func(x, y *registered) int { return compareSource(x.Source, y.Source) })
	for _, c := range all {
		out.objects[c.Source.Name] = append(out.objects[c.Source.Name], c)
		out.byID[c.ID] = append(out.byID[c.ID], c)
	}
	for _, c := range all {
		out.judge(c)
	}
	out.digest = *digested(func(d *digest) {
		for _, c := range all {
			d.registered(&c.RegisteredClient)
			d.bools(c.unusable)
		}
	})
	return out
}

// judge notes what is wrong with a client beside others of its client_id. It names one of them: a
// thousand objects of one client_id have a thousand mistakes, and not a million.
func (o *OAuthClients) judge(c *registered) {
	rivals := o.byID[c.ID]
	at := slices.IndexFunc(rivals, func(other *registered) bool { return other != c && c.meets(&other.RegisteredClient) })
	if at < 0 {
		return
	}
	c.unusable = true
	c.issues = append(c.issues, newIssue(c.Source.at("spec.clientID"), codeClientTwice, fmt.Sprintf(
		"the OAuthClient %s has the client_id %q, too, for the same policies; neither can be used", rivals[at].Source.name(), Cut(c.ID, 100))))
}

// name is a source without a field.
func (s Source) name() string { return Source{Namespace: s.Namespace, Name: s.Name}.String() }

// Issues returns what is wrong with the one of a name.
func (o *OAuthClients) Issues(name string) []Issue {
	if o == nil {
		return nil
	}
	var out []Issue
	for _, c := range o.objects[name] {
		out = append(out, c.issues...)
	}
	return out
}

// Len is how many there are.
func (o *OAuthClients) Len() int {
	if o == nil {
		return 0
	}
	return len(o.objects)
}

// find returns the one that a client_id belongs to at applications of a namespace; nil: no object
// has it. Of several it is any, as none is usable.
func (o *OAuthClients) find(namespace, id string) *registered {
	if o == nil {
		return nil
	}
	if at := slices.IndexFunc(o.byID[id], func(c *registered) bool { return c.serves(namespace) }); at >= 0 {
		return o.byID[id][at]
	}
	return nil
}

// ValidateClient reports everything that is wrong with a client by itself.
func ValidateClient(c *RegisteredClient) []Issue {
	v := validator{source: c.Source}
	v.client(&c.OAuthClient, clientFields{"spec.clientID", "spec.name", "spec.redirectURIs"})
	if c.Everywhere && len(c.Namespaces) > 0 {
		v.wrong("spec.namespaces", codeClientReach, `"*" is every namespace: leave out the others`)
	}
	return v.issues
}

// IsClientDocument reports whether a client_id is the address of the client's metadata document.
func IsClientDocument(id string) bool { return strings.HasPrefix(id, "https://") }

func (d *digest) registered(c *RegisteredClient) {
	d.str(c.Source.Name, c.ID, c.Name)
	d.strs(slices.Sorted(slices.Values(c.RedirectURIs)))
	d.bools(c.Everywhere)
	d.strs(slices.Sorted(slices.Values(c.Namespaces)))
}

// SetOAuthClients replaces the clients that have objects of their own.
func (a *Assembler) SetOAuthClients(o *OAuthClients) {
	if o.sum() != a.clients.sum() {
		a.begin()
		a.clients = o
	}
}

// sum stands for all of them; empty: there are none.
func (o *OAuthClients) sum() string {
	if o.Len() == 0 {
		return ""
	}
	return string(o.digest[:])
}

// clientIssues says which clients that policies list are not used, as an object has their client_id.
func (a *Assembler) clientIssues() (out []Issue) {
	if a.clients.Len() == 0 {
		return nil
	}
	for e := range a.listing {
		app := e.used.app
		for i := range app.oauth.Clients {
			id := app.oauth.Clients[i].ID
			if c := a.clients.find(app.source.Namespace, id); c != nil {
				out = append(out, app.issue(item("spec.oauth.clients", i)+".id", codeClientListed,
					"the client_id %q belongs to the OAuthClient %s here, so what this policy says of it is not used", Cut(id, 100), c.Source.name()))
			}
		}
	}
	return out
}

// An AgencyClient is a client that somebody answers for, at one application.
type AgencyClient struct {
	OAuthClient
	// Operators: it is they who answer for it, and not whoever writes policies.
	Operators bool
	// Unusable: its object has a mistake, or another one has its client_id, so it is no client.
	Unusable bool
}

// Client returns the client of an id that an OAuthClient or the application's policy answers for;
// false: neither has it.
func (a *Agency) Client(id string) (AgencyClient, bool) {
	if c := a.registered.find(a.Policy.Namespace, id); c != nil {
		return AgencyClient{c.shown(), true, c.unusable}, true
	}
	at := slices.IndexFunc(a.listed, func(c OAuthClient) bool { return c.ID == id })
	if at < 0 {
		return AgencyClient{}, false
	}
	return AgencyClient{OAuthClient: a.listed[at].shown()}, true
}

// Of returns the clients that people can be asked about at a policy's application, sorted by their
// client_id, but for those that say themselves who they are.
func (o *OAuthClients) Of(p *Policy) (out []AgencyClient) {
	if p.OAuth == nil || p.OAuth.Issuer != "" {
		return nil
	}
	ids := map[string]bool{}
	for i := range p.OAuth.Clients {
		ids[p.OAuth.Clients[i].ID] = true
	}
	if o != nil {
		for id := range o.byID {
			ids[id] = true
		}
	}
	a := Agency{Policy: p.Source, registered: o, listed: p.OAuth.Clients}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if c, ok := a.Client(id); ok && !c.Unusable {
			out = append(out, c)
		}
	}
	return out
}

// shown is a client with the name that people see.
func (c *OAuthClient) shown() OAuthClient {
	out := *c
	out.Name = cmp.Or(c.Name, c.ID)
	return out
}
