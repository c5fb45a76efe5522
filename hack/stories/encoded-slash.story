# %2F is a slash to some servers and a letter to others. Such paths are refused, unless
# the policy allows them and every reading leads to it; Bypass never applies to them.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: registry, namespace: shop}
spec:
  hosts: [registry.example.com]
  allowEncodedSlashes: true
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: registry-secret, namespace: shop}
spec:
  hosts: [registry.example.com]
  paths: [{path: /secret}]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: registry-public, namespace: shop}
spec:
  hosts: [registry.example.com]
  paths: [{path: /public}]
  allowEncodedSlashes: true
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: plain, namespace: shop}
spec:
  hosts: [plain.example.com]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
GET https://registry.example.com/@scope%2Fpackage as=ann@example.com => allow signed-in shop/registry/staff 200
GET https://registry.example.com/@scope%2fpackage => challenge no-session shop/registry/staff 401
GET https://registry.example.com/x%2F..%2Fsecret as=ann@example.com => deny ambiguous-path shop/registry-secret 403
GET https://registry.example.com/public%2Fx => deny ambiguous-path shop/registry-public 403
GET https://registry.example.com/public/a%2Fb => deny ambiguous-path shop/registry-public 403
GET https://plain.example.com/a%2Fb as=ann@example.com => deny ambiguous-path shop/plain 403
GET https://plain.example.com/a%252Fb as=ann@example.com => allow signed-in shop/plain/staff 200
GET https://plain.example.com/a%00b as=ann@example.com => deny ambiguous-path - 403
GET https://plain.example.com/a%zz as=ann@example.com => deny bad-request - 403
GET https://plain.example.com/100%25 as=ann@example.com => allow signed-in shop/plain/staff 200
