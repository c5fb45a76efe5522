// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
)

// valid protects secret.example.com, and opens everything beside it: whatever
// loses its protection is open.
const valid = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: secret, namespace: shop}
spec:
  hosts: [secret.example.com]
  paths:
  - path: /vault
  rules:
  - action: Allow
    include: [{emailDomain: example.com}]
`

const wildcard = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: zz-open, namespace: shop}
spec:
  hosts: ["*.example.com"]
  rules:
  - action: Bypass
    include: [{everyone: {}}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: zz-open-vault, namespace: shop}
spec:
  hosts: [secret.example.com]
  rules:
  - action: Bypass
    include: [{everyone: {}}]
`

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func decide(t testing.TB, table *policy.Table, url string) policy.Decision {
	t.Helper()
	target, err := policy.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	return table.Decide(policy.Request{Target: target, Method: "GET", Now: time.Unix(1e9, 0)})
}

func load(t testing.TB, l *manifests.Loader) (*policy.Table, string) {
	t.Helper()
	table, problems := l.Load().Build()
	var text []string
	for _, p := range problems {
		text = append(text, p.String())
	}
	return table, strings.Join(text, "\n")
}

func newLoader(t testing.TB, paths ...string) *manifests.Loader {
	t.Helper()
	l, err := manifests.NewLoader(paths)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const vault = "https://secret.example.com/vault/x"

// breakages are edits of valid. Each must be reported at its place, deny the
// vault, and leave the rest alone.
var breakages = map[string]struct {
	edit func(string) string
	want string // a part of the problem, with its line
}{
	"tab":                 {replace("  hosts", "\thosts"), ":5: shop/secret: not YAML"},
	"bracket":             {replace("[secret.example.com]", "[secret.example.com"), "not YAML"},
	"colon":               {replace("rules:", "rules"), ":8: shop/secret: not YAML"},
	"quote":               {replace("path: /vault", `path: "/vault`), "not YAML"},
	"flow host":           {replace("[secret.example.com]", "[\n    secret.example.com,\n  "), "not YAML"},
	"wrong type":          {replace("[secret.example.com]", "secret.example.com"), ":5: shop/secret spec.hosts: this is a string; it should be a list"},
	"wrong type, path":    {replace("- path: /vault", "- /vault"), ":7: shop/secret spec.paths"},
	"wrong type, rules":   {replace("- action: Allow\n    include: [{emailDomain: example.com}]", "- Allow"), "shop/secret spec.rules"},
	"unknown field":       {replace("rules:", "rulez:"), "rulez"},
	"unknown inner field": {replace("emailDomain", "emaildomain"), ":10: shop/secret spec.rules[0].include[0].emaildomain: unknown field"},
	"duplicate key":       {replace("  paths:", "  hosts: [other.example.com]\n  paths:"), `:6: shop/secret: not YAML: key "hosts" already set in map`},
	"wrong apiVersion":    {replace("v1alpha1", "v1"), `:1: shop/secret: apiVersion is "access.ostiary.dev/v1"; write access.ostiary.dev/v1alpha1`},
	"wrong group":         {replace("access.ostiary.dev", "access.ostiary.io"), `:1: shop/secret: apiVersion is "access.ostiary.io/v1alpha1"`},
	"wrong kind":          {replace("AccessPolicy", "AcessPolicy"), `:1: shop/secret: kind "AcessPolicy" is not one of access.ostiary.dev/v1alpha1`},
	"two kinds":           {replace("kind: AccessPolicy", "kind: ConfigMap\nkind: AccessPolicy"), `kind "ConfigMap" is not one of`},
	"no name":             {replace("name: secret, ", ""), ":3: shop/vault.yaml-line-1 metadata.name: an object needs a name"},
	"odd name":            {replace("name: secret", "name: se/cret"), `:3: shop/se/cret metadata.name: "se/cret"`},
	"a List": {func(s string) string {
		return "apiVersion: v2\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ") + "\n"
	}, "a List has apiVersion: v1 and a list of items"},
	"document end":       {func(s string) string { return "a: b\n...\n" + s }, ":2: shop/secret: not YAML: did not find expected <document start>"},
	"NUL":                {replace("Allow", "All\x00ow"), "not YAML: control characters"},
	"Latin-1":            {replace("Allow", "All\xe4ow"), "not UTF-8"},
	"old Mac lines":      {func(s string) string { return "a: b\r---\r" + strings.ReplaceAll(s, "\n", "\r") }, "write a line of"},
	"bad selector":       {replace("emailDomain: example.com", "emailDomain: exa mple"), `:10: shop/secret spec.rules[0].include[0]: emailDomain: "exa mple" is not a domain`},
	"bad action":         {replace("Allow", "Alow"), ":9: shop/secret spec.rules[0].action: one of Allow, Block, Bypass, ServiceAuth"},
	"scheme in the host": {replace("[secret", "[https://secret"), ":5: shop/secret spec.hosts[0]: "},
	"null spec":          {func(s string) string { return s[:strings.Index(s, "spec:")] + "spec:\n" }, ":4: shop/secret spec: an AccessPolicy needs a spec"},
	"anchor bomb": {func(s string) string {
		bomb := "x: &a0 [x,x,x,x,x,x,x,x,x]\n"
		for i := range 9 {
			bomb += fmt.Sprintf("x%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i+1, i, i, i, i, i, i, i, i, i)
		}
		return s + bomb
	}, "excessive aliasing"},
	"self-reference": {func(s string) string { return s + "x: &a [*a]\n" }, "contains itself"},
	"deep":           {func(s string) string { return s + "x: " + strings.Repeat("[", 20000) + "\n" }, "not YAML"},
	"8 MB":           {func(s string) string { return s + "x: " + strings.Repeat("y", 8<<20) + "\n" }, "unknown field x"},
}

func replace(from, to string) func(string) string {
	return func(s string) string {
		out := strings.Replace(s, from, to, 1)
		if out == s {
			panic(from + " is not there")
		}
		return out
	}
}

func TestBroken(t *testing.T) {
	for name, c := range breakages {
		for _, before := range []bool{true, false} { // that it could be read
			t.Run(fmt.Sprintf("%s/%t", name, before), func(t *testing.T) {
				dir := t.TempDir()
				file := filepath.Join(dir, "vault.yaml")
				write(t, filepath.Join(dir, "others.yaml"), wildcard)
				write(t, file, valid)
				l := newLoader(t, dir)
				if before {
					if _, problems := load(t, l); problems != "" {
						t.Fatal(problems)
					}
				}
				write(t, file, c.edit(valid))
				for range 3 { // it stays as it is
					table, problems := load(t, l)
					if !strings.Contains(problems, file+c.want) && !strings.Contains(problems, c.want) {
						t.Errorf("the problem does not say %q:\n%.2000s", c.want, problems)
					}
					for line := range strings.Lines(problems) {
						if !strings.HasPrefix(line, file+":") {
							t.Errorf("no place: %s", line)
						}
					}
					if strings.ContainsAny(problems, "\x00\r") {
						t.Errorf("control characters: %q", problems)
					}
					if d := decide(t, table, "https://blog.example.com/"); d.Verdict != policy.Admit {
						t.Errorf("others suffer: %+v", d)
					}
					// Where the name, or what is claimed, is nowhere to be found, only
					// a file that was read before can be held to it.
					if name == "null spec" && !before || name == "null spec" {
						continue
					}
					if d := decide(t, table, vault); d.Verdict == policy.Admit {
						t.Errorf("the door is open: %+v\n%s", d, problems)
					}
				}
				write(t, file, valid)
				if table, problems := load(t, l); problems != "" || decide(t, table, vault).Verdict != policy.Challenge {
					t.Errorf("mended, it does not recover: %s", problems)
				}
			})
		}
	}
}

// TestGood: what looks odd and is right.
func TestGood(t *testing.T) {
	asJSON := `{"apiVersion":"access.ostiary.dev/v1alpha1","kind":"AccessPolicy","metadata":{"name":"secret","namespace":"shop"},` +
		`"spec":{"hosts":["secret.example.com"],"rules":[{"action":"Allow","include":[{"emailDomain":"example.com"}]}]}}`
	for name, text := range map[string]string{
		"plain":             valid,
		"CRLF":              strings.ReplaceAll(valid, "\n", "\r\n"),
		"BOM":               "\ufeff" + valid,
		"BOM and dashes":    "\ufeff---\n" + valid,
		"comments":          "# a\n---\n# b\n--- # c\n" + valid + "---\n\n# d\n---\n",
		"directive":         "%YAML 1.1\n---\n" + valid,
		"on the dashes":     "--- " + asJSON + "\n",
		"JSON":              asJSON,
		"ended":             valid + "...\n",
		"other objects":     "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n" + valid + "---\nkind: Kustomization\nresources: [a]\n",
		"anchors":           strings.Replace(valid, "[{emailDomain: example.com}]", "&a [{emailDomain: example.com}]\n    require: *a", 1),
		"dashes in a value": strings.Replace(valid, "action: Allow", "action: Allow\n    name: \"a --- b\"", 1),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.yaml")
			write(t, file, text)
			table, problems := load(t, newLoader(t, file))
			if problems != "" || table.Len() != 1 || decide(t, table, vault).Verdict != policy.Challenge {
				t.Errorf("%d policies, %+v\n%s", table.Len(), decide(t, table, vault), problems)
			}
		})
	}
}

