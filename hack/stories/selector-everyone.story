# selector: everyone
# Anybody, without signing in: a status page beside an application. The path is the
# policy's.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /status, type: Exact}]
  rules:
  - {name: anybody, action: Bypass, include: [{everyone: {}}]}
----------
GET https://app.example.com/status => allow bypass shop/app/anybody 200
GET https://app.example.com/ => deny no-policy - 403
