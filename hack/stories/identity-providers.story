# People come from where the policy says. Whoever signed in elsewhere is asked to sign in
# again, and not told that they may not pass. A provider that is there no more answers for
# nobody, and one that lists its users answers for those alone. Machines come from nowhere.
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec: {oidc: {issuer: "https://corp.example.com", clientID: ostiary}}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: contractors}
spec: {oidc: {issuer: "https://contractors.example.com", clientID: ostiary}}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: guests}
spec: {users: {secretRef: {name: guests}}}
---
apiVersion: v1
kind: Secret
metadata: {name: guests}
stringData:
  users.yaml: |
    - {name: ann, email: ann@example.com, passwordHash: "$2y$12$K4uI0hXv1PuZMpZOv0aBJOeJ5qUQmZq8s1H8cB0iQb6Jm6oA1v3fS"}
---
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
metadata: {name: intranet, namespace: shop}
spec:
  hosts: [intranet.example.com]
  identityProviders: [moved, corp]
  rules:
  - name: staff
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
! 7: warning: IdentityProvider corp spec.userNames: there is, or was, another identity provider, so applications are told corp/ann of a user ann: write Plain in the one whose users applications know by their names alone, and Qualified in the others
! 12: warning: IdentityProvider contractors spec.userNames: there is, or was, another identity provider, so applications are told contractors/ann of a user ann: write Plain in the one whose users applications know by their names alone, and Qualified in the others
! 17: warning: IdentityProvider guests spec.userNames: there is, or was, another identity provider, so applications are told guests/ann of a user ann: write Plain in the one whose users applications know by their names alone, and Qualified in the others
! 61: warning: shop/intranet spec.identityProviders[0]: no file that is read here holds an IdentityProvider moved
! 75: shop/mistaken spec.rules[0].include[0]: loginMethod: a Bypass rule never sees an identity; use Allow
GET https://payroll.example.com/ as=ann@example.com idp=corp => allow signed-in shop/payroll/readers 200
GET https://payroll.example.com/ as=ann@example.com idp=contractors => allow signed-in shop/payroll/readers 200
GET https://payroll.example.com/ as=ann@example.com idp=guests => challenge wrong-provider shop/payroll/readers 401
GET https://payroll.example.com/ as=ann@example.com idp=guests accept=html => challenge wrong-provider shop/payroll/readers 302
OPTIONS https://payroll.example.com/ as=ann@example.com idp=guests => deny no-rule-matched shop/payroll 403
GET https://payroll.example.com/ as=ann@example.com idp=gone => challenge session-revoked shop/payroll/readers 401
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
GET https://wiki.example.com/ as=ann@example.com idp=gone => challenge session-revoked shop/wiki/everybody-else 401
GET https://wiki.example.com/ as=ANN@example.com idp=guests => deny blocked shop/wiki/not-guests 403
GET https://wiki.example.com/ as=eve@example.com idp=guests => challenge session-revoked shop/wiki/everybody-else 401

# Of the providers that a policy takes, one that is there.
GET https://intranet.example.com/ as=ann@example.com => allow signed-in shop/intranet/staff 200
GET https://intranet.example.com/ as=ann@example.com idp=moved => challenge session-revoked shop/intranet/staff 401
