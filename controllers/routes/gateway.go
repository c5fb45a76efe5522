// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/authserver/policy"
)

// RouteHosts are the hosts of a route: its own, or those of the listeners that it
// is attached to. A star of the Gateway API is any number of labels.
func (x *Index) RouteHosts(r *unstructured.Unstructured, parents []map[string]any) []string {
	hosts := Texts(r.Object, "spec", "hostnames")
	if len(hosts) == 0 {
		hosts = x.listenerHosts(r.GetNamespace(), parents)
	}
	var out []string
	for _, h := range hosts {
		out = append(out, strings.TrimPrefix(CanonicalHost(h), "*"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (x *Index) listenerHosts(namespace string, parents []map[string]any) []string {
	var hosts []string
	for _, p := range parents {
		i := slices.IndexFunc(x.Gateways, func(g *unstructured.Unstructured) bool { return NameOf(g) == RefOf(p, namespace) })
		if i < 0 {
			return []string{""}
		}
		for _, l := range Objects(x.Gateways[i].Object, "spec", "listeners") {
			if s := Text(p, "sectionName"); s == "" || s == Text(l, "name") {
				hosts = append(hosts, Text(l, "hostname"))
			}
		}
	}
	if len(hosts) == 0 || slices.Contains(hosts, "") {
		return []string{""}
	}
	return hosts
}

// RulePaths are the paths of a rule; a match that has none matches all.
func RulePaths(rule map[string]any) []policy.Path {
	var out []policy.Path
	for _, m := range Objects(rule, "matches") {
		value := cmp.Or(Text(m, "path", "value"), "/")
		if Text(m, "path", "type") == "RegularExpression" {
			value = "/"
		}
		out = append(out, policy.Path{Value: value, Exact: Text(m, "path", "type") == "Exact"})
	}
	if len(out) == 0 {
		out = []policy.Path{{Value: "/"}}
	}
	return out
}

// RuleName names a rule of a route in messages: its number from 1, and its paths.
func RuleName(i int, rule map[string]any) string {
	var paths []string
	for _, p := range RulePaths(rule) {
		paths = append(paths, p.Value)
	}
	return fmt.Sprintf("%d (%s)", i+1, strings.Join(slices.Compact(paths), ", "))
}

// InMesh reports whether a route is for traffic inside a mesh: its parents are Services.
func InMesh(parents []map[string]any) bool {
	return len(parents) > 0 && !slices.ContainsFunc(parents, func(p map[string]any) bool { return Text(p, "kind") != "Service" })
}

// Applications are the backends of a rule that are not our own Services. A rule
// that only redirects has none.
func (x *Index) Applications(r *unstructured.Unstructured, rule map[string]any) []map[string]any {
	return slices.DeleteFunc(Objects(rule, "backendRefs"), func(b map[string]any) bool {
		at := RefOf(b, r.GetNamespace())
		return x.OwnPart(at.Namespace, at.Name) != ""
	})
}
