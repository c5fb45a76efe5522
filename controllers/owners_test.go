// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestOwnersOf: what is published of a table and of the platform's terms. A host and the
// "*." host above it are in one ConfigMap.
func TestOwnersOf(t *testing.T) {
	open := func(ns, name string, hosts ...string) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: ns, Name: name}, Since: time.Unix(1, 0), Hosts: hosts,
			Rules: []policy.Rule{{Action: policy.Bypass, Include: []policy.Selector{{Property: policy.Everyone}}}}}
	}
	terms := policy.Terms{
		Grants: []policy.Grant{
			{Host: "app.x.y", Namespace: "b"},
			{Host: "free.z.y", Namespace: "b"},
			{Host: "*.w.y", Namespace: "c"},
			{Host: "in.w.y", Namespace: "d"},
		},
		Reservations: []policy.Grant{
			{Host: "kept.y", Namespace: "b"},
			{Host: "*.zone.y", Namespace: "a"},
			{Host: "*.zone.y", Namespace: "b"},
		},
	}
	long := strings.Repeat("l", 63) + "." + strings.Repeat("l", 63) + "." + strings.Repeat("l", 63) + "." + strings.Repeat("l", 59)
	table, issues := policy.Build(
		policy.Input{
			Terms:    terms,
			Policies: policy.CompileAll([]policy.Policy{open("a", "p", "app.x.y", "*.w.y", "w.y"), open("a", "long", long)}),
		},
	)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	pages, all := ownersOf(table, terms), map[string]string{}
	if len(pages) != ownerPages+1 {
		t.Errorf("%d ConfigMaps", len(pages))
	}
	for name, page := range pages {
		if name != zonesPage {
			maps.Copy(all, page)
		}
	}
	want := map[string]string{"host_app.x.y": "a,b", "wild_w.y": "a,c", "host_w.y": "a", "host_in.w.y": "a,c,d", "host_kept.y": "b"}
	if !maps.Equal(all, want) {
		t.Errorf("%v\nwant %v", all, want)
	}
	zones := map[string]string{
		"zone_zone.y":   "a,b",
		"also_kept.y":   "b",
		"also_app.x.y":  "b",
		"also_free.z.y": "b",
		"alsowild_w.y":  "c",
		"also_in.w.y":   "d",
	}
	if !maps.Equal(pages[zonesPage], zones) {
		t.Errorf("%v\nwant %v", pages[zonesPage], zones)
	}
	for i := range 100 {
		_, exact := keyOf("", "", "", fmt.Sprintf("app.zone%d.y", i))
		_, wild := keyOf("", "", "", fmt.Sprintf("*.zone%d.y", i))
		if exact != wild || pages[exact] == nil {
			t.Errorf("zone%d: %s, %s", i, exact, wild)
		}
	}
}

