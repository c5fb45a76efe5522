// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// registers is an OAuthClient of the client_id ide.
func registers(name string, namespaces ...string) *v1alpha1.OAuthClient {
	o := &v1alpha1.OAuthClient{ObjectMeta: fixture.Named("", name)}
	o.Spec.ClientID, o.Spec.RedirectURIs = "ide", []v1alpha1.RedirectURI{v1alpha1.RedirectURI("https://" + name + ".example.com/cb")}
	for _, n := range namespaces {
		o.Spec.Namespaces = append(o.Spec.Namespaces, v1alpha1.NamespaceOrAll(n))
	}
	return o
}

// answersGo is where answers of the client ide go at the application on mcp.example.com; "-":
// it is nobody's, "!": it cannot be used.
func answersGo(table *policy.Table) string {
	target, _ := policy.NewTarget("mcp.example.com", "/")
	agency, _ := table.Agency(target)
	switch c, ok := agency.Client("ide"); {
	case !ok:
		return "-"
	case c.Unusable:
		return "!"
	case c.Operators:
		return "operators " + c.RedirectURIs[0]
	default:
		return c.RedirectURIs[0]
	}
}

// TestOAuthClients: who answers for a client, the objects of a cluster say at once, their
// statuses tell of it, and files of the same objects say the same: one for all policies, or for those
// of the namespaces that it names, and nobody where two are. (THREATS I18)
func TestOAuthClients(t *testing.T) {
	c := emptied(t)
	ops, shop, lab := namespace(t, c), namespace(t, c), namespace(t, c)
	mcp := &v1alpha1.AccessPolicy{ObjectMeta: fixture.Named(shop, "mcp"), Spec: v1alpha1.AccessPolicySpec{
		Hosts: []v1alpha1.Host{"mcp.example.com"}, OAuth: &v1alpha1.OAuth{},
		Rules: []v1alpha1.Rule{{Action: v1alpha1.ActionAllow, Include: []v1alpha1.Selector{{Email: "ann@example.com"}}}}}}
	fixture.Create(t, c, mcp.DeepCopy())
	r := run(t, ops)
	objects := map[string]*v1alpha1.OAuthClient{}
	step := func(what, want string, conditions map[string]string) {
		t.Helper()
		fixture.Eventually(t, what, func() error {
			if got := answersGo(r.Live.Table()); got != want {
				return fmt.Errorf("%s, want %s", got, want)
			}
			return nil
		})
		if got := answersGo(filesOf(t, mcp, objects)); got != want {
			t.Errorf("%s: by files %s, want %s", what, got, want)
		}
		for name, says := range conditions {
			reason, words, _ := strings.Cut(says, ": ")
			fixture.Eventually(t, what+": "+name, func() error {
				if m := stateOf(t, c, objects[name], v1alpha1.ConditionAccepted, reason); !strings.Contains(m, words) {
					return errors.New(m)
				}
				return nil
			})
		}
	}
	add := func(o *v1alpha1.OAuthClient) {
		t.Helper()
		objects[o.Name] = o
		fixture.Create(t, c, o)
	}
	remove := func(name string) {
		t.Helper()
		fixture.Remove(t, c, objects[name])
		delete(objects, name)
	}
	step("there is none", "-", nil)
	add(registers("theirs", lab))
	step("for others", "-", map[string]string{"theirs": "Accepted: " + lab})
	add(registers("mine", shop))
	step("for the application", "operators https://mine.example.com/cb", map[string]string{"mine": "Accepted: " + shop})
	if objects["mine"].Status.ClientID != "ide" || objects["mine"].Status.ObservedGeneration != objects["mine"].Generation {
		t.Errorf("%+v", objects["mine"].Status)
	}
	stateOf(t, c, objects["mine"], v1alpha1.ConditionReady, "Ready")
	add(registers("copy"))
	step("two", "!", map[string]string{"mine": "Conflict: OAuthClient copy", "copy": "Conflict: OAuthClient "})
	edit := objects["copy"]
	edit.Spec.ClientID = "another"
	if err := c.Update(t.Context(), edit); err != nil {
		t.Fatal(err)
	}
	step("each its own", "operators https://mine.example.com/cb", map[string]string{"mine": "Accepted: ", "copy": "Accepted: of all namespaces"})
	edit = objects["mine"]
	edit.Spec.Namespaces = []v1alpha1.NamespaceOrAll{v1alpha1.NamespaceOrAll(ops)}
	if err := c.Update(t.Context(), edit); err != nil {
		t.Fatal(err)
	}
	step("for others again", "-", map[string]string{"mine": "Accepted: " + ops})
	remove("mine")
	step("nobody's", "-", nil)
}

// filesOf is the table of files that hold the objects.
func filesOf(t *testing.T, mcp *v1alpha1.AccessPolicy, objects map[string]*v1alpha1.OAuthClient) *policy.Table {
	t.Helper()
	dir := t.TempDir()
	put := func(name, kind string, o client.Object) {
		o = o.DeepCopyObject().(client.Object)
		o.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
		o.SetResourceVersion("")
		text, err := yaml.Marshal(o)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".yaml"), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("policy", "AccessPolicy", mcp)
	for name, o := range objects {
		put(name, "OAuthClient", o)
	}
	loader, err := manifests.NewLoader([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	table, _ := loader.Load().Build()
	return table
}
