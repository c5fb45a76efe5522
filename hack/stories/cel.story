# An expression looks at several things at once. Its names are checked when the policy is
# read, and what it cannot tell counts against the visitor.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  rules:
  - name: probes
    action: Bypass
    include: [{cel: "request.method in ['GET', 'HEAD'] && request.path.startsWith('/healthz/')"}]
  - name: admin from outside
    action: Block
    include: [{cel: "request.path.startsWith('/admin') && !cidr('192.0.2.0/24').containsIP(request.address)"}]
  - name: read
    action: Allow
    include:
    - cel: |
        // whoever is of the team may read, and those on call may write
        'team' in identity.groups && request.method == 'GET' ||
        'on-call' in identity.groups
    require: [{cel: "identity.email.lowerAscii().endsWith('@example.com')"}]
----------
GET https://orders.example.com/healthz/live => allow bypass shop/orders/probes 200
POST https://orders.example.com/healthz/live => challenge no-session shop/orders/read 401
GET https://orders.example.com/ as=ann@example.com,team => allow signed-in shop/orders/read 200
GET https://orders.example.com/ as=Ann@Example.com,team => allow signed-in shop/orders/read 200
GET https://orders.example.com/ as=ann@evil.example,team => deny no-rule-matched shop/orders 403
POST https://orders.example.com/ as=ann@example.com,team => deny no-rule-matched shop/orders 403
POST https://orders.example.com/ as=bob@example.com,on-call => allow signed-in shop/orders/read 200
GET https://orders.example.com/ => challenge no-session shop/orders/read 401
GET https://orders.example.com/admin ip=192.0.2.7 as=bob@example.com,on-call => allow signed-in shop/orders/read 200
GET https://orders.example.com/admin ip=192.0.3.7 as=bob@example.com,on-call => deny blocked shop/orders/admin from outside 403
GET https://orders.example.com/admin as=bob@example.com,on-call => deny blocked shop/orders/admin from outside 403
GET https://orders.example.com/x;y/admin ip=192.0.2.7 as=bob@example.com,on-call => allow signed-in shop/orders/read 200
GET https://orders.example.com/x;y/admin ip=192.0.3.7 as=bob@example.com,on-call => deny blocked shop/orders/admin from outside 403
GET https://orders.example.com/healthz/../admin ip=192.0.2.7 => challenge no-session shop/orders/read 401
