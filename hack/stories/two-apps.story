# app1 calls app2 from the browser. The preflight carries no session and is answered
# from the policy; the request that follows needs one.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app2, namespace: shop}
spec:
  hosts: [app2.example.com]
  cors:
    allowedOrigins: ["https://app1.example.com", "https://*.preview.example.com"]
    allowedMethods: [GET, POST, PATCH]
    allowedHeaders: [content-type, x-csrf]
    allowCredentials: true
    maxAge: 600
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
OPTIONS https://app2.example.com/api origin=https://app1.example.com acrm=PATCH => answer-preflight preflight-answered shop/app2/cors 200
OPTIONS https://app2.example.com/api origin=https://app1.example.com acrm=POST acrh=content-type,x-csrf => answer-preflight preflight-answered shop/app2/cors 200
OPTIONS https://app2.example.com/api origin=https://pr-7.preview.example.com acrm=GET => answer-preflight preflight-answered shop/app2/cors 200
GET https://app2.example.com/api origin=https://app1.example.com => challenge no-session shop/app2/staff 401
GET https://app2.example.com/api origin=https://app1.example.com as=ann@example.com => allow signed-in shop/app2/staff 200

# Refused, and for a different reason each.
OPTIONS https://app2.example.com/api origin=https://evil.example acrm=GET => deny origin-not-allowed shop/app2/cors 403
OPTIONS https://app2.example.com/api origin=https://app1.example.com.evil.example acrm=GET => deny origin-not-allowed shop/app2/cors 403
OPTIONS https://app2.example.com/api origin=http://app1.example.com acrm=GET => deny origin-not-allowed shop/app2/cors 403
OPTIONS https://app2.example.com/api origin=https://a.b.preview.example.com acrm=GET => deny origin-not-allowed shop/app2/cors 403
OPTIONS https://app2.example.com/api origin=null acrm=GET => deny origin-not-allowed shop/app2/cors 403
OPTIONS https://app2.example.com/api origin=https://app1.example.com acrm=DELETE => deny method-not-allowed shop/app2/cors 403
OPTIONS https://app2.example.com/api origin=https://app1.example.com acrm=patch => deny method-not-allowed shop/app2/cors 403
OPTIONS https://app2.example.com/api origin=https://app1.example.com acrm=GET acrh=authorization => deny header-not-allowed shop/app2/cors 403

# No preflight, as one of its three parts is missing.
OPTIONS https://app2.example.com/api origin=https://app1.example.com => deny no-session shop/app2/staff 403
OPTIONS https://app2.example.com/api acrm=GET => deny no-session shop/app2/staff 403
OPTIONS https://app2.example.com/api as=ann@example.com => allow signed-in shop/app2/staff 200
GET https://app2.example.com/api origin=https://app1.example.com acrm=GET => challenge no-session shop/app2/staff 401
