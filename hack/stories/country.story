# Where a client is, by the operator's GeoIP database. A country that is not known counts
# against the client: it matches no rule that admits, and every rule that blocks.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /}]
  rules:
  - name: embargo
    action: Block
    include: [{country: [KP, RU]}]
    exclude: [{ip: [10.0.0.0/8]}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: local, namespace: shop}
spec:
  hosts: [local.example.com]
  rules:
  - name: at-home
    action: Allow
    include: [{emailDomain: example.com}]
    require: [{country: [NL, DE]}]
----------
GET https://app.example.com/ ip=192.0.2.1 country=NL as=ann@example.com => allow signed-in shop/app/staff 200
GET https://app.example.com/ ip=192.0.2.1 country=NL => challenge no-session shop/app/staff 401
GET https://app.example.com/ ip=192.0.2.1 country=RU as=ann@example.com => deny blocked shop/app/embargo 403

# The database has no country for the address; the address is not known; an address of ours.
GET https://app.example.com/ ip=192.0.2.1 as=ann@example.com => deny blocked shop/app/embargo 403
GET https://app.example.com/ as=ann@example.com => deny blocked shop/app/embargo 403
GET https://app.example.com/ ip=10.1.2.3 as=ann@example.com => allow signed-in shop/app/staff 200

GET https://local.example.com/ ip=192.0.2.1 country=NL as=ann@example.com => allow signed-in shop/local/at-home 200
GET https://local.example.com/ ip=192.0.2.1 country=FR as=ann@example.com => deny no-rule-matched shop/local 403
GET https://local.example.com/ ip=192.0.2.1 as=ann@example.com => deny no-rule-matched shop/local 403
GET https://local.example.com/ as=ann@example.com => deny no-rule-matched shop/local 403

# No header of a client or a proxy says where it is.
GET https://local.example.com/ as=ann@example.com cf-ipcountry=NL => deny no-rule-matched shop/local 403
