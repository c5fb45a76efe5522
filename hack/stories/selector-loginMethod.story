# selector: loginMethod
# Who signed in with one of several identity providers.
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec: {userNames: Plain, oidc: {issuer: "https://corp.example.com", clientID: ostiary}}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: partners}
spec: {userNames: Qualified, oidc: {issuer: "https://partners.example.com", clientID: ostiary}}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: corp, action: Allow, include: [{loginMethod: corp}]}
----------
GET https://app.example.com/ as=ann@example.com idp=corp => allow signed-in shop/app/corp 200
GET https://app.example.com/ as=ann@example.com idp=partners => deny no-rule-matched shop/app 403
