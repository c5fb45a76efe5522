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

// A host that is open to everybody, but for one path that another file guards.
const (
	openHost = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: open, namespace: shop}
spec:
  hosts: [t.example.com]
  rules: [{action: Bypass, include: [{everyone: {}}]}]
`
	guard = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata:
  name: guard
  namespace: shop
spec:
  hosts:
  - t.example.com
  paths:
  - path: /admin
  rules: [{action: Block, include: [{everyone: {}}]}]
`
	guarded = "https://t.example.com/admin"
)

func swap(from, to string) string { return strings.Replace(guard, from, to, 1) }

// TestEditsOpenNothing: whatever becomes of the file that guards a path, the
// path stays denied until the file is mended or removed.
func TestEditsOpenNothing(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                   "",
		"comments only":           "# nothing\n",
		"cut short":               guard[:strings.Index(guard, "  hosts")],
		"another policy alone":    strings.ReplaceAll(swap("name: guard", "name: else"), "t.example.com", "u.example.com"),
		"cut behind hosts":        guard[:strings.Index(guard, "  - t.ex")],
		"host for hosts":          swap("hosts:", "host:"),
		"a pattern for a path":    swap("path: /admin", `path: "/admin(/.*)?"`),
		"kind mistyped":           swap("kind: AccessPolicy", "kind: AccesPolicy"),
		"kind missing":            swap("kind: AccessPolicy\n", ""),
		"kind, version missing":   strings.SplitN(guard, "\n", 3)[2],
		"kind, version mistyped":  strings.NewReplacer("AccessPolicy", "AccesPolicy", "access.", "acces.").Replace(guard),
		"a sequence":              "- " + strings.ReplaceAll(strings.TrimSpace(guard), "\n", "\n  ") + "\n",
		"name mistyped, and more": strings.Replace(swap("name: guard", "nam: guard"), "hosts:", "host:", 1),
		"not YAML":                swap("spec:", "spec:\n\t- x"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "b.yaml")
			write(t, filepath.Join(dir, "a.yaml"), openHost)
			write(t, file, guard)
			l := newLoader(t, dir)
			check := func(when string, want policy.Verdict) {
				t.Helper()
				table, problems := load(t, l)
				if got := decide(t, table, guarded).Verdict; got != want {
					t.Errorf("%s: %s, want %s\n%s", when, got, want, problems)
				}
				if got := decide(t, table, "https://t.example.com/").Verdict; got != policy.Admit {
					t.Errorf("%s: the rest of the host: %s", when, got)
				}
			}
			check("at first", policy.Deny)
			write(t, file, text)
			check("edited", policy.Deny)
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(file, old, old); err != nil {
				t.Fatal(err)
			}
			want := policy.Deny
			if name == "another policy alone" { // a whole file without a mistake: the guard was taken out
				want = policy.Admit
			}
			check("left alone", want)
			write(t, file, guard)
			check("mended", policy.Deny)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			check("removed", policy.Admit)
		})
	}
}

// TestRemovedFromFile: a policy that is taken out of a file is in force until
// the file has been left alone, as it may still be being written.
func TestRemovedFromFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "all.yaml")
	write(t, file, openHost+"---\n"+guard)
	l := newLoader(t, dir)
	load(t, l)
	write(t, file, openHost)
	if table, _ := load(t, l); decide(t, table, guarded).Verdict != policy.Deny {
		t.Error("open while the file may still be being written")
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if table, problems := load(t, l); decide(t, table, guarded).Verdict != policy.Admit || problems != "" {
		t.Errorf("still denied: %s", problems)
	}
}

// TestBrokenAtStart: what was never read well is denied as far as it can be made out.
func TestBrokenAtStart(t *testing.T) {
	const mistake = "\n\t- x: [\n"
	for name, text := range map[string]string{
		"plain":                  guard,
		"a comment in the list":  swap("- t.example.com", "- other.example.com # note: this\n  - t.example.com"),
		"a flow list, commented": swap("hosts:\n  - t.example.com", "hosts: [o.example.com, # x: ]\n    t.example.com]"),
		"names in annotations":   swap("metadata:", "metadata:\n  annotations: {name: x, namespace: other}"),
		"no namespace":           swap("namespace: shop", "namespace shop"),
		"a path on its own line": swap("path: /admin", "path:\n      /admin"),
		"a folded path":          swap("path: /admin", "path: >-\n      /admin"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.yaml"), openHost)
			write(t, filepath.Join(dir, "b.yaml"), text+mistake)
			table, problems := load(t, newLoader(t, dir))
			if d := decide(t, table, guarded); d.Verdict != policy.Deny || !strings.Contains(problems, "b.yaml:") {
				t.Errorf("%s\n%s", d.Verdict, problems)
			}
		})
	}
}

