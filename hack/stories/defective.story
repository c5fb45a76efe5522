# A policy with a mistake denies what it claims, whoever asks. Policies beside it live on,
# and get nothing of what it claims.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: broken, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /admin}]
  rules:
  - name: staff
    action: Alow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: credentials, namespace: shop}
spec:
  hosts: [cors.example.com]
  cors: {allowAllOrigins: true, allowCredentials: true, allowedMethods: [GET, get]}
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: everything, namespace: shop}
spec:
  hosts: [app.example.com, "*.example.com"]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: typo, namespace: shop}
spec:
  hosts: [typo.example.com]
  rulez: []
----------
! 11: shop/broken spec.rules[0].action: one of Allow, Block, Bypass, ServiceAuth
! 19: shop/credentials spec.cors: CORS credentials are not permitted when all origins are allowed: list the origins in allowedOrigins
! 19: shop/credentials spec.cors.allowedMethods[1]: "get": methods are case-sensitive; write GET
! 40: shop/typo spec.rulez: unknown field spec.rulez. Did you mean rules?
GET https://app.example.com/admin as=ann@example.com => deny invalid-policy shop/broken 403
GET https://app.example.com/ => allow bypass shop/everything/all 200
GET https://cors.example.com/ as=ann@example.com => deny invalid-policy shop/credentials 403
OPTIONS https://cors.example.com/ origin=https://any.example acrm=GET => deny invalid-policy shop/credentials 403
GET https://typo.example.com/ as=ann@example.com => deny invalid-policy shop/typo 403
GET https://blog.example.com/ => allow bypass shop/everything/all 200
