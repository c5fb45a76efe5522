# Another site can make a browser ask, and the browser sends the session's cookie along.
# What changes something, or opens a WebSocket, it cannot have: unless cors lists it.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  cors:
    allowedOrigins: ["https://spa.example.net"]
    allowedMethods: [GET, POST]
    allowCredentials: true
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: hooks, namespace: shop}
spec:
  hosts: [app.example.com]
  paths: [{path: /hooks}]
  rules:
  - name: anybody
    action: Bypass
    include: [everyone: {}]
---
# The application tells such requests apart itself.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: own, namespace: shop}
spec:
  hosts: [own.example.com]
  crossSite: Allow
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
# A form of another site; a page of the host itself; a person; curl, which is no browser.
POST https://app.example.com/transfer as=ann@example.com origin=https://evil.example site=cross-site accept=html => deny origin-not-allowed shop/app/crossSite 403
POST https://app.example.com/transfer as=ann@example.com origin=https://app.example.com site=same-origin => allow signed-in shop/app/staff 200
POST https://app.example.com/transfer as=ann@example.com site=none => allow signed-in shop/app/staff 200
POST https://app.example.com/transfer as=ann@example.com => allow signed-in shop/app/staff 200

# Who only reads gets the page, but other sites' scripts never see it.
GET https://app.example.com/ as=ann@example.com origin=https://evil.example site=cross-site => allow signed-in shop/app/staff 200
GET https://app.example.com/ as=ann@example.com site=cross-site accept=html => allow signed-in shop/app/staff 200

# A WebSocket is no page: its script reads what it likes.
GET https://app.example.com/socket as=ann@example.com origin=https://evil.example ws=dGhlIHNhbXBsZQ== => deny origin-not-allowed shop/app/crossSite 403
GET https://app.example.com/socket as=ann@example.com origin=https://app.example.com ws=dGhlIHNhbXBsZQ== => allow signed-in shop/app/staff 200
GET https://app.example.com/socket as=ann@example.com origin=https://spa.example.net ws=dGhlIHNhbXBsZQ== => allow signed-in shop/app/staff 200

# Without Fetch Metadata the Origin tells. Another host of the domain is another origin, and so is none at all.
POST https://app.example.com/ as=ann@example.com origin=https://evil.example => deny origin-not-allowed shop/app/crossSite 403
POST https://app.example.com/ as=ann@example.com origin=https://app.example.com => allow signed-in shop/app/staff 200
POST https://app.example.com/ as=ann@example.com origin=https://other.example.com site=same-site => deny origin-not-allowed shop/app/crossSite 403
POST https://app.example.com/ as=ann@example.com origin=null site=cross-site => deny origin-not-allowed shop/app/crossSite 403
POST https://app.example.com:8443/ as=ann@example.com origin=https://app.example.com:8443 => allow signed-in shop/app/staff 200
POST https://app.example.com:8443/ as=ann@example.com origin=https://app.example.com:9443 => deny origin-not-allowed shop/app/crossSite 403

# What cors lists may. So may whoever sends a token, which no form can.
POST https://app.example.com/ as=ann@example.com origin=https://spa.example.net site=cross-site => allow signed-in shop/app/staff 200
POST https://own.example.com/ as=ann@example.com origin=https://evil.example site=cross-site => allow signed-in shop/own/staff 200
POST https://app.example.com/ as=ann@example.com authorization=Bearer origin=https://evil.example site=cross-site => allow signed-in shop/app/staff 200
POST https://app.example.com/hooks/1 origin=https://evil.example site=cross-site => allow bypass shop/hooks/anybody 200

# Who is nobody, or may not pass, hears that first.
POST https://app.example.com/ origin=https://evil.example site=cross-site => challenge no-session shop/app/staff 401
POST https://app.example.com/ as=eve@example.org origin=https://evil.example site=cross-site => deny no-rule-matched shop/app 403
