// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
)

// ownerPages is over how many ConfigMaps the hosts are spread: one takes 1 MiB, some
// ten thousand hosts.
const ownerPages = 8

// longestKey is the longest host that has room in the key of a ConfigMap.
const longestKey = 253 - len("host_")

// Owners keeps ConfigMaps by which the API server knows who may serve a host in a route
// (config/host-ownership): a duty of the leader.
//
// Keys of a page are host_HOST and wild_ZONE (for *.ZONE), with the namespaces that may,
// joined by commas; none may where that is empty. A host stands in the page of what follows
// its first label, so that it is found beside the "*." pattern above it. The page of zones
// has zone_ZONE for each reserved pattern, which holds at any depth, and also_HOST,
// alsowild_ZONE and alsodeep_ZONE for what is granted within. It has deep_ZONE (for **.ZONE),
// too, and all hosts below such a pattern once more: each page is judged by itself.
type Owners struct {
	Live      *policy.Live
	Terms     policy.Terms
	Namespace string
	Every     time.Duration // between two looks at the table; default a second

	client  client.Client
	live    client.Reader
	written map[string]map[string]string // by ConfigMap
	checked time.Time
}

func (o *Owners) setup(mgr ctrl.Manager) { o.client, o.live = mgr.GetClient(), mgr.GetAPIReader() }

