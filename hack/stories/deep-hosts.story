# "**." is one label or more. An exact host comes before "*.", and that before "**.", the
# nearest first; nothing falls through to the next.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: everything, namespace: shop}
spec:
  hosts: ["**.example.com"]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: previews, namespace: shop}
spec:
  hosts: ["*.preview.example.com"]
  paths: [{path: /open}]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: tools, namespace: shop}
spec:
  hosts: ["**.tools.example.com"]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
----------
GET https://www.example.com/ => challenge no-session shop/everything/staff 401
GET https://a.b.www.example.com/ => challenge no-session shop/everything/staff 401
GET https://example.com/ => deny no-policy - 403
GET https://a.evilexample.com/ => deny no-policy - 403
GET https://pr-1.preview.example.com/open => allow bypass shop/previews/all 200
GET https://pr-1.preview.example.com/ => deny no-policy - 403
GET https://a.pr-1.preview.example.com/open => challenge no-session shop/everything/staff 401
GET https://tools.example.com/ => challenge no-session shop/everything/staff 401
GET https://a.tools.example.com/ => allow bypass shop/tools/all 200
GET https://a.b.tools.example.com/ => allow bypass shop/tools/all 200
