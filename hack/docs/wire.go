// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
)

// wirePage is docs/reference/wire.md: listeners, endpoints and headers, by the
// constants that the code uses.
func wirePage(_ string, pages map[string]string) error {
	var b strings.Builder
	b.WriteString(heading("Listeners, endpoints and headers", "authserver/contract"))
	b.WriteString("You need this page if you configure a proxy by hand. `ostiary config PROXY` prints what a proxy needs; the " +
		"controller writes it\nfor annotated routes.\n")
	b.WriteString("\n## Listeners\n\n| listener | port | callers | answers |\n|---|---|---|---|\n")
	for _, l := range []struct {
		name         string
		port         int
		who, answers string
	}{
		{"authz", contract.AuthzPort, "proxies only", "decisions"},
		{"public", contract.PublicPort, "browsers, through a proxy",
			"the team host, and Ostiary's path on every application's host"},
		{"render", contract.RenderPort, "the error location of nginx",
			"what a browser sees of a refusal; it never permits anything"},
		{"preflight", contract.PreflightPort, "proxies that route `OPTIONS` here", "preflights; 4xx to everything else"},
		{"grpc", contract.GRPCPort, "proxies only", "`envoy.service.auth.v3.Authorization/Check`"},
		{"metrics", contract.MetricsPort, "Prometheus", "`/metrics`"},
		{"health", contract.HealthPort, "the kubelet", "`/healthz`, `/readyz`"},
	} {
		fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", l.name, l.port, l.who, l.answers)
	}
	b.WriteString("\nKeep the authz, grpc, render and preflight listeners away from everybody but proxies. The chart's NetworkPolicies do.\n")
	writeEndpoints(&b)
	writeHeaders(&b)
	pages["docs/reference/wire.md"] = b.String()
	return nil
}

