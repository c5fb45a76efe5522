// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/pflag"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/groups"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/oauthclients"
	"github.com/ostiary/ostiary/controllers/revision"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A Source is where a command finds the table that would be in force: files, or a
// cluster. It is the Source of `ostiary explain`.
type Source struct {
	// Kubeconfig is which cluster that is.
	Kubeconfig cluster.Kubeconfig

	paths        []string
	installation string
	namespace    string   // ours, which holds the ledger of hosts
	assumed      []string // providers that are taken for ones that are in use
	tokens       []string // ServiceTokens that are taken for good ones
	terms        installation.TermsFlags
}

// Add defines the flags by which a command line says where that is.
func (l *Source) Add(f *pflag.FlagSet) {
	f.StringSliceVar(&l.paths, "policies", nil, "files and folders of manifests, or REV:PATH as of a git revision (default: the cluster of the current kubeconfig)")
	f.StringSliceVar(&l.assumed, "assume-providers", nil, "identity providers to take for ones that are in use, by anybody")
	f.StringSliceVar(&l.tokens, "assume-tokens", nil, "ServiceTokens, NAMESPACE/NAME, to take for ones that are there and have a secret")
	l.terms.Add(f)
	l.Kubeconfig.Add(f, "")
	installation.AddFlag(f, &l.installation)
}

// Open takes more paths where --policies names some. Otherwise it sets the flags that the
// command line does not, as the installation of the cluster has them.
func (l *Source) Open(ctx context.Context, f *pflag.FlagSet, paths []string, stderr io.Writer) error {
	if len(l.paths) > 0 {
		l.paths = append(l.paths, paths...)
		return nil
	}
	if len(paths) > 0 {
		return command.Mistake("%q is one argument too many; for files, write --policies %s", paths[0], paths[0])
	}
	in, note, err := installation.Apply(ctx, f, l.Kubeconfig, l.installation)
	if err != nil {
		return fmt.Errorf(hint, err)
	}
	if note != "" {
		fmt.Fprintln(stderr, "note: "+note)
	}
	l.In(in.Namespace)
	return nil
}

// In says in which namespace the installation is, for those who do not Open.
func (l *Source) In(namespace string) { l.namespace = cmp.Or(namespace, cluster.Namespace()) }

// Installation is the one that the command line names; "": the only one.
func (l *Source) Installation() string { return l.installation }

const hint = "%w (for files instead of a cluster: --policies PATH)"

// A Reading is a table, and what it was built from.
type Reading struct {
	Table    *policy.Table
	Policies []policy.Policy
	Input    policy.Input
}

// Table builds the table that would be in force, where people sign in at a host and a path
// on every host is ours. What is wrong with files, or cannot be read of a cluster, goes to
// stderr.
func (l *Source) Table(ctx context.Context, teamHost, pathPrefix string, stderr io.Writer) (*policy.Table, error) {
	r, err := l.Read(ctx, teamHost, pathPrefix, stderr)
	return r.Table, err
}

// Read is Table for those who want to know more of the policies.
func (l *Source) Read(ctx context.Context, teamHost, pathPrefix string, stderr io.Writer) (r Reading, err error) {
	terms, err := l.terms.Terms(teamHost, pathPrefix)
	if err != nil {
		return r, err
	}
	if len(l.paths) > 0 {
		return l.files(ctx, terms, stderr)
	}
	if r.Policies, r.Input, err = l.Cluster(ctx, terms, stderr); err != nil {
		return r, err
	}
	r.Input.Providers = r.Input.Providers.And(l.assumed...)
	r.Input.Tokens = policy.AssumeTokens(r.Input.Tokens, l.tokens...)
	r.Table, _ = policy.Build(r.Input)
	return r, nil
}

// files reads files, on disk or as they were at a revision of git.
func (l *Source) files(ctx context.Context, terms policy.Terms, stderr io.Writer) (r Reading, err error) {
	paths := slices.Clone(l.paths)
	for i, p := range paths {
		if !revision.Is(p) {
			continue
		}
		dir, remove, err := revision.Checkout(ctx, p)
		if err != nil {
			return r, err
		}
		defer remove()
		paths[i] = dir
	}
	loader, err := manifests.NewLoader(paths)
	if err != nil {
		return r, err
	}
	loader.Terms = terms
	loader.InUse = func(list []config.Provider) *policy.Providers { return config.InUse(list).And(l.assumed...) }
	set := loader.Load()
	set.Tokens = policy.AssumeTokens(set.Tokens, l.tokens...)
	r.Policies, r.Input = set.Policies, set.Input()
	var problems []manifests.Problem
	r.Table, problems = set.Build()
	for _, p := range problems {
		fmt.Fprintln(stderr, p)
	}
	return r, nil
}

