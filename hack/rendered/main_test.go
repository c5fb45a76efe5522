// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/hack/lab"
)

// env is everything but the proxies, for all tests.
var env *environment

func TestMain(m *testing.M) {
	lab.Main(m, "rendered", func(dir string) (func(), error) {
		binary, err := lab.Binary(context.Background(), dir)
		if err != nil {
			return nil, err
		}
		env, err = newEnvironment(dir, binary)
		return env.ostiary.Stop, err
	})
}

// An environment is ostiary and an application.
type environment struct {
	dir     string
	app     *recorder
	appAddr string
	ring    *credential.Ring
	ostiary *lab.Ostiary
}

const (
	teamHost = "auth.example.com"
	teamURL  = "https://" + teamHost
)

// upstream are headers that policies may set for applications.
var upstream = []string{"X-WEBAUTH-USER", "X-Webauth-Email", "X-Forwarded-Groups"}

const policies = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  cors:
    allowedOrigins: ["https://spa.example.com"]
    allowedMethods: [GET, PATCH]
    allowCredentials: true
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: ci, namespace: shop}
spec: {duration: 87600h}
status: {clientID: ci.access, secretSHA256: c7303f649d11e8b8360d1642c44a9111032a726d1d1cb137080bd2b5162ad760, issuedAt: "2026-01-31T08:00:00Z"}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: robots, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /robots}]
  rules: [{action: ServiceAuth, include: [{serviceToken: ci}]}, {action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: tools, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /tools}]
  oauth: {}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: public, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /public}]
  rules: [{action: Bypass, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: preview, namespace: shop}
spec:
  hosts: ["*.preview.example.com"]
  cors: {preflight: Bypass}
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: managed, namespace: shop}
spec:
  hosts: [managed.example.com]
  cors:
    allowedOrigins: ["https://spa.example.com"]
    allowedMethods: [GET]
    allowCredentials: true
    exposedHeaders: [x-app]
    responses: Managed
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: foreign, namespace: shop}
spec:
  hosts: [public.example.com, "*.b.preview.example.com", preview.example.com]
  cors: {preflight: Bypass}
  rules: [{action: Bypass, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: other, namespace: shop}
spec:
  hosts: [other.example.com]
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: abroad, namespace: shop}
spec:
  hosts: [abroad.example.com]
  rules: [{action: Bypass, include: [{country: [NL]}, {ip: [192.0.2.0/24]}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: machines, namespace: shop}
spec:
  hosts: [machines.example.com]
  rules:
  - {action: ServiceAuth, include: [{certificate: {commonName: ci}}]}
  - {action: Allow, include: [{emailDomain: example.com}], require: [{certificate: {commonName: laptop}}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: grafana, namespace: shop}
spec:
  hosts: [grafana.example.com]
  rules: [{action: ServiceAuth, include: [{serviceToken: ci}]}, {action: Allow, include: [{everyone: true}]}]
  upstreamHeaders:
  - {name: X-WEBAUTH-USER, from: User}
  - {name: X-Webauth-Email, from: Email, encoding: QuotedPrintable}
  - {name: X-Forwarded-Groups, from: Groups, separator: "|"}
`

func newEnvironment(dir, binary string) (*environment, error) {
	e := &environment{dir: dir, app: &recorder{}, ostiary: lab.NewOstiary(binary, filepath.Join(dir, "ostiary.log"))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return e, err
	}
	e.appAddr = l.Addr().String()
	go http.Serve(l, e.app) //nolint:errcheck // it ends with the process; only proxies ask
	file, keys := filepath.Join(dir, "policies.yaml"), filepath.Join(dir, "keys")
	if err := os.WriteFile(file, []byte(policies), 0o600); err != nil {
		return e, err
	}
	if err := e.ostiary.Serve(nil, "--policies", file, "--keys", keys, "--team-url", teamURL, "--upstream-headers", strings.Join(upstream, ",")); err != nil {
		return e, err
	}
	if err := e.ostiary.WaitReady(); err != nil {
		return e, err
	}
	folder, err := credential.OpenFolder(keys, time.Now())
	if err == nil {
		e.ring = folder.Ring()
	}
	return e, err
}
