// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// nginxConfigs reports what ConfigMaps of controllers do to an Ingress. Which
// controller reads which is written in no object, so that all of them count.
func (p *planner) nginxConfigs(g *guard) {
	for _, m := range p.Configs {
		if !isControllerConfig(m) {
			continue
		}
		ref := Ref{Kind: "ConfigMap", NamespacedName: nameIn(m)}
		add := func(reason, format string, args ...any) {
			p.plan.Findings = append(p.plan.Findings, Finding{Object: ref, Policy: g.policy, Reason: reason,
				Message: fmt.Sprintf("%s "+format, append([]any{ref}, args...)...)})
		}
		p.errorsOf(g, m, add)
		p.unaskedBy(g, m, add)
		if isTrue(m.Data["enable-underscores-in-headers"]) {
			add(UnderscoreHeaders, "has enable-underscores-in-headers, so that an application on CGI or WSGI, to which X_Access_Email is X-Access-Email, may be told by a visitor who is calling. Remove it.")
		}
		p.blocked(g, m, add)
	}
}

// A reporter adds a finding about a ConfigMap.
type reporter func(reason, format string, args ...any)

// errorsOf reports error pages that a controller has for all it serves.
func (p *planner) errorsOf(g *guard, m *corev1.ConfigMap, add reporter) {
	codes := list(m.Data["custom-http-errors"])
	switch {
	case slices.Contains(codes, "401") || slices.Contains(codes, "403"):
		g.asked = false
		add(CustomErrors401, "has 401 or 403 in custom-http-errors: before v1.13.7, v1.14.3 and v1.15.0 that can turn a refusal into an allowance (CVE-2026-24513), and since then it replaces the application's own pages. Take them off the list.")
	case len(codes) > 0 && !isTrue(m.Data["disable-proxy-intercept-errors"]) && (g.mode == Render || g.mode == Global):
		add(InterceptedErrors, "has custom-http-errors without disable-proxy-intercept-errors, so that the application's own 401 and 403 are replaced by Ostiary's pages where refusals are rendered. Add disable-proxy-intercept-errors: \"true\" to it.")
	}
}

// unaskedBy reports what has a controller ask nobody.
func (p *planner) unaskedBy(g *guard, m *corev1.ConfigMap, add reporter) {
	for _, free := range list(m.Data["no-auth-locations"]) {
		if free != acmePath && slices.ContainsFunc(g.paths, func(at Path) bool { return strings.HasPrefix(at.Path, free) }) {
			g.asked = false
			add(NoAuthLocations, "has %s in no-auth-locations, so nobody is asked about paths of Ingresses that begin with it, as those of %s do. Take it off the list.", free, g.ref)
		}
	}
	if level := m.Data["annotations-risk-level"]; level != "" && !slices.Contains([]string{"high", "critical"}, strings.ToLower(level)) {
		g.asked = false
		add(AnnotationsRefused, "has annotations-risk-level: %s, with which ingress-nginx ignores auth-url, so that it asks nobody. Make it High.", level)
	}
}

// blocked reports words that a controller refuses in annotations. It serves no Ingress
// that has one.
func (p *planner) blocked(g *guard, m *corev1.ConfigMap, add reporter) {
	for _, word := range list(m.Data["annotation-value-word-blocklist"]) {
		for _, key := range sortedKeys(g.annotations) {
			if strings.Contains(g.annotations[key], word) {
				add(AnnotationsRefused, "has %q in annotation-value-word-blocklist, which is part of what %s needs as %s: ingress-nginx does not serve it. Take the word off the list, or rename the Ingress if it is part of its name.", word, g.ref, key)
				return
			}
		}
	}
}

func isTrue(text string) bool { return strings.EqualFold(strings.TrimSpace(text), "true") }