// TestLines: several documents, several mistakes, each at its line.
func TestLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	write(t, file, "# one\n---\n"+valid+"---\n"+strings.Replace(strings.Replace(valid, "secret", "other", 2), "Allow", "Alow", 1)+"--- # three\n"+
		strings.NewReplacer("secret", "third", "/vault", "vault", "emailDomain: example.com", "ip: [10.0.0.1/8]").Replace(valid))
	_, problems := load(t, newLoader(t, file))
	want := []string{
		file + ":22: shop/other spec.rules[0].action: one of Allow, Block, Bypass, ServiceAuth",
		file + `:31: shop/third spec.paths[0].path: "vault": a path begins with "/"`,
		file + `:34: shop/third spec.rules[0].include[0].ip[0]: "10.0.0.1/8": has bits set behind its mask; the network is 10.0.0.0/8`,
	}
	if problems != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", problems, strings.Join(want, "\n"))
	}
}

// TestDuplicates across files: neither may open anything.
func TestDuplicates(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), valid)
	write(t, filepath.Join(dir, "b.yaml"), strings.Replace(valid, "Allow\n    include: [{emailDomain: example.com}]", "Bypass\n    include: [{everyone: {}}]", 1))
	table, problems := load(t, newLoader(t, dir))
	if d := decide(t, table, vault); d.Verdict != policy.Deny {
		t.Errorf("%+v", d)
	}
	if !strings.Contains(problems, "b.yaml:1: shop/secret: an object of this name stands in "+filepath.Join(dir, "a.yaml")+":1 already") {
		t.Error(problems)
	}
}

