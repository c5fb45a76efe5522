// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"github.com/ostiary/ostiary/controllers/routes"
)

// foreign reports whether somebody else has an annotation, with another value than
// those that are ours. One that says the same is shared with us.
func (g *guard) foreign(key string, ours ...string) bool {
	value, is := g.Annotations[key]
	return is && !g.owned[key] && !slices.Contains(ours, value)
}

// set plans an annotation, unless somebody else has it: applied with it, the others
// would be refused, too, and the route asked about by nobody. It reports whether
// what is needed will be there.
func (p *planner) set(g *guard, key, value, without string) bool {
	if g.foreign(key, value) {
		p.found(g, routes.ForeignAnnotation, "%s has %s: %q from somebody else, where Ostiary needs %q: %s. Remove it from %s.", g.ref, key, g.Annotations[key], value, without, g.ref)
		return false
	}
	g.annotations[key] = value
	return true
}
