// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/crd"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A meaning is what a reason of a decision says to a person.
type meaning struct{ why, todo string }

// decisions are the reasons, in the words of this documentation. A test holds them
// against those that there are.
var decisions = map[string]meaning{
	"no-policy": {"No valid policy claims this host and path, or the route names a policy that does not.",
		"`kubectl get ap -A`; `ostiary explain` names the nearest one."},
	"no-session":      {"The request has no session.", "Sign in, or send a token."},
	"session-expired": {"The session is older than the rule, the policy or the installation allows.", "Sign in again."},
	"session-revoked": {"A SessionRevocation, `revokedBefore`, a sign-out everywhere, or a removed provider or user ended the session.",
		"Sign in again."},
	"wrong-audience": {"The session or token was made for another application.", "Sign in at this host."},
	"wrong-provider": {"The person signed in with a provider that the policy does not accept.",
		"Sign in with one of `spec.identityProviders`."},
	"bad-signature": {"The token is damaged, forged, or signed with a key that is gone.", "Sign in again."},
	"blocked":       {"A Block rule matched.", "`ostiary explain` names the rule."},
	"no-rule-matched": {"The person is signed in, and no Allow rule matches.",
		"`ostiary explain --as EMAIL,GROUP` shows every selector."},
	"preflight-not-configured": {"The policy has no `spec.cors`, so preflights are refused.", "Add `spec.cors`."},
	"origin-not-allowed": {"`cors.allowedOrigins` does not list the origin, or another site made the browser send a request " +
		"that changes something.",
		"Add the origin, or set `crossSite: Allow`."},
	"method-not-allowed":    {"`cors.allowedMethods` does not list the requested method.", "Add the method."},
	"header-not-allowed":    {"`cors.allowedHeaders` does not list one of the requested headers.", "Add the header."},
	"service-token-invalid": {"The request has a service token that is unknown, wrong, expired or disabled, or half of one.", "Compare the client ID and the secret with the Secret of the ServiceToken."},
	"bad-request": {"The proxy's auth request cannot be read, or the request opens a tunnel (h2c, CONNECT).",
		"The log says which part. Compare the proxy's configuration with `ostiary config`."},
	"ambiguous-path": {"Proxies and applications could read the path in different ways.",
		"Send a canonical path. For `%2F`: `allowEncodedSlashes`."},
	"invalid-policy": {"The policy has a mistake, so what it claims is denied.",
		"`kubectl describe ap`, `ostiary check`."},
	"token-invalid": {"A bearer token of an issuer that the policy's rules name is damaged, forged, for another audience, or of a " +
		"kind that is not for access.", "The log says what is wrong with it (`bearer token refused`). Get a new one, for the rule's audience."},
	"token-expired": {"A bearer token of an issuer that the policy's rules name is over.", "Get a new one."},
	"token-unverified": {"The keys of the issuer of a bearer token are not there, so the token cannot be verified.",
		"`kubectl get tokenissuer`: its condition `Ready` says why."},
	"not-ready":          {"This replica has no table of policies yet.", "Wait for `/readyz`."},
	"bypass":             {"A Bypass rule matched.", ""},
	"signed-in":          {"An Allow rule matched.", ""},
	"service-auth":       {"A ServiceAuth rule matched.", ""},
	"preflight-answered": {"The policy answered the preflight.", ""},
	"dry-run":            {"The policy has `dryRun`, and would not have let the request pass. `X-Access-Dry-Run` says what it would have decided.", ""},
	"preflight-bypass":   {"`cors.preflight: Bypass` let the preflight through to the application.", ""},
}

// issueReasons are the reasons of an AccessPolicy's conditions.
var issueReasons = map[policy.IssueReason]string{
	policy.Invalid:                   "The policy has a mistake. What it claims is denied.",
	policy.Conflict:                  "An older policy of the same namespace claims the same host and path.",
	policy.HostOwnedByOtherNamespace: "Another namespace claimed the host first.",
	policy.HostNotGranted:            "The host is reserved for other namespaces, or the installation allows granted hosts only.",
	policy.HostReserved:              "The policy claims the team host, or Ostiary's own path.",
	policy.NotEnforced:               "The policy has `dryRun`, so it is not, or not wholly, enforced (`Degraded`).",
	policy.Unwise:                    "The policy works, and something about it is unwise (`Degraded`).",
	policy.HostContended: "Another namespace claims a host of this policy, too. Its claim is ignored, but a request is denied " +
		"unless the auth request names its route (`Degraded`).",
	policy.GroupUnusable: "A rule names an AccessGroup that does not exist, is not accepted, or looks at identity where a rule sees none (`Degraded`). " +
		"The group counts against the visitor.",
	policy.ResponsesNotManaged: "`responses: Managed` has no effect behind a proxy that serves the policy (`Degraded`).",
}

