// SPDX-License-Identifier: Apache-2.0

package family

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

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
