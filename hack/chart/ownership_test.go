// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// owners is a ConfigMap as Ostiary publishes it.
func owners(t *testing.T, name string, data map[string]any) *unstructured.Unstructured {
	t.Helper()
	u := parse(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: `+name+`, namespace: `+namespace+`, labels: {access.ostiary.dev/owners: "true"}}}`)[0]
	u.Object["data"] = data
	return u
}

func ingress(hosts ...string) string {
	var rules []string
	for _, h := range hosts {
		rules = append(
			rules,
			"{host: '"+h+"', http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}",
		)
	}
	return "{rules: [" + strings.Join(rules, ", ") + "]}"
}

// TestHostsOfOthersAreRefused: a route to a host of another namespace is refused, and told whose it
// is and what to do.
func TestHostsOfOthersAreRefused(t *testing.T) {
	c := cluster(t)
	before := route(t, "shop", "before-hosts", ingress("theirs.example.com"), nil)
	apply(t, c, []*unstructured.Unstructured{before})
	t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), before) })
	install(t, c, admissionOf(render(t, "testdata/values/defaults.yaml", "--set", "admission.hostOwnership=true"), "-host-ownership"))
	fixture.Eventually(t, "nobody may serve a host while nothing is known", func() error {
		err := c.Create(t.Context(), route(t, "shop", "is-it", ingress("free.example.com"), nil), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "no params found") {
			return errors.Join(errors.New("not yet"), err)
		}
		return nil
	})
	judge(t, c, "Ostiary's own namespace meanwhile", route(t, namespace, "app", ingress("free.example.com"), nil), nil)
	install(t, c, []*unstructured.Unstructured{
		owners(t, "o-1", map[string]any{
			"host_mine.example.com": "shop", "host_theirs.example.com": "checkout", "host_both.example.com": "checkout,shop", "host_held.example.com": "",
			"wild_preview.example.com": "checkout", "host_mine.preview.example.com": "shop"}),
		owners(
			t,
			"o-2",
			map[string]any{"wild_my.example.com": "shop", "host_one.my.example.com": "checkout", "host_dotless": "checkout"},
		),
		owners(
			t,
			"o-zones",
			map[string]any{
				"zone_corp.example.com":           "checkout",
				"zone_shop.corp.example.com":      "shop",
				"zone_till.shop.corp.example.com": "checkout",
				"also_granted.corp.example.com":   "shop",
				"alsowild_some.corp.example.com":  "other,shop",
				"alsodeep_all.corp.example.com":   "shop",
				"deep_wide.example.com":           "checkout",
				"deep_ours.wide.example.com":      "shop",
				"deep_free.wide.example.com":      "",
				"host_our.wide.example.com":       "shop",
				"wild_some.wide.example.com":      "shop",
				"host_not.some.wide.example.com":  "checkout",
			},
		),
	})
	fixture.Eventually(t, "the ConfigMaps are known", func() error {
		for _, h := range []string{"theirs.example.com", "one.my.example.com", "x.corp.example.com"} {
			if err := c.Create(t.Context(), route(t, "shop", "is-it", ingress(h), nil), client.DryRunAll); !apierrors.IsForbidden(err) ||
				strings.Contains(err.Error(), "no params") {
				return errors.Join(errors.New("not yet"), err)
			}
		}
		return c.Create(t.Context(), route(t, "shop", "is-it", ingress("mine.example.com"), nil), client.DryRunAll)
	})
	theirs := func(host, owner string) []string {
		return []string{
			"shop/app serves " + host + ", which belongs to namespace " + owner + ". Choose another host",
			"hostGrants",
			"admission.hostOwnership=false",
			"access.ostiary.dev/admission: exempt",
		}
	}
	reserved := func(host string) []string {
		return []string{"serves " + host + ", which is reserved for other namespaces. Choose another host", "hostGrants"}
	}
	alias := func(value string) map[string]string {
		return map[string]string{"nginx.ingress.kubernetes.io/server-alias": value}
	}
	anything := []string{"Ingress shop/app has a rule without a host, or a default backend", "Name its hosts"}
	pattern := []string{"by a pattern", "List the hosts one by one"}
	gw := func(hosts string) string { return "{parentRefs: [{name: gw}]" + hosts + "}" }
	for what, tc := range map[string]trial{
		"its own":                          {ingress("mine.example.com"), nil, nil},
		"nobody's":                         {ingress("free.example.com", "free.example.org"), nil, nil},
		"shared":                           {ingress("both.example.com"), nil, nil},
		"another's":                        {ingress("theirs.example.com"), nil, theirs("theirs.example.com", "checkout")},
		"one of several":                   {ingress("mine.example.com", "free.example.com", "theirs.example.com"), nil, theirs("theirs.example.com", "checkout")},
		"held":                             {ingress("held.example.com"), nil, []string{"serves held.example.com, which no namespace may use now", "hostGrants"}},
		"below another's wildcard":         {ingress("x.preview.example.com"), nil, theirs("x.preview.example.com", "checkout")},
		"two labels below":                 {ingress("x.y.preview.example.com"), nil, nil},
		"its own below another's wildcard": {ingress("mine.preview.example.com"), nil, nil},
		"another's wildcard":               {ingress("*.preview.example.com"), nil, theirs("*.preview.example.com", "checkout")},
		"its own wildcard":                 {ingress("*.my.example.com"), nil, nil},
		"below its own wildcard":           {ingress("x.my.example.com"), nil, nil},
		"another's below it":               {ingress("one.my.example.com"), nil, theirs("one.my.example.com", "checkout")},
		"a name without dots":              {ingress("dotless"), nil, theirs("dotless", "checkout")},
		"what begins so":                   {ingress("theirs.example.com.example.org", "xtheirs.example.com"), nil, nil},
		"reserved":                         {ingress("x.corp.example.com"), nil, reserved("x.corp.example.com")},
		"reserved, deep":                   {ingress("a.b.corp.example.com"), nil, reserved("a.b.corp.example.com")},
		"reserved, a wildcard":             {ingress("*.corp.example.com"), nil, reserved("*.corp.example.com")},
		"reserved, another word":           {ingress("xcorp.example.com", "corp.example.com"), nil, nil},
		"reserved for it within":           {ingress("x.shop.corp.example.com"), nil, nil},
		"reserved within that":             {ingress("x.till.shop.corp.example.com"), nil, reserved("x.till.shop.corp.example.com")},
		"granted within":                   {ingress("granted.corp.example.com"), nil, nil},
		"granted below":                    {ingress("x.some.corp.example.com"), nil, nil},
		"granted at any depth":             {ingress("x.y.all.corp.example.com", "*.all.corp.example.com"), nil, nil},
		"below another's deep pattern":     {ingress("x.y.wide.example.com"), nil, theirs("x.y.wide.example.com", "checkout")},
		"a wildcard below it":              {ingress("*.y.wide.example.com"), nil, theirs("*.y.wide.example.com", "checkout")},
		"the name of a deep pattern":       {ingress("wide.example.com", "xwide.example.com"), nil, nil},
		"its own below a deep pattern":     {ingress("our.wide.example.com", "x.some.wide.example.com"), nil, nil},
		"another's below its wildcard":     {ingress("not.some.wide.example.com"), nil, theirs("not.some.wide.example.com", "checkout")},
		"below its nearer deep pattern":    {ingress("ours.wide.example.com", "x.y.ours.wide.example.com"), nil, theirs("ours.wide.example.com", "checkout")},
		"below the nearer alone":           {ingress("x.y.ours.wide.example.com", "*.ours.wide.example.com"), nil, nil},
		"below a held deep pattern":        {ingress("x.y.free.wide.example.com"), nil, []string{"serves x.y.free.wide.example.com, which no namespace may use now"}},
		"any host":                         {"{rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}]}", nil, anything},
		"a default backend":                {"{defaultBackend: {service: {name: app, port: {number: 80}}}}", nil, anything},
		"an alias of its own":              {ingress("mine.example.com"), alias("free.example.com, both.example.com"), nil},
		"an alias of another's":            {ingress("mine.example.com"), alias("free.example.com, Theirs.example.com"), theirs("theirs.example.com", "checkout")},
		"an alias by pattern":              {ingress("mine.example.com"), alias("~^theirs"), pattern},
		"haproxy's alias":                  {ingress("mine.example.com"), map[string]string{"haproxy-ingress.github.io/server-alias": "theirs.example.com"}, theirs("theirs.example.com", "checkout")},
		"haproxy's alias by pattern":       {ingress("mine.example.com"), map[string]string{"haproxy-ingress.github.io/server-alias-regex": "^x"}, pattern},
		"an HTTPRoute":                     {gw(", hostnames: [mine.example.com]"), nil, nil},
		"an HTTPRoute of another's":        {gw(", hostnames: [mine.example.com, theirs.example.com]"), nil, theirs("theirs.example.com", "checkout")},
		"an HTTPRoute of all":              {gw(""), nil, []string{"HTTPRoute shop/app has no hostnames", "spec.hostnames"}},
		"an HTTPRoute of a mesh":           {"{parentRefs: [{kind: Service, group: '', name: app}]}", nil, nil},
	} {
		judge(t, c, what, route(t, "shop", "app", tc.spec, tc.annotations), tc.refused)
	}

	// What it served before, it may go on serving.
	for what, tc := range map[string]struct {
		refused bool
		spec    string
		notes   map[string]string
	}{
		"another annotation":       {false, ingress("theirs.example.com"), map[string]string{"a": "b"}},
		"a host more":              {false, ingress("theirs.example.com", "mine.example.com"), nil},
		"another's more":           {true, ingress("theirs.example.com", "one.my.example.com"), nil},
		"another's more, by alias": {true, ingress("theirs.example.com"), alias("one.my.example.com")},
	} {
		now := before.DeepCopy()
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(before), now); err != nil {
			t.Fatal(err)
		}
		u := route(t, "shop", "before-hosts", tc.spec, tc.notes)
		u.SetResourceVersion(now.GetResourceVersion())
		if err := c.Update(t.Context(), u, client.DryRunAll); apierrors.IsForbidden(err) != tc.refused || !tc.refused && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
