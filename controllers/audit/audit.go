// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/coverage"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// A Report says what reaches guarded hosts around their policies.
type Report struct {
	Findings []Finding `json:"findings"`
	// NotLooked is what could not be looked at, each with its reason. A report that
	// finds nothing says nothing about these.
	NotLooked []string `json:"notLookedAt"`
	Remarks   []string `json:"remarks"`
	// Looked counts what was looked at, by kind.
	Looked map[string]int `json:"lookedAt"`
	// Incomplete: something that may lead traffic to guarded hosts is of a kind that is not
	// read. What was found is not all that there may be.
	Incomplete bool `json:"incomplete"`
	// Blind: without what could not be looked at, the report means nothing.
	Blind bool `json:"blind"`
}

// A Finding is a finding about one host, for all policies that it concerns.
type Finding struct {
	Host     string   `json:"host"` // "": any
	Reason   string   `json:"reason"`
	Object   string   `json:"object"`
	Policies []string `json:"policies"`
	Message  string   `json:"message"`
}

// Options say where to look, and what the installation has decided.
type Options struct {
	Kubeconfig cluster.Kubeconfig
	// Authz is the Service of the authz listener, NAMESPACE/NAME; "": the one that
	// its labels tell.
	Authz string
	// AuthzURL is where proxies reach it; "": by its name.
	AuthzURL string
	// PathPrefix is Ostiary's own path; "": /.access. Mode is used where an Ingress does
	// not say; "": render. TeamHost is where people sign in; "": that is not known.
	PathPrefix string
	Mode       routes.Mode
	TeamHost   string
	// Ignored: no route can name a policy there, so that the annotation guards nothing.
	Ignored bool
	// ConfigNamespaces are those whose ConfigMaps of proxies the installation reads, which
	// are read where not all may be.
	ConfigNamespaces []string
	// Ports of our Services, as in routes.Settings; 0: those of the defaults.
	PublicPort, RenderPort, PreflightPort int32
	// Upstream are headers that policies may set for applications, in canonical form.
	Upstream []string
}

// Cluster reads a cluster and says what goes around its policies. What may not be
// read is in the report; the error is for a cluster that cannot be asked at all.
func Cluster(ctx context.Context, o Options) (Report, error) {
	config, err := o.Kubeconfig.RESTConfig()
	if err != nil {
		return Report{}, err
	}
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return Report{}, fmt.Errorf("no cluster to talk to: %w", err)
	}
	settings, remarks, err := o.settings(ctx, c)
	if err != nil {
		return Report{}, err
	}
	world, notLooked, err := o.world(ctx, c, settings)
	if err != nil {
		return Report{}, err
	}
	unread, err := unreadIn(ctx, config, c)
	if err != nil {
		return Report{}, err
	}
	if o.Ignored {
		world = withoutOptIns(world)
	}
	r := judge(world, settings, true)
	r.NotLooked = append(r.NotLooked, append(notLooked, unread...)...)
	r.Incomplete = len(unread) > 0
	r.Remarks = append(remarks, r.Remarks...)
	r.Blind = slices.ContainsFunc(notLooked, func(n string) bool {
		return strings.HasPrefix(n, "AccessPolicies:") || strings.HasPrefix(n, "Ingresses:")
	})
	return r, nil
}

// world reads a cluster: all ConfigMaps of proxies or, where those may not be listed, the
// ones that the installation reads.
func (o Options) world(ctx context.Context, c client.Client, s routes.Settings) (routes.Snapshot, []string, error) {
	served, err := cluster.Served(c.RESTMapper())
	if err != nil {
		return routes.Snapshot{}, nil, err
	}
	world, notLooked, err := cluster.Snapshot(ctx, c, served, s)
	if err == nil && world.ConfigsUnread != "" && !slices.Contains(o.ConfigNamespaces, "") {
		s.ConfigNamespaces = o.ConfigNamespaces
		if world, notLooked, err = cluster.Snapshot(ctx, c, served, s); len(o.ConfigNamespaces) == 0 && world.ConfigsUnread != "" {
			notLooked = append(notLooked, "ConfigMaps of ingress-nginx controllers: "+world.ConfigsUnread)
		}
	}
	return world, notLooked, err
}

