// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/check"
	"github.com/ostiary/ostiary/controllers/manifests"
)

const (
	provider = `apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec:
  oidc:
    issuer: https://sso.example.com
    clientID: ostiary
    clientSecretRef: {name: corp-client}
`
	providerSecret = `apiVersion: v1
kind: Secret
metadata: {name: corp-client}
stringData:
  clientSecret: hunter2
`
	revoked = `apiVersion: access.ostiary.dev/v1alpha1
kind: SessionRevocation
metadata: {name: ann}
spec:
  user: ann@example.com
  before: "2026-01-31T12:00:00Z"
`
)

func join(documents ...string) string { return strings.Join(documents, "---\n") }

// old makes a file one that nobody is writing.
func old(t *testing.T, path, text string) {
	t.Helper()
	write(t, path, text)
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
}

// inForce words what a set says of providers and revocations.
func inForce(s *manifests.Set) string {
	var out []string
	for _, p := range s.Providers {
		out = append(out, fmt.Sprintf("%s %s %s%s", p.Name, p.Issuer, p.ClientSecret, p.Users))
	}
	for _, r := range s.Revocations {
		out = append(out, fmt.Sprintf("%s before %d", r.User, r.Before.Year()))
	}
	return strings.Join(out, "; ")
}

// TestEntries: what is in force after one content of a file, and then another.
func TestEntries(t *testing.T) {
	const good = "corp https://sso.example.com hunter2; ann@example.com before 2026"
	all := join(provider, providerSecret, revoked)
	without := func(text, old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	for name, c := range map[string]struct {
		then string
		want string
		says []string
	}{
		"as it was":                {all, good, nil},
		"another secret":           {without(all, "hunter2", "hunter3"), "corp https://sso.example.com hunter3; ann@example.com before 2026", nil},
		"in base64":                {without(all, "stringData:\n  clientSecret: hunter2", "data:\n  clientSecret: aHVudGVyMg=="), good, nil},
		"provider removed":         {join(providerSecret, revoked), "ann@example.com before 2026", nil},
		"revocation removed":       {join(provider, providerSecret), "corp https://sso.example.com hunter2", nil},
		"issuer wrong":             {without(all, "https://sso", "http://sso"), good, []string{"a.yaml:6: IdentityProvider corp spec.oidc.issuer", "an issuer is https"}},
		"field unknown":            {without(all, "clientID: ostiary", "clientID: ostiary\n    clientId: a"), good, []string{"a.yaml:8", "unknown field"}},
		"type wrong":               {without(all, "clientID: ostiary", "clientID: [a]"), good, []string{"a.yaml:7", "spec.oidc.clientID"}},
		"provider not YAML":        {without(all, "clientID: ostiary", "clientID: 'ostiary"), good, []string{"not YAML", "stays active"}},
		"provider renamed, broken": {without(without(all, "name: corp}", "name: corp2}"), "https://sso", "http://sso"), good, []string{"stays active"}},
		"key removed":              {without(all, "clientSecret: hunter2", "clientSecrets: hunter2"), good, []string{"nothing under the key", "a.yaml:8"}},
		"Secret not YAML":          {without(all, "clientSecret: hunter2", "clientSecret: *hunter2"), good, []string{"not quoted", "stays active"}},
		"Secret not base64":        {without(all, "stringData:", "data:"), good, []string{"base64"}},
		"Secret removed":           {join(provider, revoked), good, []string{"warning", "corp-client", "clientSecret"}},
		"time wrong":               {without(all, "2026-01-31T12:00:00Z", "yesterday"), good, []string{"SessionRevocation ann spec.before", "a.yaml:21"}},
		"time of another type":     {without(all, `"2026-01-31T12:00:00Z"`, "[]"), good, []string{"spec.before"}},
		"revocation not YAML":      {without(all, "user: ann@example.com", "user: 'ann@example.com"), good, []string{"not YAML", "stays active"}},
		"another user, not YAML":   {without(all, "user: ann@example.com", "user: 'bob@example.com"), good + "; bob@example.com before 9999", []string{"not YAML"}},
		"kind misspelt":            {without(all, "kind: SessionRevocation", "kind: SessionRevocatoin"), good, []string{"SessionRevocatoin", "stays active"}},
		"namespaced":               {without(all, "metadata: {name: ann}", "metadata: {name: ann, namespace: shop}"), good, []string{"whole cluster"}},
		"twice":                    {join(all, strings.Replace(provider, "sso.", "other.", 1)), good, []string{"already"}},
		"revoked twice":            {join(all, strings.Replace(revoked, "ann@", "bob@", 1)), good + "; bob@example.com before 2026", []string{"already"}},
		"empty":                    {"", good, []string{"the file is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.yaml")
			old(t, file, all)
			l := newLoader(t, filepath.Dir(file))
			if got := inForce(l.Load()); got != good {
				t.Fatalf("at first: %s", got)
			}
			for range 2 { // it stays so
				old(t, file, c.then)
				set := l.Load()
				_, problems := set.Build()
				if got := inForce(set); got != c.want {
					t.Errorf("in force: %s\nwant:     %s\n%v", got, c.want, problems)
				}
				said := fmt.Sprint(problems)
				for _, w := range c.says {
					if !strings.Contains(said, w) {
						t.Errorf("%q is not said: %v", w, problems)
					}
				}
				if len(c.says) == 0 && len(problems) > 0 || strings.Contains(said, "hunter") {
					t.Errorf("said: %v", problems)
				}
			}
			old(t, file, all)
			if set := l.Load(); inForce(set) != good {
				t.Errorf("mended: %s", inForce(set))
			}
		})
	}
}