func writeEndpoints(b *strings.Builder) {
	b.WriteString("\n## Decision endpoints\n\nOn the authz listener. Only 200 permits. Each endpoint believes one source for " +
		"the target, and refuses a mixture.\n\n" +
		"| endpoint | for | target from |\n|---|---|---|\n")
	const url = "{method}/{host}{uri}"
	for _, e := range [][3]string{
		{contract.NginxPrefix + url, "nginx, ingress-nginx and its forks", "the URL"},
		{contract.NginxPrefix + "{namespace}/{ingress}/" + url, "the same, pinned to an Ingress", "the URL"},
		{contract.NginxPassPrefix + url, "applications that answer the preflights themselves that the policy lets pass; " +
			"pinned to an Ingress: ingress-nginx in mode canary", "the URL"},
		{contract.NginxCanaryPrefix + url, "ingress-nginx with a canary by hand that leads preflights to the preflight listener", "the URL"},
		{contract.URLPrefix + url, "Traefik's ingress-nginx provider", "the URL"},
		{contract.NginxHeaderPath, "ingress-nginx with a plain auth-url; Bypass rules have no effect here",
			"`" + contract.OriginalURL + "`, `" + contract.OriginalMethod + "`"},
		{contract.ForwardPath, "Traefik ForwardAuth, Caddy, HAProxy", "`X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`"},
		{contract.ForwardPrefix + "{namespace}/{name}", "the same, pinned to an Ingress or HTTPRoute", "as above"},
		{contract.ForwardRoutePrefix + "{namespace}/{route}", "the same, pinned to an HTTPRoute", "as above"},
		{contract.EnvoyPrefix + "{path}", "Envoy's ext_authz over HTTP (Istio, Contour, Envoy Gateway)",
			"the path after the prefix, `Host`"},
		{contract.EnvoyRoutePrefix + "{namespace}/{route}{path}", "the same, pinned to an HTTPRoute", "as above"},
		{contract.ExternalPrefix + "{namespace}/{route}{path}", "the ExternalAuth filter of the Gateway API, pinned; never 2xx to a preflight",
			"as above"},
		{contract.BoundPrefix + "{host},{host}/...", "in front of what follows `" + contract.Endpoints + "/`: bound to hosts",
			"of what follows"},
		{contract.CertificatePrefix + contract.CertificateInHeader + "/...", "in front of what follows `" + contract.Endpoints + "/`: the proxy sets or removes `" +
			contract.ClientCertificate + "` (RFC 9440) on every auth request", "of what follows"},
		{contract.CertificatePrefix + contract.CertificateInURL + "/{verify}/{certificate}/...", "the same, for nginx: `$ssl_client_verify`, if " +
			"`$ssl_server_name` is `$host`, and `$ssl_client_escaped_cert`; on the render listener below `" + contract.RenderCertificatePrefix + "`", "of what follows"},
	} {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", e[0], e[1], e[2])
	}
	b.WriteString("\nA *pinned* auth request names the route that the proxy chose, and only the policy that this route names may " +
		"decide. Over gRPC the context\n" +
		"extensions `ostiary-namespace` with `ostiary-ingress` or `ostiary-route` do the same, and `ostiary-hosts` binds to hosts.\n")
	p := contract.DefaultPathPrefix
	b.WriteString("\n## Public endpoints\n\nBelow `--path-prefix` (default `" + p + "`).\n\n| on | endpoint | for |\n|---|---|---|\n")
	for _, e := range [][3]string{
		{"every application's host", "/login?rd=", "begins a sign-in"},
		{"every application's host", "/kept", "ends one whose address was too long to carry: the tab may have it"},
		{"every application's host", "/authorized", "ends it. Both take forms of the own pages and of the team host's"},
		{"every application's host", "/logout, /logout?all", "signs out here, or everywhere"},
		{"every application's host", "/get-identity", "tells a page who is signed in"},
		{"every application's host", "/certs", "the keys that verify tokens (JWKS)"},
		{"every application's host", "/token?for=ORIGIN", "a short-lived token for another application (`cors.tokens`)"},
		{"every application's host", "/client.js, /client.d.ts", "`accessFetch`, `signOut`"},
		{"the team host", "/idp/NAME/callback", "the redirect URL to register with an identity provider"},
		{"the team host", "/idp/NAME/backchannel-logout", "the back-channel logout URI to register with an OpenID provider"},
		{"the team host", "/signed-out", "the post_logout_redirect_uri to register with it, if its `logout` is EndSession"},
		{"the team host", "/login/HOST", "the sign-in for a host"},
		{"the team host", "/oauth/authorize", "asks a person whether a program may act for them (OAuth 2.1), where a policy has `oauth`"},
		{"the team host", "/oauth/token", "gives the program its tokens, and new ones for a refresh token"},
		{"the team host", "/oauth/revoke", "takes them back (RFC 7009). Metadata: `/.well-known/oauth-authorization-server`"},
		{"the team host", "/certs", "the keys that verify tokens; also at `/.well-known/jwks.json`"},
	} {
		fmt.Fprintf(b, "| %s | `%s%s` | %s |\n", e[0], p, strings.ReplaceAll(e[1], ", /", "`, `"+p+"/"), e[2])
	}
}

func writeHeaders(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Headers that an application gets\n\nThey are on every permitted request; those that are unknown are "+
		"empty. A client's own are overwritten.\n\n- `%s`\n\n"+
		"With `--identity-headers cloudflare` also those that begin with `Cf-`. With `--upstream-headers NAME,...` also these: a policy fills them "+
		"in by\n[spec.upstreamHeaders](api.md), and where it does not they are empty.\n", strings.Join(contract.AllIdentity(), "`\n- `"))
	fmt.Fprintf(b, "\n## Headers that a decision depends on\n\nA proxy that passes on selected headers has to pass on these, "+
		"and the client's address in `%s`.\n\n- `%s`\n",
		contract.ForwardedFor, strings.Join(contract.Asked(), "`\n- `"))
	fmt.Fprintf(b, "\n## Headers of answers\n\n- `%s`: why the answer is not a permission. See [reasons](reasons.md).\n- "+
		"`X-Request-Id`: the request's id, also in the log.\n"+
		"- `%s`: what a policy with `dryRun` would have decided, such as `deny no-rule-matched`. On such a permission the first header has "+
		"that reason, too.\n"+
		"- `%s`: `managed`, for proxies that replace the application's CORS headers (`responses: Managed`).\n",
		contract.ReasonHeader, contract.DryRunHeader, contract.ManagedHeader)
}
