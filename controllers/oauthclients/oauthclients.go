// SPDX-License-Identifier: Apache-2.0

// Package oauthclients reads the OAuthClients of a cluster, and writes into their statuses
// what became of them. Whose a client_id is, authserver/policy says.
package oauthclients

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/statuses"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Seen says which object a client was made of.
type Seen struct {
	UID        types.UID
	Generation int64
}

// Read returns the clients that there are, and what they were made of.
func Read(ctx context.Context, r client.Reader) (*policy.OAuthClients, map[string]Seen, error) {
	var list v1alpha1.OAuthClientList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return nil, nil, fmt.Errorf("listing OAuthClients: %w", err)
	}
	all := make([]policy.RegisteredClient, len(list.Items))
	seen := make(map[string]Seen, len(list.Items))
	for i := range list.Items {
		o := &list.Items[i]
		all[i], seen[o.Name] = translate.OAuthClient(o), Seen{o.UID, o.Generation}
	}
	return policy.NewOAuthClients(all...), seen, nil
}

// Status writes what became of clients. It runs beside the table.
type Status struct {
	writer *statuses.Writer[string, report]
	last   map[string]Seen // that was reported; nil: nothing was
}

// A report is what one table says of clients.
type report struct {
	seen    map[string]Seen
	clients *policy.OAuthClients
}

// SetupWithManager takes what it needs from the manager. Write does the work.
func (s *Status) SetupWithManager(mgr ctrl.Manager) {
	c := mgr.GetClient()
	s.writer = &statuses.Writer[string, report]{Kind: "oauthClient", Log: mgr.GetLogger(),
		Objects: func(r report) []string { return slices.Sorted(maps.Keys(r.seen)) },
		Write:   func(ctx context.Context, r report, name string) error { return r.write(ctx, c, name) }}
}

// Report hands over what is said of clients, if one of them is another than before. It does not
// wait. It does nothing on nil.
func (s *Status) Report(seen map[string]Seen, clients *policy.OAuthClients) {
	if s == nil || s.writer == nil || s.last != nil && maps.Equal(seen, s.last) {
		return
	}
	s.last = seen
	s.writer.Report(report{seen, clients})
}

// Write writes until ctx is done: a duty of the leader.
func (s *Status) Write(ctx context.Context) { s.writer.Run(ctx) }

func (r report) write(ctx context.Context, c client.Client, name string) error {
	var before v1alpha1.OAuthClient
	if err := c.Get(ctx, client.ObjectKey{Name: name}, &before); err != nil {
		return err
	}
	if seen := r.seen[name]; before.UID != seen.UID || before.Generation != seen.Generation {
		return nil // a newer report is under way
	}
	after := before.DeepCopy()
	if !set(after, r.clients.Issues(name)) {
		return nil
	}
	return statuses.Patch(ctx, c, &before, after)
}

// set puts into the status what is said of a client, and reports whether anything changed.
func set(o *v1alpha1.OAuthClient, issues []policy.Issue) bool {
	accepted := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: "Accepted",
		Message: "Valid; people can be asked about it at " + whose(o), ObservedGeneration: o.Generation}
	if len(issues) > 0 {
		lines := make([]string, len(issues))
		for i := range issues {
			lines[i] = issues[i].Source.Field + ": " + issues[i].Message
		}
		accepted.Status, accepted.Reason = metav1.ConditionFalse, string(issues[0].Reason)
		accepted.Message = "Nobody is asked about it. " + cluster.Listed(lines)
	}
	changed := meta.SetStatusCondition(&o.Status.Conditions, accepted)
	changed = cluster.Summarize(&o.Status.Conditions, o.Generation) || changed
	if id := translate.OAuthClient(o).ID; o.Status.ClientID != id || o.Status.ObservedGeneration != o.Generation {
		o.Status.ClientID, o.Status.ObservedGeneration, changed = id, o.Generation, true
	}
	return changed
}

// whose applications a client is for.
func whose(o *v1alpha1.OAuthClient) string {
	c := translate.OAuthClient(o)
	if c.Everywhere {
		return "applications of all namespaces with spec.oauth"
	}
	return fmt.Sprintf("applications with spec.oauth of %.300q", c.Namespaces)
}
