// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// clientFile is a file of OAuthClients beside a policy of shop.
func clientFile(clients ...string) string {
	all := []string{`apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: mcp, namespace: shop}
spec:
  hosts: [mcp.example.com]
  oauth: {clients: [{id: cli, redirectURIs: ["http://localhost/cb"]}]}
  rules: [{action: Allow, include: [{email: ann@example.com}]}]
`}
	for _, c := range clients {
		all = append(all, "apiVersion: access.ostiary.dev/v1alpha1\nkind: OAuthClient\n"+c+"\n")
	}
	return strings.Join(all, "---\n")
}

// clientAt is an OAuthClient with more fields of its spec.
func clientAt(name, fields string) string {
	return "metadata: {name: " + name + "}\nspec: {redirectURIs: [\"https://" + name + ".example.com/cb\"]" + fields + "}"
}

// TestOAuthClientFiles: files say who answers for a client as objects of a cluster do: one is for all
// policies, or for those of the namespaces that it names; what is wrong is said with its line, and the
// client_id is nobody else's for it.
func TestOAuthClientFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		id    string
		want  string // where its answers go; "!": it cannot be used; "": it is nobody's
		says  string
	}{
		"the policy's own": {nil, "cli", "http://localhost/cb", ""},
		"for all":          {[]string{clientAt("ide", "")}, "ide", "https://ide.example.com/cb", ""},
		"for all, by star": {[]string{clientAt("ide", ", namespaces: ['*']")}, "ide", "https://ide.example.com/cb", ""},
		"with an id":       {[]string{clientAt("ide", ", clientID: desktop")}, "desktop", "https://ide.example.com/cb", ""},
		"for the shop":     {[]string{clientAt("ide", ", namespaces: [shop]")}, "ide", "https://ide.example.com/cb", ""},
		"for others":       {[]string{clientAt("ide", ", namespaces: [lab]")}, "ide", "", ""},
		"twice": {[]string{clientAt("a", ", clientID: ide"), clientAt("b", ", clientID: ide")}, "ide", "!",
			"OAuthClient b spec.clientID: the OAuthClient a has the client_id"},
		"one object twice": {[]string{clientAt("ide", ""), clientAt("ide", ", name: Other")}, "ide", "https://ide.example.com/cb",
			"another OAuthClient of this name stands in"},
		"before the list": {[]string{clientAt("cli", "")}, "cli", "https://cli.example.com/cb",
			"warning: shop/mcp spec.oauth.clients[0].id: the client_id \"cli\" belongs to the OAuthClient cli"},
		"with a mistake":                 {[]string{clientAt("cli", ", name: \""+strings.Repeat("x", 101)+"\"")}, "cli", "!", "spec.name"},
		"with a field that there is not": {[]string{clientAt("cli", ", redirectURI: \"https://evil.example/cb\"")}, "cli", "!", "redirectURI"},
		"that sends to a script": {[]string{"metadata: {name: cli}\nspec: {redirectURIs: [\"javascript:alert(1)\"]}"}, "cli",
			"!", "spec.redirectURIs[0]"},
		"of one namespace": {[]string{"metadata: {name: cli, namespace: shop}\nspec: {redirectURIs: [\"https://a.example/cb\"]}"}, "cli", "!",
			"belongs to the whole cluster"},
	} {
		file := filepath.Join(t.TempDir(), "a.yaml")
		write(t, file, clientFile(c.files...))
		loader := newLoader(t, file)
		table, problems := loader.Load().Build()
		var said []string
		for _, p := range problems {
			said = append(said, p.String())
		}
		all := strings.Join(said, "\n")
		if c.says == "" && len(said) > 0 || !strings.Contains(all, c.says) {
			t.Errorf("%s: %s", name, all)
		}
		target, _ := policy.NewTarget("mcp.example.com", "/")
		agency, _ := table.Agency(target)
		got := ""
		if client, ok := agency.Client(c.id); ok {
			if got = "!"; !client.Unusable {
				got = strings.Join(client.RedirectURIs, " ")
			}
		}
		if got != c.want {
			t.Errorf("%s: its answers go to %q, want %q", name, got, c.want)
		}
	}
}
