# selector: authMethod
# Who proved who they are by a second factor, as the identity provider reports it (RFC
# 8176).
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: staff, action: Allow, include: [{emailDomain: example.com}], require: [{authMethod: mfa}]}
----------
GET https://app.example.com/ as=ann@example.com amr=pwd,mfa => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=ann@example.com amr=pwd => deny no-rule-matched shop/app 403
