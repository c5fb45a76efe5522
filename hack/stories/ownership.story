# A host belongs to the namespace that claimed it first, and so do the hosts below a
# "*." host. Others need a grant of the platform team (--host-grants).
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: shop, namespace: first}
spec:
  hosts: [shop.example.com, "*.shop.example.com"]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: intruder, namespace: second}
spec:
  hosts: [shop.example.com, pay.shop.example.com, second.example.com]
  paths: [{path: /login}]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
----------
! 17: second/intruder spec.hosts[0]: shop.example.com belongs to namespace first, which claimed it first; this claim is not in force. Ask the platform team for a host grant, or choose another host
! 17: second/intruder spec.hosts[1]: pay.shop.example.com belongs to namespace first, which claimed it first; this claim is not in force. Ask the platform team for a host grant, or choose another host
GET https://shop.example.com/login => challenge no-session first/shop/staff 401
GET https://pay.shop.example.com/login => challenge no-session first/shop/staff 401
GET https://second.example.com/login => allow bypass second/intruder/all 200
