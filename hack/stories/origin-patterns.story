# Pages of previews, which come and go, and of a developer's machine may call the API.
# A "*" within the first label is one or more characters, and never a dot; the port "*"
# is for this machine only. Names that anybody can register are a warning.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.com]
  cors:
    allowedOrigins: ["https://preview-*.example.com", "https://*-app.example.com:8443", "http://localhost:*", "https://pr-*.vercel.app", "http://*.example.com"]
    allowedMethods: [GET, PUT]
    allowCredentials: true
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
! 10: warning: shop/api spec.cors.allowedOrigins[3]: "https://pr-*.vercel.app": anybody can get a name below vercel.app, and so an origin that matches; list the origins one by one
! 10: warning: shop/api spec.cors.allowedOrigins[4]: "http://*.example.com" with allowCredentials: plain http, so whoever is on the network between can put a script into its pages, which may act as the signed-in user; use https
OPTIONS https://api.example.com/ origin=https://preview-7.example.com acrm=PUT => answer-preflight preflight-answered shop/api/cors 200
OPTIONS https://api.example.com/ origin=HTTPS://Preview-7.Example.com acrm=PUT => answer-preflight preflight-answered shop/api/cors 200
OPTIONS https://api.example.com/ origin=https://preview-.example.com acrm=PUT => deny origin-not-allowed shop/api/cors 403
OPTIONS https://api.example.com/ origin=https://preview-a.b.example.com acrm=PUT => deny origin-not-allowed shop/api/cors 403
OPTIONS https://api.example.com/ origin=https://evil-preview-7.example.com acrm=PUT => deny origin-not-allowed shop/api/cors 403
OPTIONS https://api.example.com/ origin=https://preview-7.example.com.evil.example acrm=PUT => deny origin-not-allowed shop/api/cors 403
OPTIONS https://api.example.com/ origin=https://preview-7.example.com:8443 acrm=PUT => deny origin-not-allowed shop/api/cors 403
OPTIONS https://api.example.com/ origin=https://my-app.example.com:8443 acrm=PUT => answer-preflight preflight-answered shop/api/cors 200
OPTIONS https://api.example.com/ origin=https://-app.example.com:8443 acrm=PUT => deny origin-not-allowed shop/api/cors 403
OPTIONS https://api.example.com/ origin=http://localhost:5173 acrm=PUT => answer-preflight preflight-answered shop/api/cors 200
OPTIONS https://api.example.com/ origin=http://localhost acrm=PUT => answer-preflight preflight-answered shop/api/cors 200
OPTIONS https://api.example.com/ origin=http://localhost:5173.evil.example acrm=PUT => deny origin-not-allowed shop/api/cors 403
OPTIONS https://api.example.com/ origin=https://localhost:5173 acrm=PUT => deny origin-not-allowed shop/api/cors 403
PUT https://api.example.com/ origin=https://preview-7.example.com as=ann@example.com => allow signed-in shop/api/staff 200
PUT https://api.example.com/ origin=https://evil.example as=ann@example.com => deny origin-not-allowed shop/api/crossSite 403
