# Groups are those that the identity provider says somebody is in, spelled as it spells
# them.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: builds, namespace: shop}
spec:
  hosts: [builds.example.com]
  rules:
  - name: leavers
    action: Block
    include: [{idpGroup: leavers}]
  - name: release
    action: Allow
    methods: [POST]
    include: [{idpGroup: release-managers}]
    require: [{idpGroup: engineering}]
    exclude: [{idpGroup: on-leave}]
  - name: everybody
    action: Allow
    methods: [GET]
    include: [{idpGroup: engineering}, {idpGroup: support}]
----------
GET https://builds.example.com/ as=ann@example.com,engineering => allow signed-in shop/builds/everybody 200
GET https://builds.example.com/ as=bob@example.com,support,on-leave => allow signed-in shop/builds/everybody 200
GET https://builds.example.com/ as=eve@example.com,Engineering => deny no-rule-matched shop/builds 403
GET https://builds.example.com/ as=eve@example.com => deny no-rule-matched shop/builds 403
GET https://builds.example.com/ => challenge no-session shop/builds/everybody 401
POST https://builds.example.com/ as=ann@example.com,release-managers,engineering => allow signed-in shop/builds/release 200
POST https://builds.example.com/ as=ann@example.com,release-managers => deny no-rule-matched shop/builds 403
POST https://builds.example.com/ as=ann@example.com,release-managers,engineering,on-leave => deny no-rule-matched shop/builds 403
GET https://builds.example.com/ as=mal@example.com,engineering,leavers => deny blocked shop/builds/leavers 403
