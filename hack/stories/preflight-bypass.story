# An application that answers preflights itself: genuine ones reach it without a
# login, at canonical paths. Whatever only looks like one does not.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: dav, namespace: shop}
spec:
  hosts: [dav.example.com]
  cors: {preflight: Bypass}
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
OPTIONS https://dav.example.com/files origin=https://any.example acrm=PROPFIND => allow preflight-bypass shop/dav/cors 200
OPTIONS https://dav.example.com/files/../admin origin=https://any.example acrm=PROPFIND => deny ambiguous-path shop/dav/cors 403
OPTIONS https://dav.example.com/files origin=https://any.example => deny no-session shop/dav/staff 403
OPTIONS https://dav.example.com/files acrm=PROPFIND => deny no-session shop/dav/staff 403
OPTIONS https://dav.example.com/files => deny no-session shop/dav/staff 403
OPTIONS https://dav.example.com/files as=ann@example.com => allow signed-in shop/dav/staff 200
PROPFIND https://dav.example.com/files origin=https://any.example => challenge no-session shop/dav/staff 401
