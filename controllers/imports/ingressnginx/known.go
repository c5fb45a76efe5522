// SPDX-License-Identifier: Apache-2.0

package ingressnginx

import (
	"strings"

	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/routes"
)

// elsewhere are annotations that say nothing of who may pass: they stay in the Ingress.
var elsewhere = strings.Fields(`
affinity affinity-mode affinity-canary-behavior app-root backend-protocol canary canary-by-cookie canary-by-header
canary-by-header-pattern canary-by-header-value canary-weight canary-weight-total client-body-buffer-size client-header-timeout
connection-proxy-header custom-headers custom-http-errors default-backend disable-proxy-intercept-errors enable-access-log
enable-modsecurity enable-owasp-core-rules enable-opentelemetry enable-rewrite-log fastcgi-index fastcgi-params-configmap
force-ssl-redirect from-to-www-redirect http2-push-preload load-balance limit-burst-multiplier limit-connections limit-rate
limit-rate-after limit-rpm limit-rps limit-whitelist limit-allowlist mirror-host mirror-request-body mirror-target
modsecurity-snippet modsecurity-transaction-id opentelemetry-operation-name opentelemetry-trust-incoming-span permanent-redirect
permanent-redirect-code preserve-trailing-slash proxy-body-size proxy-buffer-size proxy-buffering proxy-buffers-number
proxy-busy-buffers-size proxy-connect-timeout proxy-cookie-domain proxy-cookie-path proxy-http-version proxy-max-temp-file-size
proxy-next-upstream proxy-next-upstream-timeout proxy-next-upstream-tries proxy-read-timeout proxy-redirect-from proxy-redirect-to
proxy-request-buffering proxy-send-timeout proxy-ssl-ciphers proxy-ssl-name proxy-ssl-protocols proxy-ssl-secret
proxy-ssl-server-name proxy-ssl-verify proxy-ssl-verify-depth relative-redirects rewrite-target rewrite-log secure-backends
server-alias service-upstream session-cookie-change-on-failure session-cookie-conditional-samesite-none session-cookie-domain
session-cookie-expires session-cookie-max-age session-cookie-name session-cookie-path session-cookie-samesite
session-cookie-secure ssl-ciphers ssl-passthrough ssl-prefer-server-ciphers ssl-redirect stream-snippet temporal-redirect
temporal-redirect-code upstream-hash-by upstream-hash-by-subset upstream-hash-by-subset-size upstream-vhost use-regex
x-forwarded-prefix`)

// about are those of an auth-url, and others that need a word.
var about = map[string]struct {
	effect draft.Effect
	why    string
}{
	"auth-response-headers":      {draft.Left, "the application gets X-Access-Email, -User and -Groups; upstreamHeaders sends others"},
	"auth-proxy-set-headers":     {draft.Left, "the auth request of the policy has headers of its own"},
	"auth-snippet":               {draft.Left, "it is about the auth request that goes away: what it refused, a rule has to refuse"},
	"auth-method":                {draft.Noted, "it goes with the auth-url"},
	"auth-cache-key":             {draft.Noted, "decisions are not cached by the proxy"},
	"auth-cache-duration":        {draft.Noted, "decisions are not cached by the proxy"},
	"auth-keepalive":             {draft.Noted, "it goes with the auth-url"},
	"auth-keepalive-requests":    {draft.Noted, "it goes with the auth-url"},
	"auth-keepalive-timeout":     {draft.Noted, "it goes with the auth-url"},
	"auth-keepalive-share-vars":  {draft.Noted, "it goes with the auth-url"},
	"auth-always-set-cookie":     {draft.Noted, "it goes with the auth-url"},
	"auth-request-redirect":      {draft.Noted, "it goes with the auth-url"},
	"auth-signin-redirect-param": {draft.Noted, "it goes with the auth-url"},
	"enable-global-auth":         {draft.Noted, "what global-auth-url asks for stands in no policy"},
	"configuration-snippet":      {draft.Left, "it stays in the Ingress; what it decides stands in no policy"},
	"server-snippet":             {draft.Left, "it stays in the Ingress; what it decides stands in no policy"},
}

// known deals with the annotations that nothing has read.
func (in *Ingress) known() {
	list := in.Get("metadata", "annotations")
	for _, name := range elsewhere {
		list.Get(routes.NGINXPrefix + name).Known()
	}
	if list == nil {
		return
	}
	for _, key := range list.Keys {
		name, ours := strings.CutPrefix(key, routes.NGINXPrefix)
		switch a, found := about[name]; {
		case !ours:
			list.Peek(key).Known()
		case found:
			in.Say(a.effect, list.Peek(key).Known(), in.Of, "%s", a.why)
		case name == "auth-signin", strings.HasPrefix(name, "cors-") && routes.NGINXCORS.Flag(routes.IngressNGINX, in.values) != routes.On:
			list.Peek(key).Known() // it does nothing by itself
		}
	}
}
