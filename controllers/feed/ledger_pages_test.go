// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/policy"
)

func ledgerPages(t *testing.T, c client.Client, ns string) []corev1.ConfigMap {
	t.Helper()
	var list corev1.ConfigMapList
	if err := c.List(t.Context(), &list, ledgerOptions(ns)...); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// TestLedgerPages: what a ConfigMap has no room for goes into another; what
// somebody else wrote meanwhile stays.
func TestLedgerPages(t *testing.T) {
	c := emptied(t)
	ns := server.Namespace(t, c)
	l := NewLedger(ns, time.Hour)
	l.live, l.client = c, c
	wanted := &wantedClaims{drop: map[claimKey]bool{}}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 6000 {
		wanted.claims = append(wanted.claims, policy.Claim{Host: fmt.Sprintf("h%05d.apps.example.com", i), Namespace: "big", Since: at})
	}
	wanted.claims = append(wanted.claims, policy.Claim{Host: "a.example.com", Namespace: "small", Since: at, Released: at.Add(time.Hour)})
	read := func() (out []policy.Claim, pages int) {
		t.Helper()
		for _, m := range ledgerPages(t, c, ns) {
			if size := len(m.Data[ledgerField]); size > 900<<10 {
				t.Errorf("a ConfigMap of %d bytes", size)
			}
			claims, err := readClaims(&m)
			if err != nil {
				t.Fatal(err)
			}
			out, pages = append(out, claims...), pages+1
		}
		return out, pages
	}
	same := func(got []policy.Claim, want []policy.Claim) bool {
		return slices.Equal(policy.NewLedger(got, 0).Claims(), policy.NewLedger(want, 0).Claims()) && len(got) == len(want)
	}
	for range 2 {
		if err := l.write(t.Context(), wanted); err != nil {
			t.Fatal(err)
		}
		if got, pages := read(); pages < 3 || !same(got, wanted.claims) {
			t.Fatalf("%d claims in %d pages", len(got), pages)
		}
	}
	other := policy.Claim{Host: "new.example.com", Namespace: "late", Since: at}
	if err := l.write(t.Context(), &wantedClaims{claims: append(slices.Clone(wanted.claims), other)}); err != nil {
		t.Fatal(err)
	}
	wanted.drop[claimKey{wanted.claims[0].Host, "big"}] = true
	wanted.claims = wanted.claims[1:]
	if err := l.write(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	got, before := read()
	if !same(got, append(slices.Clone(wanted.claims), other)) {
		t.Errorf("%d claims are left", len(got))
	}
	// What holds nothing any more is used again.
	for _, c := range got {
		wanted.drop[keyOf(c)] = true
	}
	next := []policy.Claim{{Host: "z.example.com", Namespace: "next", Since: at}}
	for _, claims := range [][]policy.Claim{nil, next} {
		wanted.claims = claims
		if err := l.write(t.Context(), wanted); err != nil {
			t.Fatal(err)
		}
		if got, pages := read(); !same(got, claims) || pages != before {
			t.Errorf("%d claims in %d of %d pages", len(got), pages, before)
		}
	}
	for _, text := range []string{"", "{}", `[{"host":"a","namespace":"b"}]`, `[{"host":"a","since":"2026-01-01T00:00:00Z"}]`} {
		if _, err := readClaims(&corev1.ConfigMap{Data: map[string]string{ledgerField: text}}); err == nil {
			t.Errorf("%q is read", text)
		}
	}
	var raw []map[string]any
	pages := ledgerPages(t, c, ns)
	i := slices.IndexFunc(pages, func(m corev1.ConfigMap) bool { return len(m.Data[ledgerField]) > 10 })
	if err := json.Unmarshal([]byte(pages[i].Data[ledgerField]), &raw); err != nil || !strings.HasPrefix(raw[0]["since"].(string), "2026-01-01T00:00:00") {
		t.Errorf("%v, %v", raw, err)
	}
}