// What is below a "**." pattern is on the page of zones, too, and so is what is granted there.
func TestOwnersOfDeepPatterns(t *testing.T) {
	open := func(ns, name string, hosts ...string) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: ns, Name: name}, Since: time.Unix(1, 0), Hosts: hosts,
			Rules: []policy.Rule{{Action: policy.Bypass, Include: []policy.Selector{{Property: policy.Everyone}}}}}
	}
	terms := policy.Terms{
		Grants:       []policy.Grant{{Host: "**.g.x", Namespace: "b"}, {Host: "one.x", Namespace: "b"}, {Host: "*.w.zone.x", Namespace: "b"}, {Host: "in.zone.y", Namespace: "b"}},
		Reservations: []policy.Grant{{Host: "*.zone.x", Namespace: "c"}, {Host: "**.zone.y", Namespace: "c"}},
	}
	table, issues := policy.Build(policy.Input{Terms: terms, Policies: policy.CompileAll([]policy.Policy{
		open("a", "p", "**.x", "mine.y", "*.w.x"), open("a", "in", "in.g.x")})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	want := map[string]string{
		"deep_x": "a", "wild_w.x": "a", "deep_zone.x": "c", "deep_g.x": "a,b", "host_in.g.x": "a,b", "host_one.x": "a,b", "wild_w.zone.x": "b,c",
		"zone_zone.x": "c", "zone_zone.y": "c", "alsodeep_g.x": "b", "also_one.x": "b", "alsowild_w.zone.x": "b", "also_in.zone.y": "b",
	}
	pages := ownersOf(table, terms)
	if !maps.Equal(pages[zonesPage], want) {
		t.Errorf("%v\nwant %v", pages[zonesPage], want)
	}
	all := map[string]string{}
	for name, page := range pages {
		if name != zonesPage {
			maps.Copy(all, page)
		}
	}
	if want := map[string]string{"host_mine.y": "a", "wild_w.x": "a", "host_in.g.x": "a,b", "host_one.x": "a,b", "wild_w.zone.x": "b,c"}; !maps.Equal(all, want) {
		t.Errorf("%v\nwant %v", all, want)
	}
}

// TestOwnersArePublished: the API server goes by what the leader writes, by the policy of
// config/host-ownership itself; what is deleted comes again with the next leader.
func TestOwnersArePublished(t *testing.T) {
	c := emptied(t)
	ours, shop, till := namespace(t, c), namespace(t, c), namespace(t, c)
	ownership(t, c, ours, shop)
	fixture.Create(
		t,
		c,
		fixture.Open(shop, "app", "mine.owners.example.com"),
		fixture.Open(till, "app", "theirs.owners.example.com", "*.theirs.example.com"),
	)
	publish := func(o *Options) {
		o.PublishOwners, o.Reservations = true, []policy.Grant{{Host: "*.corp.example.com", Namespace: till}}
	}
	r := run(t, ours, publish)
	serves := func(host string, words string) {
		t.Helper()
		fixture.Eventually(t, host+": "+words, func() error {
			err := c.Create(t.Context(), fixture.Route(shop, "web", "", host, "/"), client.DryRunAll)
			switch {
			case words == "":
				return err
			case err == nil || !strings.Contains(err.Error(), words):
				return errors.Join(errors.New("not yet"), err)
			}
			return nil
		})
	}
	serves("mine.owners.example.com", "")
	serves("free.owners.example.com", "")
	serves("theirs.owners.example.com", "belongs to namespace "+till)
	serves("below.theirs.example.com", "belongs to namespace "+till)
	serves("a.b.corp.example.com", "is reserved for other namespaces")
	fixture.Create(t, c, fixture.Open(shop, "more", "more.owners.example.com"))
	serves("more.owners.example.com", "")
	fixture.Remove(t, c, fixture.Open(till, "app")) // held for it
	serves("theirs.owners.example.com", "no namespace may use now")
	// The real CEL, of pages as they would be.
	fixture.Create(t, c, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ours, Name: "deep", Labels: map[string]string{v1alpha1.OwnersLabel: "true"}}, Data: map[string]string{
		"deep_wide.example.com": till, "deep_ours.wide.example.com": shop, "host_our.wide.example.com": shop, "zone_kept.example.com": till, "alsodeep_ok.kept.example.com": shop}})
	serves("x.y.wide.example.com", "belongs to namespace "+till)
	serves("*.y.wide.example.com", "belongs to namespace "+till)
	serves("ours.wide.example.com", "belongs to namespace "+till)
	serves("x.y.kept.example.com", "is reserved for other namespaces")
	for _, host := range []string{"wide.example.com", "our.wide.example.com", "x.y.ours.wide.example.com", "*.ours.wide.example.com", "x.y.ok.kept.example.com"} {
		serves(host, "")
	}
	fixture.Remove(t, c, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ours, Name: "deep"}})
	r.end()

	var list corev1.ConfigMapList
	if err := c.List(t.Context(), &list, client.InNamespace(ours), client.MatchingLabels{v1alpha1.OwnersLabel: "true"}); err != nil ||
		len(list.Items) != ownerPages+1 {
		t.Errorf("%d ConfigMaps: %v", len(list.Items), err)
	}
	for i := range list.Items {
		fixture.Remove(t, c, &list.Items[i])
	}
	serves("mine.owners.example.com", "no params found")
	run(t, ours, publish)
	serves("mine.owners.example.com", "")
	serves("theirs.owners.example.com", "no namespace may use now")
}

// ownership installs config/host-ownership for the routes of a namespace.
func ownership(t *testing.T, c client.Client, ours, of string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "config", "host-ownership", "policies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("ostiary-system"), []byte(ours))
	text = bytes.ReplaceAll(text, []byte("{key: access.ostiary.dev/admission, operator: NotIn, values: [exempt]}"),
		[]byte("{key: kubernetes.io/metadata.name, operator: In, values: ["+of+"]}"))
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := d.Decode(&u.Object); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		fixture.Create(t, c, u)
		t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), u) })
	}
}
