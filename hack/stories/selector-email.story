# selector: email
# One person, by the address that their identity provider vouches for. Letter case is no
# matter.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: owner, action: Allow, include: [{email: ann@example.com}]}
----------
GET https://app.example.com/ => challenge no-session shop/app/owner 401
GET https://app.example.com/ as=ann@example.com => allow signed-in shop/app/owner 200
GET https://app.example.com/ as=Ann@Example.com => allow signed-in shop/app/owner 200
GET https://app.example.com/ as=bob@example.com => deny no-rule-matched shop/app 403
