# selector: externalEvaluation
# A service of the company says who is on duty. It is asked when people sign in; here its
# answer is assumed. Without one it admits nobody, and blocks everybody.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: ward, namespace: clinic}
spec:
  hosts: [ward.example.com]
  rules:
  - name: suspended
    action: Block
    include: [{externalEvaluation: {url: "https://hr.example.com/suspended", keysURL: "https://hr.example.com/keys"}}]
  - name: on-duty
    action: Allow
    include: [{emailDomain: example.com}]
    require: [{externalEvaluation: {url: "https://roster.example.com/duty?ward=7", keysURL: "https://roster.example.com/keys"}}]
----------
GET https://ward.example.com/ => challenge no-session clinic/ward/on-duty 401

# No answer at all, from one of the two, and from both.
GET https://ward.example.com/ as=ann@example.com => deny blocked clinic/ward/suspended 403
GET https://ward.example.com/ as=ann@example.com eval=https://hr.example.com/suspended=false => deny no-rule-matched clinic/ward 403
GET https://ward.example.com/ as=ann@example.com eval=https://roster.example.com/duty?ward=7=true => deny blocked clinic/ward/suspended 403
GET https://ward.example.com/ as=ann@example.com eval=https://hr.example.com/suspended=false eval=https://roster.example.com/duty?ward=7=true => allow signed-in clinic/ward/on-duty 200
GET https://ward.example.com/ as=ann@example.com eval=https://hr.example.com/suspended=true eval=https://roster.example.com/duty?ward=7=true => deny blocked clinic/ward/suspended 403
GET https://ward.example.com/ as=ann@example.com eval=https://hr.example.com/suspended=false eval=https://roster.example.com/duty?ward=7=false => deny no-rule-matched clinic/ward 403
GET https://ward.example.com/ as=ann@example.org eval=https://hr.example.com/suspended=false eval=https://roster.example.com/duty?ward=7=true => deny no-rule-matched clinic/ward 403
