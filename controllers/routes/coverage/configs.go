// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// configs reports what ConfigMaps let through.
func (c *coverage) configs() {
	for _, m := range c.Configs {
		ref := routes.Ref{Kind: "ConfigMap", NamespacedName: types.NamespacedName{Namespace: m.Namespace, Name: m.Name}}
		if !family.IsControllerConfig(m) {
			c.ports(ref, m)
			continue
		}
		add := func(reason, format string, args ...any) {
			c.findings = append(c.findings, routes.Finding{Object: ref, Reason: reason, Message: fmt.Sprintf("%s "+format, append([]any{ref}, args...)...)})
		}
		for _, free := range family.NoAuthPrefixes(m.Data["no-auth-locations"]) {
			if free != family.AcmePath {
				add(routes.NoAuthLocations, "has %s in no-auth-locations, so no path of an Ingress that begins with it is protected. Take it off the list.", free)
			}
		}
		for _, code := range family.ConfigCodes(m.Data) {
			if code == 401 || code == 403 {
				add(routes.CustomErrors401, "has %d in custom-http-errors: before v1.13.7, v1.14.3 and v1.15.0 that can turn a refusal into an allowance (CVE-2026-24513), and since then it replaces the application's own pages. Take it off the list.", code)
			}
		}
		if m.Data["global-auth-cache-key"] != "" {
			add(routes.AuthCache, "has global-auth-cache-key, so an answer for one visitor may be given to another, and outlives sign-outs. Remove it.")
		}
		for _, key := range []string{"location-snippet", "server-snippet", "http-snippet"} {
			for _, word := range []string{"auth_request", "satisfy"} {
				if slices.Contains(strings.Fields(m.Data[key]), word) {
					add(routes.AuthMethodSnippet, "has %s in %s, which may override what Ostiary says about any host. Remove it.", word, key)
				}
			}
		}
	}
}

// ports reports raw ports that lead to an application: "9000": namespace/service:80.
func (c *coverage) ports(ref routes.Ref, m *corev1.ConfigMap) {
	for port, to := range m.Data {
		namespace, rest, _ := strings.Cut(to, "/")
		name, _, _ := strings.Cut(rest, ":")
		app := c.routed[types.NamespacedName{Namespace: namespace, Name: name}]
		if app == nil {
			continue
		}
		for _, host := range app.hosts {
			c.report(gap{object: ref, reason: routes.ExposedService, host: host},
				"%s leads port %s of the proxy to Service %s/%s, which serves %s, without protection. Remove the port.", ref, port, namespace, name, routes.ShowHost(host))
		}
	}
}
