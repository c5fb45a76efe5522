# An application gets headers under names of its own, of what is known of who is calling, and
# nothing in them where nobody is. QuotedPrintable is what Grafana undoes; Percent, the
# default, keeps letters outside of ASCII apart from all that a header can hold.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: grafana, namespace: monitoring}
spec:
  hosts: [grafana.example.com]
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
  upstreamHeaders:
  - {name: X-Webauth-User, from: User, encoding: QuotedPrintable}
  - {name: X-Webauth-Email, from: Email}
  - {name: X-Webauth-Name, from: Claim, claim: name, encoding: QuotedPrintable}
  - {name: X-Webauth-Groups, from: Groups, groups: [editors, admins]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: snapshots, namespace: monitoring}
spec:
  hosts: [grafana.example.com]
  paths: [{path: /dashboard/snapshot}]
  rules:
  - name: all
    action: Bypass
    include: [{everyone: {}}]
  upstreamHeaders:
  - {name: X-Webauth-User, from: User}
----------
GET https://grafana.example.com/ as=ann@example.com,editors,sales claim=name=Ann => allow signed-in monitoring/grafana/staff 200
> X-Webauth-User: ann@example.com
> X-Webauth-Email: ann@example.com
> X-Webauth-Name: Ann
> X-Webauth-Groups: editors
GET https://grafana.example.com/ as=jürgen@example.com,admins,editors claim=name=Jürgen => allow signed-in monitoring/grafana/staff 200
> X-Webauth-User: j=C3=BCrgen@example.com
> X-Webauth-Email: j%C3%BCrgen@example.com
> X-Webauth-Name: J=C3=BCrgen
> X-Webauth-Groups: admins,editors
GET https://grafana.example.com/ as=ann@example.com,sales => allow signed-in monitoring/grafana/staff 200
> X-Webauth-Name:
> X-Webauth-Groups:
GET https://grafana.example.com/dashboard/snapshot/1 as=ann@example.com => allow bypass monitoring/snapshots/all 200
> X-Webauth-User:
> X-Webauth-Email:
GET https://grafana.example.com/ => challenge no-session monitoring/grafana/staff 401
> X-Webauth-User:
