# selector: ip
# The office needs no login. An address that is not known for sure is in no network.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: office, action: Bypass, include: [{ip: [192.0.2.0/24]}]}
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
----------
GET https://app.example.com/ ip=192.0.2.7 => allow bypass shop/app/office 200
GET https://app.example.com/ ip=198.51.100.7 => challenge no-session shop/app/staff 401
GET https://app.example.com/ => challenge no-session shop/app/staff 401
