// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/controllers/manifests"
)

// settingsOf are the keys that the applications' own documentation has, by section:
// grafana.com/docs, "Configure auth proxy authentication" and "Configure JWT authentication"
// (13.1), pkg/setting/setting_auth_proxy.go; go-gitea/gitea, custom/conf/app.example.ini.
var settingsOf = map[string][]string{
	"auth.proxy": {"enabled", "header_name", "header_property", "auto_sign_up", "sync_ttl", "whitelist", "headers", "headers_encoded",
		"enable_login_token"},
	"auth.jwt": {"enabled", "header_name", "username_claim", "email_claim", "auto_sign_up", "jwk_set_url", "jwk_set_file", "key_file",
		"cache_ttl",
		"expect_claims", "url_login", "role_attribute_path", "role_attribute_strict", "allow_assign_grafana_admin", "skip_org_role_sync", "groups_attribute_path"},
	"users": {"allow_sign_up", "auto_assign_org", "auto_assign_org_id", "auto_assign_org_role"},
	"service": {"ENABLE_REVERSE_PROXY_AUTHENTICATION", "ENABLE_REVERSE_PROXY_AUTHENTICATION_API", "ENABLE_REVERSE_PROXY_AUTO_REGISTRATION",
		"ENABLE_REVERSE_PROXY_EMAIL", "ENABLE_REVERSE_PROXY_FULL_NAME"},
	"security": {"REVERSE_PROXY_AUTHENTICATION_USER", "REVERSE_PROXY_AUTHENTICATION_EMAIL", "REVERSE_PROXY_AUTHENTICATION_FULL_NAME",
		"REVERSE_PROXY_LIMIT",
		"REVERSE_PROXY_TRUSTED_PROXIES"},
}

// An application is what the page says of one: a policy, and its settings by section and key.
type application struct {
	policy   string
	settings map[string]map[string]string
}

// applications are those of the page that have a policy, by its name. settings of a block
// without a policy are under "".
func applications(t *testing.T) map[string]application {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "tasks", "sign-in-by-header.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]application{}
	for _, b := range readPage("", string(text)).blocks {
		a, name := application{settings: map[string]map[string]string{}}, ""
		for doc := range strings.SplitSeq(b.text, "---\n") {
			var o struct {
				Kind     string
				Metadata struct{ Name string }
				Data     map[string]string
			}
			if yaml.Unmarshal([]byte(doc), &o) != nil {
				continue
			}
			switch o.Kind {
			case "AccessPolicy":
				a.policy, name = doc, o.Metadata.Name
			case "ConfigMap":
				for _, ini := range o.Data {
					readSettings(t, a.settings, ini)
				}
			}
		}
		if len(a.settings) > 0 || a.policy != "" {
			out[name] = a
		}
	}
	return out
}

func readSettings(t *testing.T, into map[string]map[string]string, ini string) {
	t.Helper()
	section := ""
	for line := range strings.Lines(ini) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, "]")
			into[section] = map[string]string{}
		} else if key, value, ok := strings.Cut(line, " = "); ok {
			if !slices.Contains(settingsOf[section], key) {
				t.Errorf("[%s] has no key %s", section, key)
			}
			into[section][key] = value
		} else if line != "" {
			t.Errorf("[%s]: %q", section, line)
		}
	}
}

// sent are the headers that the application of a policy gets of ann or of Jürgen, by their
// names in lower case.
func sent(t *testing.T, policy, host string, claims []string, as ...string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	loader, err := manifests.NewLoader([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	set := loader.Load()
	table, problems := set.Build()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	q := explain.Question{Method: "GET", URL: "https://" + host + "/", As: as, Claims: claims, Now: time.Unix(1e9, 0)}
	for _, h := range set.Policies[0].UpstreamHeaders {
		q.UpstreamHeaders = append(q.UpstreamHeaders, h.Name)
	}
	r, err := explain.Ask(table, "/.access", q)
	if err != nil || !r.Allowed() {
		t.Fatalf("%v %+v", err, r)
	}
	out := map[string]string{}
	for _, f := range r.Headers {
		out[f.Name] = f.Value
	}
	return out
}

// TestApplications: the settings of applications on the page are such that they have, and name
// the headers that the policy beside them sets; read as the application does, these say who is
// calling.
func TestApplications(t *testing.T) {
	all := applications(t)
	const name, email = "Jürgen Großmann", "jürgen@example.com"
	claims := []string{"name=" + name}

	grafana := all["grafana"].settings["auth.proxy"]
	got := sent(t, all["grafana"].policy, "grafana.example.com", claims, email, "grafana-editors", "grafana-admins", "sales")
	read := func(header string) string { // pkg/services/authn/clients/proxy.go, getProxyHeader
		value := got[strings.ToLower(header)]
		if grafana["headers_encoded"] != "true" {
			return value
		}
		decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(value)))
		if err != nil {
			t.Errorf("%s: %q: %v", header, value, err)
		}
		return string(decoded)
	}
	if user := read(grafana["header_name"]); user != email || grafana["header_property"] != "username" || grafana["enabled"] != "true" {
		t.Errorf("the user is %q", user)
	}
	want := map[string]string{"Name": name, "Email": email, "Groups": "grafana-admins,grafana-editors"}
	for pair := range strings.FieldsSeq(grafana["headers"]) {
		property, header, _ := strings.Cut(pair, ":")
		value := read(header)
		if property == "Groups" { // util.SplitString, in any order
			groups := strings.Split(value, ",")
			slices.Sort(groups)
			value = strings.Join(groups, ",")
		}
		if value != want[property] {
			t.Errorf("%s is %q, want %q", property, value, want[property])
		}
		delete(want, property)
	}
	if len(want) > 0 {
		t.Errorf("Grafana is not told of %v", want)
	}

	gitea := all["gitea"].settings["security"]
	got = sent(t, all["gitea"].policy, "git.example.com", nil, "ann@example.com")
	for _, key := range []string{"REVERSE_PROXY_AUTHENTICATION_USER", "REVERSE_PROXY_AUTHENTICATION_EMAIL"} {
		if value := got[strings.ToLower(gitea[key])]; value != "ann@example.com" {
			t.Errorf("%s, %s: %q", key, gitea[key], value)
		}
	}
	got = sent(t, all["jenkins"].policy, "jenkins.example.com", []string{"name=Ann"}, "ann@example.com", "developers")
	if u, g, m, n := got["x-forwarded-user"], got["x-forwarded-groups"], got["x-forwarded-mail"], got["x-forwarded-displayname"]; u != "ann@example.com" ||
		g != "developers" || m != "ann@example.com" || n != "Ann" {
		t.Errorf("Jenkins gets %q", []string{u, g, m, n})
	}
}
