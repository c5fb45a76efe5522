# What an Ingress routes is judged by the policy that it names. A proxy that says which
# Ingress routed a request leaves no room for confusion about host and path: where the
# policy that is found is not the one that is named, nobody gets through.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: admin, namespace: shop}
spec:
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: admin
  namespace: shop
  annotations: {access.ostiary.dev/policy: admin}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /admin, pathType: Prefix, backend: {service: {name: admin, port: {number: 80}}}}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: public, namespace: shop}
spec:
  hosts: [shop.example.com]
  rules:
  - name: everybody
    action: Bypass
    include: [{everyone: {}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: public
  namespace: shop
  annotations: {access.ostiary.dev/policy: public}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: public, port: {number: 80}}}}
----------
GET https://shop.example.com/admin ingress=shop/admin as=ann@example.com => allow signed-in shop/admin/staff 200
GET https://shop.example.com/admin ingress=shop/admin => challenge no-session shop/admin/staff 401
GET https://shop.example.com/ ingress=shop/public => allow bypass shop/public/everybody 200
# A proxy that matches paths by their beginning, or whatever their case, leads these to
# the admin pages: the policy of everybody must not let them through.
GET https://shop.example.com/administrator ingress=shop/admin => deny no-policy - 403
GET https://shop.example.com/ADMIN ingress=shop/admin => deny no-policy - 403
GET https://shop.example.com/admin ingress=shop/public => deny no-policy - 403
# Nobody knows this Ingress, or it names no policy.
GET https://shop.example.com/ ingress=shop/other => deny no-policy - 403
GET https://shop.example.com/ ingress=elsewhere/public => deny no-policy - 403
