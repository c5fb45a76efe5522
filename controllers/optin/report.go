// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/coverage"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// findingMetrics tell of findings, by object. The replica that leads has them.
type findingMetrics struct{ routes, unguarded *prometheus.GaugeVec }

func newFindingMetrics(m prometheus.Registerer) *findingMetrics {
	return &findingMetrics{
		routes:    gauges(m, "ostiary_route_findings", "Routes that name a policy and are not protected as planned, by object and reason."),
		unguarded: gauges(m, "ostiary_unguarded_routes", "Unprotected routes to the hosts of a policy, by object and reason."),
	}
}

// gauges registers gauges of objects, or returns those of an earlier Run.
func gauges(m prometheus.Registerer, name, help string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"kind", "namespace", "name", "reason"})
	var taken prometheus.AlreadyRegisteredError
	if err := m.Register(g); errors.As(err, &taken) {
		return taken.ExistingCollector.(*prometheus.GaugeVec) // it has the same name
	} else if err != nil {
		panic(err) // a name that is none: a defect of the program
	}
	return g
}

func (f *findingMetrics) reset() {
	f.routes.Reset()
	f.unguarded.Reset()
}

// countFindings adds findings to gauges. One that concerns several policies is one.
func countFindings(g *prometheus.GaugeVec, findings []routes.Finding) {
	seen := map[routes.Finding]bool{}
	for _, f := range findings {
		f.Policy = types.NamespacedName{}
		if !seen[f] {
			seen[f] = true
			g.WithLabelValues(f.Object.Kind, f.Object.Namespace, f.Object.Name, f.Reason).Inc()
		}
	}
}

// report tells what came of a run: by metrics, conditions and events.
func (o *Controller) report(ctx context.Context, w *routes.Snapshot, plan *plan.Plan, did done) {
	findings := slices.Concat(plan.Findings, did.findings)
	around := coverage.Unguarded(*w, o.Settings, coverage.Claims(*w))
	o.found.reset()
	countFindings(o.found.routes, findings)
	countFindings(o.found.unguarded, around)
	o.say(newReport(plan, did.findings, around, o.witnesses.arrived).withWindow(plan.Bindings, o.Settings.Admission).conditions())
	o.tell(ctx, w, plan, did.changed, slices.Concat(findings, around))
}

// tell records events: one for each finding that is new, and one for each route
// that was written.
func (o *Controller) tell(ctx context.Context, w *routes.Snapshot, plan *plan.Plan, changed map[routes.Ref]string, findings []routes.Finding) {
	log := logr.FromContextOrDiscard(ctx)
	now := map[routes.Finding]bool{}
	for _, f := range findings {
		f.Policy, f.Host = types.NamespacedName{}, ""
		if now[f] {
			continue
		}
		now[f] = true
		if !o.reported[f] {
			log.Info("about a route", "object", f.Object.String(), "reason", f.Reason, "problem", f.Message)
			o.events.Eventf(eventObject(w, f.Object), nil, corev1.EventTypeWarning, f.Reason, "Reconcile", "%s", cluster.Truncate(f.Message, 1024))
		}
	}
	o.reported = now
	for ref, how := range changed {
		log.Info("annotations of a route "+how, "object", ref.String())
		reason, note := wroteWords(plan, ref, how, findings)
		o.events.Eventf(eventObject(w, ref), nil, corev1.EventTypeNormal, reason, "Reconcile", "%s", note)
	}
}

// wroteWords says what it means that the annotations of a route were written. That it is
// guarded is only said where nothing else is.
func wroteWords(plan *plan.Plan, ref routes.Ref, how string, findings []routes.Finding) (reason, note string) {
	if how == "released" {
		return "Released", "The route no longer references a policy; Ostiary's annotations were removed"
	}
	i := slices.IndexFunc(plan.Bindings, func(b routes.Binding) bool { return b.Route == ref })
	wrong := slices.ContainsFunc(findings, func(f routes.Finding) bool {
		return !f.Mild && f.Object == ref || !f.Mild && i >= 0 && f.Policy == plan.Bindings[i].Policy
	})
	switch {
	case i < 0 || !plan.Bindings[i].Guarded || wrong:
		return "Annotated", "Ostiary's annotations were written, but the route is not protected as planned: see its other events and the policy's condition Routed"
	case plan.Bindings[i].Unseen != "":
		return "Annotated", "The proxy is configured to send an auth request to Ostiary for every request; whether it does is not known, because " + plan.Bindings[i].Unseen
	}
	return "Routed", "The proxy is configured to send an auth request to Ostiary for every request"
}

// eventObject is what an event is about. Without the UID `kubectl describe` would
// not find the event.
func eventObject(w *routes.Snapshot, ref routes.Ref) client.Object {
	out := cluster.Unstructured(kindOf(ref.Kind))
	out.SetNamespace(ref.Namespace)
	out.SetName(ref.Name)
	if o := routesOf(w)[ref]; o != nil {
		out.SetUID(o.GetUID())
		return out
	}
	for _, list := range [][]*unstructured.Unstructured{w.IngressRoutes, w.GRPCRoutes, w.TLSRoutes, w.Middlewares} {
		for _, o := range list {
			if refOf(o) == ref {
				return o
			}
		}
	}
	for _, s := range w.Services {
		if ref.Kind == "Service" && client.ObjectKeyFromObject(s) == ref.NamespacedName {
			out.SetUID(s.UID)
		}
	}
	return out
}

// kindOf returns the group and version of a kind that findings are about.
func kindOf(kind string) schema.GroupVersionKind {
	for _, k := range routes.Made {
		if k.Kind == kind {
			return k
		}
	}
	for _, k := range routes.Kinds {
		if k.Kind == kind {
			return k.GroupVersionKind
		}
	}
	if kind == "IngressClass" {
		return schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: kind}
	}
	return schema.GroupVersionKind{Version: "v1", Kind: kind}
}

func byPolicy(findings []routes.Finding) map[types.NamespacedName][]routes.Finding {
	out := map[types.NamespacedName][]routes.Finding{}
	for _, f := range findings {
		if f.Policy != (types.NamespacedName{}) {
			out[f.Policy] = append(out[f.Policy], f)
		}
	}
	return out
}

// worded lists findings, each with what it is about.
func worded(findings []routes.Finding) string {
	var lines []string
	for _, f := range findings {
		line := f.Message
		if f.Object.Name != "" && !strings.Contains(line, f.Object.Name) {
			line = fmt.Sprintf("%s: %s", f.Object, line)
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return cluster.Listed(lines)
}
