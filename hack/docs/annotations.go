// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// yours are the annotations that people write, theirs what Ostiary writes.
var yours, theirs = [][3]string{
	{v1alpha1.PolicyAnnotation, "Ingress, HTTPRoute", "The AccessPolicy of the same namespace that protects the route."},
	{v1alpha1.ModeAnnotation, "Ingress of ingress-nginx",
		"`render`, `global`, `canary` or `static`, instead of the installation's mode."},
	{v1alpha1.ProxyAnnotation, "IngressClass, GatewayClass, Ingress",
		"The proxy that serves it, if its controller is not known: `ingress-nginx`, `traefik-ingress-nginx`, `traefik`, " +
			"`haproxy-ingress`, `envoy-gateway` or `gateway-api`."},
	{v1alpha1.AdmissionLabel, "Namespace (a label)", "`exempt`: the checks `admission.denyByDefault` and `admission.hostOwnership` leave its routes alone."},
	{v1alpha1.SecretTypeSecondFactors, "Secret in Ostiary's namespace (its type)",
		"It keeps the second factors of built-in users. You make it, empty; Ostiary updates it."},
}, [][3]string{
	{v1alpha1.RouteLabel, "every object that Ostiary creates for a route",
		"A digest of the route or host. Objects that are needed no more are found by it and deleted."},
	{v1alpha1.ForAnnotation, "the same objects", "What the object is for, in words."},
	{v1alpha1.AppliedAnnotation, "the same objects", "A digest of what was applied last."},
	{v1alpha1.LedgerLabel, "ConfigMaps in Ostiary's namespace", "Which namespace claims which hosts. Back them up."},
	{v1alpha1.OwnersLabel, "ConfigMaps in Ostiary's namespace", "Which namespaces may serve which hosts, for `admission.hostOwnership`."},
	{v1alpha1.AboutAnnotation, "the same ConfigMaps", "What the ConfigMap is, in words."},
}

// annotationsPage is docs/reference/annotations.md.
func annotationsPage(root string, pages map[string]string) error {
	text, err := os.ReadFile(filepath.Join(root, "api", "v1alpha1", "annotations.go"))
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), " = \"access.ostiary.dev/") - 1; n != len(yours)+len(theirs) {
		return fmt.Errorf("hack/docs/annotations.go has %d annotations, and there are %d", len(yours)+len(theirs), n)
	}
	var b strings.Builder
	b.WriteString(heading("Annotations and labels", "api/v1alpha1/annotations.go"))
	b.WriteString("## Yours\n\n| annotation | on | value |\n|---|---|---|\n")
	writeRows(&b, yours)
	b.WriteString("\n## Ostiary's own\n\nOstiary writes these on its own objects. Do not change them.\n\n| name | on | value " +
		"|\n|---|---|---|\n")
	writeRows(&b, theirs)
	pages["docs/reference/annotations.md"] = b.String()
	return nil
}

func writeRows(b *strings.Builder, rows [][3]string) {
	for _, r := range rows {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", r[0], r[1], r[2])
	}
}
