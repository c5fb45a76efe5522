# Policies that only say what they would decide. The verdicts are what is enforced.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: legacy, namespace: shop}
spec:
  hosts: [legacy.example.com]
  dryRun: Open
  rules:
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: wiki, namespace: shop}
spec:
  hosts: [wiki.example.com]
  dryRun: Authenticate
  rules:
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
---
# This one is enforced, and the next one wants a part of it.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app-open, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /public}]
  dryRun: Open
  rules:
  - {name: all, action: Bypass, include: [{everyone: {}}]}
----------
! 7: warning: shop/legacy spec.dryRun: Open: nothing of this policy is enforced; every request passes
! 16: warning: shop/wiki spec.dryRun: Authenticate: the rules are not enforced; everybody who can sign in passes
! 35: warning: shop/app-open spec.dryRun: Open: nothing of this policy is enforced; every request passes
# Open: everything passes.
GET https://legacy.example.com/ => allow dry-run shop/legacy/dryRun 200
GET https://legacy.example.com/ as=ann@example.com => allow signed-in shop/legacy/staff 200
GET https://legacy.example.com/ as=eve@example.org => allow dry-run shop/legacy/dryRun 200
OPTIONS https://legacy.example.com/ origin=https://other.example acrm=PUT => allow dry-run shop/legacy/dryRun 200

# Authenticate: whoever is signed in passes.
GET https://wiki.example.com/ => challenge no-session shop/wiki/staff 401
GET https://wiki.example.com/ as=ann@example.com => allow signed-in shop/wiki/staff 200
GET https://wiki.example.com/ as=eve@example.org => allow dry-run shop/wiki/dryRun 200
OPTIONS https://wiki.example.com/ origin=https://other.example acrm=PUT => deny preflight-not-configured shop/wiki/cors 403

# A dry run opens nothing that another policy guards.
GET https://app.example.com/public => challenge no-session shop/app/staff 401
GET https://app.example.com/public as=ann@example.com => allow signed-in shop/app/staff 200
