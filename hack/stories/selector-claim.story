# selector: claim
# What the identity provider says of somebody at a claim of its own, letter for letter.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: finance, action: Allow, include: [{claim: {name: department, value: finance}}]}
----------
GET https://app.example.com/ as=ann@example.com claim=department=finance => allow signed-in shop/app/finance 200
GET https://app.example.com/ as=bob@example.com claim=department=sales => deny no-rule-matched shop/app 403
