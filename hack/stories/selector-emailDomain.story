# selector: emailDomain
# Everybody of a domain, and of none below it.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: staff, action: Allow, include: [{emailDomain: example.com}], exclude: [{email: mallory@example.com}]}
----------
GET https://app.example.com/ as=ann@example.com => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=ann@eu.example.com => deny no-rule-matched shop/app 403
GET https://app.example.com/ as=mallory@example.com => deny no-rule-matched shop/app 403
