# What pages of other origins may do is said for each policy: a path of an application can
# have its own, and inherits none.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: api, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /api}]
  cors:
    allowedOrigins: [https://spa.example.com]
    allowedMethods: [GET]
    allowCredentials: true
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
OPTIONS https://app.example.com/api/orders origin=https://spa.example.com acrm=GET => answer-preflight preflight-answered shop/api/cors 200
OPTIONS https://app.example.com/api origin=https://spa.example.com acrm=GET => answer-preflight preflight-answered shop/api/cors 200
OPTIONS https://app.example.com/api/orders origin=https://other.example.com acrm=GET => deny origin-not-allowed shop/api/cors 403
OPTIONS https://app.example.com/ origin=https://spa.example.com acrm=GET => deny preflight-not-configured shop/app/cors 403
OPTIONS https://app.example.com/apis origin=https://spa.example.com acrm=GET => deny preflight-not-configured shop/app/cors 403