// defaultAuthz is where the authz listener is, if nothing says otherwise.
const defaultAuthz = "ostiary-system/ostiary-authz"

// settings are those of the installation that the cluster has.
func (o Options) settings(ctx context.Context, r client.Reader) (routes.Settings, []string, error) {
	name, port := o.Authz, int32(contract.AuthzPort)
	var remarks []string
	if name == "" {
		var services corev1.ServiceList
		err := r.List(ctx, &services, client.MatchingLabels{"app.kubernetes.io/name": "ostiary", "app.kubernetes.io/component": "authz"})
		switch n := len(services.Items); {
		case err != nil && !apierrors.IsForbidden(err):
			return routes.Settings{}, nil, fmt.Errorf("no cluster to talk to: %w", err)
		case n > 1:
			a, b := services.Items[0], services.Items[1]
			return routes.Settings{}, nil, fmt.Errorf("there are several authz listeners, among them Services %s/%s and %s/%s: name one, with --authz-service NAMESPACE/NAME", a.Namespace, a.Name, b.Namespace, b.Name)
		case n == 1:
			name = services.Items[0].Namespace + "/" + services.Items[0].Name
			for _, p := range services.Items[0].Spec.Ports {
				port = p.Port
			}
		default:
			name = defaultAuthz
			remarks = append(remarks, fmt.Sprintf("Ostiary's own Service was not found by its labels, and is taken to be %s; --authz-service NAMESPACE/NAME names another.", name))
		}
	}
	s, err := o.settingsAt(name, port)
	return s, remarks, err
}

// settingsAt are those of an installation whose authz listener is known.
func (o Options) settingsAt(authz string, port int32) (routes.Settings, error) {
	s, err := settingsFor(authz, port, o.AuthzURL)
	s.PathPrefix, s.Mode, s.TeamHost = cmp.Or(strings.TrimSuffix(o.PathPrefix, "/"), s.PathPrefix), cmp.Or(o.Mode, s.Mode), o.TeamHost
	s.IdentityHeaders = append(s.IdentityHeaders, o.Upstream...)
	s.PublicPort, s.RenderPort, s.PreflightPort = cmp.Or(o.PublicPort, s.PublicPort), cmp.Or(o.RenderPort, s.RenderPort), cmp.Or(o.PreflightPort, s.PreflightPort)
	return s, err
}

// settingsFor makes settings of the Service of the authz listener.
func settingsFor(authz string, port int32, url string) (routes.Settings, error) {
	namespace, name, ok := strings.Cut(authz, "/")
	prefix, named := strings.CutSuffix(name, "-authz")
	if !ok || !named || namespace == "" || prefix == "" {
		return routes.Settings{}, fmt.Errorf("--authz-service %q: NAMESPACE/NAME of a Service whose name ends with -authz, as in %s", authz, defaultAuthz)
	}
	return routes.Settings{
		Namespace: namespace, ServicePrefix: prefix, PathPrefix: contract.DefaultPathPrefix, Mode: routes.Render, ConfigNamespaces: []string{""},
		AuthzURL:   strings.TrimSuffix(cmp.Or(url, fmt.Sprintf("http://%s.%s.svc.cluster.local:%d", name, namespace, port)), "/"),
		PublicPort: contract.PublicPort, RenderPort: contract.RenderPort, PreflightPort: contract.PreflightPort,
		IdentityHeaders: contract.AllIdentity(),
	}, nil
}

// planOf makes the plan for routes that name a policy; tests have another.
var planOf = plan.Make

// judge judges a world. In a cluster, plans have to be carried out, too.
func judge(w routes.Snapshot, s routes.Settings, live bool) Report {
	claims := coverage.Claims(w)
	findings := coverage.Unguarded(w, s, claims)
	plan := planOf(w, s)
	plan.Findings = onHosts(plan)
	findings = append(unlike(findings, plan.Findings), plan.Findings...)
	findings = append(findings, rehearsed(w, plan.Bindings)...)
	if live {
		findings = append(findings, coverage.Unapplied(w, s, plan.Bindings, plan.Annotations)...)
	}
	return Report{Findings: merge(findings), NotLooked: []string{}, Remarks: coverage.Remarks(w, s, claims), Looked: counts(&w)}
}

