# Machines with a client certificate, which the proxy verified and told Ostiary of.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.com]
  rules:
  - name: deploy
    action: ServiceAuth
    include: [{certificate: {commonName: ci}}, {certificate: {uri: "spiffe://example.com/ns/shop/sa/cd"}}]
  - name: staff-devices
    action: Allow
    include: [{emailDomain: example.com}]
    require: [{certificate: {}}]
----------
GET https://api.example.com/ cert=ci => allow service-auth shop/api/deploy 200
GET https://api.example.com/ cert=uri=spiffe://example.com/ns/shop/sa/cd => allow service-auth shop/api/deploy 200
GET https://api.example.com/ cert=laptop-7 => challenge no-session shop/api/staff-devices 401
GET https://api.example.com/ cert=laptop-7 as=ann@example.com => allow signed-in shop/api/staff-devices 200

# None, and a proxy that does not say.
GET https://api.example.com/ cert=none as=ann@example.com => deny no-rule-matched shop/api 403
GET https://api.example.com/ as=ann@example.com => deny no-rule-matched shop/api 403