// Cluster reads the policies of a cluster, and what a table is built from.
func (l *Source) Cluster(ctx context.Context, terms policy.Terms, stderr io.Writer) ([]policy.Policy, policy.Input, error) {
	none := policy.Input{}
	terms.AnyConsole, terms.Console = false, []string{cmp.Or(l.namespace, cluster.Namespace())}
	c, err := l.Kubeconfig.RESTConfig()
	if err != nil {
		return nil, none, fmt.Errorf(hint, err)
	}
	reader, err := client.New(c, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return nil, none, fmt.Errorf(hint, fmt.Errorf("no cluster to talk to: %w", err))
	}
	policies, routes, err := Policies(ctx, reader)
	if err != nil {
		return nil, none, fmt.Errorf(hint, err)
	}
	ledger, err := readLedger(ctx, reader, l.namespace)
	if err != nil {
		fmt.Fprintf(stderr, "the owners of hosts are read from statuses alone: %v (--installation says where Ostiary runs)\n", err)
	}
	in := policy.Input{Policies: policy.CompileAll(policies), Terms: terms, Ledger: ledger, Bindings: translate.Bindings(routes)}
	if in.Providers, err = providersOf(ctx, reader); err != nil {
		fmt.Fprintf(stderr, "note: every identity provider is taken for one that is in use: %s\n", policy.Line(err.Error()))
	}
	if in.Revocations, err = revocationsOf(ctx, reader); err != nil {
		fmt.Fprintf(stderr, "note: SessionRevocations are ignored: %s\n", policy.Line(err.Error()))
	}
	if in.Tokens, err = tokensOf(ctx, reader); err != nil {
		fmt.Fprintf(stderr, "note: ServiceTokens are ignored: %s\n", policy.Line(err.Error()))
	}
	if in.Groups, _, err = new(groups.List).Read(ctx, reader); err != nil {
		fmt.Fprintf(stderr, "note: every group that a rule names is taken for one that does not exist: %s\n", policy.Line(err.Error()))
	}
	if in.TokenIssuers, err = tokenIssuersOf(ctx, reader); err != nil {
		fmt.Fprintf(stderr, "note: no bearer token of another issuer is let in: %s\n", policy.Line(err.Error()))
	}
	if in.OAuthClients, _, err = oauthclients.Read(ctx, reader); err != nil {
		fmt.Fprintf(stderr, "note: no client has an OAuthClient of its own: %s\n", policy.Line(err.Error()))
	}
	return policies, in, nil
}

func tokenIssuersOf(ctx context.Context, r client.Reader) (*policy.TokenIssuers, error) {
	var list v1alpha1.TokenIssuerList
	if err := r.List(ctx, &list); err != nil && !meta.IsNoMatchError(err) {
		return nil, fmt.Errorf("listing TokenIssuers: %w", err)
	}
	valid := []bearerconfig.Issuer{}
	for i := range list.Items {
		if one, wrong := translate.TokenIssuer(&list.Items[i]); len(wrong) == 0 {
			valid = append(valid, one)
		}
	}
	return bearerconfig.Known(valid), nil
}

// providersOf tells by their statuses which providers of a cluster are in use: their
// Secrets, and with them the names of built-in users, are not for everybody to read.
func providersOf(ctx context.Context, r client.Reader) (*policy.Providers, error) {
	var list v1alpha1.IdentityProviderList
	if err := r.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing IdentityProviders: %w", err)
	}
	var out []policy.Provider
	for i := range list.Items {
		o := &list.Items[i]
		accepted := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionAccepted)
		if accepted == nil || accepted.Status != metav1.ConditionFalse {
			out = append(out, policy.Provider{Name: o.Name})
		}
	}
	return policy.NewProviders(out...), nil
}

func revocationsOf(ctx context.Context, r client.Reader) ([]policy.Revocation, error) {
	var list v1alpha1.SessionRevocationList
	if err := r.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing SessionRevocations: %w", err)
	}
	out := make([]policy.Revocation, len(list.Items))
	for i := range list.Items {
		out[i], _ = translate.Revocation(&list.Items[i]) // the log of the installation says what is wrong
	}
	return out, nil
}

func tokensOf(ctx context.Context, r client.Reader) ([]policy.ServiceToken, error) {
	var list v1alpha1.ServiceTokenList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return nil, fmt.Errorf("listing ServiceTokens: %w", err)
	}
	out := make([]policy.ServiceToken, 0, len(list.Items))
	for i := range list.Items {
		if token, _ := translate.ServiceToken(&list.Items[i]); token.ClientID != "" {
			out = append(out, token)
		}
	}
	return out, nil
}

// Policies lists and translates the policies of a cluster, and the routes that
// name them, for those who only want to look. Who may not list Ingresses sees
// policies without hosts say so.
func Policies(ctx context.Context, r client.Reader) ([]policy.Policy, []translate.Route, error) {
	var list v1alpha1.AccessPolicyList
	if err := r.List(ctx, &list); err != nil {
		return nil, nil, fmt.Errorf("listing AccessPolicies: %w", err)
	}
	var ingresses networkingv1.IngressList
	err := r.List(ctx, &ingresses)
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, nil, fmt.Errorf("listing Ingresses: %w", err)
	}
	found := newRoutes(ingresses.Items)
	found.known = err == nil
	httpRoutes := httpRouteList()
	if err := r.List(ctx, httpRoutes); err != nil && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
		return nil, nil, fmt.Errorf("listing HTTPRoutes: %w", err)
	}
	found.add(httpRoutes.Items)
	out := make([]policy.Policy, len(list.Items))
	for i := range list.Items {
		out[i] = found.policy(&list.Items[i])
	}
	return out, found.all, nil
}
