// SPDX-License-Identifier: Apache-2.0

package family

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// An nginxConfig is what the ConfigMaps of ingress-nginx controllers say.
type nginxConfig struct {
	globalAuth bool     // every one of them asks us where an Ingress does not say
	NoAuth     []string // beginnings of paths that one of them never asks about
}

// readConfigs reads them together: which class a ConfigMap is for is written in no
// object, so only what all of them say can be relied on.
func readConfigs(x *routes.Index) nginxConfig {
	var out nginxConfig
	controllers, asking, listing := 0, 0, 0
	for _, m := range x.Configs {
		if !IsControllerConfig(m) {
			continue
		}
		controllers++
		if x.AuthURL(m.Data["global-auth-url"], nginxTargets) == routes.AsksUs {
			asking++
		}
		if free, ok := m.Data["no-auth-locations"]; ok {
			listing++
			out.NoAuth = append(out.NoAuth, NoAuthPrefixes(free)...)
		}
	}
	if listing == 0 || listing < controllers { // the default of those that say nothing
		out.NoAuth = append(out.NoAuth, AcmePath)
	}
	out.globalAuth = controllers > 0 && asking == controllers
	slices.Sort(out.NoAuth)
	out.NoAuth = slices.Compact(out.NoAuth)
	return out
}

// IsControllerConfig tells a controller's ConfigMap from those for ports, whose
// keys are numbers.
func IsControllerConfig(m *corev1.ConfigMap) bool {
	for key := range m.Data {
		if strings.Trim(key, "0123456789") != "" {
			return true
		}
	}
	return len(m.Data) == 0
}

// ConfigCodes are the status codes that a ConfigMap lists.
func ConfigCodes(data map[string]string) []int {
	var out []int
	for _, text := range routes.SplitList(data["custom-http-errors"]) {
		if code, err := strconv.Atoi(text); err == nil {
			out = append(out, code)
		}
	}
	return out
}

// NoAuthPrefixes are beginnings of paths. Only spaces are taken off them.
func NoAuthPrefixes(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.Trim(part, " "); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// AcmePath is where certificates are proven. ingress-nginx never asks there, and
// solvers of cert-manager serve it for a minute.
const AcmePath = "/.well-known/acme-challenge"

// NeverAsked are beginnings of paths that some ingress-nginx never asks about.
func NeverAsked(x *routes.Index) []string { return routes.Once(x, readConfigs).NoAuth }

// nginxConfigs reports what ConfigMaps of controllers do to an Ingress. Which
// controller reads which is written in no object, so that all of them count.
func (w *Wants) nginxConfigs() {
	for _, m := range w.Configs {
		if !IsControllerConfig(m) {
			continue
		}
		ref := routes.Ref{Kind: "ConfigMap", NamespacedName: routes.NameOf(m)}
		add := func(reason, format string, args ...any) {
			w.About(ref, reason, "%s "+format, append([]any{ref}, args...)...)
		}
		w.errorsOf(m, add)
		w.unaskedBy(m, add)
		if routes.ConfigFlag(m.Data, "enable-underscores-in-headers") == routes.On {
			add(routes.UnderscoreHeaders, "has enable-underscores-in-headers, so that an application on CGI or WSGI, to which X_Access_Email is X-Access-Email, may get forged identity headers of a client. Remove it.")
		}
		w.blocked(m, add)
	}
}

// A reporter adds a finding about a ConfigMap.
type reporter func(reason, format string, args ...any)

// errorsOf reports error pages that a controller has for all it serves.
func (w *Wants) errorsOf(m *corev1.ConfigMap, add reporter) {
	codes := ConfigCodes(m.Data)
	switch {
	case slices.Contains(codes, 401) || slices.Contains(codes, 403):
		w.Asks = false
		add(routes.CustomErrors401, "has 401 or 403 in custom-http-errors: before v1.13.7, v1.14.3 and v1.15.0 that can turn a refusal into an allowance (CVE-2026-24513), and since then it replaces the application's own pages. Take them off the list.")
	case len(codes) > 0 && routes.ConfigFlag(m.Data, "disable-proxy-intercept-errors") != routes.On && (w.Mode == routes.Render || w.Mode == routes.Global):
		add(routes.InterceptedErrors, "has custom-http-errors without disable-proxy-intercept-errors, so that the application's own 401 and 403 are replaced by Ostiary's pages where refusals are rendered. Add disable-proxy-intercept-errors: \"true\" to it.")
	}
}

// unaskedBy reports what has a controller ask nobody.
func (w *Wants) unaskedBy(m *corev1.ConfigMap, add reporter) {
	for _, free := range NoAuthPrefixes(m.Data["no-auth-locations"]) {
		if free != AcmePath && slices.ContainsFunc(w.Paths, func(at policy.Path) bool { return strings.HasPrefix(at.Value, free) }) {
			w.Asks = false
			add(routes.NoAuthLocations, "has %s in no-auth-locations, so no path of an Ingress that begins with it is protected, and paths of %s do. Take it off the list.", free, w.Ref)
		}
	}
	level, said := m.Data["annotations-risk-level"]
	switch level = strings.ToLower(level); { // a word that it does not know is Low to it, and so is none
	case said && level != "high" && level != "critical":
		w.Asks = false
		add(routes.AnnotationsRefused, "has annotations-risk-level: %q, with which ingress-nginx takes no Ingress that has an auth-url, and goes on with what it was before, without protection. Make it High.", m.Data["annotations-risk-level"])
	case level != "critical":
		if n := critical(w.Route.Annotations); n != nil {
			w.Asks = false
			add(routes.AnnotationsRefused, "admits no annotation that is Critical, from v1.12 on (annotations-risk-level), and %s has %s: ingress-nginx does not take it, and may go on with what it was before. Remove that annotation.", w.Ref, n.Key())
		}
	}
}

// critical returns an annotation that ingress-nginx ranks above High.
func critical(annotations map[string]string) *routes.Annotation {
	for _, n := range []*routes.Annotation{routes.NGINXAuthSnippet, routes.NGINXSnippet, routes.NGINXServerSnippet} {
		if _, found := n.Raw(annotations); found {
			return n
		}
	}
	return nil
}

// blocked reports words that a controller refuses in annotations. It takes no Ingress
// that has one, whoever wrote it, and goes on with what it was before.
func (w *Wants) blocked(m *corev1.ConfigMap, add reporter) {
	words := strings.TrimSpace(m.Data["annotation-value-word-blocklist"])
	if words == "" {
		return
	}
	all := maps.Clone(w.Annotations)
	for key, value := range w.Route.Annotations {
		if _, planned := all[key]; !planned && strings.HasPrefix(key, routes.NGINXPrefix) && !w.owned[key] {
			all[key] = value
		}
	}
	for _, word := range strings.Split(words, ",") { // blanks beside a comma are part of the word
		for _, key := range routes.SortedKeys(all) {
			if strings.Contains(all[key], word) {
				w.Asks = false
				add(routes.AnnotationsRefused, "has %q in annotation-value-word-blocklist, which is part of what %s has as %s: ingress-nginx does not take it, and may go on with what it was before. Take the word off the list, or rename the Ingress if it is part of its name.", word, w.Ref, key)
				return
			}
		}
	}
}
