// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
)

const (
	groupAt  = "shop/app spec.rules[0].include[0]: "
	noGroup  = "warning: " + groupAt + "no file that is read here holds an AccessGroup \"staff\"."
	badGroup = "warning: " + groupAt + "the AccessGroup \"staff\" has a mistake."

	staffGroup = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: staff}
spec:
  include: [{emailDomain: example.com}]
`
	staffPolicy = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec:
  hosts: [app.example.com]
  rules:
  - {name: staff, action: Allow, include: [{group: staff}]}
`
)

// TestGroupsInFiles: what files say of groups, each mistake at its line, and whom that admits.
func TestGroupsInFiles(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		admit bool
		want  []string // lines of problems, by what they hold
	}{
		"good":    {join(staffGroup, staffPolicy), true, nil},
		"unused":  {join(staffGroup, strings.Replace(staffGroup, "staff", "others", 1), staffPolicy), true, nil},
		"missing": {staffPolicy, false, []string{":7: " + noGroup}},
		"misspelt": {join(strings.Replace(staffGroup, "staff", "stafff", 1), staffPolicy), false,
			[]string{":13: " + noGroup + ` Did you mean "stafff"?`}},
		"mistake": {join(staffGroup+"  exclude: [{ip: [10.0.0.1/8]}]\n", staffPolicy), false,
			[]string{`:6: AccessGroup staff spec.exclude[0].ip[0]: `, badGroup}},
		"unknown field": {join(staffGroup+"  exlude: [{group: x}]\n", staffPolicy), false,
			[]string{`:6: AccessGroup staff spec.exlude: `, badGroup}},
		"no list": {join(strings.Replace(staffGroup, "[{emailDomain: example.com}]", "staff", 1), staffPolicy), false,
			[]string{`:5: AccessGroup staff spec.include: `, badGroup}},
		"namespace": {join(strings.Replace(staffGroup, "{name: staff}", "{name: staff, namespace: shop}", 1), staffPolicy), false,
			[]string{`AccessGroup staff metadata.namespace: `, badGroup}},
		"twice": {join(staffGroup, staffGroup, staffPolicy), false,
			[]string{`another AccessGroup of this name stands in `, `neither can be used`, `has a mistake.`}},
		"cycle": {join(strings.Replace(staffGroup, "emailDomain: example.com", "group: staff", 1), staffPolicy), false,
			[]string{`AccessGroup staff spec: the group names itself by way of others: staff → staff;`, `has a mistake.`}},
	} {
		path := filepath.Join(t.TempDir(), "a.yaml")
		write(t, path, c.text)
		table, problems, err := manifests.Read([]string{path})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range problems {
			got = append(got, strings.TrimPrefix(p.String(), path))
		}
		all := strings.Join(got, "\n")
		for _, want := range c.want {
			if !strings.Contains(all, want) {
				t.Errorf("%s: no %s in\n%s", name, want, all)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s:\n%s", name, all)
		}
		if admitsAnn(t, table) != c.admit {
			t.Errorf("%s: ann is admitted: %t", name, !c.admit)
		}
	}
}

// admitsAnn reports whether ann@example.com may see https://app.example.com/.
func admitsAnn(t *testing.T, table *policy.Table) bool {
	t.Helper()
	target, err := policy.ParseTarget("https://app.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	d := table.Decide(policy.Request{Target: target, Method: "GET", Now: now, Subject: &policy.Subject{Email: "ann@example.com",
		Audience: []string{"shop/app"}, SignedInAt: now, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}})
	return d.Verdict == policy.Admit
}

// TestGroupStays: a file that is cut short takes nobody out of a group, and nobody in.
func TestGroupStays(t *testing.T) {
	dir := t.TempDir()
	groups, app := filepath.Join(dir, "groups.yaml"), filepath.Join(dir, "app.yaml")
	old(t, groups, staffGroup)
	old(t, app, staffPolicy)
	loader, err := manifests.NewLoader([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		text  string
		admit bool
		wrong bool
	}{
		{staffGroup, true, false}, {"{", true, true},
		{staffGroup[:strings.Index(staffGroup, "spec")], false, true},
		{strings.Replace(staffGroup, "example.com", "other.example", 1), false, false},
		{staffGroup, true, false}, {strings.Replace(staffGroup, "emailDomain", "emailDomian", 1), false, true}, {staffGroup, true, false},
	} {
		old(t, groups, step.text)
		table, problems := loader.Load().Build()
		if admitsAnn(t, table) != step.admit || len(problems) > 0 != step.wrong {
			t.Errorf("%q: admitted %t, %v", step.text, !step.admit, problems)
		}
	}
}
