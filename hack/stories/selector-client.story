# selector: client
# Staff work with the notes in a browser. Of programs that act for them one may, which deletes nothing.
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: notes, namespace: shop}
spec:
  hosts: [notes.example.com]
  oauth: {}
  rules:
  - name: programs delete nothing
    action: Block
    methods: [DELETE]
    include: [{client: {}}]
  - name: our agent
    action: Allow
    include: [{client: {id: "https://agent.example.com/client.json"}}]
    require: [{emailDomain: example.com}]
  - name: other programs
    action: Block
    include: [{client: {}}]
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
----------
GET https://notes.example.com/ as=ann@example.com => allow signed-in shop/notes/staff 200
DELETE https://notes.example.com/1 as=ann@example.com => allow signed-in shop/notes/staff 200
GET https://notes.example.com/ as=ann@example.com client=https://agent.example.com/client.json => allow signed-in shop/notes/our agent 200
DELETE https://notes.example.com/1 as=ann@example.com client=https://agent.example.com/client.json => deny blocked shop/notes/programs delete nothing 403
GET https://notes.example.com/ as=ann@example.com client=https://other.example/client.json => deny blocked shop/notes/other programs 403
GET https://notes.example.com/ as=mallory@elsewhere.example client=https://agent.example.com/client.json => deny blocked shop/notes/other programs 403
GET https://notes.example.com/ => challenge no-session shop/notes/our agent 401
