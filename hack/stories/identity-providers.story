# People come from where the policy says. Whoever signed in elsewhere is asked to sign in
# again, and not told that they may not pass. Machines come from nowhere. (The providers are
# not in this file, and a warning says so.)
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: payroll, namespace: shop}
spec:
  hosts: [payroll.example.com]
  identityProviders: [corp, contractors]
  rules:
  - name: strong
    action: Allow
    methods: [POST]
    include: [{loginMethod: corp}]
    require: [{authMethod: mfa}]
  - name: readers
    action: Allow
    methods: [GET]
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: wiki, namespace: shop}
spec:
  hosts: [wiki.example.com]
  rules:
  - name: not-guests
    action: Block
    include: [{loginMethod: guests}]
  - name: everybody-else
    action: Allow
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: mistaken, namespace: shop}
spec:
  hosts: [mistaken.example.com]
  rules:
  - name: open
    action: Bypass
    include: [{loginMethod: corp}]
----------
! 9: warning: shop/payroll spec.identityProviders[0]: no file that is read here holds an IdentityProvider corp
! 9: warning: shop/payroll spec.identityProviders[1]: no file that is read here holds an IdentityProvider contractors
! 42: shop/mistaken spec.rules[0].include[0]: loginMethod: a Bypass rule never sees an identity; use Allow
GET https://payroll.example.com/ as=ann@example.com idp=corp => allow signed-in shop/payroll/readers 200
GET https://payroll.example.com/ as=ann@example.com idp=contractors => allow signed-in shop/payroll/readers 200
GET https://payroll.example.com/ as=ann@example.com idp=guests => challenge wrong-provider shop/payroll/readers 401
GET https://payroll.example.com/ as=ann@example.com idp=guests accept=html => challenge wrong-provider shop/payroll/readers 302
OPTIONS https://payroll.example.com/ as=ann@example.com idp=guests => deny no-rule-matched shop/payroll 403
GET https://payroll.example.com/ => challenge no-session shop/payroll/readers 401

# A second factor, from that provider.
POST https://payroll.example.com/ as=ann@example.com idp=corp amr=pwd,mfa => allow signed-in shop/payroll/strong 200
POST https://payroll.example.com/ as=ann@example.com idp=corp amr=pwd => deny no-rule-matched shop/payroll 403
POST https://payroll.example.com/ as=ann@example.com idp=contractors amr=pwd,mfa => deny no-rule-matched shop/payroll 403
POST https://payroll.example.com/ => challenge no-session shop/payroll/strong 401

# A Block that needs to know who somebody is waits until they have signed in.
GET https://wiki.example.com/ => challenge no-session shop/wiki/everybody-else 401
GET https://wiki.example.com/ as=ann@example.com idp=guests => deny blocked shop/wiki/not-guests 403
GET https://wiki.example.com/ as=ann@example.com idp=corp => allow signed-in shop/wiki/everybody-else 200
GET https://mistaken.example.com/ as=ann@example.com idp=corp => deny invalid-policy shop/mistaken 403
