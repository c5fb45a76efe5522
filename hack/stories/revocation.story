# Whoever signed in before a time has to sign in again: everybody at one application, or
# one person everywhere. Stories are told at 2001-09-09T01:46:40Z.
apiVersion: access.ostiary.dev/v1alpha1
kind: SessionRevocation
metadata: {name: lost-laptop}
spec:
  user: Ann@Example.com
  before: "2001-09-09T01:00:00Z"
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: reset, namespace: shop}
spec:
  hosts: [reset.example.com]
  session: {revokedBefore: "2001-09-09T01:30:00Z"}
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
GET https://app.example.com/ as=ann@example.com age=1h => challenge session-revoked shop/app/staff 401
GET https://app.example.com/ as=ann@example.com age=1h accept=html => challenge session-revoked shop/app/staff 302
GET https://app.example.com/ as=ann@example.com age=46m => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=bob@example.com age=1h => allow signed-in shop/app/staff 200
OPTIONS https://app.example.com/ as=ann@example.com age=1h => deny session-revoked shop/app/staff 403
GET https://reset.example.com/ as=bob@example.com age=1h => challenge session-revoked shop/reset/staff 401
GET https://reset.example.com/ as=bob@example.com age=16m => allow signed-in shop/reset/staff 200
GET https://reset.example.com/ as=ann@example.com age=16m => allow signed-in shop/reset/staff 200
