// SPDX-License-Identifier: Apache-2.0

package e2e

// apps are the applications, and the host at which each is reached.
var apps = []struct{ name, host string }{
	{"app1", "app1.site.com"},
	{"app2", "app2.site.com"},
	{"app", "app.example.com"},
	{"public", "public.example.com"},
	{"tenants", "*.apps.example.com"},
	{"open", "open.example.com"},
	{"null", "null.example.com"},
	{"multi", "multi.example.com"},
	{"managed", "managed.example.com"},
	{"handsoff", "handsoff.example.com"},
	{"redirect", "redirect.example.com"},
	{"strict", "strict.example.com"},
	{"write", "write.example.com"},
	{"staff", "staff.example.com"},
	{"orphan", "orphan.example.com"}, // no policy at all
}

const (
	teamHost = "auth.example.com"
	teamURL  = "https://" + teamHost
)

// policies protect the applications: those of the seed (app1, app2), those that
// the threats are written against (app, public, tenants), and one a feature.
const policies = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app1, namespace: shop}
spec:
  hosts: [app1.site.com]
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app2, namespace: shop}
spec:
  hosts: [app2.site.com]
  cors:
    allowedOrigins: ["https://app1.almightyzero.com"]
    allowedMethods: [GET]
    allowCredentials: true
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app-public, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /public}]
  rules: [{action: Bypass, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app-api, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /api}]
  cors:
    allowedOrigins: ["https://spa.example.com", "https://*.dev.example.com"]
    allowedMethods: [GET, POST, PATCH]
    allowedHeaders: [content-type, x-csrf]
    allowCredentials: true
    maxAge: 600
    exposedHeaders: [x-request-id]
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: public, namespace: shop}
spec:
  hosts: [public.example.com]
  rules: [{action: Bypass, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: tenants, namespace: shop}
spec:
  hosts: ["*.apps.example.com"]
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: open, namespace: shop}
spec:
  hosts: [open.example.com]
  cors: {allowAllOrigins: true, allowAllMethods: true, allowAllHeaders: true, maxAge: -1}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: null-origin, namespace: shop}
spec:
  hosts: [null.example.com]
  cors: {allowedOrigins: ["null"], allowedMethods: [GET], allowCredentials: true}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: multi, namespace: shop}
spec:
  hosts: [multi.example.com]
  cors:
    allowedOrigins: ["https://app1.site.com", "https://app3.site.com:8443", "http://plain.site.com", "https://*.preview.site.com"]
    allowAllMethods: true
    allowAllHeaders: true
    allowCredentials: true
    allowPrivateNetwork: true
  rules: [{action: Allow, include: [{everyone: true}]}]
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
metadata: {name: handsoff, namespace: shop}
spec:
  hosts: [handsoff.example.com]
  cors: {preflight: Bypass}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: redirect, namespace: shop}
spec:
  hosts: [redirect.example.com]
  unauthenticated: Redirect
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: strict, namespace: shop}
spec:
  hosts: [strict.example.com]
  unauthenticated: Unauthorized
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: write, namespace: shop}
spec:
  hosts: [write.example.com]
  rules:
  - {name: read, action: Bypass, methods: [GET], include: [{everyone: true}]}
  - {name: write, action: Allow, include: [{everyone: true}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: staff, namespace: shop}
spec:
  hosts: [staff.example.com]
  cors: {allowedOrigins: ["https://spa.example.com"], allowedMethods: [GET]}
  rules:
  - {name: no-mallory, action: Block, include: [{email: mallory@example.com}]}
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
`
