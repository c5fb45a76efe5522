// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// An nginxConfig is what the ConfigMaps of ingress-nginx controllers say.
type nginxConfig struct {
	globalAuth bool     // every one of them asks us where an Ingress does not say
	noAuth     []string // beginnings of paths that one of them never asks about
}

// readConfigs reads them together: which class a ConfigMap is for is written in no
// object, so only what all of them say can be relied on.
func (x *Index) readConfigs() nginxConfig {
	var out nginxConfig
	controllers, asking, listing := 0, 0, 0
	for _, m := range x.Configs {
		if !isControllerConfig(m) {
			continue
		}
		controllers++
		if x.authURL(m.Data["global-auth-url"], nginxTargets) == asksUs {
			asking++
		}
		if free, ok := m.Data["no-auth-locations"]; ok {
			listing++
			out.noAuth = append(out.noAuth, noAuthLocations(free)...)
		}
	}
	if listing == 0 || listing < controllers { // the default of those that say nothing
		out.noAuth = append(out.noAuth, acmePath)
	}
	out.globalAuth = controllers > 0 && asking == controllers
	slices.Sort(out.noAuth)
	out.noAuth = slices.Compact(out.noAuth)
	return out
}

// isControllerConfig tells a controller's ConfigMap from those for ports, whose
// keys are numbers.
func isControllerConfig(m *corev1.ConfigMap) bool {
	for key := range m.Data {
		if strings.Trim(key, "0123456789") != "" {
			return true
		}
	}
	return len(m.Data) == 0
}

// configCodes are the status codes that a ConfigMap lists.
func configCodes(data map[string]string) []int {
	var out []int
	for _, text := range list(data["custom-http-errors"]) {
		if code, err := strconv.Atoi(text); err == nil {
			out = append(out, code)
		}
	}
	return out
}

// noAuthLocations are beginnings of paths. Only spaces are taken off them.
func noAuthLocations(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.Trim(part, " "); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// acmePath is where certificates are proven. ingress-nginx never asks there, and
// solvers of cert-manager serve it for a minute.
const acmePath = "/.well-known/acme-challenge"
