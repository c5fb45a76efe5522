# "null" is the origin of sandboxed frames, of data: documents and of redirects
# across origins. It is admitted where it is listed, and nowhere else.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: listed, namespace: shop}
spec:
  hosts: [listed.example.com]
  cors: {allowedOrigins: ["null"], allowedMethods: [GET], allowCredentials: true}
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: open, namespace: shop}
spec:
  hosts: [open.example.com]
  cors: {allowAllOrigins: true, allowAllMethods: true, allowAllHeaders: true}
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: other, namespace: shop}
spec:
  hosts: [other.example.com]
  cors: {allowedOrigins: ["https://a.example"], allowedMethods: [GET]}
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
! 8: warning: shop/listed spec.cors.allowedOrigins: "null" with allowCredentials: every sandboxed frame and data: document on the web has that origin, and may act as the signed-in user
OPTIONS https://listed.example.com/ origin=null acrm=GET => answer-preflight preflight-answered shop/listed/cors 200
OPTIONS https://listed.example.com/ origin=NULL acrm=GET => deny origin-not-allowed shop/listed/cors 403
OPTIONS https://open.example.com/ origin=null acrm=DELETE acrh=x-anything => answer-preflight preflight-answered shop/open/cors 200
OPTIONS https://open.example.com/ origin=https://any.example acrm=GET => answer-preflight preflight-answered shop/open/cors 200
OPTIONS https://other.example.com/ origin=null acrm=GET => deny origin-not-allowed shop/other/cors 403
