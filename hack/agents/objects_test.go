// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"strings"
	"testing"
)

const object = `
---
apiVersion: access.ostiary.dev/v1alpha1
kind: OAuthClient
metadata: {name: notes-cli, namespace: NAMESPACE}
spec: {name: Notes, redirectURIs: ["http://localhost/callback"]SHARED}
`

// TestStockClientOfAnObject: the same client goes the same way where an object answers for it, and
// not the policy: one of the application's own namespace, or one for applications of others.
func TestStockClientOfAnObject(t *testing.T) {
	const listed = `    clients: [{id: notes-cli, name: Notes, redirectURIs: ["http://localhost/callback"]}]` + "\n"
	bare := strings.Replace(policies, listed, "", 1)
	if bare == policies {
		t.Fatal("the policy lists another client")
	}
	for name, of := range map[string][2]string{"of the team": {"shop", ""}, "of the operators": {"ostiary-system", ", namespaces: [shop]"}} {
		t.Run(name, func(t *testing.T) {
			text := bare + strings.NewReplacer("NAMESPACE", of[0], "SHARED", of[1]).Replace(object)
			newSite(t, "nginx", "", text).run(t, "node", "run.mjs", nil)
		})
	}
}