// reasonsPage is docs/reference/reasons.md.
func reasonsPage(root string, pages map[string]string) error {
	var b strings.Builder
	b.WriteString(heading("Reasons", "authserver/policy and controllers"))
	b.WriteString("## Decisions\n\nEvery answer that is not a permission has the header `X-Access-Reason`. The same reason is " +
		"in the log, in the metric\n" +
		"`ostiary_decisions_total` and in `ostiary explain`.\n\n| reason | meaning | what to do |\n|---|---|---|\n")
	for r := policy.Reason(1); int(r) < policy.Reasons; r++ {
		m := decisions[r.String()]
		if m.why == "" {
			return fmt.Errorf("hack/docs/reasons.go does not say what %s means", r)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r, m.why, m.todo)
	}
	b.WriteString("\n## Policies\n\nReasons of the conditions `Accepted` and `Degraded` of an AccessPolicy.\n\n| reason | " +
		"meaning |\n|---|---|\n")
	for _, c := range slices.SortedFunc(keys(issueReasons), cmp.Compare[policy.IssueReason]) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c, issueReasons[c])
	}
	b.WriteString("\n## Mistakes\n\nEvery problem that `ostiary check` and the condition `Accepted` report about a policy has " +
		"a code.\n\n| code | reason | fix |\n|---|---|---|\n")
	for _, c := range slices.Concat(policy.Codes(), translate.Codes(), crd.Codes()) {
		if issueReasons[c.Reason] == "" {
			return fmt.Errorf("hack/docs/reasons.go does not say what %s means", c.Reason)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", c.Code, c.Reason, cell(c.Fix))
	}
	b.WriteString("\n### Mistakes of identity providers\n\n| code | fix |\n|---|---|\n")
	for _, c := range config.Codes() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.Code, cell(c.Fix))
	}
	b.WriteString("\n### Mistakes of token issuers\n\n| code | fix |\n|---|---|\n")
	for _, c := range bearerconfig.Codes() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.Code, cell(c.Fix))
	}
	writePages(&b)
	if err := writeFindings(&b, root); err != nil {
		return err
	}
	pages["docs/reference/reasons.md"] = b.String()
	return nil
}

// writePages lists the codes that pages of the sign-in show, and no decision has.
func writePages(b *strings.Builder) {
	b.WriteString("\n## Sign-in\n\nPages of the sign-in show these codes, beside those of decisions.\n\n| code | meaning | " +
		"what to do |\n|---|---|---|\n")
	for _, p := range [][3]string{
		{"login-loop", "The sign-in succeeds, and the application asks for it again.",
			"Check that the application is served over https, that the proxy passes `Set-Cookie` on, and that clocks are right."},
		{"provider-refused", "The identity provider did not sign the person in. The page shows what it says.",
			"Look at the provider's log."},
		{"provider-rejected", "What the provider sent cannot be accepted: signature, issuer, audience or time.",
			"Ostiary's log has the details."},
		{"provider-unavailable", "The provider does not answer.", "Check the network policy for egress, and the provider."},
		{"token-too-large", "The session does not fit into a cookie.", "Name fewer groups in rules."},
	} {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", p[0], p[1], p[2])
	}
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// finding is a reason in CamelCase.
var finding = regexp.MustCompile(`^(?:[A-Z][a-z0-9]*){2,}$|^Rejected$`)

// writeFindings lists the reasons of the conditions Routed and Covered, and of
// ostiary audit: constants below controllers whose name is their value.
func writeFindings(b *strings.Builder, root string) error {
	all, err := constants(root, finding)
	if err != nil {
		return err
	}
	b.WriteString("\n## Routes\n\nReasons of the conditions `Routed` and `Covered`, of events on routes, and of `ostiary " +
		"audit`. The message of each names the\n" +
		"object and says what to do.\n\n| reason | meaning | what to do |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, c := range all {
		name := strings.TrimPrefix(c.name, "reason")
		if name != c.value || seen[c.value] || !strings.HasPrefix(c.file,
			"controllers/") || issueReasons[policy.IssueReason(c.value)] != "" && findings[c.value].why == "" {
			continue
		}
		seen[c.value] = true
		m := findings[c.value]
		if m.why == "" {
			return fmt.Errorf("hack/docs/findings.go does not say what %s means (%s)", c.value, c.file)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", c.value, m.why, m.todo)
	}
	for name := range findings {
		if !seen[name] {
			return fmt.Errorf("hack/docs/findings.go has %s, which is no reason of a route any more", name)
		}
	}
	return nil
}
