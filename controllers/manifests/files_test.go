// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/check"
	"github.com/ostiary/ostiary/controllers/manifests"
)

// A folder is read to the bottom, what is hidden aside, and a ConfigMap's mount as what
// it shows: by whoever reads one.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	under := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	for _, d := range []string{under("team-a", "deep"), under(".git"), under("..2026_11_26"), under("elsewhere")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	broken := strings.Replace(valid, "action: Allow", "action: Alow", 1)
	write(t, under("a.yaml"), valid)
	write(t, under("team-a", "deep", "b.yml"), strings.Replace(broken, "name: secret", "name: deep", 1))
	write(t, under(".git", "c.yaml"), broken)
	write(t, under("team-a", ".d.yaml"), broken)
	write(t, under("team-a", "notes.txt"), broken)
	write(t, under("..2026_11_26", "mounted.yaml"), strings.Replace(valid, "name: secret", "name: mounted", 1))
	for link, to := range map[string]string{"..data": "..2026_11_26", "mounted.yaml": "..data/mounted.yaml", "team-a/loop": "..", "link": "team-a"} {
		if err := os.Symlink(to, under(link)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := manifests.Files(dir)
	var names []string
	for _, f := range files {
		name, _ := filepath.Rel(dir, f)
		names = append(names, name)
	}
	// The folder team-a is reached by its link first, and once.
	if got := strings.Join(names, " "); err != nil || got != "a.yaml link/deep/b.yml mounted.yaml" {
		t.Errorf("%s, %v", got, err)
	}
	var out strings.Builder
	if ok, err := check.Run(&out, "text", policy.Terms{}, nil, []string{dir}); ok || err != nil || !strings.Contains(out.String(), "b.yml:9: shop/deep spec.rules[0].action") {
		t.Errorf("%v, %v: %s", ok, err, out.String())
	}
}

// What kubectl or helm writes is checked from standard input.
func TestStdin(t *testing.T) {
	for text, want := range map[string]bool{valid: true, strings.Replace(valid, "Allow", "Alow", 1): false, "": false} {
		var out strings.Builder
		ok, err := check.Run(&out, "text", policy.Terms{}, strings.NewReader(text), []string{manifests.Stdin})
		if ok != want || err != nil {
			t.Errorf("%q: %v, %v: %s", text, ok, err, out.String())
		}
	}
}

// Whatever a manifest calls its things, it writes no line of a report, and moves no
// cursor.
func TestNamesInReports(t *testing.T) {
	for _, name := range []string{"b\x1b]0;title\afake", "a\nfake.yaml:1: all is well", "a\rb", "a\u202eb", "a\u2028b", "a\u200bb", "\x7f", "a\U000e0041b", "\u0085"} {
		file := filepath.Join(t.TempDir(), "p.yaml")
		write(t, file, fmt.Sprintf("apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: %q, namespace: %q}\nspec: {hosts: [%q], %q: 1}\n", name, name, name, name))
		for _, format := range []string{"text", "json"} {
			var out strings.Builder
			if _, err := check.Run(&out, format, policy.Terms{}, nil, []string{file}); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
				if format == "text" && !strings.HasPrefix(line, file+":") {
					t.Errorf("%q writes a line of its own: %q", name, line)
				}
				if i := strings.IndexFunc(line, func(r rune) bool {
					return r < ' ' || r >= 0x7f && r < 0xa0 || strings.ContainsRune("\u200b\u2028\u202e\U000e0041", r)
				}); i >= 0 {
					t.Errorf("%q: %s output holds %q", name, format, line[i:])
				}
			}
		}
	}
}

