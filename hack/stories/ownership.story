# A host belongs to the namespace that claimed it first, and so do the hosts below a
# "*." host. Others need a grant of the platform team (--host-grants). While another
# namespace claims a host in vain, only requests are decided of which it is known by
# which Ingress they came. In a cluster it is written down who was first; in files
# metadata.creationTimestamp says so.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: shop, namespace: first, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  hosts: [shop.example.com, "*.shop.example.com"]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: intruder, namespace: second, creationTimestamp: "2026-02-01T00:00:00Z"}
spec:
  hosts: [shop.example.com, pay.shop.example.com, second.example.com]
  paths: [{path: /login}]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  namespace: first
  annotations: {access.ostiary.dev/policy: shop}
spec:
  rules:
  - host: shop.example.com
----------
! 10: warning: first/shop spec.hosts[0]: shop.example.com is claimed by second/intruder, too; that claim is not active, but while it stands, requests for that host that do not say by which route they came (Envoy, forward, a plain auth-url) are refused. A host grant for the other namespace settles it, or a reservation for namespace first
! 10: warning: first/shop spec.hosts[1]: pay.shop.example.com is claimed by second/intruder, too; that claim is not active, but while it stands, requests for that host that do not say by which route they came (Envoy, forward, a plain auth-url) are refused. A host grant for the other namespace settles it, or a reservation for namespace first
! 20: second/intruder spec.hosts[0]: shop.example.com belongs to namespace first, which claimed it first; this claim is not active, and while it stands, requests for that host that do not say by which route they came are refused. Ask the platform team for a host grant, or choose another host
! 20: second/intruder spec.hosts[1]: pay.shop.example.com belongs to namespace first, which claimed it first; this claim is not active, and while it stands, requests for that host that do not say by which route they came are refused. Ask the platform team for a host grant, or choose another host
GET https://shop.example.com/login => deny no-policy - 403
GET https://shop.example.com/login ingress=first/shop => challenge no-session first/shop/staff 401
GET https://pay.shop.example.com/login => deny no-policy - 403
GET https://other.shop.example.com/login => challenge no-session first/shop/staff 401
GET https://second.example.com/login => allow bypass second/intruder/all 200
