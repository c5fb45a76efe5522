# Exact paths that browsers load without a session: an app manifest, a service worker.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  exempt: [/manifest.webmanifest, /sw.js, /.well-known/assetlinks.json]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
# A Block rule that denies anybody without a session comes first here.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  exempt: [/sw.js]
  rules:
  - name: banned
    action: Block
    include: [{ip: [203.0.113.0/24]}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
GET https://app.example.com/manifest.webmanifest => allow bypass shop/app/exempt[0] 200
HEAD https://app.example.com/sw.js => allow bypass shop/app/exempt[1] 200
GET https://app.example.com/sw.js?v=2 => allow bypass shop/app/exempt[1] 200
GET https://app.example.com/sw.js as=eve@example.org => allow bypass shop/app/exempt[1] 200
GET https://app.example.com/.well-known/assetlinks.json => allow bypass shop/app/exempt[2] 200

# Exact means exact, and only what reads.
GET https://app.example.com/ => challenge no-session shop/app/staff 401
GET https://app.example.com/sw.js/x => challenge no-session shop/app/staff 401
GET https://app.example.com/SW.js => challenge no-session shop/app/staff 401
GET https://app.example.com/.well-known/other => challenge no-session shop/app/staff 401
POST https://app.example.com/sw.js => challenge no-session shop/app/staff 401

# Nothing that servers read in several ways.
GET https://app.example.com//sw.js => challenge no-session shop/app/staff 401
GET https://app.example.com/x/../sw.js => challenge no-session shop/app/staff 401
GET https://app.example.com/sw%2ejs => challenge no-session shop/app/staff 401

# A Block rule that denies a visitor without a session still does.
GET https://shop.example.com/sw.js ip=198.51.100.1 => allow bypass shop/shop/exempt[0] 200
GET https://shop.example.com/sw.js ip=203.0.113.9 => deny blocked shop/shop/banned 403
