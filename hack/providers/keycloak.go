// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/hack/lab"
)

// startKeycloak starts Keycloak with one realm. It takes a minute, and so runs if it is
// asked for.
func startKeycloak(ctx context.Context, dir string) (*provider, error) {
	if os.Getenv("OSTIARY_KEYCLOAK") == "" {
		return nil, skipped("Keycloak takes a minute: set OSTIARY_KEYCLOAK=1, or run make test-providers")
	}
	root, err := lab.Root()
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(root, "hack", "keycloak.sh")).Output()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.ExitCode() == 3:
		return nil, skipped(strings.TrimSpace(string(ended.Stderr)))
	case err != nil:
		return nil, err
	}
	backchannel, words, hangUp, err := backChannel()
	if err != nil {
		return nil, err
	}
	home, err := keycloakHome(strings.TrimSpace(string(out)), dir, backchannel)
	if err != nil {
		hangUp()
		return nil, err
	}
	addr := lab.FreeAddress()
	host, port, _ := net.SplitHostPort(addr)
	process, err := lab.Start(filepath.Join(dir, "keycloak.log"), []string{"JAVA_OPTS_KC_HEAP=-Xms64m -Xmx512m"},
		filepath.Join(home, "bin", "kc.sh"), "start-dev", "--import-realm", "--http-host="+host, "--http-port="+port, "--hostname=http://"+addr)
	if err != nil {
		hangUp()
		return nil, err
	}
	stop := func() { process.Stop(); hangUp() }
	issuer := "http://" + addr + "/realms/corp"
	deadline := time.Now().Add(3 * time.Minute)
	for lab.Status(issuer+"/.well-known/openid-configuration") != http.StatusOK {
		if time.Now().After(deadline) || !process.Runs() {
			stop()
			return nil, errors.New("Keycloak does not start: " + process.Tail())
		}
		time.Sleep(500 * time.Millisecond)
	}
	return &provider{config: idp.Config{Issuer: issuer, GroupsClaim: "realm_access.roles"}, user: "ann", email: "ann@example.com",
		name: "Ann Example", groups: []string{"staff", "ops"}, posts: true, unleveled: "a flow of its own, by levels",
		words: words, stop: stop}, nil
}

// keycloakHome makes a home in dir: the distribution's programs, and a realm to import.
func keycloakHome(distribution, dir, backchannel string) (string, error) {
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(filepath.Join(home, "data", "import"), 0o700); err != nil {
		return "", err
	}
	for _, part := range []string{"bin", "lib", "conf", "providers", "themes"} {
		if err := os.CopyFS(filepath.Join(home, part), os.DirFS(filepath.Join(distribution, part))); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(realm(backchannel))
	if err != nil {
		return "", err
	}
	return home, os.WriteFile(filepath.Join(home, "data", "import", "corp.json"), text, 0o600)
}

// realm has ann, with two roles, and a client that gets roles in its ID tokens, and word of
// sign-outs at an address.
func realm(backchannel string) map[string]any {
	roles := map[string]any{
		"name": "roles in the ID token", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-realm-role-mapper",
		"config": map[string]string{"multivalued": "true", "id.token.claim": "true", "access.token.claim": "true", "userinfo.token.claim": "true",
			"claim.name": "realm_access.roles", "jsonType.label": "String"},
	}
	return map[string]any{
		"realm": "corp", "enabled": true, "sslRequired": "none",
		"roles": map[string]any{"realm": []any{map[string]any{"name": "staff"}, map[string]any{"name": "ops"}}},
		"clients": []any{map[string]any{"clientId": clientID, "secret": clientSecret, "redirectUris": []string{callback},
			"standardFlowEnabled": true, "attributes": map[string]string{"pkce.code.challenge.method": "S256",
				"post.logout.redirect.uris": farewell, "backchannel.logout.url": backchannel}, "protocolMappers": []any{roles}}},
		"users": []any{map[string]any{"username": "ann", "enabled": true, "email": "ann@example.com", "emailVerified": true, "firstName": "Ann",
			"lastName": "Example", "realmRoles": []string{"staff", "ops"},
			"credentials": []any{map[string]any{"type": "password", "value": password}}}},
	}
}
