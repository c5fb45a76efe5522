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

// clientAt is an OAuthClient "namespace/name" with more fields of its spec.
func clientAt(object, fields string) string {
	namespace, name, _ := strings.Cut(object, "/")
	return "metadata: {name: " + name + ", namespace: " + namespace + "}\n" +
		"spec: {redirectURIs: [\"https://" + name + ".example.com/cb\"]" + fields + "}"
}

// TestOAuthClientFiles: files say who answers for a client as objects of a cluster do: a client
// is its namespace's, or of those that it names; what is wrong is said with its line, and the
// client_id is nobody else's for it.
func TestOAuthClientFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		id    string
		want  string // where its answers go; "!": it cannot be used; "": it is nobody's
		says  string
	}{
		"the policy's own":   {nil, "cli", "http://localhost/cb", ""},
		"its namespace's":    {[]string{clientAt("shop/ide", "")}, "ide", "https://ide.example.com/cb", ""},
		"with an id":         {[]string{clientAt("shop/ide", ", clientID: desktop")}, "desktop", "https://ide.example.com/cb", ""},
		"of none is default": {[]string{"metadata: {name: ide}\nspec: {redirectURIs: [\"https://a.example/cb\"]}"}, "ide", "", ""},
		"another team's":     {[]string{clientAt("lab/ide", "")}, "ide", "", ""},
		"the operators'":     {[]string{clientAt("ops/ide", ", namespaces: [shop]")}, "ide", "https://ide.example.com/cb", ""},
		"of no operator": {[]string{clientAt("lab/ide", ", namespaces: ['*']")}, "ide", "",
			"a.yaml:12: OAuthClient lab/ide spec.namespaces: it is for policies of its own namespace alone"},
		"twice": {[]string{clientAt("shop/a", ", clientID: ide"), clientAt("shop/b", ", clientID: ide")}, "ide", "!",
			"OAuthClient shop/b spec.clientID: the OAuthClient shop/a has the client_id"},
		"one object twice": {[]string{clientAt("shop/ide", ""), clientAt("shop/ide", ", name: Other")}, "ide", "https://ide.example.com/cb",
			"another OAuthClient of this name stands in"},
		"the operators' and a team's": {[]string{clientAt("shop/x", ", clientID: ide"), clientAt("ops/ide", ", namespaces: [shop]")}, "ide",
			"https://ide.example.com/cb", "OAuthClient shop/x spec.clientID: the operators' OAuthClient ops/ide has"},
		"before the list": {[]string{clientAt("shop/cli", "")}, "cli", "https://cli.example.com/cb",
			"warning: shop/mcp spec.oauth.clients[0].id: the client_id \"cli\" belongs to the OAuthClient shop/cli"},
		"with a mistake": {[]string{clientAt("shop/cli", ", name: \""+strings.Repeat("x", 101)+"\"")}, "cli", "!", "spec.name"},
		"with a field that there is not": {[]string{clientAt("shop/cli", ", redirectURI: \"https://evil.example/cb\"")}, "cli", "!",
			"redirectURI"},
		"that sends to a script": {[]string{"metadata: {name: cli, namespace: shop}\nspec: {redirectURIs: [\"javascript:alert(1)\"]}"}, "cli",
			"!", "spec.redirectURIs[0]"},
		"in a cluster-wide place": {[]string{clientAt("Shop/ide", "")}, "ide", "", "metadata.namespace"},
	} {
		file := filepath.Join(t.TempDir(), "a.yaml")
		write(t, file, clientFile(c.files...))
		loader := newLoader(t, file)
		loader.Terms = policy.Terms{Console: []string{"ops"}}
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
