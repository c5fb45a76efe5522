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
metadata: {name: notes-cli}
spec: {name: Notes, redirectURIs: ["http://localhost/callback"], namespaces: [shop]}
`

// TestStockClientOfAnObject: the same client goes the same way where the operators answer for it by an
// object, and not the policy.
func TestStockClientOfAnObject(t *testing.T) {
	const listed = `    clients: [{id: notes-cli, name: Notes, redirectURIs: ["http://localhost/callback"]}]` + "\n"
	bare := strings.Replace(policies, listed, "", 1)
	if bare == policies {
		t.Fatal("the policy lists another client")
	}
	newSite(t, "nginx", "", bare+object).run(t, "node", "run.mjs", nil)
}
