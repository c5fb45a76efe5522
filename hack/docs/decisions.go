// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A symptom is what there is to say of a reason.
type symptom struct {
	why string
	// see is what a person meets; "": the request passes, and nobody meets anything.
	see string
	// todo is what to do, and fix is the YAML of that, if it is YAML.
	todo, fix string
	// explain is METHOD URL and flags that lead to it, of the policies of the page; shell is
	// a command that shows it where explain cannot.
	explain, shell string
}

// asked are the policies that the examples of the page ask.
const asked = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  identityProviders: [corp]
  cors: {allowedOrigins: ["https://shop.example.com"], allowedMethods: [GET, PUT], allowedHeaders: [content-type], allowCredentials: true}
  rules:
  - {name: leavers, action: Block, include: [{email: eve@example.com}]}
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: status, namespace: shop}
spec:
  hosts: [status.example.com]
  rules: [{name: anybody, action: Bypass, include: [{everyone: {}}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: files, namespace: shop}
spec:
  hosts: [files.example.com]
  cors: {preflight: Bypass}
  session: {revokedBefore: "2100-01-01T00:00:00Z"}
  rules: [{name: staff, action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: trial, namespace: shop}
spec:
  hosts: [trial.example.com]
  dryRun: Open
  rules: [{name: staff, action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: vault, namespace: shop}
spec:
  hosts: [vault.example.com]
  rules: [{name: staff, action: Allow, include: [{emailDomain: example.com}], require: [{authMethod: mfa}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: deploy, namespace: shop}
spec:
  hosts: [deploy.example.com]
  rules:
  - name: builds
    action: ServiceAuth
    include: [{jwt: {issuer: builds, audience: deploy, claims: [{name: repository, values: [org/app]}]}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: TokenIssuer
metadata: {name: builds}
spec: {issuer: "https://ci.example.com", audiences: [deploy], jwksURL: "https://ci.example.com/keys", namespaces: [shop]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec:
  userNames: Plain
  oidc: {issuer: "https://login.example.com", clientID: ostiary, stepUp: [{authMethod: mfa, acrValues: [gold]}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: partners}
spec: {userNames: Qualified, oidc: {issuer: "https://login.example.org", clientID: ostiary}}
`

// What people see of most refusals.
const (
	toSignIn = "A browser that opens the page is led to the sign-in. A script gets 401 with `login_url`."
	deniedTo = "The page *Access denied*, or 403 with JSON."
	preflown = "The browser says that the preflight failed, and not why: see [the " +
		"console](console.md#chrome-edge-and-other-chromium-browsers)."
	machine = "401 with JSON, without `login_url`: signing in would not help."
	ofLog   = "kubectl -n ostiary-system logs -l app.kubernetes.io/name=ostiary | grep REQUEST-ID"
)

// preflight is the question of a page of the shop.
func preflight(host, origin, method string, more ...string) string {
	return strings.Join(append([]string{"OPTIONS https://" + host + ".example.com/", "-H 'origin: " + origin + "'",
		"-H 'access-control-request-method: " + method + "'"}, more...), " ")
}

const (
	shop = "https://shop.example.com"
	ci   = `GET https://deploy.example.com/ --claims '{"iss": "https://ci.example.com", "aud": "%s", "repository": "org/app"%s}'`
)

// decisions are the reasons of decisions, in the words of this documentation. The
// generator fails without one of them.
var decisions = map[policy.Reason]symptom{
	policy.NoPolicy: {why: "No valid policy claims this host and path, or the route names a policy that does not.", see: deniedTo,
		todo: "Add the host to a policy, or the path to its `paths`. If the host has a policy, the route may name another one, or another " +
			"namespace may own the host: `kubectl get ap -A`.",
		fix: "spec:\n  hosts: [other.example.com]\n", explain: "GET https://other.example.com/"},
	policy.NoSession: {why: "The request has no session, and no token.", see: toSignIn,
		todo: "Sign in. A page that calls another host needs `credentials: \"include\"`; a machine needs a token. What is meant to be " +
			"public takes a Bypass rule.",
		fix:     "rules:\n- {name: everybody, action: Bypass, include: [{everyone: {}}]}\n",
		explain: "GET https://app.example.com/"},
	policy.SessionExpired: {why: "The session is older than the rule, the policy or the installation allows.", see: toSignIn,
		todo: "Sign in again. To ask for it less often, allow an older session.", fix: "spec:\n  session: {duration: 72h}\n",
		explain: "GET https://app.example.com/ --as ann@example.com --age 25h"},
	policy.SessionRevoked: {why: "A SessionRevocation, `revokedBefore`, a sign-out everywhere, or a removed provider or user ended the " +
		"session.", see: toSignIn,
		todo: "Sign in again. `kubectl get sessionrevocations` lists those of people.", explain: "GET https://files.example.com/ --as " +
			"ann@example.com"},
	policy.WrongAudience: {why: "The session or token was made for another application, or for pages of another origin.", see: toSignIn,
		todo: "Sign in at this host: a cookie of another host is of no use here. For calls between applications use `accessFetch`, and " +
			"list the page's origin.",
		fix:     "cors: {allowedOrigins: [\"https://shop.example.com\"], allowAllMethods: true, allowCredentials: true, tokens: true}\n",
		explain: "GET https://app.example.com/ --as ann@example.com --token-from https://elsewhere.example.com"},
	policy.WrongProvider: {why: "The person signed in with a provider that the policy does not accept.", see: toSignIn,
		todo: "Sign in with one of `spec.identityProviders`, or add the provider.", fix: "spec:\n  identityProviders: [corp, partners]\n",
		explain: "GET https://app.example.com/ --as ann@example.com --provider partners"},
	policy.BadSignature: {why: "The session is damaged, forged, or signed with a key that is gone.", see: toSignIn,
		todo: "Sign in again. If everybody meets it, the replicas do not share one Secret of keys, or it was replaced.", shell: ofLog},
	policy.Blocked: {why: "A Block rule matched.", see: deniedTo + " It says that a rule blocks the account.",
		todo:    "If the person should get in, narrow the Block rule, or except them from it.",
		fix:     "rules:\n- {name: leavers, action: Block, include: [{idpGroup: leavers}], exclude: [{email: eve@example.com}]}\n",
		explain: "GET https://app.example.com/ --as eve@example.com"},
	policy.NoRuleMatched: {why: "The person, or the machine, is known, and no rule lets them in. Or a program brings no token where a " +
		"TokenIssuer gives them out (`oauth.authorizationServer`): that is a 401.", see: deniedTo + " It says who is " +
		"signed in.",
		todo:    "`explain` with `--as EMAIL,GROUP` shows each selector with its answer. Add a rule, or the group to the person.",
		fix:     "rules:\n- {name: partners, action: Allow, include: [{emailDomain: partner.example}]}\n",
		explain: "GET https://app.example.com/ --as bob@partner.example"},
	policy.InsufficientAuthentication: {why: "A rule wants an authentication method that the session lacks, and the identity provider " +
		"can be asked for it (`oidc.stepUp`).",
		see: toSignIn + " The sign-in asks the provider for the method, once; without it, the page *Access denied*. A program with a " +
			"token of OAuth gets `insufficient_user_authentication` (RFC 9470).",
		todo: "Sign in with the method, such as a second factor. If the provider asks for it and the denial stays, its ID token does not say " +
			"so: compare its `acr` and `amr` with `oidc.stepUp`.",
		fix:     "spec:\n  oidc: {stepUp: [{authMethod: mfa, acrValues: [gold, \"urn:example:mfa\"]}]}\n",
		explain: "GET https://vault.example.com/ --as ann@example.com --provider corp --amr pwd"},
	policy.PreflightNotConfigured: {why: "The policy has no `spec.cors`, so preflights are refused.", see: preflown,
		todo:    "Add `spec.cors` to the policy of this path.",
		fix:     "cors: {allowedOrigins: [\"https://shop.example.com\"], allowedMethods: [GET], allowCredentials: true}\n",
		explain: preflight("status", shop, "GET")},
	policy.OriginNotAllowed: {why: "`cors.allowedOrigins` does not list the origin, or another site made the browser send a request that " +
		"changes something.",
		see: preflown + " Without a preflight it is 403, also with a valid session.",
		todo: "Add the origin as the browser's message shows it: with its port, without a slash at the end. If the application checks CSRF " +
			"tokens itself, set `crossSite: Allow`.",
		fix:     "cors: {allowedOrigins: [\"https://shop.example.com\", \"https://new.example.com\"], allowedMethods: [GET]}\n",
		explain: preflight("app", "https://new.example.com", "GET")},
	policy.MethodNotAllowed: {why: "`cors.allowedMethods` does not list the requested method. On a page of Ostiary's own it means that " +
		"the address takes GET, or GET and POST, alone.",
		see: preflown, todo: "Add the method. Methods are case-sensitive.", fix: "cors: {allowedOrigins: [\"https://shop.example.com\"], " +
			"allowedMethods: [GET, PUT, DELETE]}\n",
		explain: preflight("app", shop, "DELETE")},
	policy.HeaderNotAllowed: {why: "`cors.allowedHeaders` does not list one of the requested headers.", see: preflown,
		todo:    "Add the header, or have the page not send it.",
		fix:     "cors: {allowedOrigins: [\"https://shop.example.com\"], allowedMethods: [GET], allowedHeaders: [content-type, x-csrf]}\n",
		explain: preflight("app", shop, "GET", "-H 'access-control-request-headers: x-csrf'")},
	policy.ServiceTokenInvalid: {why: "The request has a service token that is unknown, wrong, expired or disabled, or half of one.",
		see: machine,
		todo: "Compare the client ID and the secret with the Secret of the ServiceToken: `kubectl -n shop get servicetoken ci`. Both " +
			"headers have to be sent.",
		explain: "GET https://app.example.com/ --service-token shop/ci"},
	policy.BadRequest: {why: "The proxy's auth request cannot be read, or the request opens a tunnel (h2c, CONNECT), or an address or a " +
		"form of the sign-in is damaged.",
		see: "403, and 400 for what the proxy got wrong. JSON has a `message` if the client can do something about it.",
		todo: "A client that asks for h2c: `curl --http1.1`, in Java `HttpClient.Version.HTTP_1_1`. Otherwise the log says which part; " +
			"compare the proxy's configuration with `ostiary config`.",
		explain: "GET https://app.example.com/ -H 'upgrade: h2c'"},
	policy.AmbiguousPath: {why: "Proxies and applications could read the path in different ways (`..`, `//`, `%2f`, `;`), and the " +
		"readings lead to different policies or rules.", see: deniedTo,
		todo: "Send a canonical path. For encoded slashes set `allowEncodedSlashes`.", fix: "spec:\n  allowEncodedSlashes: true\n",
		explain: "GET https://status.example.com/a/../x"},
	policy.InvalidPolicy: {why: "The policy has a mistake, so what it claims is denied until it is fixed.", see: deniedTo,
		todo:  "`kubectl describe ap NAME` lists all [mistakes](mistakes.md); so does `ostiary check`.",
		shell: "kubectl -n shop describe ap app"},
	policy.TokenInvalid: {why: "A bearer token of an issuer that the policy's rules name is damaged, forged, for another audience, or of " +
		"a kind that is not for access.", see: machine,
		todo:    "The log says what is wrong with it (`bearer token refused`). Get a new one, for the rule's audience.",
		explain: fmt.Sprintf(ci, "other", "")},
	policy.TokenExpired: {why: "A bearer token of an issuer that the policy's rules name is over.", see: machine,
		todo: "Get a new one. If clocks differ, set `leeway` of the TokenIssuer.",
		fix:  "spec: {leeway: 30s}\n", explain: fmt.Sprintf(ci, "deploy", `, "exp": 1`)},
	policy.TokenUnverified: {why: "The keys of the issuer of a bearer token are not there, so the token cannot be verified.", see: machine,
		todo:  "The issuer's condition `Programmed` says why: it does not answer, or a NetworkPolicy keeps Ostiary from it.",
		shell: "kubectl describe tokenissuer builds"},
	policy.NotReady: {why: "This replica has no table of policies yet, or no keys.", see: "503, the page *Not ready yet*.",
		todo:  "Wait for `/readyz`. If it stays, the log names the Secret that it waits for, or the right that is missing.",
		shell: "kubectl -n ostiary-system get pods"},
	policy.Bypassed:          {why: "A Bypass rule matched.", explain: "GET https://status.example.com/"},
	policy.SignedIn:          {why: "An Allow rule matched.", explain: "GET https://app.example.com/ --as ann@example.com"},
	policy.ServiceAdmitted:   {why: "A ServiceAuth rule matched.", explain: fmt.Sprintf(ci, "deploy", "")},
	policy.PreflightAnswered: {why: "The policy answered the preflight.", explain: preflight("app", shop, "PUT")},
	policy.PreflightBypassed: {why: "`cors.preflight: Bypass` let the preflight through to the application.", explain: preflight("files",
		shop, "PUT")},
	policy.DryRunPassed: {why: "The policy has `dryRun`, and would not have let the request pass. `X-Access-Dry-Run` says what it would " +
		"have decided.",
		explain: "GET https://trial.example.com/"},
}