// TestBrokenPatterns: a pattern, however it is written, is made out of a text that cannot be
// read as a name is. A star without quotes is one that YAML cannot read.
func TestBrokenPatterns(t *testing.T) {
	for host, name := range map[string]string{"t.example.com": "t.example.com", "*.example.com": "t.example.com", "**.example.com": "a.t.example.com",
		"*.t.example.com": "a.t.example.com", "**.t.example.com": "b.a.t.example.com"} {
		for _, list := range []string{"\n  - \"%s\"", "\n  - '%s'", "\n  - %s", " [\"%s\"]", " ['%s']", " [%s]", " [other.example.com, %s]", "\n  - https://%s/"} {
			for how, mistake := range map[string]string{"unclosed": "\n\t- x: [\n", "as it is": ""} {
				dir := t.TempDir()
				write(t, filepath.Join(dir, "a.yaml"), strings.Replace(openHost, "[t.example.com]", `["*.example.com", "**.example.com"]`, 1))
				write(t, filepath.Join(dir, "b.yaml"), swap("\n  - t.example.com", fmt.Sprintf(list, host))+mistake)
				table, problems := load(t, newLoader(t, dir))
				if d := decide(t, table, "https://"+name+"/admin"); d.Verdict != policy.Deny {
					t.Errorf("hosts:%s, %s: %s by %s\n%s", fmt.Sprintf(list, host), how, d.Reason, d.Source, problems)
				}
			}
		}
	}
}

// TestBrokenFileGivesNothingAway: whoever's host it is, however old, reserved or not: that
// a file cannot be read, while serving or from the start, changes no answer but to a refusal.
func TestBrokenFileGivesNothingAway(t *testing.T) {
	object := func(namespace, name, date, action string) string {
		if date != "" {
			date = ", creationTimestamp: \"" + date + "\""
		}
		return fmt.Sprintf("apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: %s, namespace: %s%s}\n"+
			"spec:\n  hosts: [a.example.com]\n  rules: [{action: %s, include: [{everyone: {}}]}]\n", name, namespace, date, action)
	}
	breaks := map[string]func(string) string{
		"unclosed":      func(s string) string { return strings.Replace(s, "[a.example.com]", "[a.example.com", 1) },
		"a tab":         func(s string) string { return s + "\n\t- x: [\n" },
		"cut":           func(s string) string { return s[:strings.Index(s, "rules")+9] },
		"kind":          func(s string) string { return strings.Replace(s, "kind: Access", "kind: Acess", 1) },
		"no name":       func(s string) string { return strings.Replace(s, "{name:", "{nam:", 1) + "\n- x\n" },
		"paths unclear": func(s string) string { return strings.Replace(s, "  rules", "  paths: [{pat /x}\n  rules", 1) },
		"joined": func(s string) string {
			return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n--\n" + s
		},
	}
	denied, admitted := 0, 0
	for _, rival := range []string{"evil", "shop"} {
		for _, dates := range [][2]string{{"", ""}, {"", "2001-01-01T00:00:00Z"}, {"2001-01-01T00:00:00Z", ""}, {"2002-01-01T00:00:00Z", "2001-01-01T00:00:00Z"},
			{"2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z"}} {
			for _, terms := range []policy.Terms{{}, {Reservations: []policy.Grant{{Host: "a.example.com", Namespace: "shop"}}},
				{Grants: []policy.Grant{{Host: "a.example.com", Namespace: "shop"}}, GrantedOnly: true}} {
				for how, spoil := range breaks {
					dir := t.TempDir()
					owner := object("shop", "a", dates[0], "Allow")
					write(t, filepath.Join(dir, "a.yaml"), owner)
					write(t, filepath.Join(dir, "b.yaml"), object(rival, "evil", dates[1], "Bypass"))
					serving := newLoader(t, dir)
					serving.Terms = terms
					table, _ := load(t, serving)
					was := decide(t, table, "https://a.example.com/")
					write(t, filepath.Join(dir, "a.yaml"), spoil(owner))
					restarted := newLoader(t, dir)
					restarted.Terms = terms
					for when, l := range map[string]*manifests.Loader{"serving": serving, "restarted": restarted} {
						table, problems := load(t, l)
						is := decide(t, table, "https://a.example.com/")
						if is.Verdict == policy.Admit && was.Verdict != policy.Admit {
							t.Errorf("%s, rival in %s, dates %q, %+v, %s: %s became %s by %s\n%s", how, rival, dates, terms, when, was.Reason, is.Reason, is.Source, problems)
						}
						if problems == "" {
							t.Errorf("%s, %s: nothing is reported", how, when)
						}
						if is.Verdict == policy.Admit {
							admitted++
						} else {
							denied++
						}
					}
				}
			}
		}
	}
	if denied == 0 || admitted == 0 { // a younger policy of the same namespace that won is not in the way of itself
		t.Errorf("%d denied, %d admitted: the test is blind", denied, admitted)
	}
}