// TestEntriesFromTheStart: without anything that was good before.
func TestEntriesFromTheStart(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no Secret":           {provider, ""},
		"time wrong":          {strings.Replace(revoked, "2026-01-31T12:00:00Z", "yesterday", 1), "ann@example.com before 9999"},
		"type wrong":          {strings.Replace(revoked, `"2026-01-31T12:00:00Z"`, "{}", 1), "ann@example.com before 9999"},
		"not YAML":            {revoked + "\t x: '", "ann@example.com before 9999"},
		"field unknown":       {revoked + "  reason: left\n", "ann@example.com before 2026"},
		"nobody":              {strings.Replace(revoked, "ann@example.com", "", 1), ""},
		"a foreign kind":      {"apiVersion: config.example.com/v1\nkind: IdentityProvider\nmetadata: {name: a}\nspec: {type: OpenID}\n", ""},
		"an unrelated Secret": {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {x: '%%%'}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.yaml")
			old(t, file, c.text)
			if got := inForce(newLoader(t, file).Load()); got != c.want {
				t.Errorf("in force: %s", got)
			}
		})
	}
}

// TestEntriesOfAFileThatIsGone: they are, too, unless it may come back.
func TestEntriesOfAFileThatIsGone(t *testing.T) {
	dir := t.TempDir()
	old(t, filepath.Join(dir, "a.yaml"), join(provider, providerSecret))
	old(t, filepath.Join(dir, "b.yaml"), revoked)
	l := newLoader(t, dir)
	l.Load()
	if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if got := inForce(l.Load()); got != "corp https://sso.example.com hunter2" {
		t.Errorf("a file is gone: %s", got)
	}
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if got := inForce(l.Load()); got != "corp https://sso.example.com hunter2" {
		t.Errorf("the folder is gone: %s", got)
	}
}

// TestJustWritten: what is missing from a file that is being written is in force.
func TestJustWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	old(t, file, join(provider, providerSecret, revoked))
	l := newLoader(t, file)
	l.Load()
	write(t, file, provider)
	if got := inForce(l.Load()); !strings.HasSuffix(got, "before 2026") {
		t.Errorf("in force: %s", got)
	}
}

func TestUnknownProviderIsAWarning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	write(t, file, strings.Replace(valid, "spec:\n", "spec:\n  identityProviders: [corp, other]\n", 1))
	_, problems, err := manifests.Read([]string{file})
	if err != nil || len(problems) != 2 || !problems[0].Warning || problems[0].Line == 0 || !strings.Contains(problems[1].String(), "spec.identityProviders[1]: no file") {
		t.Errorf("%v, %v", problems, err)
	}
	more := filepath.Join(filepath.Dir(file), "b.yaml")
	write(t, more, join(provider, providerSecret))
	if _, problems, _ = manifests.Read([]string{file, more}); len(problems) != 1 {
		t.Errorf("%v", problems)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name+".yaml")
		write(t, path, text)
		return path
	}
	for _, c := range []struct {
		path  string
		valid bool
		says  string
	}{
		{file("policy", valid), true, "1 policy, all valid"},
		{file("provider", join(provider, providerSecret)), true, "all else is valid"},
		{file("broken", strings.Replace(provider, "https", "http", 1)), false, "broken.yaml:6"},
		{file("nothing", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"), false, "no AccessPolicy found"},
		{filepath.Join("..", "..", "config", "samples", "signin"), true, "all else is valid"},
	} {
		var out strings.Builder
		ok, err := check.Run(&out, "text", policy.Terms{}, nil, []string{c.path})
		if err != nil || ok != c.valid || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %v, %v: %s", c.path, ok, err, out.String())
		}
	}
	if _, err := check.Run(&strings.Builder{}, "text", policy.Terms{}, nil, []string{filepath.Join(dir, "missing")}); err == nil {
		t.Error("a path that is not there")
	}
}

// TestFollowEntries: providers are put in use when they change, and revocations
// are in force.
func TestFollowEntries(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, join(valid, provider, providerSecret))
	var mu sync.Mutex
	var published []string
	var live policy.Live
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- newLoader(t, dir).Follow(ctx, manifests.Sink{Live: &live, Providers: func(all []config.Provider) {
			mu.Lock()
			defer mu.Unlock()
			secrets := []string{}
			for _, p := range all {
				secrets = append(secrets, p.ClientSecret)
			}
			published = append(published, strings.Join(secrets, " "))
		}}, slog.New(slog.DiscardHandler))
	}()
	until := func(what string, f func() bool) {
		t.Helper()
		for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			mu.Lock()
			ok := f()
			mu.Unlock()
			if ok {
				return
			}
			if time.Since(start) > 30*time.Second {
				t.Fatalf("not in time: %s: %q", what, published)
			}
		}
	}
	ann := &policy.Subject{Email: "Ann@example.com", SignedInAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	until("the first", func() bool { return slices.Equal(published, []string{"hunter2"}) && live.Table() != nil })
	if live.Table().Revoked(ann) {
		t.Error("nobody is revoked yet")
	}
	write(t, filepath.Join(dir, "b.yaml"), revoked)
	start := time.Now()
	until("the revocation", func() bool { return live.Table().Revoked(ann) })
	t.Logf("a revocation in a file is in force after %v", time.Since(start))
	write(t, file, join(valid, provider, strings.Replace(providerSecret, "hunter2", "hunter3", 1)))
	until("the new secret", func() bool { return slices.Equal(published, []string{"hunter2", "hunter3"}) })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
