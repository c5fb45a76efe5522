// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/hack/lab"
)

// A forge is an issuer as CI systems have one: metadata, keys, and tokens by RS256.
type forge struct {
	url string
	key *rsa.PrivateKey
}

func startForge(t *testing.T) forge {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := forge{key: key}
	mux := http.NewServeMux()
	say := func(path string, v func() any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(v()) // to whoever is still there
		})
	}
	say("/.well-known/openid-configuration", func() any {
		return map[string]any{"issuer": f.url, "jwks_uri": f.url + "/.well-known/jwks", "id_token_signing_alg_values_supported": []string{"RS256"},
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public", "pairwise"}, "scopes_supported": []string{"openid"}}
	})
	say("/.well-known/jwks", func() any {
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "38826b17", Algorithm: "RS256", Use: "sig"}}}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// token signs claims, of which some are others. One that is nil is left out.
func (f forge) token(t *testing.T, shape string, other map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if err := json.Unmarshal([]byte(shape), &claims); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	claims["iss"], claims["iat"], claims["nbf"], claims["exp"] = f.url, now.Unix(), now.Add(-5*time.Second).Unix(), now.Add(5*time.Minute).Unix()
	maps.Copy(claims, other)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"], token.Header["x5t"] = "38826b17", "38826b17"
	text, err := token.SignedString(f.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// githubShape is a token of GitHub Actions, with every claim that its reference lists
// (docs.github.com/actions/reference/security/oidc), of a push to main.
const githubShape = `{
  "jti": "7ad6a0f2-1d5e-4e5f-a8b6-0c1f0d4c2f11", "sub": "repo:acme@1234/shop@5678:ref:refs/heads/main", "aud": "https://deploy.example.com",
  "ref": "refs/heads/main", "sha": "0123456789abcdef0123456789abcdef01234567", "repository": "acme/shop", "repository_owner": "acme",
  "repository_owner_id": "1234", "run_id": "42", "run_number": "10", "run_attempt": "1", "repository_visibility": "private", "repository_id": "5678",
  "actor_id": "12", "actor": "ann", "workflow": "deploy", "head_ref": "", "base_ref": "", "event_name": "push", "ref_protected": "true",
  "ref_type": "branch", "workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
  "workflow_sha": "0123456789abcdef0123456789abcdef01234567", "job_workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
  "job_workflow_sha": "0123456789abcdef0123456789abcdef01234567", "runner_environment": "github-hosted", "enterprise": "acme", "enterprise_id": "9"
}`

// gitlabShape is an ID token of GitLab CI, with every claim of its reference
// (docs.gitlab.com/ci/secrets/id_token_authentication), of a push to main. A number and a
// list of objects are what they are there.
const gitlabShape = `{
  "namespace_id": "72", "namespace_path": "acme", "project_id": "20", "project_path": "acme/shop", "user_id": "1", "user_login": "ann",
  "user_email": "ann@example.com", "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}], "user_access_level": "developer",
  "pipeline_id": "574", "pipeline_source": "push", "job_id": "302", "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main",
  "ref_protected": "true", "environment": "production", "environment_protected": "true", "deployment_tier": "production",
  "runner_id": 1, "runner_environment": "self-hosted", "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc", "project_visibility": "private",
  "ci_config_ref_uri": "gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main", "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
  "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b", "sub": "project_path:acme/shop:ref_type:branch:ref:main", "aud": "https://deploy.example.com"
}`

// published are the manifests of the guide that name an issuer, which is ours then.
func published(t *testing.T, issuers map[string]string) string {
	t.Helper()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "guides", "machines.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for block := range strings.SplitSeq(string(page), "```") {
		kind, text, _ := strings.Cut(block, "\n")
		for theirs, ours := range issuers {
			if name := "issuer: " + theirs + "\n"; strings.HasPrefix(kind, "yaml") && strings.Contains(text, name) {
				out = append(out, strings.Replace(text, name, "issuer: "+ours+"\n", 1))
			}
		}
	}
	if len(out) != len(issuers) {
		t.Fatalf("the guide has %d manifests of %v", len(out), issuers)
	}
	return strings.Join(out, "---\n")
}

// TestCITokens: tokens of the shape that GitHub Actions and GitLab CI make, verified with
// keys that are found by discovery, through nginx as it is printed, to the manifests of the
// guide as they are: those of the right repository and branch reach the application, which
// gets Authorization as it came, and no others. (THREATS F5)
func TestCITokens(t *testing.T) {
	github, gitlab, strange := startForge(t), startForge(t), startForge(t)
	strange.url = github.url // and so who it says that it is
	dir := directory(t)
	file := filepath.Join(dir, "policies.yaml")
	manifests := published(t, map[string]string{"https://token.actions.githubusercontent.com": github.url, "https://gitlab.com": gitlab.url})
	if err := os.WriteFile(file, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	o := lab.NewOstiary(env.ostiary.Binary, filepath.Join(dir, "ostiary.log"))
	t.Cleanup(o.Stop)
	if err := o.Serve(nil, "--policies", file, "--keys", filepath.Join(dir, "keys"), "--team-url", teamURL); err != nil {
		t.Fatal(err)
	}
	if err := o.WaitReady(); err != nil {
		t.Fatal(err)
	}
	addr := lab.FreeAddress()
	printed := options(addr, o.Authz)
	printed.Hosts, printed.Public, printed.Render, printed.Preflight = []string{"deploy.example.com", "gitlab-deploy.example.com"}, o.Public, o.Render, o.Preflight
	startWith(t, "nginx", addr, printed)
	_, port, _ := net.SplitHostPort(addr)
	const hub, lab = "deploy.example.com", "gitlab-deploy.example.com"

	cases := []struct {
		name, host, token string
		status            int
	}{
		{"GitHub: a push to main", hub, github.token(t, githubShape, nil), 200},
		{"GitHub: by hand", hub, github.token(t, githubShape, map[string]any{"event_name": "workflow_dispatch"}), 200},
		{"GitHub: an older repository", hub, github.token(t, githubShape,
			map[string]any{"sub": "repo:acme/shop:ref:refs/heads/main"}), 200},
		{"GitHub: with an environment", hub, github.token(t, githubShape, map[string]any{
			"sub": "repo:acme@1234/shop@5678:environment:Production", "environment": "Production"}), 200},
		{"GitHub: two audiences", hub, github.token(t, githubShape,
			map[string]any{"aud": []string{"https://deploy.example.com", "other"}}), 200},
		{"GitHub: a fork", hub, github.token(t, githubShape,
			map[string]any{"repository": "mallory/shop", "repository_owner": "mallory",
				"repository_owner_id": "6666", "sub": "repo:mallory@6666/shop@7777:ref:refs/heads/main"}), 403},
		{"GitHub: somebody who took over the name", hub, github.token(t, githubShape,
			map[string]any{"repository_owner_id": "6666"}), 403},
		{"GitHub: another repository of the owner", hub, github.token(t, githubShape,
			map[string]any{"repository": "acme/shop-evil"}), 403},
		{"GitHub: another branch", hub, github.token(t, githubShape, map[string]any{"ref": "refs/heads/main-2"}), 403},
		{"GitHub: a tag of that name", hub, github.token(t, githubShape,
			map[string]any{"ref": "refs/tags/main", "ref_type": "tag"}), 403},
		{"GitHub: a pull request", hub, github.token(t, githubShape,
			map[string]any{"ref": "refs/pull/7/merge", "event_name": "pull_request",
				"sub": "repo:acme@1234/shop@5678:pull_request", "head_ref": "patch-1", "base_ref": "main"}), 403},
		{"GitHub: pull_request_target", hub, github.token(t, githubShape,
			map[string]any{"event_name": "pull_request_target", "head_ref": "patch-1",
				"base_ref": "main"}), 403},
		{"GitHub: without a ref", hub, github.token(t, githubShape, map[string]any{"ref": nil}), 403},
		{"GitHub: the default audience", hub, github.token(t, githubShape, map[string]any{"aud": "https://github.com/acme"}), 401},
		{"GitHub: over", hub, github.token(t, githubShape, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), 401},
		{"GitHub: not yet", hub, github.token(t, githubShape, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), 401},
		{"GitHub: signed by another", hub, strange.token(t, githubShape, nil), 401},
		{"GitHub: at the host for GitLab", lab, github.token(t, githubShape, nil), 403},
		{"GitLab: a push to main", lab, gitlab.token(t, gitlabShape, nil), 200},
		{"GitLab: without an environment", lab, gitlab.token(t, gitlabShape,
			map[string]any{"environment": nil, "environment_protected": nil,
				"deployment_tier": nil}), 200},
		{"GitLab: a merge request of a fork", lab, gitlab.token(t, gitlabShape,
			map[string]any{"project_path": "mallory/shop", "namespace_id": "666",
				"namespace_path": "mallory", "pipeline_source": "merge_request_event", "ref_protected": "false"}), 403},
		{"GitLab: another project", lab, gitlab.token(t, gitlabShape, map[string]any{"project_path": "acme/shop/sub"}), 403},
		{"GitLab: another branch", lab, gitlab.token(t, gitlabShape,
			map[string]any{"ref": "feature-branch-1", "ref_protected": "false"}), 403},
		{"GitLab: a tag of that name", lab, gitlab.token(t, gitlabShape,
			map[string]any{"ref_type": "tag", "ref_path": "refs/tags/main"}), 403},
		{"GitLab: not protected", lab, gitlab.token(t, gitlabShape, map[string]any{"ref_protected": "false"}), 403},
		{"GitLab: for another service", lab, gitlab.token(t, gitlabShape,
			map[string]any{"aud": "https://vault.example.com"}), 401},
		{"GitLab: at the host for GitHub", hub, gitlab.token(t, gitlabShape, nil), 403},
		{"no token", hub, "", 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			lines := []string{"Content-Length: 0"}
			if c.token != "" {
				lines = append(lines, "Authorization: Bearer "+c.token)
			}
			a := send(t, addr, "POST", "/releases", c.host+":"+port, lines...)
			a.want(t, c.status, c.status == 200)
			if a.Header.Get("Location") != "" || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("it leads to a login: %v", a.Header)
			}
			for _, h := range a.hits {
				if got := h.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+c.token {
					t.Errorf("the application got Authorization %q", got)
				}
				if who := h.Header.Get("X-Access-User"); !strings.HasPrefix(who, "jwt:github:repo:acme") && who != "jwt:gitlab:project_path:acme/shop:ref_type:branch:ref:main" {
					t.Errorf("the application is told %q", who)
				}
			}
		})
	}
}
