# A machine sends a service token. It is admitted where a ServiceAuth rule says so, and
# refused with 401 wherever its token is not good, even where a rule would admit anybody.
# No answer leads to a login. Stories are told at 2001-09-09T01:46:40Z.
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: ci, namespace: shop}
spec: {duration: 24h}
status:
  clientID: ci-id
  secretSHA256: 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437
  issuedAt: "2001-09-09T00:00:00Z"
  previous: {secretSHA256: cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4, until: "2001-09-09T02:00:00Z"}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: bot, namespace: build}
spec: {policyNamespaces: [shop]}
status:
  clientID: bot-id
  secretSHA256: 9d74932bdb6f21dc7ab21d6fc5260f474e0d538571fba7a82b74ffe47e6f9a10
  issuedAt: "2001-09-09T00:00:00Z"
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: over, namespace: shop}
spec: {duration: 1h}
status:
  clientID: over-id
  secretSHA256: 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437
  issuedAt: "2001-09-09T00:00:00Z"
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: stopped, namespace: shop}
spec: {disabled: true}
status:
  clientID: off-id
  secretSHA256: 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437
  issuedAt: "2001-09-09T00:00:00Z"
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: robots, action: ServiceAuth, include: [{serviceToken: ci}], methods: [GET, POST]}
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: any, namespace: shop}
spec:
  hosts: [any.example.com]
  rules:
  - {name: lan, action: ServiceAuth, include: [{anyServiceToken: {}}], require: [{ip: [10.0.0.0/8]}], exclude: [{serviceToken: ci}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: open, namespace: shop}
spec:
  hosts: [open.example.com]
  rules:
  - {name: anybody, action: Bypass, include: [{everyone: {}}]}
----------
GET https://app.example.com/ id=ci-id secret=new => allow service-auth shop/app/robots 200
GET https://app.example.com/ id=ci-id secret=old => allow service-auth shop/app/robots 200
POST https://app.example.com/ id=ci-id secret=new => allow service-auth shop/app/robots 200
PUT https://app.example.com/ id=ci-id secret=new => deny no-rule-matched shop/app 403
GET https://app.example.com/ id=ci-id secret=new accept=html => allow service-auth shop/app/robots 200
GET https://app.example.com/ id=ci-id secret=new as=ann@example.com => allow service-auth shop/app/robots 200
PUT https://app.example.com/ id=ci-id secret=new as=ann@example.com => deny no-rule-matched shop/app 403
GET https://app.example.com/ id=ci-id secret=wrong => challenge service-token-invalid shop/app 401
GET https://app.example.com/ id=ci-id secret=wrong as=ann@example.com => challenge service-token-invalid shop/app 401
GET https://app.example.com/ id=ci-id secret=wrong accept=html => challenge service-token-invalid shop/app 401
GET https://app.example.com/ id=ci-id => challenge service-token-invalid shop/app 401
GET https://app.example.com/ secret=new => challenge service-token-invalid shop/app 401
GET https://app.example.com/ id=nobody secret=new => challenge service-token-invalid shop/app 401
GET https://app.example.com/ id=over-id secret=new => challenge service-token-invalid shop/app 401
GET https://app.example.com/ id=off-id secret=new => challenge service-token-invalid shop/app 401
GET https://app.example.com/ id=bot-id secret=bot => deny no-rule-matched shop/app 403
GET https://app.example.com/x/../y id=ci-id secret=new => deny ambiguous-path shop/app 403
GET https://any.example.com/ id=bot-id secret=bot ip=10.1.2.3 => allow service-auth shop/any/lan 200
GET https://any.example.com/ id=bot-id secret=bot ip=192.0.2.1 => deny no-rule-matched shop/any 403
GET https://any.example.com/ id=bot-id secret=bot => deny no-rule-matched shop/any 403
GET https://any.example.com/ id=ci-id secret=new ip=10.1.2.3 => deny no-rule-matched shop/any 403
GET https://any.example.com/ => deny no-rule-matched shop/any 403
GET https://open.example.com/ => allow bypass shop/open/anybody 200
GET https://open.example.com/ id=ci-id secret=new => allow bypass shop/open/anybody 200
GET https://open.example.com/ id=ci-id secret=wrong => challenge service-token-invalid shop/open 401
