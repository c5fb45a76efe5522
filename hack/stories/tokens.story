# Browsers that keep cookies from other sites: pages of spa.example.net call api.example.com
# with a token that they got at their own host. It is good from there alone.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.com]
  cors:
    allowedOrigins: ["https://spa.example.net", "https://old.example.net"]
    allowedMethods: [GET, PUT]
    allowCredentials: true
    tokens: true
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: cookies, namespace: shop}
spec:
  hosts: [cookies.example.com]
  cors:
    allowedOrigins: ["https://spa.example.net"]
    allowedMethods: [GET, PUT]
    allowCredentials: true
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
# The preflight may ask for Authorization, and for no other header.
OPTIONS https://api.example.com/ origin=https://spa.example.net acrm=GET acrh=authorization => answer-preflight preflight-answered shop/api/cors 200
OPTIONS https://api.example.com/ origin=https://spa.example.net acrm=GET acrh=authorization,x-other => deny header-not-allowed shop/api/cors 403
OPTIONS https://api.example.com/ origin=https://evil.example acrm=GET acrh=authorization => deny origin-not-allowed shop/api/cors 403
OPTIONS https://cookies.example.com/ origin=https://spa.example.net acrm=GET acrh=authorization => deny header-not-allowed shop/cookies/cors 403

GET https://api.example.com/ origin=https://spa.example.net as=ann@example.com token=https://spa.example.net => allow signed-in shop/api/staff 200
GET https://api.example.com/ origin=https://spa.example.net as=ann@example.org token=https://spa.example.net => deny no-rule-matched shop/api 403

# From elsewhere, from nowhere, and where tokens are not taken.
GET https://api.example.com/ origin=https://old.example.net as=ann@example.com token=https://spa.example.net => challenge wrong-audience shop/api/staff 401
GET https://api.example.com/ as=ann@example.com token=https://spa.example.net => challenge wrong-audience shop/api/staff 401
GET https://api.example.com/ origin=https://evil.example as=ann@example.com token=https://evil.example => challenge wrong-audience shop/api/staff 401
GET https://cookies.example.com/ origin=https://spa.example.net as=ann@example.com token=https://spa.example.net => challenge wrong-audience shop/cookies/staff 401

# A session is good from anywhere that its cookie is sent from.
GET https://api.example.com/ origin=https://spa.example.net as=ann@example.com => allow signed-in shop/api/staff 200
