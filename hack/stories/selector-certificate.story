# selector: certificate
# A machine that proved itself by a client certificate, which the proxy verified. A proxy
# that does not say counts against it.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: deploy, action: ServiceAuth, include: [{certificate: {commonName: ci}}]}
----------
GET https://app.example.com/ cert=ci => allow service-auth shop/app/deploy 200
GET https://app.example.com/ cert=laptop-7 => deny no-rule-matched shop/app 403
GET https://app.example.com/ cert=none => deny no-rule-matched shop/app 403
GET https://app.example.com/ => deny no-rule-matched shop/app 403
