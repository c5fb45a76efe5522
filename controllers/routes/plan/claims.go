// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// claims reports what of an Ingress its policy does not claim. It is denied there.
func claims(w *family.Wants) {
	if w.Rules == nil {
		w.Found(routes.PolicyNotFound, "%s names the AccessPolicy %s, which does not exist, so every request is denied. Make it, in the same namespace, or correct the annotation %s.", w.Ref, w.Policy, routes.PolicyAnnotation)
	}
	for _, at := range routes.PlacesOf(w.Ingress) {
		if at.Host == "" {
			w.Found(routes.NoHost, "%s serves every host that its class has no better rule for (by a rule without host, or by its default backend alone). Only hosts that %s lists are let through, and users cannot sign in there, because %s/ is made for hosts that are written. Write the hosts into spec.rules.", w.Ref, w.Policy.Name, w.Settings.PathPrefix)
			break
		}
	}
	if w.Rules == nil || len(w.Rules.Hosts) == 0 {
		return // it claims those of the Ingresses that name it
	}
	for _, host := range w.Hosts {
		claimed(w, host)
	}
}

// claimed reports a host that a policy does not have.
func claimed(w *family.Wants, host string) {
	own := routes.CanonicalHost(host)
	if !slices.ContainsFunc(append(policy.Patterns(own), own), func(h string) bool { return slices.Contains(w.Rules.Hosts, h) }) {
		w.Findings = append(w.Findings, routes.Finding{Object: w.Ref, Policy: w.Policy, Reason: routes.HostNotInPolicy, Host: host,
			Message: fmt.Sprintf("%s serves %s, which is no host of the AccessPolicy %s, so every request there is denied. Add it to the policy's spec.hosts.", w.Ref, host, w.Policy)})
	}
}

// routeClaims reports what of a route its policy does not claim.
func routeClaims(w *family.Wants) {
	switch {
	case w.Rules == nil:
		w.Found(routes.PolicyNotFound, "%s names the AccessPolicy %s, which does not exist, so every request is denied. Make it, in the same namespace, or correct the annotation %s.", w.Ref, w.Policy, routes.PolicyAnnotation)
	case len(w.Rules.Hosts) == 0:
		w.Found(routes.HostNotInPolicy, "%s names the AccessPolicy %s, which has no spec.hosts. Only Ingresses give a policy their hosts, so every request is denied. Write them into the policy.", w.Ref, w.Policy)
	case len(w.Hosts) == 0:
		w.Found(routes.NoHost, "%s has no hostnames, and serves those of its Gateways. Only hosts that %s lists are let through. Write them into spec.hostnames.", w.Ref, w.Policy.Name)
	default:
		for _, host := range w.Hosts {
			claimed(w, host)
			width(w, host)
		}
	}
}

// width reports a star that is any number of labels to a Gateway, and one to a policy.
func width(w *family.Wants, host string) {
	own := routes.CanonicalHost(host)
	parent, wild := strings.CutPrefix(own, "*.")
	deep := slices.ContainsFunc(policy.Patterns(own), func(h string) bool { return slices.Contains(w.Rules.Hosts, h) })
	if wild && slices.Contains(w.Rules.Hosts, own) && !deep {
		w.Findings = append(w.Findings, routes.Finding{Object: w.Ref, Policy: w.Policy, Reason: routes.WildcardWidth, Host: host, Mild: true,
			Message: fmt.Sprintf("%s serves %s, which to a Gateway is any number of labels, and to the AccessPolicy %s exactly one: a.b.%s arrives, and every request there is denied. Add **.%s to the policy, or serve the names that are meant.", w.Ref, host, w.Policy, parent, parent)})
	}
}
