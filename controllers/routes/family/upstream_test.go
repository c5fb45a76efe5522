// SPDX-License-Identifier: Apache-2.0

package family

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// TestUpstreamHeaders: a header that the platform lists for applications is one of the
// identity headers in what is planned for every family, and in what the API server writes:
// the answer's replaces a client's, and Traefik takes off the other spellings.
func TestUpstreamHeaders(t *testing.T) {
	const header = "X-Webauth-User"
	settings := routestest.Settings
	settings.IdentityHeaders = append(slices.Clone(settings.IdentityHeaders), header)
	for name, manifest := range map[string]string{
		"ingress-nginx": site(routes.IngressNGINX), "traefik-nginx": site(routes.TraefikNGINX), "traefik": site(routes.Traefik), "haproxy": site(routes.HAProxyIngress),
		"envoy-gateway": httpRoute(routes.EnvoyGateway, plainRule), "traefik route": httpRoute(routes.Traefik, plainRule), "gateway-api": httpRoute(routes.GatewayAPI, plainRule),
	} {
		x := routes.Read(routestest.Snapshot(t, manifest), settings)
		w := planOf(t, x)
		written, err := json.Marshal([]any{w.Annotations, w.Objects, w.Findings})
		if err != nil {
			t.Fatal(err)
		}
		checkSpellings(t, name, string(written), header, strings.HasPrefix(name, "traefik"))
	}
	published := Published(nil, settings)
	for _, proxy := range known {
		if of(proxy).Auth(&settings, namespacePlace, namePlace) == nil {
			continue
		}
		var all []string
		for key, value := range published {
			if strings.HasPrefix(key, askKey+string(proxy)+"_") {
				all = append(all, value)
			}
		}
		if proxy != routes.Traefik { // of which the API server names the Middlewares alone
			checkSpellings(t, "published "+string(proxy), strings.Join(all, "\n"), header, proxy == routes.TraefikNGINX)
		}
	}
}

// checkSpellings: a header is named, and with underscores where nothing else drops those.
func checkSpellings(t *testing.T, name, text, header string, underscored bool) {
	t.Helper()
	text = strings.ToLower(text)
	for i, spelling := range contract.Spellings(strings.ToLower(header)) {
		if got := strings.Contains(text, spelling); got != (i == 0 || underscored) {
			t.Errorf("%s: %s is named: %t", name, spelling, got)
		}
	}
}