// Publish writes whenever the table changes, until ctx is done.
func (o *Owners) Publish(ctx context.Context) {
	if o.Every == 0 {
		o.Every = time.Second
	}
	o.written, o.checked = nil, time.Time{} // somebody else led meanwhile
	seen, wait, told := "", o.Every, false
	for {
		if t := o.Live.Table(); t != nil && (t.Revision() != seen || time.Since(o.checked) > publishEvery) {
			err := o.publish(ctx, t)
			if err == nil {
				seen, wait, told = t.Revision(), o.Every, false
			} else if wait = min(2*wait, cluster.LastRetry); ctx.Err() == nil && !told {
				told = true
				logr.FromContextOrDiscard(ctx).Error(err, "the ConfigMaps by which the API server knows whose hosts are cannot be written; it goes by what they said before, and without any refuses every route")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// publish writes the pages that differ, and now and then looks whether they still are there.
func (o *Owners) publish(ctx context.Context, t *policy.Table) error {
	if time.Since(o.checked) > publishEvery {
		o.written = nil
	}
	pages := ownersOf(t, o.Terms)
	if o.written == nil {
		is, err := o.read(ctx)
		if err != nil {
			return err
		}
		o.written, o.checked = is, time.Now()
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if was, ok := o.written[name]; ok && maps.Equal(was, pages[name]) {
			continue
		}
		if err := o.write(ctx, name, pages[name]); err != nil {
			return fmt.Errorf("writing ConfigMap %s: %w", name, err)
		}
		o.written[name] = pages[name]
	}
	return nil
}

func (o *Owners) read(ctx context.Context) (map[string]map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	var list corev1.ConfigMapList
	if err := o.live.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingLabels{v1alpha1.OwnersLabel: "true"}); err != nil {
		return nil, fmt.Errorf("reading them: %w", err)
	}
	out := map[string]map[string]string{}
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i].Data
	}
	return out, nil
}

func (o *Owners) write(ctx context.Context, name string, data map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	fields := make(map[string]any, len(data))
	for k, v := range data {
		fields[k] = v
	}
	u := cluster.Unstructured(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	u.SetNamespace(o.Namespace)
	u.SetName(name)
	u.SetLabels(map[string]string{v1alpha1.OwnersLabel: "true"})
	u.SetAnnotations(
		map[string]string{
			v1alpha1.AboutAnnotation: "Which namespaces may serve which hosts. Ostiary writes this for the API server, which refuses other routes (admission.hostOwnership).",
		},
	)
	u.Object["data"] = fields
	return o.client.Apply(
		ctx,
		client.ApplyConfigurationFromUnstructured(u),
		client.FieldOwner(routes.FieldManager),
		client.ForceOwnership,
	)
}

// ownersOf returns the pages, by the names of their ConfigMaps.
func ownersOf(t *policy.Table, terms policy.Terms) map[string]map[string]string {
	pages := map[string]map[string]string{zonesPage: zonesOf(terms)}
	for i := range ownerPages {
		pages[fmt.Sprintf("ostiary-owners-%d", i)] = map[string]string{}
	}
	may := map[string][]string{}
	t.EachHost(func(host string, namespaces []string) { may[host] = namespaces })
	for _, r := range terms.Reservations {
		if !policy.IsPattern(r.Host) && may[r.Host] == nil {
			may[r.Host] = []string{}
		}
	}
	within(may, terms)
	for host, namespaces := range may {
		key, page := keyOf("host_", "wild_", "deep_", host)
		if len(key) > longestKey+len("host_") {
			continue // the API server refuses it in any route
		}
		pages[page][key] = joined(append(slices.Clone(namespaces), invited(terms, host)...))
		if slices.ContainsFunc(policy.Patterns(host), func(p string) bool { return deep(p) && has(may, p) }) {
			pages[zonesPage][key] = pages[page][key]
		}
	}
	return pages
}

// within adds what is granted, or reserved, within a pattern of others: the widest first.
func within(may map[string][]string, terms policy.Terms) {
	var hosts []string
	for _, r := range terms.Reservations {
		if policy.IsPattern(r.Host) {
			hosts = append(hosts, "**."+routes.ParentOf(r.Host))
		}
	}
	for _, g := range terms.Grants {
		hosts = append(hosts, g.Host)
	}
	slices.SortFunc(hosts, func(x, y string) int { return len(policy.Patterns(x)) - len(policy.Patterns(y)) })
	for _, host := range hosts {
		if has(may, host) {
			continue
		}
		if i := slices.IndexFunc(policy.Patterns(host), func(p string) bool { return has(may, p) }); i >= 0 {
			above := policy.Patterns(host)[i]
			may[host] = append(slices.Clone(may[above]), invited(terms, above)...)
		}
	}
}

func has(may map[string][]string, host string) bool {
	_, known := may[host]
	return known
}

func deep(host string) bool { return strings.HasPrefix(host, "**.") }

// zonesPage is the ConfigMap of what is reserved at any depth.
const zonesPage = "ostiary-owners-zones"

func zonesOf(terms policy.Terms) map[string]string {
	lists := map[string][]string{}
	for _, r := range terms.Reservations {
		key := "also_" + r.Host
		if policy.IsPattern(r.Host) {
			key = "zone_" + routes.ParentOf(r.Host)
		}
		lists[key] = append(lists[key], r.Namespace)
	}
	for _, g := range terms.Grants {
		key, _ := keyOf("also_", "alsowild_", "alsodeep_", g.Host)
		lists[key] = append(lists[key], g.Namespace)
	}
	out := map[string]string{}
	for key, list := range lists {
		out[key] = joined(list)
	}
	return out
}

// keyOf returns the key of a host, and the page that it is on.
func keyOf(exact, wild, deeper, host string) (key, page string) {
	zone := routes.ParentOf(host)
	h := fnv.New32a()
	_, _ = h.Write([]byte(zone))
	page = fmt.Sprintf("ostiary-owners-%d", h.Sum32()%ownerPages)
	switch {
	case deep(host):
		return deeper + zone, zonesPage
	case policy.IsPattern(host):
		return wild + zone, page
	default:
		return exact + host, page
	}
}

// invited are the namespaces that the platform lets serve a host, whoever claims it.
func invited(terms policy.Terms, host string) (out []string) {
	holds := func(pattern string) bool { return pattern == host || slices.Contains(policy.Patterns(host), pattern) }
	for _, g := range terms.Grants {
		if holds(g.Host) {
			out = append(out, g.Namespace)
		}
	}
	for _, r := range terms.Reservations {
		if r.Host == host || deep(host) && policy.IsPattern(r.Host) && routes.ParentOf(r.Host) == routes.ParentOf(host) {
			out = append(out, r.Namespace)
		}
	}
	return out
}

func joined(namespaces []string) string {
	slices.Sort(namespaces)
	return strings.Join(slices.Compact(namespaces), ",")
}
