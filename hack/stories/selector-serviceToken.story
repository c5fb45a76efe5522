# selector: serviceToken
# A machine that sends this ServiceToken. One that is not good is answered with 401, and
# no answer leads to a login.
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: ci, namespace: shop}
spec: {duration: 24h}
status:
  clientID: ci-id
  secretSHA256: 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437
  issuedAt: "2001-09-09T00:00:00Z"
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: bot, namespace: shop}
spec: {duration: 24h}
status:
  clientID: bot-id
  secretSHA256: 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437
  issuedAt: "2001-09-09T00:00:00Z"
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: robots, action: ServiceAuth, include: [{serviceToken: ci}]}
----------
GET https://app.example.com/ id=ci-id secret=new => allow service-auth shop/app/robots 200
GET https://app.example.com/ id=ci-id secret=wrong => challenge service-token-invalid shop/app 401
GET https://app.example.com/ id=bot-id secret=new => deny no-rule-matched shop/app 403
GET https://app.example.com/ => deny no-rule-matched shop/app 403
