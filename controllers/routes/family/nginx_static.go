// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// What ingress-nginx accepts. Something else becomes its default, and that is wider:
// "*" for origins. So nothing else is ever written.
var (
	corsOrigin = regexp.MustCompile(`^https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]+)?$`)
	corsMethod = regexp.MustCompile(`^[A-Za-z]+$`)
	corsHeader = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// static copies a policy's CORS into the annotations by which ingress-nginx answers
// preflights itself, if they can say exactly the same.
func (w *Wants) static() {
	const enable = routes.NGINXPrefix + "enable-cors"
	if w.Rules == nil || w.Rules.CORS == nil || w.Rules.CORS.BypassPreflight {
		w.foreignCORS()
		return // the question alone does what the policy says
	}
	values, cannot := projected(w.Rules.CORS)
	values[enable] = "true"
	for _, key := range routes.SortedKeys(values) {
		if w.foreign(key, values[key]) {
			cannot = append(cannot, fmt.Sprintf("%s is %q already, and somebody else's: remove it", key, w.Route.Annotations[key]))
		}
	}
	for key := range w.Route.Annotations { // one that we do not write would count, too
		if _, planned := values[key]; strings.HasPrefix(key, routes.NGINXPrefix+"cors-") && !planned && w.foreign(key) {
			cannot = append(cannot, fmt.Sprintf("%s is somebody else's: remove it", key))
		}
	}
	if len(cannot) > 0 {
		slices.Sort(cannot)
		w.Found(routes.NotProjectable, "%s: the CORS of AccessPolicy %s cannot be written as annotations, so preflights are refused: %s. Change that, or write %s: %s.", w.Ref, w.Policy, strings.Join(cannot, "; "), routes.ModeAnnotation, routes.Render)
		w.foreignCORS()
		return
	}
	for key, value := range values {
		w.Annotations[key] = value
	}
}

// projected returns annotations, and what of a policy they cannot hold.
func projected(c *policy.CORS) (values map[string]string, cannot []string) {
	values = map[string]string{
		routes.NGINXPrefix + "cors-allow-credentials": strconv.FormatBool(c.AllowCredentials),
		routes.NGINXPrefix + "cors-max-age":           maxAge(c.MaxAge),
	}
	write := func(key, field string, list []string, valid *regexp.Regexp) {
		for _, v := range list {
			if !valid.MatchString(v) {
				cannot = append(cannot, fmt.Sprintf("spec.cors.%s has %q, which ingress-nginx does not understand", field, v))
			}
		}
		if len(list) > 0 {
			values[routes.NGINXPrefix+key] = strings.Join(list, ",")
		}
	}
	switch {
	case c.AllowAllOrigins && c.AllowCredentials:
		cannot = append(cannot, "spec.cors.allowAllOrigins with allowCredentials")
	case c.AllowAllOrigins:
		values[routes.NGINXPrefix+"cors-allow-origin"] = "*"
	case len(c.AllowedOrigins) == 0:
		cannot = append(cannot, "spec.cors.allowedOrigins is empty, which ingress-nginx takes for any origin")
	default: // "null" would match any origin that ends with it
		write("cors-allow-origin", "allowedOrigins", c.AllowedOrigins, corsOrigin)
	}
	if c.AllowAllMethods || len(c.AllowedMethods) == 0 {
		cannot = append(cannot, "spec.cors.allowAllMethods, for which it has no word: list allowedMethods")
	} else {
		write("cors-allow-methods", "allowedMethods", c.AllowedMethods, corsMethod)
	}
	if c.AllowAllHeaders {
		cannot = append(cannot, "spec.cors.allowAllHeaders, for which it has no word: list allowedHeaders")
	}
	// None would become its default of nine. Accept is allowed without being asked for.
	values[routes.NGINXPrefix+"cors-allow-headers"] = "Accept"
	write("cors-allow-headers", "allowedHeaders", c.AllowedHeaders, corsHeader)
	write("cors-expose-headers", "exposedHeaders", c.ExposedHeaders, corsHeader)
	if c.AllowPrivateNetwork {
		cannot = append(cannot, "spec.cors.allowPrivateNetwork, for which it has no word")
	}
	return values, cannot
}

// maxAge: a header is always sent, and five seconds are what browsers take where
// there is none (Fetch, CORS-preflight fetch).
func maxAge(seconds int) string {
	switch {
	case seconds == 0:
		return "5"
	case seconds < 0:
		return "0"
	default:
		return strconv.Itoa(seconds)
	}
}
