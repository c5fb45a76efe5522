# selector: idpGroup
# A group that the identity provider says somebody is in, spelled as it spells it.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: engineers, action: Allow, include: [{idpGroup: engineering}]}
----------
GET https://app.example.com/ as=ann@example.com,engineering => allow signed-in shop/app/engineers 200
GET https://app.example.com/ as=ann@example.com,Engineering => deny no-rule-matched shop/app 403
GET https://app.example.com/ as=ann@example.com => deny no-rule-matched shop/app 403
