# One host, two policies: a public path beside a protected application.
# The longer path decides, and whole segments count.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: wiki, namespace: docs}
spec:
  hosts: [wiki.example.com]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: wiki-public, namespace: docs}
spec:
  hosts: [wiki.example.com]
  paths:
  - path: /public
  - {path: /robots.txt, type: Exact}
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
----------
GET https://wiki.example.com/ => challenge no-session docs/wiki/staff 401
GET https://wiki.example.com/ accept=html => challenge no-session docs/wiki/staff 302
GET https://wiki.example.com/ as=ann@example.com => allow signed-in docs/wiki/staff 200
GET https://wiki.example.com/ as=eve@example.org => deny no-rule-matched docs/wiki 403
GET https://wiki.example.com/public => allow bypass docs/wiki-public/all 200
GET https://wiki.example.com/public/logo.png?size=2 => allow bypass docs/wiki-public/all 200
GET https://WIKI.example.com:8443/public/ => allow bypass docs/wiki-public/all 200

# Neither of these is below /public.
GET https://wiki.example.com/publications => challenge no-session docs/wiki/staff 401
GET https://wiki.example.com/Public => challenge no-session docs/wiki/staff 401
GET https://wiki.example.com/admin?/public => challenge no-session docs/wiki/staff 401
GET https://wiki.example.com/robots.txt => allow bypass docs/wiki-public/all 200
GET https://wiki.example.com/robots.txt/x => challenge no-session docs/wiki/staff 401

# Nothing that servers read in several ways is public.
GET https://wiki.example.com/public/../admin => deny ambiguous-path docs/wiki 403
GET https://wiki.example.com/public/%2e%2e/admin => deny ambiguous-path docs/wiki 403
GET https://wiki.example.com//public => deny ambiguous-path docs/wiki-public 403
GET https://wiki.example.com/publi%63 => deny ambiguous-path docs/wiki-public 403
GET https://wiki.example.com/public\..\admin => deny ambiguous-path - 403
