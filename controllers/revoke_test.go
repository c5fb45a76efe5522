// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/revocation"
	"github.com/ostiary/ostiary/controllers/translate"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// A revoked is what `revoke -o json` prints.
type revoked struct {
	Version                                       int
	Name, User, IdentityProvider, Before, Message string
	Client, Policy                                string
	DryRun, Existed, Enforced                     bool
}

// revoke runs the command as the administrator.
func revokeCommand(t *testing.T, args ...string) (code int, r revoked, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := server.Kubeconfig(path, "admin", "system:masters"); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	line := append([]string{"revoke", "--kubeconfig", path}, args...)
	code = command.Execute(t.Context(), command.Root("ostiary", "x", "", revocation.Command()), line, &out, &errs)
	_ = json.Unmarshal([]byte(out.String()), &r) // or it is text
	return code, r, out.String(), errs.String()
}

// TestRevoke: when the command ends, the sessions are void; to run it again changes nothing.
func TestRevoke(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Protect(ns, "app", v1alpha1.ActionAllow, "app.example.com"))
	const app, ann = "https://app.example.com/", "ann@example.com"
	r := run(t, ns)
	r.decides(app, policy.NoSession)
	if d := r.as(ann, app, time.Now()); d.Verdict != policy.Admit {
		t.Fatal(d.Reason)
	}
	code, first, stdout, stderr := revokeCommand(t, ann, "-o", "json")
	if code != 0 || !first.Enforced || first.Existed || first.Version != 1 || !strings.HasPrefix(first.Message, "Active since table ") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if d := r.as(ann, app, time.Now().Add(-time.Second)); d.Reason != policy.SessionRevoked {
		t.Errorf("afterwards: %s", d.Reason)
	}
	if d := r.as("bob@example.com", app, time.Now().Add(-time.Second)); d.Verdict != policy.Admit {
		t.Errorf("bob: %s", d.Reason)
	}
	var was, is v1alpha1.SessionRevocation
	get := func(o *v1alpha1.SessionRevocation) {
		t.Helper()
		if err := c.Get(t.Context(), client.ObjectKey{Name: first.Name}, o); err != nil {
			t.Fatal(err)
		}
	}
	get(&was)
	for _, before := range []string{first.Before, "2026-01-01T00:00:00Z"} {
		code, again, stdout, stderr := revokeCommand(t, ann, "--before", before, "-o", "json")
		if code != 0 || !again.Existed || !again.Enforced {
			t.Errorf("%s: exit code %d\n%s%s", before, code, stdout, stderr)
		}
		if get(&is); is.ResourceVersion != was.ResourceVersion {
			t.Errorf("%s: it was written again: %+v", before, is)
		}
	}
	code, later, stdout, stderr := revokeCommand(t, ann, "--before", "2099-01-01T00:00:00Z", "-o", "json")
	if get(&is); code != 0 || later.Existed || !later.Enforced || is.Generation != 2 || is.Status.ObservedGeneration != 2 {
		t.Errorf("exit code %d, %+v\n%s%s", code, is, stdout, stderr)
	}
	if d := r.as(ann, app, time.Now().Add(time.Minute)); d.Reason != policy.SessionRevoked {
		t.Errorf("afterwards: %s", d.Reason)
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionAccepted, v1alpha1.ConditionProgrammed} {
		if !meta.IsStatusConditionTrue(is.Status.Conditions, kind) {
			t.Errorf("%s: %+v", kind, is.Status.Conditions)
		}
	}
	code, _, stdout, _ = revokeCommand(t, ann, "--before", "2099-01-01T00:00:00Z")
	want := "Sessions of ann@example.com from before 2099-01-01T00:00:00Z are void.\n  SessionRevocation " + first.Name +
		": it was there already; Active since table "
	if code != 0 || !strings.HasPrefix(stdout, want) {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

// TestRevokeIsCheckedByTheServer, and what it refuses is not written.
func TestRevokeIsCheckedByTheServer(t *testing.T) {
	c := emptied(t)
	nobody := fixture.Kubeconfig(t, c, server.Config(t), namespace(t, c), "nobody")
	for _, tc := range []struct {
		args         []string
		code         int
		stdout, want string // parts
	}{
		{nil, 2, "", "name one user, as in: ostiary revoke"},
		{[]string{"a", "b"}, 2, "", "name one user"},
		{[]string{"", "--client", "cli"}, 2, "", "the user is empty"},
		{[]string{"a", "b", "--client", "cli"}, 2, "", "name one user"},
		{[]string{"a", "--client", "two words"}, 2, "", "--client"},
		{[]string{"a", "--policy", "shop/app"}, 2, "", "--policy is for --client"},
		{[]string{"a", "--client", "cli", "--policy", "app"}, 2, "", "write NAMESPACE/NAME"},
		{[]string{"--client", "cli", "--dry-run"}, 0, "Consents to cli of everybody from before ", ""},
		{[]string{"ann", "--client", "cli", "--policy", "shop/app", "--dry-run"}, 0, "Consents to cli at shop/app of ann from before ", ""},
		{[]string{"a", "-o", "yaml"}, 2, "", `--output "yaml"`},
		{[]string{"a", "--before", "yesterday"}, 2, "", `--before "yesterday": write a time in RFC 3339 notation`},
		{[]string{"a", "--timeout", "-1s"}, 2, "", "--timeout -1s"},
		{[]string{"a", "--keys", "x", "--dry-run"}, 2, "", "--dry-run asks the API server"},
		{[]string{" a"}, 2, "", "write an email address or a user's ID"},
		{[]string{" a", "--dry-run"}, 2, "", "write an email address or a user's ID"},
		{[]string{"a", "--identity-provider", "gone"}, 2, "", `there is no IdentityProvider "gone"`},
		{[]string{"a", "--kubeconfig", nobody}, 2, "", "forbidden"},
		{[]string{"ann", "--dry-run"}, 0, "Sessions of ann from before ", ""},
		{[]string{"ann", "--dry-run"}, 0, " would be void.\n", ""},
	} {
		code, _, stdout, stderr := revokeCommand(t, tc.args...)
		if code != tc.code || !strings.Contains(stdout, tc.stdout) || !strings.Contains(stderr, tc.want) {
			t.Errorf("%q: exit code %d\n%s%s", tc.args, code, stdout, stderr)
		}
	}
	var list v1alpha1.SessionRevocationList
	if err := c.List(t.Context(), &list); err != nil || len(list.Items) > 0 {
		t.Errorf("%v, %+v", err, list.Items)
	}
}

// TestRevokeWithoutOstiary: it is written, and that nobody heeds it is said.
func TestRevokeWithoutOstiary(t *testing.T) {
	c := emptied(t)
	code, r, _, stderr := revokeCommand(t, "ann", "--timeout", "300ms", "-o", "json")
	if code != 1 || r.Enforced || !strings.Contains(r.Message, "nobody said yet that it is in force") {
		t.Errorf("exit code %d, %+v\n%s", code, r, stderr)
	}
	code, r, _, stderr = revokeCommand(t, "ann", "--timeout", "0", "-o", "json")
	if code != 0 || r.Enforced || !strings.Contains(r.Message, "as soon as it hears of it") {
		t.Errorf("exit code %d, %+v\n%s", code, r, stderr)
	}
	if err := c.Get(t.Context(), client.ObjectKey{Name: r.Name}, &v1alpha1.SessionRevocation{}); err != nil {
		t.Error(err)
	}
	code, r, _, stderr = revokeCommand(t, "--client", "cli", "--policy", "shop/app", "--timeout", "0", "-o", "json")
	var of v1alpha1.SessionRevocation
	if err := c.Get(t.Context(), client.ObjectKey{Name: r.Name}, &of); code != 0 || err != nil || of.Spec.User != "" ||
		of.Spec.Client != "cli" || of.Spec.Policy != "shop/app" || string(of.Spec.Before) != r.Before || r.Client != "cli" {
		t.Errorf("exit code %d, %v, %+v, %+v\n%s", code, err, r, of.Spec, stderr)
	}
	keys := t.TempDir()
	code, r, _, stderr = revokeCommand(t, "eve", "--keys", keys, "--identity-provider", "corp", "--before", "2026-01-01T00:00:00Z",
		"-o", "json")
	text, err := os.ReadFile(filepath.Join(keys, "revocations", r.Name+".yaml"))
	if code != 0 || err != nil || !strings.Contains(string(text), "user: eve\n") ||
		!strings.Contains(string(text), "identityProvider: corp\n") {
		t.Errorf("exit code %d, %v, %s\n%s", code, err, text, stderr)
	}
}

// TestStatusesOfRevocations: whoever writes one is told, also by the replica that leads next;
// one that was made anew under the same name is another one.
func TestStatusesOfRevocations(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	programmed := func(name string) {
		t.Helper()
		fixture.Eventually(t, name+" is in force", func() error {
			var o v1alpha1.SessionRevocation
			if err := c.Get(t.Context(), client.ObjectKey{Name: name}, &o); err != nil {
				return err
			}
			if !revocation.IsEnforced(&o) || !meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady) {
				return fmt.Errorf("%+v", o.Status)
			}
			return nil
		})
	}
	fixture.Create(t, c, revokes("early", "ann", time.Now()))
	first := run(t, ns)
	programmed("early")
	fixture.Create(t, c, revokes("late", "bob", time.Now()),
		translate.SignedOut(policy.Revocation{Provider: "corp", User: "carl", Before: time.Now()}))
	programmed("late")
	programmed(translate.SignedOut(policy.Revocation{Provider: "corp", User: "carl", Before: time.Now()}).Name)
	fixture.Remove(t, c, revokes("late", "bob", time.Now()))
	fixture.Create(t, c, revokes("late", "dora", time.Now()))
	programmed("late")
	first.end()
	fixture.Create(t, c, revokes("later", "eve", time.Now()))
	time.Sleep(100 * time.Millisecond)
	var o v1alpha1.SessionRevocation
	if err := c.Get(t.Context(), client.ObjectKey{Name: "later"}, &o); err != nil || revocation.IsEnforced(&o) {
		t.Errorf("nobody heeds it: %v, %+v", err, o.Status)
	}
	var w writes
	run(t, ns, w.count)
	programmed("later")
	time.Sleep(300 * time.Millisecond)
	if n := w.statuses.Load(); n != 1 {
		t.Errorf("%d statuses were written, want 1", n)
	}
}
