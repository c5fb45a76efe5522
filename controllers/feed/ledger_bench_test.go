// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// pages is a reader of ConfigMaps alone.
type pages struct {
	client.Reader
	items []corev1.ConfigMap
}

func (p *pages) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	into.(*corev1.ConfigMapList).Items = p.items
	return nil
}

// BenchmarkEdit10000 is one edit among 10,000 policies, all of whose hosts are
// written down; without a ledger it is what it was before there was one.
func BenchmarkEdit10000(b *testing.B) {
	items := make([]v1alpha1.AccessPolicy, 10_000)
	for i := range items {
		items[i] = *fixture.Protect(fmt.Sprintf("team%d", i/50), fmt.Sprintf("app%d", i), v1alpha1.ActionAllow, fmt.Sprintf("app%d.example.com", i), fmt.Sprintf("*.app%d.example.com", i))
		items[i].UID = types.UID(items[i].Name)
	}
	for name, with := range map[string]bool{"ledger": true, "none": false} {
		b.Run(name, func(b *testing.B) {
			table := &Feed{Live: &policy.Live{}, Leads: func() bool { return true }}
			if with {
				table.Ledger = NewLedger("ostiary", time.Hour)
				table.Ledger.reader, table.Ledger.log = &pages{}, logr.Discard()
			}
			if _, err := table.assemble(b.Context(), items, noRoutes); err != nil {
				b.Fatal(err)
			}
			if with {
				table.Ledger.reader = &pages{items: pagesOf(b, table.Ledger.kept)}
			}
			b.ReportAllocs()
			for b.Loop() {
				items[77].Generation++
				items[77].Spec.Rules[0].Name = fmt.Sprint("rule", items[77].Generation%2)
				if _, err := table.assemble(b.Context(), items, noRoutes); err != nil {
					b.Fatal(err)
				}
			}
			if with && len(table.Ledger.unwritten(table.policies)) > 0 {
				b.Error("not all is written")
			}
		})
	}
}

func pagesOf(tb testing.TB, claims []policy.Claim) (out []corev1.ConfigMap) {
	tb.Helper()
	left := map[claimKey]policy.Claim{}
	for _, c := range claims {
		left[keyOf(c)] = c
	}
	for i, p := range fill(nil, left) {
		data, err := p.data()
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint(i)), ResourceVersion: "1"}, Data: data})
	}
	return out
}
