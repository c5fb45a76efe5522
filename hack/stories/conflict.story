# Two policies claim one host. The older one has it; in files, where nothing has an age,
# the lesser name. The rest of the loser's claims stays in force.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: a, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: b, namespace: shop}
spec:
  hosts: [app.example.com, b.example.com]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: c, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /c}]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
----------
! 17: shop/b spec.hosts[0]: app.example.com/ (Prefix) is already claimed by shop/a, which is older; this claim is not active
GET https://app.example.com/ => challenge no-session shop/a/staff 401
GET https://app.example.com/c => allow bypass shop/c/all 200
GET https://b.example.com/ => allow bypass shop/b/all 200
