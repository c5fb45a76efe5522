# selector: linkedApp
# The reports application calls the stock API for whoever reads a report.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: reports, namespace: desk}
spec:
  hosts: [reports.example.com]
  rules:
  - action: Allow
    include: [{emailDomain: example.com}]
  session: {policyNamespaces: [shop]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: stock, namespace: shop}
spec:
  hosts: [stock.example.com]
  rules:
  - name: reports
    action: ServiceAuth
    include: [{linkedApp: {name: reports, namespace: desk}}]
----------
GET https://stock.example.com/ linked=desk/reports as=ann@example.com => allow service-auth shop/stock/reports 200
GET https://stock.example.com/ linked=desk/reports as=mallory@elsewhere.example => deny no-rule-matched shop/stock 403
