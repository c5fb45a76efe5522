# What a visitor without a session gets: Auto tells pages from scripts, the other two
# do not.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: auto, namespace: shop}
spec:
  hosts: [auto.example.com]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: redirect, namespace: shop}
spec:
  hosts: [redirect.example.com]
  unauthenticated: Redirect
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.com]
  unauthenticated: Unauthorized
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
GET https://auto.example.com/ => challenge no-session shop/auto/staff 401
GET https://auto.example.com/ accept=html => challenge no-session shop/auto/staff 302
POST https://auto.example.com/ accept=html => challenge no-session shop/auto/staff 401
OPTIONS https://auto.example.com/ accept=html => deny no-session shop/auto/staff 403
GET https://redirect.example.com/ => challenge no-session shop/redirect/staff 302
GET https://redirect.example.com/ accept=html => challenge no-session shop/redirect/staff 302
POST https://redirect.example.com/ accept=html => challenge no-session shop/redirect/staff 401
OPTIONS https://redirect.example.com/ accept=html => deny no-session shop/redirect/staff 403
GET https://api.example.com/ => challenge no-session shop/api/staff 401
GET https://api.example.com/ accept=html => challenge no-session shop/api/staff 401
POST https://api.example.com/ accept=html => challenge no-session shop/api/staff 401
OPTIONS https://api.example.com/ accept=html => deny no-session shop/api/staff 403
GET https://nobody.example.com/ accept=html => deny no-policy - 403
