# selector: country
# A Block rule for countries, by the operator's GeoIP database. Who comes from nobody
# knows where is refused, too.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: embargo, action: Block, include: [{country: [KP, RU]}]}
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
----------
GET https://app.example.com/ ip=192.0.2.7 country=NL as=ann@example.com => allow signed-in shop/app/staff 200
GET https://app.example.com/ ip=192.0.2.7 country=RU as=ann@example.com => deny blocked shop/app/embargo 403
GET https://app.example.com/ ip=192.0.2.7 as=ann@example.com => deny blocked shop/app/embargo 403
