// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A policy that names no host, the Ingress that names the policy, and a wildcard's
// policy that opens whatever they do not hold.
const (
	hostless = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  rules: [{action: Block, include: [{everyone: {}}]}]
`
	named = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations:
    access.ostiary.dev/policy: app
spec:
  ingressClassName: nginx
  rules:
  - host: App.example.com
    http:
      paths:
      - path: /admin
        pathType: Prefix
        backend: {service: {name: app, port: {number: 80}}}
`
	wide = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: wide, namespace: shop}
spec:
  hosts: ["*.example.com"]
  rules: [{action: Bypass, include: [{everyone: {}}]}]
`
	admin = "https://app.example.com/admin/x"
)

func renamed(from, to string) string { return strings.Replace(named, from, to, 1) }

// TestIngresses: in whatever file and order they stand.
func TestIngresses(t *testing.T) {
	for name, files := range map[string][]string{
		"one file":       {join(hostless, named, wide)},
		"other way":      {join(wide, named, hostless)},
		"three files":    {hostless, named, wide},
		"Ingress first":  {named, hostless, wide},
		"JSON":           {`{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"web","namespace":"shop","annotations":{"access.ostiary.dev/policy":"app"}},"spec":{"rules":[{"host":"app.example.com","http":{"paths":[{"path":"/admin","pathType":"Prefix","backend":{"service":{"name":"app","port":{"number":80}}}}]}}]}}`, hostless, wide},
		"by an anchor":   {renamed("  annotations:\n    access.ostiary.dev/policy: app", "  annotations: &a\n    access.ostiary.dev/policy: app\n  labels: *a"), hostless, wide},
		"foreign beside": {named, hostless, wide, strings.NewReplacer("    access.ostiary.dev/policy: app", "    a: b", "name: web", "name: other", "rules", "rulez").Replace(named)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, text := range files {
				write(t, filepath.Join(dir, string(rune('a'+i))+".yaml"), text)
			}
			table, problems := load(t, newLoader(t, dir))
			if problems != "" {
				t.Errorf("problems: %s", problems)
			}
			if d := decide(t, table, admin); d.Reason != policy.Blocked || d.Source.Name != "app" {
				t.Errorf("%s by %s", d.Reason, d.Source)
			}
			if d := decide(t, table, "https://app.example.com/"); d.Reason != policy.NoPolicy {
				t.Errorf("the rest of the host: %s by %s", d.Reason, d.Source)
			}
		})
	}
}

// TestIngressProblems: each with its line.
func TestIngressProblems(t *testing.T) {
	fixed := strings.Replace(hostless, "spec:\n", "spec:\n  hosts: [fixed.example.com]\n", 1)
	for name, tc := range map[string]struct {
		policy, ingress string
		want            string // of the problem; "warning: " at its beginning means one
	}{
		"no policy":         {"", named, "b.yaml:7: warning: Ingress shop/web metadata.annotations: no file that is read here holds the AccessPolicy shop/app"},
		"other namespace":   {strings.Replace(hostless, "shop", "evil", 1), named, "no file that is read here holds the AccessPolicy shop/app"},
		"no Ingress":        {hostless, "", "a.yaml:5: warning: shop/app spec.hosts: names no host, and no Ingress names it"},
		"another host":      {fixed, named, "b.yaml:11: warning: Ingress shop/web spec.rules: the AccessPolicy shop/app names its hosts, and app.example.com is none of them"},
		"no name":           {hostless, renamed("policy: app", "policy: ''"), `b.yaml:7: Ingress shop/web metadata.annotations: access.ostiary.dev/policy: "" is not the name`},
		"odd name":          {hostless, renamed("policy: app", "policy: shop/app"), `"shop/app" is not the name of an AccessPolicy of this namespace`},
		"mistyped":          {hostless, renamed("dev/policy: app", "dev/polcy: app"), `b.yaml:7: shop/web: annotation "access.ostiary.dev/polcy" is unknown; to name the policy write access.ostiary.dev/policy`},
		"unknown field":     {hostless, renamed("ingressClassName", "ingressClasName"), `b.yaml:9: Ingress shop/web spec.ingressClasName: unknown field`},
		"no pathType":       {hostless, renamed("        pathType: Prefix\n", ""), "b.yaml:14: Ingress shop/web spec.rules[0].http.paths[0]: a path needs its pathType"},
		"no slash":          {hostless, renamed("/admin", "admin"), `b.yaml:14: Ingress shop/web spec.rules[0].http.paths[0].path: "admin": a path begins with "/"`},
		"old version":       {hostless, renamed("networking.k8s.io/v1", "extensions/v1beta1"), `b.yaml:1: shop/web: apiVersion is "extensions/v1beta1"; write networking.k8s.io/v1`},
		"wrong type":        {hostless, renamed("host: App.example.com", "host: [App.example.com]"), "b.yaml:11: shop/web: spec.rules.host this is of type array"},
		"a regex":           {hostless, renamed("/admin", "/admin(/.*)?"), `b.yaml:14: warning: Ingress shop/web spec.rules[0].http.paths[0].path: "/admin(/.*)?" is a regular expression`},
		"a regex, own":      {strings.Replace(hostless, "spec:", "spec:\n  paths: [{path: /admin}]", 1), renamed("/admin", "/admin(/.*)?"), ""},
		"two of one name":   {hostless, join(named, named), "b.yaml:18: Ingress shop/web: another Ingress of this name stands in"},
		"a List":            {hostless, "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(named), "\n", "\n  ") + "\n", ""},
		"a foreign List":    {hostless, "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(renamed("access.ostiary.dev/policy", "a")), "\n", "\n  ") + "\n", "warning: shop/app spec.hosts: names no host"},
		"a foreign mistake": {hostless, strings.Replace(renamed("access.ostiary.dev/policy", "a"), "rules:", "rules: x\n  rulez:", 1), "warning: shop/app spec.hosts: names no host"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.yaml"), tc.policy)
			write(t, filepath.Join(dir, "b.yaml"), tc.ingress)
			_, problems := load(t, newLoader(t, dir))
			if !strings.Contains(problems, tc.want) || tc.want == "" && problems != "" {
				t.Errorf("problems:\n%s\nwant %s", problems, tc.want)
			}
		})
	}
}

// TestIngressBindings: what is pinned to an Ingress is judged by the policy that it
// names, or not at all.
func TestIngressBindings(t *testing.T) {
	open := strings.NewReplacer("name: wide", "name: open", "*.example.com", "open.example.com").Replace(wide)
	other := strings.NewReplacer("name: web", "name: other", "policy: app", "policy: open", "App.", "open.").Replace(named)
	twice := strings.Replace(other, "policy: open", "policy: app", 1)
	for name, tc := range map[string]struct {
		files, ingress, url string
		want                policy.Reason
	}{
		"its policy":   {join(hostless, named, open, other), "shop/web", admin, policy.Blocked},
		"explicit":     {join(hostless, named, open, other), "shop/other", "https://open.example.com/", policy.Bypassed},
		"another's":    {join(hostless, named, open, other), "shop/web", "https://open.example.com/", policy.NoPolicy},
		"unknown":      {join(hostless, named, open, other), "shop/nobody", "https://open.example.com/", policy.NoPolicy},
		"elsewhere":    {join(hostless, named, open, other), "default/other", "https://open.example.com/", policy.NoPolicy},
		"two policies": {join(hostless, open, other, twice), "shop/other", "https://open.example.com/", policy.NoPolicy},
		"mistakes":     {join(hostless, open, strings.Replace(other, "rules:", "rulez:", 1)), "shop/other", "https://open.example.com/", policy.Bypassed},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.yaml")
			write(t, file, tc.files)
			table, problems := load(t, newLoader(t, file))
			target, err := policy.ParseTarget(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			d := table.Decide(policy.Request{Target: target, Ingress: tc.ingress, Method: "GET", Now: time.Unix(1e9, 0)})
			if d.Reason != tc.want {
				t.Errorf("%s by %s, want %s\n%s", d.Reason, d.Source, tc.want, problems)
			}
		})
	}
}

// breaks are edits of the Ingress that leave a mistake.
var breaks = map[string]string{
	"not YAML":      renamed("spec:", "spec:\n\t- x"),
	"cut short":     renamed("        pathType: Prefix\n        backend: {service: {name: app, port: {number: 80}}}\n", "        pathT"),
	"wrong type":    renamed("ingressClassName: nginx", "ingressClassName: [nginx]"),
	"unknown field": renamed("  ingressClassName: nginx", "  x: y"),
	"host mistyped": renamed("host:", "hots:"),
	"old version":   renamed("networking.k8s.io/v1", "networking.k8s.io/v1beta1"),
	"opt-in":        renamed("dev/policy", "dev/Policy"),
	"a List":        "apiVersion: v1\nkind: List\nitem:\n- " + strings.ReplaceAll(strings.TrimSpace(named), "\n", "\n  ") + "\n",
	"NUL":           renamed("nginx", "ngi\x00nx"),
	"empty":         "",
}

// TestIngressEditsOpenNothing: what an Ingress had guarded stays so until the file
// is mended, or the Ingress is taken out of it.
func TestIngressEditsOpenNothing(t *testing.T) {
	for name, text := range breaks {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "b.yaml")
			write(t, filepath.Join(dir, "a.yaml"), join(hostless, wide))
			old(t, file, named)
			l := newLoader(t, dir)
			check := func(when string, want policy.Verdict) {
				t.Helper()
				table, problems := load(t, l)
				if d := decide(t, table, admin); d.Verdict != want {
					t.Errorf("%s: %s by %s, want %s\n%s", when, d.Reason, d.Source, want, problems)
				}
				if d := decide(t, table, "https://other.example.com/"); d.Verdict != policy.Admit {
					t.Errorf("%s: another host: %s by %s", when, d.Reason, d.Source)
				}
			}
			check("at first", policy.Deny)
			old(t, file, text)
			check("edited", policy.Deny)
			check("and again", policy.Deny)
			old(t, file, named)
			check("mended", policy.Deny)
			old(t, file, "a: b\nkind: ConfigMap\n")
			check("taken out", policy.Admit)
			old(t, file, named)
			check("put back", policy.Deny)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			check("removed", policy.Admit)
		})
	}
}

// TestIngressBrokenAtStart: nobody knows what it led where, but which hosts.
func TestIngressBrokenAtStart(t *testing.T) {
	for name, text := range breaks {
		if name == "empty" || name == "a List" || name == "host mistyped" {
			continue // no host can be made out
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.yaml"), join(hostless, wide))
			write(t, filepath.Join(dir, "b.yaml"), text)
			table, problems := load(t, newLoader(t, dir))
			if d := decide(t, table, admin); d.Verdict != policy.Deny {
				t.Errorf("%s by %s\n%s", d.Reason, d.Source, problems)
			}
		})
	}
}

// TestBrokenIngressTakesNothing: a policy that names its hosts is in force whatever
// the Ingress says.
func TestBrokenIngressTakesNothing(t *testing.T) {
	for name, text := range breaks {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.yaml"), strings.Replace(wide, "*.example.com", "app.example.com", 1))
			write(t, filepath.Join(dir, "b.yaml"), text)
			table, problems := load(t, newLoader(t, dir))
			if d := decide(t, table, admin); d.Verdict != policy.Admit {
				t.Errorf("%s by %s\n%s", d.Reason, d.Source, problems)
			}
		})
	}
}

// TestBrokenPolicyOfAnIngress: a policy without hosts that cannot be read denies
// what its Ingress leads to it.
func TestBrokenPolicyOfAnIngress(t *testing.T) {
	for name, broken := range map[string]string{
		"not YAML":      strings.Replace(hostless, "spec:", "spec:\n\t- x", 1),
		"wrong type":    strings.Replace(hostless, "rules: [{action: Block, include: [{everyone: {}}]}]", "rules: x", 1),
		"unknown field": strings.Replace(hostless, "rules:", "rulez:", 1),
	} {
		for when, first := range map[string]string{"at first": broken, "edited": hostless} {
			t.Run(name+", "+when, func(t *testing.T) {
				dir := t.TempDir()
				file := filepath.Join(dir, "a.yaml")
				old(t, file, first)
				write(t, filepath.Join(dir, "b.yaml"), join(named, wide))
				l := newLoader(t, dir)
				load(t, l)
				old(t, file, broken)
				table, problems := load(t, l)
				if d := decide(t, table, admin); d.Reason != policy.InvalidPolicy {
					t.Errorf("%s by %s\n%s", d.Reason, d.Source, problems)
				}
			})
		}
	}
}

// TestIngressJustWritten: one that is missing from a file that may still be being
// written leads on until it has been left alone.
func TestIngressJustWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	old(t, file, join(hostless, wide, named))
	l := newLoader(t, dir)
	load(t, l)
	write(t, file, join(hostless, wide))
	table, problems := load(t, l)
	if d := decide(t, table, admin); d.Reason != policy.Blocked || !strings.Contains(problems, "Ingress shop/web: it is missing from a file") {
		t.Errorf("%s by %s\n%s", d.Reason, d.Source, problems)
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, past, past); err != nil {
		t.Fatal(err)
	}
	table, problems = load(t, l)
	if d := decide(t, table, admin); d.Verdict != policy.Admit || !strings.Contains(problems, "protects nothing yet") {
		t.Errorf("left alone: %s by %s\n%s", d.Reason, d.Source, problems)
	}
}
