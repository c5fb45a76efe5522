# selector: jwt
# A CI job, by the token of its own issuer, which the platform team trusts with a
# TokenIssuer.
apiVersion: access.ostiary.dev/v1alpha1
kind: TokenIssuer
metadata: {name: github}
spec:
  issuer: https://token.actions.githubusercontent.com
  audiences: ["https://deploy.example.com"]
  namespaces: ["*"]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - name: release
    action: ServiceAuth
    include:
    - jwt:
        issuer: github
        audience: https://deploy.example.com
        claims: [{name: sub, values: ["repo:acme/shop:ref:refs/heads/*"]}]
----------
POST https://app.example.com/ jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://deploy.example.com","sub":"repo:acme/shop:ref:refs/heads/main"} => allow service-auth shop/app/release 200
POST https://app.example.com/ jwt={"iss":"https://token.actions.githubusercontent.com","aud":"https://deploy.example.com","sub":"repo:acme/fork:ref:refs/heads/main"} => deny no-rule-matched shop/app 403
