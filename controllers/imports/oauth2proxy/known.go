// SPDX-License-Identifier: Apache-2.0

package oauth2proxy

import "strings"

// lists are the flags that may stand several times.
var lists = words(`
email-domain allowed-group allowed-role skip-auth-route skip-auth-regex trusted-ip whitelist-domain cookie-domain upstream
extra-jwt-issuer api-route google-group gitlab-group gitlab-project github-team htpasswd-user-group oidc-extra-audience
oidc-audience-claim allowed-email signature-key-id trusted-proxy-ip`)

// meaningless say nothing of who may pass.
var meaningless = words(`
http-address https-address metrics-address metrics-secure-address metrics-tls-cert-file metrics-tls-key-file upstream
upstream-timeout reverse-proxy real-client-ip-header trusted-proxy-ip proxy-prefix proxy-websockets flush-interval ping-path
ping-user-agent ready-path redirect-url relative-redirect-url force-https tls-cert-file tls-key-file tls-min-version
tls-cipher-suite ssl-insecure-skip-verify ssl-upstream-insecure-skip-verify cookie-secret cookie-secret-file cookie-name
cookie-secure cookie-csrf-expire cookie-csrf-per-request cookie-csrf-per-request-limit cookie-csrf-samesite
session-store-type session-cookie-minimal redis-connection-url redis-use-sentinel redis-use-cluster
redis-sentinel-master-name redis-sentinel-connection-urls redis-cluster-connection-urls redis-password redis-username
redis-sentinel-password redis-ca-path redis-insecure-skip-tls-verify redis-connection-idle-timeout skip-provider-button
provider-display-name custom-sign-in-logo custom-templates-dir banner footer display-htpasswd-form show-debug-on-error
request-logging request-logging-format standard-logging standard-logging-format auth-logging auth-logging-format
errors-to-info-log logging-filename logging-max-size logging-max-age logging-max-backups logging-local-time logging-compress
exclude-logging-path silence-ping-logging request-id-header gcp-healthchecks code-challenge-method encode-state
allow-query-semicolons config version help client-secret client-secret-file set-basic-auth basic-auth-password
prefer-email-to-user robots server-cert use-application-default-credentials signature-key`)

// reasons are why a setting has no equivalent.
var reasons = map[string]string{
	"whitelist-domain":                       "to where people return after signing in, the installation says (--return-hosts)",
	"cookie-domain":                          "each host has a cookie of its own; people sign in once, at the team host",
	"cookie-path":                            "the cookie is for the host; session.cookie.pathScoped is for the paths of the policy",
	"cookie-refresh":                         "a session lasts as long as it does, and is renewed at the team host without a question",
	"htpasswd-file":                          "write an IdentityProvider with users, and name it in identityProviders",
	"htpasswd-user-group":                    "groups stand beside each user of an IdentityProvider",
	"skip-jwt-bearer-tokens":                 "write a TokenIssuer, and a ServiceAuth rule with jwt",
	"extra-jwt-issuer":                       "write a TokenIssuer, and a ServiceAuth rule with jwt",
	"bearer-token-login-fallback":            "a token that is no good is refused",
	"alpha-config":                           "the file that it names is not read",
	"api-route":                              "calls that are no navigation get 401 in any case",
	"force-json-errors":                      "calls that are no navigation get JSON in any case",
	"set-xauthrequest":                       "the application gets X-Access-Email, -User and -Groups; upstreamHeaders sends others",
	"pass-user-headers":                      "the application gets X-Access-Email, -User and -Groups; upstreamHeaders sends others",
	"pass-basic-auth":                        "the application gets X-Access-Email, -User and -Groups; upstreamHeaders sends others",
	"pass-access-token":                      "the provider's tokens are not kept",
	"pass-authorization-header":              "the provider's tokens are not kept",
	"set-authorization-header":               "the provider's tokens are not kept",
	"pass-host-header":                       "it is the proxy's affair",
	"skip-auth-strip-headers":                "identity headers are always replaced",
	"backend-logout-url":                     "signing out ends the sessions here",
	"oidc-extra-audience":                    "tokens are for the client ID alone",
	"oidc-audience-claim":                    "tokens are for the client ID alone (aud)",
	"user-id-claim":                          "who somebody is says sub; claims.user says what applications are told",
	"provider-ca-file":                       "write the certificates into oidc.caBundle",
	"validate-url":                           "the provider's metadata says it, which is read below its issuer, or at oidc.discoveryURL",
	"profile-url":                            "the provider's metadata says it, which is read below its issuer, or at oidc.discoveryURL",
	"login-url":                              "the provider's metadata says it, which is read below its issuer, or at oidc.discoveryURL",
	"redeem-url":                             "the provider's metadata says it, which is read below its issuer, or at oidc.discoveryURL",
	"oidc-jwks-url":                          "the provider's metadata says it, which is read below its issuer, or at oidc.discoveryURL",
	"skip-claims-from-profile-url":           "the provider's metadata says it, which is read below its issuer, or at oidc.discoveryURL",
	"insecure-oidc-skip-nonce":               "the nonce is checked; oidc.nonce: Optional is for a provider that leaves it out, and says its price",
	"insecure-oidc-skip-issuer-verification": "the issuer is always checked",
}

func words(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(text) {
		out[w] = true
	}
	return out
}
