// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"
	"testing"
)

// TestAuditNamesDryRuns: a policy that is not enforced is a finding of each of its hosts,
// be they its own or those of the routes that name it.
func TestAuditNamesDryRuns(t *testing.T) {
	route := strings.Split(auditManifests, "- apiVersion: networking.k8s.io/v1\n  kind: Ingress\n  metadata: {name: metrics}")[0]
	for mode, want := range map[string]string{
		"None": "", "Open": "nothing of it is enforced, and every request passes",
		"Authenticate": "its rules are not enforced, and everybody who can sign in passes",
	} {
		for _, hosts := range []string{"hosts: [app.example.com], ", ""} {
			text := strings.Replace(route, "spec: {hosts: [app.example.com], ", "spec: {"+hosts+"dryRun: "+mode+", ", 1)
			clean, out, err := auditCommand(t, text, "-o", "json", "-")
			if err != nil || strings.Contains(out, "NotEnforced") != (want != "") || !strings.Contains(out, want) ||
				want != "" && (clean || !strings.Contains(out, "app.example.com")) {
				t.Errorf("%s, %q: %v %v\n%s", mode, hosts, clean, err, out)
			}
		}
	}
}
