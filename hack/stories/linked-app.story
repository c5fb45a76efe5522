# The reports application calls the stock API for whoever reads a report, and sends along
# what it was told them by. The policy of reports decides who they are, at that moment; that
# of stock decides what reports may do. Nothing of it leads to a login.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: reports, namespace: desk}
spec:
  hosts: [reports.example.com]
  rules:
  - action: Block
    include: [{idpGroup: leavers}]
  - name: office
    action: Allow
    include: [{emailDomain: partner.example}]
    require: [{ip: [10.0.0.0/8]}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
    sessionDuration: 8h
  session: {policyNamespaces: [shop]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  rules:
  - action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: drafts, namespace: desk}
spec:
  hosts: [drafts.example.com]
  rules:
  - action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: stock, namespace: shop}
spec:
  hosts: [stock.example.com]
  rules:
  - name: reports
    action: ServiceAuth
    methods: [GET]
    include: [{linkedApp: {name: reports, namespace: desk}}, {linkedApp: {name: drafts, namespace: desk}}]
  - name: orders
    action: ServiceAuth
    include: [{linkedApp: {name: orders}}]
    require: [{ip: [10.1.0.0/16]}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
! 49: warning: shop/stock spec.rules[0].include[1].linkedApp: the AccessPolicy "desk/drafts" takes no part in policies of namespace "shop", so this matches no request: its spec.session.policyNamespaces does not list that
GET https://stock.example.com/ linked=desk/reports as=ann@example.com => allow service-auth shop/stock/reports 200
POST https://stock.example.com/ linked=desk/reports as=ann@example.com => deny no-rule-matched shop/stock 403
GET https://stock.example.com/ linked=desk/reports as=ann@example.com,leavers => deny no-rule-matched shop/stock 403
GET https://stock.example.com/ linked=desk/reports as=mallory@elsewhere.example => deny no-rule-matched shop/stock 403
# Whatever reports asks of an address cannot be known here.
GET https://stock.example.com/ linked=desk/reports as=pat@partner.example ip=10.1.2.3 => deny no-rule-matched shop/stock 403
# A session that reports would renew is over.
GET https://stock.example.com/ linked=desk/reports as=ann@example.com age=9h accept=html => challenge token-expired shop/stock 401
POST https://stock.example.com/ linked=orders as=ann@example.com ip=10.1.2.3 => allow service-auth shop/stock/orders 200
POST https://stock.example.com/ linked=orders as=ann@example.com ip=10.2.2.3 => deny no-rule-matched shop/stock 403
# drafts takes no part in policies of shop, and stock does not link to itself.
GET https://stock.example.com/ linked=desk/drafts as=ann@example.com => deny no-rule-matched shop/stock 403
GET https://stock.example.com/ linked=stock as=ann@example.com => deny no-rule-matched shop/stock 403
GET https://stock.example.com/ as=ann@example.com => allow signed-in shop/stock/staff 200
# Where no rule looks at linked applications, what comes is nothing.
GET https://orders.example.com/ linked=desk/reports as=ann@example.com => challenge no-session shop/orders/rules[0] 401
