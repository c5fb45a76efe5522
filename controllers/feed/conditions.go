// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
)

// Conditions are what another controller says of policies. Status writes them beside
// its own.
type Conditions struct {
	// Types are those that it answers for: one that it does not return is removed.
	Types []string
	// Of returns the conditions of one policy, by type; nil: there are none.
	Of func(types.NamespacedName, Standing) map[string]metav1.Condition
	// Issues are warnings that join those of the table.
	Issues map[types.NamespacedName][]policy.Issue
}

// A Standing is what the table says of a policy. What others say must not be more.
type Standing struct {
	Accepted *metav1.Condition // nil: nobody said so yet
	Problems string            // in words
	Reason   policy.IssueReason
	Warning  policy.IssueReason
}

// Report hands over what another controller says. It does not wait.
func (s *Status) Report(c *Conditions) {
	if s == nil || s.writer == nil {
		return
	}
	s.writer.Update(func(latest report) (report, bool) {
		latest.others = c
		return latest, true
	})
}

func (c *Conditions) issues(of types.NamespacedName) []policy.Issue {
	if c == nil {
		return nil
	}
	return c.Issues[of]
}

// set puts the conditions on a policy whose own are set, and reports whether anything
// changed. Nothing is known yet: what another replica wrote stays.
func (c *Conditions) set(ap *v1alpha1.AccessPolicy, issues []policy.Issue) (changed bool) {
	if c == nil {
		return false
	}
	var of map[string]metav1.Condition
	if c.Of != nil {
		of = c.Of(client.ObjectKeyFromObject(ap), standing(ap, issues))
	}
	for _, kind := range c.Types {
		is, ok := of[kind]
		if !ok {
			changed = meta.RemoveStatusCondition(&ap.Status.Conditions, kind) || changed
			continue
		}
		changed = meta.SetStatusCondition(&ap.Status.Conditions, condition(ap, kind, is.Status, is.Reason, is.Message)) || changed
	}
	return changed
}

func standing(ap *v1alpha1.AccessPolicy, issues []policy.Issue) Standing {
	s := Standing{Accepted: meta.FindStatusCondition(ap.Status.Conditions, v1alpha1.ConditionAccepted)}
	var problems []string
	if problems, s.Reason, _, s.Warning = sorted(issues); len(problems) > 0 {
		s.Problems = cluster.Listed(problems)
	}
	return s
}
