# Who is staff is said once, by the platform team. Policies name the group; what it says
# counts at once, everywhere. A group that is not there counts against the visitor: where
# it is included it admits nobody, and where it is excluded it keeps everybody out.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: staff}
spec:
  include: [{emailDomain: example.com}, {group: contractors}]
  exclude: [{idpGroup: leavers}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: contractors}
spec:
  include: [{emailDomain: partner.example}]
  require: [{authMethod: mfa}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: office}
spec:
  include: [{ip: [192.0.2.0/24]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: hen}
spec:
  include: [{group: egg}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: egg}
spec:
  include: [{group: hen}, {everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: wiki, namespace: docs}
spec:
  hosts: [wiki.example.com]
  rules:
  - name: read in the office
    action: Bypass
    methods: [GET, QUERY]
    include: [{group: office}]
  - name: staff
    action: Allow
    include: [{group: staff}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: builds, namespace: ci}
spec:
  hosts: [builds.example.com]
  rules:
  - name: no contractors
    action: Block
    include: [{group: contractors}]
  - name: not on leave
    action: Allow
    include: [{group: staff}]
    exclude: [{group: onleave}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: farm, namespace: ci}
spec:
  hosts: [app.example.com]
  rules:
  - name: no hens
    action: Block
    include: [{group: hen}]
  - name: others
    action: Allow
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: open, namespace: ci}
spec:
  hosts: [open.example.com]
  rules:
  - name: people never pass without a session
    action: Bypass
    include: [{everyone: {}}, {group: staff}]
----------
! 28: AccessGroup hen spec: the group names itself by way of others: hen → egg → hen; remove one of these names. Until then the group cannot be used
! 34: AccessGroup egg spec: the group names itself by way of others: egg → hen → egg; remove one of these names. Until then the group cannot be used
! 62: warning: ci/builds spec.rules[1].exclude[0]: no file that is read here holds an AccessGroup "onleave". Until there is one, this selector counts against the visitor: it matches in exclude and in Block rules, and nowhere else
! 72: warning: ci/farm spec.rules[0].include[0]: the AccessGroup "hen" has a mistake. Until that is corrected, this selector counts against the visitor: it matches in exclude and in Block rules, and nowhere else
! 85: warning: ci/open spec.rules[0].include[1]: the AccessGroup "staff" looks at who somebody is, and a Bypass rule never sees that: the rule matches nobody. Use Allow, or a group of addresses
GET https://wiki.example.com/ as=ann@example.com => allow signed-in docs/wiki/staff 200
GET https://wiki.example.com/ as=ann@example.com,leavers => deny no-rule-matched docs/wiki 403
GET https://wiki.example.com/ as=max@partner.example => deny no-rule-matched docs/wiki 403
GET https://wiki.example.com/ as=max@partner.example amr=mfa => allow signed-in docs/wiki/staff 200
GET https://wiki.example.com/ as=eve@other.example => deny no-rule-matched docs/wiki 403
GET https://wiki.example.com/ => challenge no-session docs/wiki/staff 401
GET https://wiki.example.com/ ip=192.0.2.7 => allow bypass docs/wiki/read in the office 200
QUERY https://wiki.example.com/ ip=192.0.2.7 => allow bypass docs/wiki/read in the office 200
POST https://wiki.example.com/ ip=192.0.2.7 => challenge no-session docs/wiki/staff 401
GET https://wiki.example.com/ ip=198.51.100.7 => challenge no-session docs/wiki/staff 401
GET https://builds.example.com/ as=ann@example.com => deny no-rule-matched ci/builds 403
GET https://builds.example.com/ as=max@partner.example amr=mfa => deny blocked ci/builds/no contractors 403
GET https://app.example.com/ as=ann@example.com => deny blocked ci/farm/no hens 403
GET https://open.example.com/ => deny no-rule-matched ci/open 403