// rehearsed finds the policies that are in a dry run.
func rehearsed(w routes.Snapshot, bindings []routes.Binding) []routes.Finding {
	var out []routes.Finding
	for i := range w.Policies {
		p := &w.Policies[i]
		if p.DryRun == policy.DryRunNone {
			continue
		}
		does := "nothing of it is enforced, and every request passes"
		if p.DryRun == policy.DryRunAuthenticate {
			does = "its rules are not enforced, and everybody who can sign in passes"
		}
		hosts := slices.Clone(p.Hosts)
		for _, b := range bindings {
			if len(p.Hosts) == 0 && b.Policy == p.NamespacedName {
				hosts = append(hosts, b.Hosts...)
			}
		}
		slices.Sort(hosts)
		for _, host := range slices.Compact(hosts) {
			out = append(out, routes.Finding{Object: routes.Ref{Kind: "AccessPolicy", NamespacedName: p.NamespacedName}, Policy: p.NamespacedName,
				Reason: routes.NotEnforced, Host: host,
				Message: fmt.Sprintf("AccessPolicy %s has dryRun: %s, so %s. Remove dryRun once the log shows no denials that you do not want.", p.NamespacedName, p.DryRun, does)})
		}
	}
	return out
}

// onHosts gives the findings of a plan the hosts that they are about: those of the route,
// or, if they are about something else, those of the routes that name the policy.
func onHosts(p plan.Plan) []routes.Finding {
	var out []routes.Finding
	for _, f := range p.Findings {
		var hosts []string
		for _, b := range p.Bindings {
			if f.Host == "" && f.Reason != routes.NoHost && (b.Route == f.Object || f.Object.Kind != b.Route.Kind && f.Policy.Name != "" && b.Policy == f.Policy) {
				hosts = append(hosts, b.Hosts...)
			}
		}
		slices.Sort(hosts)
		if len(hosts) == 0 {
			hosts = []string{f.Host}
		}
		for _, f.Host = range slices.Compact(hosts) {
			out = append(out, f)
		}
	}
	return out
}

// withoutOptIns is a world in which no route names a policy.
func withoutOptIns(w routes.Snapshot) routes.Snapshot {
	out := w
	out.Ingresses, out.HTTPRoutes = nil, nil
	for _, o := range w.Ingresses {
		o = o.DeepCopy()
		delete(o.Annotations, routes.PolicyAnnotation)
		out.Ingresses = append(out.Ingresses, o)
	}
	for _, o := range w.HTTPRoutes {
		o = o.DeepCopy()
		notes := o.GetAnnotations()
		delete(notes, routes.PolicyAnnotation)
		o.SetAnnotations(notes)
		out.HTTPRoutes = append(out.HTTPRoutes, o)
	}
	return out
}

// unlike leaves out what others say of the same object for the same reason.
func unlike(findings, others []routes.Finding) []routes.Finding {
	return slices.DeleteFunc(findings, func(f routes.Finding) bool {
		return slices.ContainsFunc(others, func(o routes.Finding) bool { return o.Object == f.Object && o.Reason == f.Reason })
	})
}

func counts(w *routes.Snapshot) map[string]int {
	return map[string]int{
		"AccessPolicy": len(w.Policies), "Ingress": len(w.Ingresses), "Service": len(w.Services), "ConfigMap": len(w.Configs),
		"HTTPRoute": len(w.HTTPRoutes), "GRPCRoute": len(w.GRPCRoutes), "TLSRoute": len(w.TLSRoutes), "IngressRoute": len(w.IngressRoutes),
	}
}

// merge joins findings that differ by nothing but the policy.
func merge(findings []routes.Finding) []Finding {
	out := []Finding{}
	at := map[[4]string]int{}
	for _, f := range findings {
		key := [4]string{f.Host, f.Object.String(), f.Reason, f.Message}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Finding{Host: f.Host, Reason: f.Reason, Object: f.Object.String(), Policies: []string{}, Message: f.Message})
		}
		if policy := f.Policy.String(); f.Policy.Name != "" && !slices.Contains(out[i].Policies, policy) {
			out[i].Policies = append(out[i].Policies, policy)
		}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	return out
}

// errBlind is why a report that was written means nothing.
var errBlind = errors.New("AccessPolicies or Ingresses may not be read, so audit cannot judge them: request the right to list them (the ClusterRole `view` has it for Ingresses)")
