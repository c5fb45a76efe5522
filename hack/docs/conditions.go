// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/crd"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A meaning is what a reason of a condition says to a person.
type meaning struct{ why, todo string }

// conditions are the reasons of objects of Ostiary's own kinds, in the words of this
// documentation; findings are those of routes. The generator fails without one of them.
var conditions = map[string]meaning{
	"Accepted":         {"The object is valid, and in use.", ""},
	"Programmed":       {"The policy is in the table that decides; of a TokenIssuer, its keys are there.", ""},
	"Routed":           {"All routes that name the policy are protected.", ""},
	"Covered":          {"Nothing was found that leads to the policy's hosts without protection.", ""},
	"HostNotContended": {"An event: no other namespace claims the policy's hosts any more.", ""},
	"Pending": {"The object has not been judged yet, or not as it is now.", "Wait some seconds. If it stays, no replica " +
		"is the leader: `kubectl -n ostiary-system get lease`, and the log."},
	"Denied": {"The policy has a mistake, so all that it claims is denied.", "Look at the condition `Accepted`, reason " +
		"[Invalid](#invalid)."},
	"PartlyInForce": {"Some hosts or paths of the policy are not active, because they are somebody else's.",
		"Look at the condition `Accepted`."},
	"Invalid": {"The object has a mistake. What a policy claims is denied until it is fixed.",
		"Correct what the message names. `ostiary check` shows the same with file and line."},
	"Conflict": {"An older policy of the same namespace claims the same host and path. Of an OAuthClient: another one has its client_id.",
		"Claim another path, or remove the claim from one of the two; give one of the OAuthClients another `clientID`."},
	"HostOwnedByOtherNamespace": {"Another namespace claimed the host first.", "Choose another host, or ask the platform team for a " +
		"grant: `hostGrants` of the chart."},
	"HostNotGranted": {"The host is reserved for other namespaces, or the installation allows granted hosts only.",
		"Ask the platform team for a grant: `hostGrants` of the chart."},
	"HostReserved": {"The policy claims the team host, or Ostiary's own path.", "Choose another host or path."},
	"HostContended": {"Another namespace claims a host of this policy, too. Its claim is ignored, but a request is denied unless the auth " +
		"request names its route (`Degraded`).",
		"Ask the platform team for a grant for the other namespace, or for a reservation for yours."},
	"DryRun": {"The policy has `dryRun`, so it is not, or not wholly, enforced (`Degraded`).",
		"Remove `dryRun` once the log shows no denials that you do not want: [try a policy](../tasks/dry-run.md)."},
	"Unwise": {"The policy works, and something about it is unwise (`Degraded`).", "Do what the message says, if it applies."},
	"GroupUnusable": {"A rule names an AccessGroup that does not exist, is not accepted, or looks at identity where a rule sees none " +
		"(`Degraded`). The group counts against the visitor.", "Create or correct the AccessGroup: `kubectl get accessgroups`."},
	"KeysStale": {"The keys of a TokenIssuer cannot be fetched again; the last good ones are used (`Degraded`).",
		"Look whether the issuer answers at its `jwksURL`, from Ostiary's pods."},
	"KeysUnavailable": {"There are no keys of a TokenIssuer, so its tokens are refused.", "Look whether the issuer answers at its " +
		"`jwksURL`, from Ostiary's pods; a NetworkPolicy may keep them from it."},
	"OwnIssuer": {"A TokenIssuer names the team host, whose sessions need none.", "Remove the TokenIssuer, or correct `issuer`."},
	"Issued":    {"An event: the secret of a ServiceToken was made.", ""},
	"Rotated": {"An event: a ServiceToken has a new secret; the one before is good for a while.",
		"Have the clients read the Secret again."},
	"SecretWasDeleted": {"An event: the Secret of a ServiceToken was deleted, so there is a new one.",
		"Have the clients read the Secret again."},
	"SecretWasChanged": {"An event: somebody changed the Secret of a ServiceToken; it was written again.",
		"Rotate by `spec.rotation`, and not in the Secret."},
	"SecretNotWritten": {"The Secret of a ServiceToken could not be written.", "The message has the API server's answer. The chart's " +
		"`serviceTokens.enabled` gives the right."},
	"SecretExists": {"A Secret of the ServiceToken's name exists, and is not Ostiary's.", "Rename one of the two, or delete the " +
		"Secret."},
	"Disabled": {"The ServiceToken has `disabled`, so requests with it are refused.", "Remove `disabled` to use it again."},
	"Expired": {"The ServiceToken is over, and requests with it are refused.", "Ask for a new secret by another value of " +
		"`spec.rotation`."},
	"ExpiresIn14Days": {"The ServiceToken ends in less than 14 days.", "Ask for a new secret by another value of `spec.rotation`."},
	"ExpiresIn2Days":  {"The ServiceToken ends in less than two days.", "Ask for a new secret by another value of `spec.rotation`, now."},
	"NotExpiring":     {"The ServiceToken does not end soon.", ""},
	"NoWarnings":      {"There is nothing to say of the ServiceToken.", ""},
	"Unused":          {"Nobody used the ServiceToken within `spec.unusedFor`.", "Delete it if nothing needs it."},
	"Used":            {"The ServiceToken was used within `spec.unusedFor`.", ""},
	"NotWatched":      {"The ServiceToken has no `spec.unusedFor`, so nobody looks whether it is used.", ""},
}

