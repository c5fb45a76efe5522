# "*." is exactly one label. A host that is named never falls back to it, not even
# for paths that nobody claims.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: previews, namespace: shop}
spec:
  hosts: ["*.preview.example.com"]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: admin, namespace: shop}
spec:
  hosts: [admin.preview.example.com]
  paths: [{path: /admin}]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
GET https://pr-1.preview.example.com/ => allow bypass shop/previews/all 200
GET https://PR-2.preview.example.com./ => allow bypass shop/previews/all 200
GET https://preview.example.com/ => deny no-policy - 403
GET https://a.b.preview.example.com/ => deny no-policy - 403
GET https://evilpreview.example.com/ => deny no-policy - 403
GET https://admin.preview.example.com/admin => challenge no-session shop/admin/staff 401
GET https://admin.preview.example.com/ => deny no-policy - 403
