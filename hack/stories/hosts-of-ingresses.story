# A policy that names no hosts guards what the Ingresses of its namespace serve that name
# it: every path of them on every host. An Ingress of another namespace cannot borrow it,
# nor have its hosts guarded by it. Where an Ingress says more than a policy can, the
# policy guards the whole host.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: staff, namespace: shop}
spec:
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations: {access.ostiary.dev/policy: staff}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /orders, pathType: Prefix, backend: {service: {name: orders, port: {number: 80}}}}
      - {path: /stock, pathType: Exact, backend: {service: {name: stock, port: {number: 80}}}}
  - host: "*.preview.example.com"
    http:
      paths:
      - {path: /preview, pathType: ImplementationSpecific, backend: {service: {name: preview, port: {number: 80}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: old
  namespace: shop
  annotations: {access.ostiary.dev/policy: legacy, nginx.ingress.kubernetes.io/use-regex: "true"}
spec:
  rules:
  - host: old.example.com
    http:
      paths:
      - {path: "/api(/|$)(.*)", pathType: ImplementationSpecific, backend: {service: {name: old, port: {number: 80}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: elsewhere
  annotations: {access.ostiary.dev/policy: staff}
spec:
  rules:
  - host: elsewhere.example.com
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: legacy, namespace: shop}
spec:
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: site, namespace: shop}
spec:
  hosts: [site.example.com]
  rules:
  - name: everybody
    action: Bypass
    include: [{everyone: {}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: site
  namespace: shop
  annotations: {access.ostiary.dev/policy: site}
spec:
  rules:
  - host: site.example.com
  - host: www.example.com
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: unused, namespace: shop}
spec:
  rules:
  - action: Bypass
    include: [{everyone: {}}]
----------
! 43: warning: Ingress shop/old spec.rules[0].http.paths[0].path: "/api(/|$)(.*)" is a regular expression to its proxy, or may be one, so the policy protects all of old.example.com; to protect less, write spec.hosts and spec.paths in the policy
! 50: warning: Ingress elsewhere/web metadata.annotations: no file that is read here holds the AccessPolicy elsewhere/staff, so what this Ingress routes is denied
! 82: warning: Ingress shop/site spec.rules: the AccessPolicy shop/site names its hosts, and www.example.com is none of them, so what this Ingress routes there is denied
! 89: warning: shop/unused spec.hosts: names no host, and no Ingress names it, so it protects nothing yet
GET https://shop.example.com/orders/1 as=ann@example.com => allow signed-in shop/staff/staff 200
GET https://shop.example.com/orders/1 => challenge no-session shop/staff/staff 401
GET https://shop.example.com/ordersx as=ann@example.com => deny no-policy - 403
GET https://shop.example.com/stock/1 as=ann@example.com => deny no-policy - 403
GET https://shop.example.com/stock as=ann@example.com => allow signed-in shop/staff/staff 200
GET https://x.preview.example.com/orders as=ann@example.com => allow signed-in shop/staff/staff 200
GET https://x.preview.example.com/preview/1 as=ann@example.com => allow signed-in shop/staff/staff 200
GET https://old.example.com/API/x => challenge no-session shop/legacy/staff 401
GET https://elsewhere.example.com/ as=ann@example.com => deny no-policy - 403
GET https://site.example.com/ => allow bypass shop/site/everybody 200
GET https://www.example.com/ => deny no-policy - 403
GET https://shop.example.com/ => deny no-policy - 403
