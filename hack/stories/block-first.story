# Block and Allow rules are read from top to bottom, and the first match decides. Bypass
# and ServiceAuth rules come before all of them, wherever they stand.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - name: not-mallory
    action: Block
    include: [{email: mallory@example.com}]
  - name: read-only-weekend
    action: Block
    methods: [DELETE]
    include: [{everyone: {}}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
    exclude: [{email: guest@example.com}]
  - name: never-reached
    action: Block
    include: [{email: ann@example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: health, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /healthz, type: Exact}]
  rules:
  - name: nobody
    action: Block
    include: [{everyone: {}}]
  - name: probes
    action: Bypass
    methods: [GET]
    include: [{everyone: {}}]
----------
GET https://app.example.com/ as=ann@example.com => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=ANN@Example.COM => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=mallory@example.com => deny blocked shop/app/not-mallory 403
GET https://app.example.com/ as=guest@example.com => deny no-rule-matched shop/app 403
GET https://app.example.com/ as=ann@example.com.evil.example => deny no-rule-matched shop/app 403
DELETE https://app.example.com/ as=ann@example.com => deny blocked shop/app/read-only-weekend 403
delete https://app.example.com/ as=ann@example.com => deny bad-request - 403
DELETE https://app.example.com/ => deny blocked shop/app/read-only-weekend 403
GET https://app.example.com/ => challenge no-session shop/app/staff 401
GET https://app.example.com/healthz => allow bypass shop/health/probes 200
POST https://app.example.com/healthz => deny blocked shop/health/nobody 403
