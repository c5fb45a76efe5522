// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/oidcprovider"
)

// manifestsOf are the manifests of a guide that hold a text, the last such block of it.
func manifestsOf(t *testing.T, page, holding string) string {
	t.Helper()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "guides", page))
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, m := range regexp.MustCompile("(?s)\n```yaml[^\n]*\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], holding) {
			out = m[1]
		}
	}
	if out == "" {
		t.Fatalf("%s has no manifests with %q", page, holding)
	}
	return out
}

// TestExternalServer: the SDK's client gets its token of an authorization server of others, for
// the resource that it was told, and is let in by what the guide has for that. Who is not of the
// staff, and a token for another resource, is not. (THREATS I14)
func TestExternalServer(t *testing.T) {
	s := newSite(t, "nginx", "", strings.SplitN(policies, "---", 2)[1])
	const redirect = "https://client.example.com/callback" // nobody goes there
	resource, elsewhere := s.origin+"/mcp", s.origin+"/other"
	provider, err := oidcprovider.Start(t.Context(), oidcprovider.Options{
		Clients:   []oidcprovider.Client{{"client_id": clientID, "token_endpoint_auth_method": "none", "redirect_uris": []string{redirect}}},
		Accounts:  map[string]oidcprovider.Account{"ann": {"groups": []string{"staff"}}, "bob": {"groups": []string{"guests"}}},
		Resources: map[string]string{resource: "wiki:read", elsewhere: "wiki:read"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = provider.Close() }() // it ends in any case
	text := manifestsOf(t, "agents.md", "kind: TokenIssuer")
	for _, part := range []string{"authorizationServer: corp", "https://wiki.example.com/mcp", "https://login.example.com"} {
		if !strings.Contains(text, part) {
			t.Fatalf("the guide no longer has %q", part)
		}
	}
	write(t, filepath.Join(s.manifests, "wiki.yaml"), strings.NewReplacer("https://wiki.example.com/mcp", resource,
		"wiki.example.com", appHost, "https://login.example.com", provider.Issuer).Replace(text))
	if err := s.ostiary.Wait("the policy of the guide", func() bool { return s.challenges(t) }); err != nil {
		t.Fatalf("%v\n%s", err, s.ostiary.Tail())
	}
	input, err := json.Marshal(map[string]any{"url": resource, "elsewhere": elsewhere, "upstream": s.upstream, "clientID": clientID,
		"redirect": redirect, "issuer": provider.Issuer})
	if err != nil {
		t.Fatal(err)
	}
	s.accompany(t, exec.CommandContext(t.Context(), "node", filepath.Join(s.client, "external.mjs"), string(input)))
}

// challenges reports whether a program is told where to get a token.
func (s *site) challenges(t *testing.T) bool {
	here := strings.TrimPrefix(s.origin, "http://")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1"+strings.TrimPrefix(here, appHost)+"/mcp", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = here
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // only the header is wanted
	return resp.StatusCode == http.StatusUnauthorized && strings.Contains(resp.Header.Get("WWW-Authenticate"), "resource_metadata=")
}

// accompany runs a program that has people sign in at a provider, each with a browser of their own.
func (s *site) accompany(t *testing.T, program *exec.Cmd) {
	t.Helper()
	var said strings.Builder
	program.Stderr = &said
	stdin, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	last := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		last = lines.Text()
		var ask struct{ User, Address string }
		if json.Unmarshal([]byte(last), &ask) != nil || ask.Address == "" {
			continue
		}
		back, err := oidcprovider.NewBrowser().SignIn(t.Context(), ask.Address, ask.User)
		if err != nil {
			t.Errorf("%s cannot sign in at %s: %v", ask.User, ask.Address, err)
			break
		}
		if _, err := stdin.Write([]byte(back.String() + "\n")); err != nil {
			t.Error(err)
			break
		}
	}
	_ = stdin.Close() // it may have ended
	if err := program.Wait(); err != nil || last != "ok" {
		t.Fatalf("%v: %s\n%s\n%s", err, last, &said, s.ostiary.Tail())
	}
}
