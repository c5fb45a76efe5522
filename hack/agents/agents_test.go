// SPDX-License-Identifier: Apache-2.0

// Package agents has a stock client of the Model Context Protocol act for a person, by way of
// real proxies, at a server that knows nothing of OAuth.
package agents

import (
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
)

const (
	appHost  = "notes.localhost"
	teamHost = "auth.localhost"
	clientID = "notes-cli"
	user     = "ann"
	password = "correct horse battery"
)

const policies = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: notes, namespace: shop}
spec:
  hosts: [notes.localhost]
  oauth:
    accessTokenDuration: 2s
    scopes: [notes]
    clients: [{id: notes-cli, name: Notes, redirectURIs: ["http://localhost/callback"]}]
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: people}
spec: {users: {secretRef: {name: people}}}
---
apiVersion: v1
kind: Secret
metadata: {name: people, namespace: ostiary-system}
stringData:
  users.yaml: |
    - {name: ann, email: ann@example.com, passwordHash: "HASH"}
`

const revocation = `
apiVersion: access.ostiary.dev/v1alpha1
kind: SessionRevocation
metadata: {name: notes-of-ann}
spec: {user: ann, identityProvider: people, client: notes-cli, before: "NOW"}
`

// TestStockClient: behind each proxy, the SDK's client is refused, finds the authorization
// server by what it is told, and acts for the person who signs in and agrees: until that is
// revoked. The application is told who that is. (THREATS I20)
func TestStockClient(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			newSite(t, v.proxy, v.mode, policies).run(t, "node", "run.mjs", nil)
		})
	}
}

// TestRevokedWhileItStreams: what is revoked while an answer streams is refused from the next
// request on. What streams goes on: for longer than Envoy has answers take, which would end
// after 15 s if nobody told it otherwise. (THREATS I22)
func TestRevokedWhileItStreams(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel() // they wait
			text := strings.Replace(policies, "accessTokenDuration: 2s", "accessTokenDuration: 10m", 1)
			lasts := 16
			if v.proxy == "nginx" {
				lasts = 1 // its limits are for silence
			}
			t.Log(newSite(t, v.proxy, v.mode, text).run(t, "node", "stream.mjs", map[string]any{"lasts": lasts}))
		})
	}
}

// TestStreamsEnd: where Envoy is told so, what streams at that moment ends as well. (THREATS I22)
func TestStreamsEnd(t *testing.T) {
	text := strings.Replace(policies, "accessTokenDuration: 2s", "accessTokenDuration: 10m", 1)
	s := newSiteWith(t, "envoy", "http", text, func(o *proxyconfig.Options) { o.MaxStreamDuration = 5 * time.Second })
	s.run(t, "node", "stream.mjs", map[string]any{"lasts": 1, "ends": true})
}
