// SPDX-License-Identifier: Apache-2.0

package routes

// LabelOf is the RouteLabel of the objects that a plan makes for one route.
func LabelOf(route Ref) string { return forRoute(route).id }
