# selector: group
# The platform team says once who is staff, in an AccessGroup. Rules of every namespace
# name it.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: staff}
spec:
  include: [{emailDomain: example.com}]
  exclude: [{idpGroup: leavers}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: staff, action: Allow, include: [{group: staff}]}
----------
GET https://app.example.com/ as=ann@example.com => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=bob@example.com,leavers => deny no-rule-matched shop/app 403
GET https://app.example.com/ as=eve@evil.example => deny no-rule-matched shop/app 403
