# A session ends after session.duration, and a rule may want a younger one. What began
# before revokedBefore is void. Stories are told in September 2001.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  session: {duration: 8h, revokedBefore: "2001-09-08T00:00:00Z"}
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: revoked, namespace: shop}
spec:
  hosts: [revoked.example.com]
  session: {revokedBefore: "2001-09-10T00:00:00Z"}
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: admin, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /admin}]
  rules:
  - name: fresh
    action: Allow
    include: [{emailDomain: example.com}]
    sessionDuration: 15m
----------
GET https://app.example.com/ as=ann@example.com => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=ann@example.com age=7h => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=ann@example.com age=9h => challenge session-expired shop/app/staff 401
GET https://app.example.com/admin as=ann@example.com age=10m => allow signed-in shop/admin/fresh 200
GET https://app.example.com/admin as=ann@example.com age=20m => challenge session-expired shop/admin/fresh 401
GET https://app.example.com/admin as=ann@example.com age=20m accept=html => challenge session-expired shop/admin/fresh 302
OPTIONS https://app.example.com/admin as=ann@example.com age=20m => deny session-expired shop/admin/fresh 403
GET https://revoked.example.com/ as=ann@example.com => challenge session-revoked shop/revoked/staff 401
