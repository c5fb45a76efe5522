// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"reflect"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// aboutLink is at which linked applications somebody is signed in who sends the request by
// them, each with a blank before the next; empty: it is sent by none.
const aboutLink = "linked application"

// linkName is the whole name of a linked application that a selector of a policy names.
func linkName(in sided, s *policy.Selector) string { return tokenName(in, s) }

// addLinks adds each application that the policies link to, and all of them: a session can
// be one of several policies.
func (x *explorer) addLinks(a answers, named []policy.Selector) {
	a[aboutLink] = []string{""}
	names := valuesOf(named)
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		a.add(aboutLink, name)
	}
	a.add(aboutLink, strings.Join(names, " "))
	x.findLinks(names)
}

// findLinks says which of them admit other people than before: whom, the comparison of their
// own policies tells.
func (x *explorer) findLinks(names []string) {
	for _, name := range names {
		namespace, object, _ := strings.Cut(name, "/")
		itself := func(p sided) bool { return policy.Audience(p.Source) == name }
		if !slices.ContainsFunc(x.policies(), itself) && x.c.linkDiffers(policy.Source{Namespace: namespace, Name: object}) {
			x.c.cut(x.pair, "links to "+name+", which was edited: for whom that may call, no request here shows; see what is said of that policy")
		}
	}
}

// links reports whether a request by a linked application is one to the policy: then nobody
// is signed in there, and no other credential than a service token counts.
func (x *explorer) links(p sided) bool {
	return x.known[question{about: aboutLink}] != "" && len(x.c.callersOf(p).links) > 0
}

// link reports whether a request comes by the application that a selector names.
func (x *explorer) link(in reading, s *policy.Selector) (fits bool, q question, open bool) {
	answer, q, open := x.ask(aboutLink, "")
	name := linkName(in.sided, s)
	if open || !slices.Contains(strings.Fields(answer), name) {
		return false, q, open
	}
	own := policy.Audience(in.Source)
	return in.unknown || name != own && in.on.Table.AcceptsLinks(in.Source.Namespace, name), q, false
}

// linkDiffers reports whether the policy of a linked application says not the same on both
// sides.
func (c *comparison) linkDiffers(name policy.Source) bool {
	x, y := c.old.byName[name], c.now.byName[name]
	if x == nil || y == nil {
		return false // nobody may call by it on one side, and that is compared
	}
	was, is := *c.old.rules(x), *c.now.rules(y)
	was.Session.PolicyNamespaces, is.Session.PolicyNamespaces = nil, nil // which is compared
	return !reflect.DeepEqual(was, is) || !slices.Equal(x.Hosts, y.Hosts) || c.old.Table.SaysOfGroups(x) != c.now.Table.SaysOfGroups(y)
}

// sameLinks reports whether a policy may be called by the same applications as before.
func (c *comparison) sameLinks(of sided, links []string) bool {
	return !slices.ContainsFunc(links, func(name string) bool {
		namespace, object, _ := strings.Cut(name, "/")
		return c.old.Table.AcceptsLinks(of.Source.Namespace, name) != c.now.Table.AcceptsLinks(of.Source.Namespace, name) ||
			c.linkDiffers(policy.Source{Namespace: namespace, Name: object})
	})
}
