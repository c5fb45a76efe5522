// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// edited is one edit of a cluster's policies.
func edited(rng *rand.Rand, items []v1alpha1.AccessPolicy, n int) []v1alpha1.AccessPolicy {
	hosts := []string{"a.example.com", "b.example.com", "*.example.com", "example.com"}
	if len(items) == 0 || len(items) < 6 && rng.IntN(3) == 0 {
		o := *fixture.Protect(fmt.Sprintf("team%d", rng.IntN(2)), fmt.Sprintf("app%d", n), v1alpha1.ActionAllow, hosts[rng.IntN(len(hosts))])
		o.UID = types.UID(fmt.Sprint(n))
		return append(slices.Clone(items), o)
	}
	out := slices.Clone(items)
	i := rng.IntN(len(out))
	o := out[i].DeepCopy()
	switch rng.IntN(5) {
	case 0:
		return slices.Delete(out, i, i+1)
	case 1:
		o.Spec.Hosts = []v1alpha1.Host{v1alpha1.Host(hosts[rng.IntN(len(hosts))])}
		o.Generation++
	case 2:
		o.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, ObservedGeneration: o.Generation}}
	default:
		o.Spec.Rules[0].Name = fmt.Sprint("rule", n)
		o.Generation++
	}
	out[i] = *o
	return out
}

// A replica is a Feed and the ConfigMaps that it reads.
type replica struct {
	*Feed
	pages *pages
	leads bool
}

func newReplica() *replica {
	r := &replica{pages: &pages{}, leads: true}
	r.Feed = &Feed{Live: &policy.Live{}, Leads: func() bool { return r.leads }, Ledger: NewLedger("ostiary", time.Hour)}
	r.Ledger.reader, r.Ledger.log = r.pages, logr.Discard()
	return r
}

// told is what is wrong, but for what holds a time.
func told(issues []policy.Issue) (out []string) {
	for _, i := range issues {
		out = append(out, fmt.Sprint(i.Source, i.Code))
	}
	return out
}

// TestAssemblesWhatBuildWould: whatever is edited, and whoever leads, the table is that of
// all policies and of the ledger; and it is that of a replica that reads the ledger anew
// after each edit.
func TestAssemblesWhatBuildWould(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 1))
		f, anew := newReplica(), newReplica()
		var items []v1alpha1.AccessPolicy
		for n := range 60 {
			items = edited(rng, items, n)
			f.leads = f.leads != (rng.IntN(10) == 0)
			anew.leads, anew.due = f.leads, time.Unix(1, 0)
			for _, r := range []*replica{f, anew} {
				if _, err := r.assemble(t.Context(), items, noRoutes); err != nil {
					t.Fatal(err)
				}
			}
			want, issues := policy.Build(policy.Input{Policies: f.compiled, Ledger: f.ledger})
			if f.policies.Revision() != want.Revision() || !reflect.DeepEqual(f.issues, issues) {
				t.Fatalf("seed %d, edit %d: %v, want %v", seed, n, f.issues, issues)
			}
			if f.policies.Revision() != anew.policies.Revision() || !slices.Equal(told(f.issues), told(anew.issues)) {
				t.Fatalf("seed %d, edit %d: %v, and with the ledger read anew %v", seed, n, f.issues, anew.issues)
			}
			if rng.IntN(2) == 0 { // what the leader has in mind is written
				for _, r := range []*replica{f, anew} {
					r.pages.items = pagesOf(t, r.Ledger.kept)
					for i := range r.pages.items {
						r.pages.items[i].ResourceVersion = fmt.Sprint(n, i)
					}
				}
			}
		}
	}
}
