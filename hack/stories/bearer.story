# CI jobs, service accounts and other services send bearer tokens of their own issuers. The
# platform team says which issuers are trusted, for which audiences, and by whom; a rule says
# whose tokens, and what they have to say. A token of theirs leads to no login.
apiVersion: access.ostiary.dev/v1alpha1
kind: TokenIssuer
metadata: {name: github}
spec:
  issuer: https://token.actions.githubusercontent.com
  audiences: ["https://deploy.example.com"]
  namespaces: ["*"]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: TokenIssuer
metadata: {name: cluster}
spec:
  issuer: https://kubernetes.default.svc.cluster.local
  audiences: ["https://deploy.example.com", internal]
  namespaces: [build]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: deploy, namespace: shop}
spec:
  hosts: [deploy.example.com]
  rules:
  - name: release
    action: ServiceAuth
    methods: [POST]
    include:
    - jwt:
        issuer: github
        audience: https://deploy.example.com
        claims:
        - {name: sub, values: ["repo:acme/shop:ref:refs/heads/*"]}
        - {name: repository_owner_id, values: ["1234"]}
  - name: robots
    action: ServiceAuth
    include: [{jwt: {issuer: cluster, audience: internal, claims: [{name: kubernetes.io.namespace, values: [ci]}]}}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
! 38: warning: shop/deploy spec.rules[1].include[0].jwt: the TokenIssuer "cluster" is not for policies of namespace "shop", so this matches no request
POST https://deploy.example.com/ jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://deploy.example.com","sub":"repo:acme/shop:ref:refs/heads/main","repository_owner_id":"1234"} => allow service-auth shop/deploy/release 200
GET https://deploy.example.com/ jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://deploy.example.com","sub":"repo:acme/shop:ref:refs/heads/main","repository_owner_id":"1234"} => deny no-rule-matched shop/deploy 403
POST https://deploy.example.com/ jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://deploy.example.com","sub":"repo:acme/shop-fork:ref:refs/heads/main","repository_owner_id":"1234"} => deny no-rule-matched shop/deploy 403
POST https://deploy.example.com/ jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://deploy.example.com","sub":"repo:acme/shop:ref:refs/heads/main","repository_owner_id":"6666"} => deny no-rule-matched shop/deploy 403
POST https://deploy.example.com/ jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://deploy.example.com","sub":"repo:acme/shop:pull_request","repository_owner_id":"1234"} accept=html => deny no-rule-matched shop/deploy 403
POST https://deploy.example.com/ jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://other.example.com","sub":"repo:acme/shop:ref:refs/heads/main","repository_owner_id":"1234"} => challenge token-invalid shop/deploy 401
# The namespace shop may not name the TokenIssuer of the cluster, and this issuer is nobody's.
POST https://deploy.example.com/ jwt={"iss":"https://kubernetes.default.svc.cluster.local","aud":"internal","kubernetes.io":{"namespace":"ci"}} => challenge no-session shop/deploy/staff 401
POST https://deploy.example.com/ jwt={"iss":"https://evil.example.com","aud":"https://deploy.example.com","sub":"repo:acme/shop:ref:refs/heads/main"} => challenge no-session shop/deploy/staff 401
POST https://deploy.example.com/ => challenge no-session shop/deploy/staff 401
GET https://deploy.example.com/ as=ann@example.com jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://deploy.example.com","sub":"x"} => allow signed-in shop/deploy/staff 200
