# What an identity provider says at other claims of the ID token than those for groups. A
# list matches if one of its members does; objects match nothing.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: payroll, namespace: shop}
spec:
  hosts: [payroll.example.com]
  rules:
  - name: suspended
    action: Block
    include: [{claim: {name: account_status, value: suspended}}]
  - name: finance
    action: Allow
    include: [{claim: {name: department, value: finance, identityProvider: corp}}]
    require: [{claim: {name: clearance, value: "3"}}]
    exclude: [{claim: {name: contractor, value: "true"}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec:
  userNames: Plain
  oidc: {issuer: "https://sso.corp.example", clientID: ostiary}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: guests}
spec:
  userNames: Qualified
  oidc: {issuer: "https://guests.example", clientID: ostiary}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: admins}
spec:
  include: [{claim: {name: realm_access.roles, value: admin}}]
  exclude: [{claim: {name: contractor, value: "true"}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: console, namespace: shop}
spec:
  hosts: [console.example.com]
  rules:
  - name: admins
    action: Allow
    include: [{group: admins}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: wrong, namespace: shop}
spec:
  hosts: [wrong.example.com]
  rules:
  - action: Bypass
    include: [{claim: {name: department, value: finance}}]
----------
! 56: shop/wrong spec.rules[0].include[0]: claim: a Bypass rule never sees an identity; use Allow
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department=finance claim=clearance=3 => allow signed-in shop/payroll/finance 200
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department=sales claim=department=finance claim=clearance=3 => allow signed-in shop/payroll/finance 200
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department=Finance claim=clearance=3 => deny no-rule-matched shop/payroll 403
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department=finance => deny no-rule-matched shop/payroll 403
GET https://payroll.example.com/ as=ann@example.com idp=guests claim=department=finance claim=clearance=3 => deny no-rule-matched shop/payroll 403
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department=finance claim=clearance=3 claim=contractor=true => deny no-rule-matched shop/payroll 403
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department=finance claim=clearance=3 claim=account_status=suspended => deny blocked shop/payroll/suspended 403
GET https://payroll.example.com/ => challenge no-session shop/payroll/finance 401

# What cannot be told, such as a claim that is too large for a cookie, counts against them.
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department=finance claim=clearance=3 claim=contractor => deny no-rule-matched shop/payroll 403
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department=finance claim=clearance=3 claim=account_status => deny blocked shop/payroll/suspended 403
GET https://payroll.example.com/ as=ann@example.com idp=corp claim=department claim=clearance=3 => deny no-rule-matched shop/payroll 403

GET https://console.example.com/ as=ann@example.com idp=corp claim=realm_access.roles=admin => allow signed-in shop/console/admins 200
GET https://console.example.com/ as=ann@example.com idp=corp claim=realm_access.roles=user => deny no-rule-matched shop/console 403
GET https://console.example.com/ as=ann@example.com idp=corp claim=realm_access.roles=admin claim=contractor => deny no-rule-matched shop/console 403
GET https://wrong.example.com/ as=ann@example.com claim=department=finance => deny invalid-policy shop/wrong 403
