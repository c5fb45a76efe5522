# selector: cel
# An expression over the request and who is signed in: support may read, and only on-call
# staff may change.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - name: support
    action: Allow
    include: [{cel: "'support' in identity.groups && (request.method == 'GET' || 'on-call' in identity.groups)"}]
----------
GET https://app.example.com/ as=ann@example.com,support => allow signed-in shop/app/support 200
POST https://app.example.com/ as=ann@example.com,support => deny no-rule-matched shop/app 403
POST https://app.example.com/ as=ann@example.com,support,on-call => allow signed-in shop/app/support 200
