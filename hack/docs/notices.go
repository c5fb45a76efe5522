// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"strings"
)

// A notice is a page or an answer of the sign-in that names a reason.
type notice struct{ reason, title, words string }

// notices are those that there are: pages (web.Notice), JSON (RefuseJSON), and reasons that
// are put into the header by themselves.
func notices(root string) (found []notice, err error) {
	err = source(root, func(file string, f *ast.File) {
		if !strings.HasPrefix(file, "authserver/") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			switch {
			case !ok:
			case called(call) == "notice" && len(call.Args) == 4:
				found = append(found, notice{text(call.Args[1]), text(call.Args[2]), strings.ReplaceAll(text(call.Args[3]), "{1}", "…")})
			case isRefusal(call):
				found = append(found, notice{reason: text(call.Args[len(call.Args)-1])})
			}
			return true
		})
	})
	return found, err
}

// isRefusal reports whether a call ends with a reason: RefuseJSON, or Set of the header.
func isRefusal(n *ast.CallExpr) bool {
	switch called(n) {
	case "RefuseJSON":
		return true
	case "Set":
		name, ok := n.Args[0].(*ast.SelectorExpr)
		return ok && name.Sel.Name == "ReasonHeader"
	}
	return false
}

// signIn are the reasons that pages and answers of the sign-in have, and no decision.
var signIn = map[string]symptom{
	"login-loop": {why: "The sign-in succeeds, and the application asks for it again.", see: "The page *Sign-in loop detected*, 409.",
		todo: "The page says which of the causes it is, as far as it can be told. Check that the application is served over https, that the " +
			"proxy passes `Set-Cookie` on, and that clocks are right.",
		shell: "curl -sSI https://app.example.com/.access/login"},
	"provider-refused": {why: "The identity provider did not sign the person in. The page shows what it says.",
		todo:  "Look at the provider's log. If it speaks of the redirect URI, register `https://TEAM-HOST/.access/idp/NAME/callback` there.",
		shell: signInLog},
	"provider-rejected": {why: "What the provider sent cannot be accepted: signature, issuer, audience or time.",
		todo: "Ostiary's log says which check failed. Compare `issuer` and `clientID` with the provider; look at the clocks.",
		fix:  "spec:\n  oidc: {issuer: \"https://login.example.com\", clientID: ostiary}\n", shell: signInLog},
	"provider-unavailable": {why: "The provider does not answer, or not in time.", todo: "Let Ostiary reach it: the chart's " +
		"NetworkPolicy, or an egress proxy. Look whether the provider works.",
		fix: "networkPolicy: {egress: {enabled: true}}\n", shell: signInLog},
	"token-too-large": {why: "The session does not fit into a cookie, or an answer into a proxy's buffer.",
		todo: "Have rules name fewer or shorter groups: only those that a rule looks at travel in the session.", shell: signInLog},
	"not-configured": {why: "Nobody can sign in: no IdentityProvider is valid, the policy's `identityProviders` names none that is, or " +
		"`teamDomain` is not set. Of a sign-out everywhere: nothing stores it, as with `--policies`.",
		todo: "Add an IdentityProvider, or correct the names in the policy.", fix: "spec:\n  identityProviders: [corp]\n",
		shell: "kubectl get identityproviders"},
	"no-provider": {why: "The identity provider was removed or changed while the person was signing in.",
		todo:  "Open the application again. If it stays, the provider's name in a bookmark or link is old.",
		shell: "kubectl get identityproviders"},
	"expired-attempt": {why: "Signing in, or an answer whether a program may act for somebody, took more than 10 minutes.",
		todo: "Start again from the application: a sign-in page cannot be kept as a bookmark.", shell: signInLog},
	"oauth-refused": {why: "A program that wants to act for a person (an OAuth client, such as an MCP client) asked for what " +
		"it cannot have. The page names the error code of OAuth, and what is wrong.",
		todo: "`invalid_target`: the policy of the address has no `oauth`, or another authorization server. `invalid_client`: the client's " +
			"metadata document cannot be fetched from the public internet over HTTPS, or says something else than its own address. Else: " +
			"tell whoever develops the program.", shell: signInLog},
	"bad-ticket": {why: "The last step of a sign-in was repeated, came after a minute, or at another host: by the back button, a reload, " +
		"a shared link, or a proxy that repeats requests.",
		todo: "Open the application again. If everybody meets it, compare the clocks of the replicas, and see that the proxy does not repeat " +
			"requests.", shell: signInLog},
	"no-state": {why: "The answer of the identity provider belongs to no sign-in of this browser: begun in another browser, already " +
		"completed, too late, or without the cookie.",
		todo:  "Open the application again, and allow cookies for the team host. Links out of mail clients can open in another browser.",
		shell: signInLog},
	"no-cookie": {why: "The person signed in, and the browser did not keep the cookie of the team host.",
		todo:  "Allow cookies for the team host, and serve it over https. A frame of another site cannot sign in: open a window.",
		shell: "curl -sSI https://auth.example.com/"},
	"cross-site": {why: "A form or a call to one of Ostiary's own addresses came from another site.",
		todo:  "Send people there by a link. Only pages of the same host may call `/.access/token` or post a form.",
		shell: "curl -sSI -XPOST https://app.example.com/.access/logout -H 'origin: https://app.example.com'"},
	"too-many-requests": {why: "There were too many attempts to sign in, or too many tokens were asked for.",
		todo: "Wait 30 seconds. If many people share one address, tell Ostiary their own: set `trustedProxies`.",
		fix:  "trustedProxies: [10.0.0.0/8]\n", shell: signInLog},
	"not-revoked": {why: "A sign-out everywhere could not be stored.", todo: "Try again. The log names the right that is missing, or the " +
		"API server's answer.", shell: signInLog},
	"no-resource": {why: "A program asked for the metadata of a protected resource (RFC 9728) at an address that is none.",
		see: "404 of `/.access/oauth/resource…` or `/.well-known/oauth-protected-resource…` of the application.",
		todo: "Give the policy of that path `oauth`. The address ends in a path of the policy, letter for letter. If `oauth` names a " +
			"TokenIssuer, there has to be one that the namespace may use.", fix: "spec:\n  oauth: {}\n",
		shell: "curl -sS https://app.example.com/.access/oauth/resource"},
	"tokens-not-accepted": {why: "`accessFetch` asked for a token for an application whose policy does not take any from this page.",
		see:  "403 of `/.access/token`; the promise of `accessFetch` is rejected.",
		todo: "List the page's origin in that policy, and set `tokens`.", fix: "cors: {allowedOrigins: [\"https://shop.example.com\"], " +
			"allowAllMethods: true, allowCredentials: true, tokens: true}\n",
		shell: "kubectl -n shop get ap api -o jsonpath='{.spec.cors}'"},
	"not-an-operator": {
		why:   "The address is for operators, and the person is none.",
		todo:  "An AccessPolicy on the team host's [console](../tasks/console.md) says who the operators are.",
		fix:   "spec:\n  hosts: [auth.example.com]\n  paths: [{path: /.access/console}]\n",
		shell: "kubectl get ap -A | grep auth.example.com",
	},
	"not-yours": {
		why:   "The request that the page is about was somebody else's, or nobody was signed in then.",
		todo:  "Sign in as the person who was denied, or ask an operator: they see every request.",
		shell: signInLog,
	},
	"unknown-request": {
		why:   "The link that tells why a request was denied is older than 24 hours, or was never one.",
		todo:  "Open the application again: if it denies, it shows a new link. Operators find older denials in the log.",
		shell: signInLog,
	},
	"internal-error": {why: "Something failed in Ostiary that should not.", todo: "The log has the error with the request's id. Please " +
		"report it.", shell: signInLog},
}

const signInLog = "kubectl -n ostiary-system logs -l app.kubernetes.io/name=ostiary | grep REQUEST-ID"
