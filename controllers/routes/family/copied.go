// SPDX-License-Identifier: Apache-2.0

package family

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/controllers/routes"
)

// plainPath is what of people's paths may stand in our own namespace: what no proxy takes
// for anything but a path. Rules of the platform for namespaces of applications are not
// asked about ours, and with another character a path could be more than one to whatever
// writes a configuration of it.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9/_.~%:@!&,=-]*$`)

// copied returns the places of a guard whose paths may stand in our namespace, and
// reports the others.
func (w *Wants) copied() (out []routes.Placed, all bool) {
	var odd []string
	for _, at := range routes.PlacesOf(w.Ingress) {
		if plainPath.MatchString(at.Path) {
			out = append(out, at)
		} else {
			odd = append(odd, strconv.Quote(at.Path))
		}
	}
	if len(odd) > 0 {
		w.Found(routes.OddPath, "%s has the path %s, which is more than letters, digits and / _ . ~ %% : @ ! & , = -, so that it is not written into Ostiary's own namespace, and preflights there are refused. Write it plainly, or on ingress-nginx %s: %s.",
			w.Ref, strings.Join(odd, ", "), routes.ModeAnnotation, routes.Render)
	}
	return out, len(odd) == 0
}
