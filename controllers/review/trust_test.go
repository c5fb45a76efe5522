// SPDX-License-Identifier: Apache-2.0

package review_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/controllers/review"
)

const trusts = `apiVersion: access.ostiary.dev/v1alpha1
kind: TokenIssuer
metadata: {name: ci}
spec: {issuer: "https://ci.example.com", jwksURL: "https://ci.example.com/keys", audiences: [shop], namespaces: [shop]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec:
  displayName: Staff
  oidc: {issuer: "https://id.example.com", clientID: ostiary, clientSecretRef: {name: corp}}
---
apiVersion: v1
kind: Secret
metadata: {name: corp, namespace: ostiary-system}
stringData: {clientSecret: a-secret-of-corp}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: OAuthClient
metadata: {name: ide}
spec: {name: IDE, redirectURIs: ["https://ide.example.com/cb"], namespaces: [shop]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  oauth: {clients: [{id: cli, redirectURIs: ["http://localhost/cb"]}]}
  rules: [{name: jobs, action: ServiceAuth, include: [{jwt: {issuer: ci, audience: shop, claims: [{name: sub, values: [job]}]}}]}]
`

// TestUntold: an edit of whose word counts is never passed over, though no request of the
// tables shows it.
func TestUntold(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to, want string
	}{
		"nothing":             {"", "", ""},
		"displayName":         {"Staff", "Everybody", ""},
		"jwksURL":             {"example.com/keys", "example.org/keys", "TokenIssuer ci differs from ci before it (jwksURL)"},
		"jwksURL is left out": {`jwksURL: "https://ci.example.com/keys", `, "", "TokenIssuer ci differs from ci before it (jwksURL)"},
		"algorithms":          {"audiences:", "algorithms: [PS256], audiences:", "TokenIssuer ci differs from ci before it (algorithms)"},
		"of another name": {"ci}\nspec: {issuer: \"https://ci.example.com\", jwksURL: \"https://ci.example.com/keys\"",
			"other}\nspec: {issuer: \"https://ci.example.com\", jwksURL: \"https://evil.example/keys\"", "TokenIssuer other differs from ci before it (jwksURL)"},
		"provider": {"https://id.example.com", "https://id.example.org", "IdentityProvider corp was edited (issuer)"},
		"claims": {"clientID: ostiary", "clientID: ostiary, claims: {email: upn}, trustUnverifiedEmail: true",
			"IdentityProvider corp was edited (emailClaim, trustUnverifiedEmail)"},
		"name of a client":     {"name: IDE", "name: Editor", ""},
		"fewer redirect URIs":  {`["https://ide.example.com/cb"], namespaces: [shop]`, `["https://ide.example.com/cb"], namespaces: [lab]`, ""},
		"redirect URI":         {"https://ide.example.com/cb", "https://ide.example.org/cb", "the client ide can go to https://ide.example.org/cb"},
		"of the policy's list": {"http://localhost/cb", "https://cli.example.org/cb", "the client cli can go to https://cli.example.org/cb"},
		"before the list":      {"name: IDE", "clientID: cli", "the client cli can go to https://ide.example.com/cb"},
		"for more namespaces":  {"id: cli", "id: ide", ""},
		"client's secret":      {"a-secret-of-corp", "b-secret-of-corp", "IdentityProvider corp was edited (clientSecret)"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			now := strings.Replace(trusts, tc.from, tc.to, 1)
			if tc.from != tc.to && now == trusts {
				t.Fatal("nothing was edited")
			}
			if name == "of another name" {
				now = strings.ReplaceAll(now, "issuer: ci,", "issuer: other,")
			}
			for side, text := range map[string]string{"old.yaml": trusts, "new.yaml": now} {
				if err := os.WriteFile(filepath.Join(dir, side), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out, errs strings.Builder
			code := command.Execute(t.Context(), command.Root("ostiary", "test", "", review.Diff()),
				[]string{"diff", filepath.Join(dir, "old.yaml"), filepath.Join(dir, "new.yaml")}, &out, &errs)
			want := 0
			if tc.want != "" {
				want = 3
			}
			if code != want || !strings.Contains(out.String(), tc.want) || strings.Contains(out.String(), "-secret-of-corp") {
				t.Errorf("exit code %d, want %d and %q\n%s%s", code, want, tc.want, out.String(), errs.String())
			}
		})
	}
}
