// SPDX-License-Identifier: Apache-2.0

package family

import "github.com/ostiary/ostiary/controllers/routes"

// LabelOf is the RouteLabel of the objects that a plan makes for one route.
func LabelOf(route routes.Ref) string { return ForRoute(route).id }