// conditionsPage is docs/reference/conditions.md.
func conditionsPage(root string, pages map[string]string) error {
	all, err := toldOf(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(heading("Conditions", "controllers and hack/docs"))
	b.WriteString("`kubectl get ap` shows the reason of the worst condition of an AccessPolicy, and `kubectl describe` all of them with " +
		"their messages: what the message\n" +
		"says has precedence over what stands here. In what you see, … stands for names. Every object has the condition `Ready`, which " +
		"repeats the worst of the others.\n\n" +
		"## Objects\n\n```sh\nkubectl get ap,accessgroups,identityproviders,tokenissuers,oauthclients,servicetokens -A\n" +
		"kubectl -n shop describe ap " +
		"orders\n```\n")
	if err := sameReasons(all); err != nil {
		return err
	}
	for _, value := range values(all) {
		if m, ours := conditions[value]; ours {
			m.write(&b, value, all[value].messages)
			mistakesOf(&b, value)
		}
	}
	b.WriteString("\n## Routes\n\nReasons of the conditions `Routed` and `Covered`, of events on routes, and of `ostiary audit`.\n\n" +
		"```sh\nkubectl -n shop get ap orders -o wide\nkubectl -n shop describe ingress orders\nostiary audit\n```\n")
	for _, value := range values(all) {
		if m, ok := findings[value]; ok {
			m.write(&b, value, all[value].messages)
		}
	}
	b.WriteString("\n## Admission\n\nWhat the API server refuses, with the message of a `ValidatingAdmissionPolicy` of the chart. " +
		"`kubectl get validatingadmissionpolicies` lists them.\n")
	for _, a := range admissions {
		fmt.Fprintf(&b, "\n### … %s …\n\n%s\n\n**What to do.** %s\n", prose(a.message), a.why, a.todo)
		if a.fix != "" {
			fmt.Fprintf(&b, "\n```yaml\n%s```\n", a.fix)
		}
	}
	pages["docs/reference/conditions.md"] = b.String()
	return nil
}

// sameReasons: what there is is what is worded here.
func sameReasons(all map[string]*told) error {
	for value := range all {
		if conditions[value].why == "" && findings[value].why == "" {
			return fmt.Errorf("hack/docs/conditions.go and findings.go do not say what %s means", value)
		}
	}
	for _, m := range []map[string]meaning{conditions, findings} {
		for value := range m {
			if all[value] == nil {
				return fmt.Errorf("hack/docs says what %s means, which nothing tells of any more", value)
			}
		}
	}
	return nil
}

func (m meaning) write(b *strings.Builder, reason string, messages []string) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n", reason, m.why)
	if len(messages) > 0 {
		fmt.Fprintf(b, "\n```text\n%s\n```\n", strings.Join(messages, "\n"))
	}
	if m.todo != "" {
		fmt.Fprintf(b, "\n**What to do.** %s\n", m.todo)
	}
}

// mistakesOf links the mistakes that have a reason.
func mistakesOf(b *strings.Builder, reason string) {
	var links []string
	for _, c := range slices.Concat(policy.Codes(), translate.Codes(), crd.Codes()) {
		if string(c.Reason) == reason {
			links = append(links, fmt.Sprintf("[`%s`](mistakes.md#%s)", c.Code, c.Code))
		}
	}
	switch {
	case len(links) > 20:
		b.WriteString("\n**Mistakes with this reason.** [Most of them](mistakes.md#policies).\n")
	case len(links) > 0:
		fmt.Fprintf(b, "\n**Mistakes with this reason.** %s\n", strings.Join(links, ", "))
	}
}

// An admission is a message of the chart's admission rules: the part of it that is always
// the same.
type admission struct{ message, why, todo, fix string }

// admissions are all of them; a test holds them against the templates.
var admissions = []admission{
	{"names no AccessPolicy, and in this cluster every route has to", "The installation has `admission.denyByDefault`, and the route " +
		"names no policy.",
		"Write the annotation. If the application is public, let its policy say so, by a Bypass rule.",
		"metadata:\n  annotations: {access.ostiary.dev/policy: orders}\n"},
	{"no annotation on it makes its proxy send auth requests to Ostiary", "An Ingress names a policy, and its proxy would not ask " +
		"Ostiary: it would be unprotected. Expected where the API server cannot add what is needed (before Kubernetes 1.36).",
		"Write the annotations that the message prints, or say which proxy serves the class, so that Ostiary can.",
		"metadata:\n  annotations: {access.ostiary.dev/proxy: ingress-nginx}\n"},
	{"but which proxy serves it is not known", "An Ingress names a policy, and it is not known which proxy serves its class, so it may be " +
		"unprotected.",
		"Write the proxy on the IngressClass, or on the Ingress.", "metadata:\n  annotations: {access.ostiary.dev/proxy: traefik}\n"},
	{"would not send auth requests to this Ostiary", "An Ingress names a policy, and its own annotations lead the auth requests " +
		"elsewhere.", "Remove the annotations that the message names; Ostiary writes its own.", ""},
	{"would serve hosts of other namespaces", "The installation has `admission.hostOwnership`, and the route has a rule without a host, a " +
		"default backend or no hostnames.",
		"Name its hosts, and remove the default backend.", ""},
	{"serves hosts by a pattern or by a name that is no host name", "The installation has `admission.hostOwnership`, and whose the hosts " +
		"of a pattern are cannot be told.", "List the hosts one by one.", ""},
	{"Choose another host, or ask the platform team for a host grant (in the chart: hostGrants).", "The installation has " +
		"`admission.hostOwnership`, and the host belongs to another namespace, is held for the one that let it go, is claimed by several, or " +
		"is reserved.",
		"Choose another host, or ask for a grant.", "hostGrants: {orders.example.com: [shop]}\n"},
}
