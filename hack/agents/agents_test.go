// SPDX-License-Identifier: Apache-2.0

// Package agents has a stock client of the Model Context Protocol act for a person, by way of
// nginx, at a server that knows nothing of OAuth.
package agents

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/hack/lab"
)

const (
	appHost  = "notes.localhost"
	teamHost = "auth.localhost"
	clientID = "notes-cli"
	user     = "ann"
	password = "correct horse battery"
)

const policies = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: notes, namespace: shop}
spec:
  hosts: [notes.localhost]
  oauth:
    accessTokenDuration: 2s
    scopes: [notes]
    clients: [{id: notes-cli, name: Notes, redirectURIs: ["http://localhost/callback"]}]
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: people}
spec: {users: {secretRef: {name: people}}}
---
apiVersion: v1
kind: Secret
metadata: {name: people, namespace: ostiary-system}
stringData:
  users.yaml: |
    - {name: ann, email: ann@example.com, passwordHash: "HASH"}
`

const revocation = `
apiVersion: access.ostiary.dev/v1alpha1
kind: SessionRevocation
metadata: {name: notes-of-ann}
spec: {user: ann, identityProvider: people, client: notes-cli, before: "NOW"}
`

// around is what nginx.conf holds beside the file that is printed.
const around = "daemon off; master_process off; pid nginx.pid; events {} http { access_log off; client_body_temp_path body; " +
	"proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include %s; }"

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func stops(t *testing.T, p *lab.Process, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
}

// TestStockClient: the SDK's client is refused, finds the authorization server by what it is
// told, and acts for the person who signs in and agrees: until that is revoked. The
// application is told who that is. (THREATS I20)
func TestStockClient(t *testing.T) {
	if testing.Short() {
		t.Skip("it installs packages")
	}
	nginx, err := lab.Program("OSTIARY_NGINX", "nginx", "/usr/sbin/nginx")
	if err != nil && os.Getenv("OSTIARY_PROXIES") == "" {
		t.Skip("nginx is not installed (Debian: apt-get install nginx-light); OSTIARY_PROXIES=1 makes that a failure")
	} else if err != nil {
		t.Fatal(err)
	}
	dir, client := t.TempDir(), lab.NodePackages(t, "agents", "client")
	addr, upstream := lab.FreeAddress(), lab.FreeAddress()
	_, port, _ := net.SplitHostPort(addr)
	manifests := filepath.Join(dir, "policies")
	if err := os.Mkdir(manifests, 0o700); err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(manifests, "notes.yaml"), strings.Replace(policies, "HASH", string(hash), 1))
	binary, err := lab.Binary(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	o := lab.NewOstiary(binary, filepath.Join(dir, "ostiary.log"))
	err = o.Serve(nil, "--policies", manifests, "--keys", filepath.Join(dir, "keys"), "--team-url", "http://"+teamHost+":"+port,
		"--trusted-proxies", "127.0.0.0/8")
	stops(t, o.Process, err)
	if err := o.WaitReady(); err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	if err := proxyconfig.Render(&printed, "nginx", proxyconfig.Options{Hosts: []string{appHost}, Upstream: upstream, Authz: o.Authz,
		Public: o.Public, Render: o.Render, Preflight: o.Preflight, TeamDomain: teamHost, Listen: addr}); err != nil {
		t.Fatal(err)
	}
	conf := write(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(around, write(t, filepath.Join(dir, "ostiary.conf"), printed.String())))
	p, err := lab.Start(filepath.Join(dir, "nginx.log"), nil, nginx, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", conf)
	stops(t, p, err)
	if err := p.Wait("nginx", func() bool { return lab.Accepts(addr) }); err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(map[string]any{"url": "http://" + appHost + ":" + port + "/mcp", "upstream": upstream, "clientID": clientID,
		"redirect": "http://localhost:49152/callback", "user": user, "password": password,
		"revocation": map[string]string{"file": filepath.Join(manifests, "revoked.yaml"), "text": revocation}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "node", filepath.Join(client, "run.mjs"), string(input)).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "ok\n") {
		t.Fatalf("%v\n%s\n%s", err, out, o.Tail())
	}
}
