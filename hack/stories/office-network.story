# The office gets in without a login, everybody else with one. An address that is not
# known for sure is in no network.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - name: office
    action: Bypass
    include: [{ip: [192.0.2.0/24, "2001:db8:1::/48"]}]
    exclude: [{ip: [192.0.2.66]}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: intranet, namespace: shop}
spec:
  hosts: [intranet.example.com]
  rules:
  - name: outside
    action: Block
    include: [{everyone: {}}]
    exclude: [{ip: [192.0.2.0/24]}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
GET https://app.example.com/ ip=192.0.2.7 => allow bypass shop/app/office 200
GET https://app.example.com/ ip=::ffff:192.0.2.7 => allow bypass shop/app/office 200
GET https://app.example.com/ ip=2001:db8:1::7 => allow bypass shop/app/office 200
GET https://app.example.com/ ip=192.0.2.66 => challenge no-session shop/app/staff 401
GET https://app.example.com/ ip=192.0.3.7 => challenge no-session shop/app/staff 401
GET https://app.example.com/ => challenge no-session shop/app/staff 401
GET https://app.example.com/ ip=192.0.3.7 as=ann@example.com => allow signed-in shop/app/staff 200

# Both: the network and a login.
GET https://intranet.example.com/ ip=192.0.2.7 => challenge no-session shop/intranet/staff 401
GET https://intranet.example.com/ ip=192.0.2.7 as=ann@example.com => allow signed-in shop/intranet/staff 200
GET https://intranet.example.com/ ip=192.0.3.7 as=ann@example.com => deny blocked shop/intranet/outside 403
GET https://intranet.example.com/ as=ann@example.com => deny blocked shop/intranet/outside 403