// A list that is far too long is one mistake, and not one for each of its entries.
func TestLongLists(t *testing.T) {
	for name, spec := range map[string]string{
		"hosts":   "hosts: [" + strings.Repeat("A:1,", 60_000) + "]",
		"origins": "hosts: [a.example.com], cors: {allowAllMethods: true, allowedOrigins: [" + strings.Repeat("https://a/,", 60_000) + "]}",
		"paths":   "hosts: [a.example.com], paths: [" + strings.Repeat("{path: x},", 60_000) + "]",
		"rules":   "hosts: [a.example.com], rules: [" + strings.Repeat("{action: Alow},", 20_000) + "]",
	} {
		file := filepath.Join(t.TempDir(), "p.yaml")
		write(t, file, "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: a, namespace: a}\nspec: {"+spec+"}\n")
		var out strings.Builder
		ok, err := check.Run(&out, "text", policy.Terms{}, nil, []string{file})
		if lines := strings.Count(out.String(), "\n"); ok || err != nil || lines > 3000 || !strings.Contains(out.String(), "000 entries, and at most ") {
			t.Errorf("%s: %v, %v, %d lines: %.300s", name, ok, err, lines, out.String())
		}
	}
}

// BenchmarkLongList: a list of n entries takes n times what one takes.
func BenchmarkLongList(b *testing.B) {
	for _, n := range []int{1000, 60_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "p.yaml")
			var hosts strings.Builder
			for i := range n {
				fmt.Fprintf(&hosts, "h%d.example.com,", i)
			}
			write(b, file, "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: a, namespace: a}\nspec: {hosts: ["+hosts.String()+"]}\n")
			for b.Loop() {
				if _, _, err := manifests.Read([]string{file}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A Secret that External Secrets or Sealed Secrets make of what is in the files is not
// missed. One that nothing makes is, and where files are served every one.
func TestSecretsThatAreMade(t *testing.T) {
	provider := "apiVersion: access.ostiary.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: corp}\n" +
		"spec: {oidc: {issuer: \"https://sso.example.com\", clientID: ostiary, clientSecretRef: {name: corp-oidc}}}\n---\n"
	for text, missed := range map[string]bool{
		"": true,
		"apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: corp-oidc}\nspec: {}\n":                             false,
		"apiVersion: external-secrets.io/v1beta1\nkind: ExternalSecret\nmetadata: {name: x}\nspec: {target: {name: corp-oidc}}\n":       false,
		"apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: corp-oidc}\nspec: {target: {name: x}}\n":            true,
		"apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: corp-oidc}\nspec: {encryptedData: {clientSecret: x}}\n": false,
		"apiVersion: example.com/v1\nkind: SealedSecret\nmetadata: {name: corp-oidc}\n":                                                 true,
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, metadata: {name: corp-oidc}}]\n":    false,
	} {
		file := filepath.Join(t.TempDir(), "p.yaml")
		write(t, file, provider+text)
		var out strings.Builder
		ok, err := check.Run(&out, "text", policy.Terms{}, nil, []string{file})
		if !ok || err != nil || strings.Contains(out.String(), "there is no Secret") != missed {
			t.Errorf("%s: %v, %v\n%s", text, ok, err, out.String())
		}
		if _, problems, err := manifests.Read([]string{file}); err != nil || len(problems) == 0 {
			t.Errorf("%s: where files are served, %v %v", text, problems, err)
		}
	}
}

// One JSON object after another is read as so many documents, with their lines.
func TestJSONStream(t *testing.T) {
	object := func(name, action string) string {
		return `{"apiVersion": "access.ostiary.dev/v1alpha1", "kind": "AccessPolicy", "metadata": {"name": "` + name + `"},` + "\n" +
			`"spec": {"hosts": ["` + name + `.example.com"], "rules": [{"action": "` + action + `", "include": [{"everyone": {}}]}]}}`
	}
	for text, want := range map[string]string{
		object("a", "Allow") + object("b", "Allow"):                             "2 policies, all valid\n",
		object("a", "Allow") + "\n\n" + object("b", "Alow") + "\n":              "-:5: default/b spec.rules[0].action: ",
		"\n" + object("a", "Allow") + " " + object("b", "Alow"):                 "-:4: default/b spec.rules[0].action: ",
		object("a", "Allow") + "\n" + object("b", "Allow") + "\n{\"kind\": ":    "not YAML",
		object("a", "Allow") + "\n---\n" + object("b", "Allow") + "\n# the end": "2 policies, all valid\n",
	} {
		var out strings.Builder
		if _, err := check.Run(&out, "text", policy.Terms{}, strings.NewReader(text), []string{manifests.Stdin}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s\n%v, wanted %q: %s", text, err, want, out.String())
		}
	}
}