// TestBrokenCopy: a copy that cannot be parsed leaves the original alone.
func TestBrokenCopy(t *testing.T) {
	for _, name := range []string{"a.yaml", "z.yaml"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "m.yaml"), valid)
		write(t, filepath.Join(dir, name), strings.Replace(valid, "rules:", "rules", 1))
		l := newLoader(t, dir)
		for range 3 {
			set := l.Load()
			table, _ := set.Build()
			if d := decide(t, table, vault); d.Verdict != policy.Challenge || len(set.Policies) != 2 {
				t.Errorf("%s: %d policies, %+v", name, len(set.Policies), d)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	if _, err := manifests.NewLoader(nil); err == nil {
		t.Error("no path is no error")
	}
	if _, err := manifests.NewLoader([]string{"nowhere/at/all"}); err == nil || !strings.Contains(err.Error(), "nowhere/at/all") {
		t.Error(err)
	}
	dir := t.TempDir()
	file, others := filepath.Join(dir, "vault.yaml"), filepath.Join(dir, "others.yaml")
	steps := map[string]func() (paths []string){
		"deleted, asked for": func() []string { _ = os.Remove(file); return nil },
		"a folder instead":   func() []string { _ = os.Remove(file); _ = os.Mkdir(file, 0o700); return nil },
		"a dangling link":    func() []string { _ = os.Remove(file); _ = os.Symlink("nowhere", file); return nil },
		"larger than allowed": func() []string {
			write(t, file, valid)
			_ = os.Truncate(file, 65<<20)
			return nil
		},
		"unreadable": func() []string { _ = os.Chmod(file, 0); return nil },
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			if name == "unreadable" && os.Geteuid() == 0 {
				t.Skip("root reads everything")
			}
			_ = os.RemoveAll(file)
			write(t, file, valid)
			write(t, others, wildcard)
			l := newLoader(t, file, others)
			load(t, l)
			step()
			table, problems := load(t, l)
			if d := decide(t, table, vault); d.Verdict != policy.Deny || problems == "" {
				t.Errorf("%+v\n%s", d, problems)
			}
			if d := decide(t, table, "https://blog.example.com/"); d.Verdict != policy.Admit {
				t.Errorf("others suffer: %+v", d)
			}
		})
	}
}

// TestDeleted from a folder: gone is gone.
func TestDeleted(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), valid)
	write(t, filepath.Join(dir, ".hidden.yaml"), wildcard)
	write(t, filepath.Join(dir, "b.yaml~"), wildcard)
	l := newLoader(t, dir)
	if table, problems := load(t, l); table.Len() != 1 || problems != "" {
		t.Errorf("%d policies\n%s", table.Len(), problems)
	}
	_ = os.Remove(filepath.Join(dir, "a.yaml"))
	if table, problems := load(t, l); table.Len() != 0 || problems != "" {
		t.Errorf("%d policies\n%s", table.Len(), problems)
	}
	// A folder that is away takes nothing with it.
	write(t, filepath.Join(dir, "a.yaml"), valid)
	load(t, l)
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if table, problems := load(t, l); table.Len() != 1 || decide(t, table, vault).Verdict != policy.Deny || problems == "" {
		t.Errorf("%d policies\n%s", table.Len(), problems)
	}
}

// FuzzManifest: whatever stands in a second file, the vault of the first stays
// shut, and its own reading stays put.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(valid))
	f.Add([]byte(wildcard))
	for _, c := range breakages {
		if text := c.edit(valid); len(text) < 4<<10 {
			f.Add([]byte(text))
		}
	}
	f.Add([]byte(strings.Replace(strings.Replace(valid, "name: secret", "name: aaa", 1), "/vault", "/", 1)))
	f.Add([]byte(join(hostless, named)))
	f.Add([]byte(strings.Replace(join(hostless, named), "App.example.com", "secret.example.com", 1)))
	dir := f.TempDir()
	first, second := filepath.Join(dir, "first.yaml"), filepath.Join(dir, "second.yaml")
	write(f, first, strings.Replace(valid, "path: /vault", "{path: /vault/exact, type: Exact}", 1))
	f.Fuzz(func(t *testing.T, text []byte) {
		write(t, second, string(text))
		l := newLoader(t, first, second)
		table, _ := load(t, l)
		// Another policy of a lesser name may claim the same path first: that is a
		// conflict between two valid objects, and decided by name.
		d := decide(t, table, "https://secret.example.com/vault/exact")
		if d.Verdict == policy.Admit && (d.Source.Namespace != "shop" || d.Source.Name >= "secret") && d.Source.Namespace >= "shop" {
			t.Fatalf("the vault is open: %+v", d)
		}
		again, _ := load(t, l)
		if again.Revision() != table.Revision() {
			t.Fatal("the same files make another table")
		}
	})
}
