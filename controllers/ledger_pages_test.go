// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestLedgerVanishes: what is deleted while a replica runs is written again, and an
// unchanged world is written once.
func TestLedgerVanishes(t *testing.T) {
	c, r, team, _, app, old := attacked(t)
	since := recorded(t, c, team, "payroll.example.com", team)
	before := ledgerOf(t, c, team)
	fixture.Edit(t, c, app, func(ap *v1alpha1.AccessPolicy) { ap.Spec.AllowEncodedSlashes = true })
	fixture.Accepted(t, c, app)
	if after := ledgerOf(t, c, team); len(after) != 1 || after[0].ResourceVersion != before[0].ResourceVersion {
		t.Errorf("nothing changed, and it was written again: %d ConfigMaps", len(after))
	}
	fixture.Remove(t, c, &before[0])
	fixture.Eventually(t, "it is another ConfigMap", func() error {
		if now := ledgerOf(t, c, team); len(now) != 1 || now[0].Name == before[0].Name {
			return fmt.Errorf("%d ConfigMaps", len(now))
		}
		return nil
	})
	if again := recorded(t, c, team, "payroll.example.com", team); !again.Equal(since) {
		t.Errorf("since %s, and then %s", since, again)
	}
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"payroll.example.com"} })
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace")

	// A copy, as a backup may bring it, is folded into one.
	copied := ledgerOf(t, c, team)[0]
	copied.ObjectMeta = metav1.ObjectMeta{Namespace: team, Name: "copy", Labels: copied.Labels}
	fixture.Create(t, c, &copied)
	fixture.Eventually(t, "it is written once", func() error {
		n := 0
		for _, m := range ledgerOf(t, c, team) {
			n += strings.Count(m.Data[ledgerField], `"payroll.example.com"`)
		}
		if n != 1 {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
	r.running()
}

// TestLedgerBroken: a part that cannot be read counts as it did before; who starts
// without having read it does not decide.
func TestLedgerBroken(t *testing.T) {
	c, r, team, _, app, old := attacked(t)
	recorded(t, c, team, "payroll.example.com", team)
	m := ledgerOf(t, c, team)[0]
	good := maps.Clone(m.Data)
	m.Data = map[string]string{ledgerField: "[{"}
	if err := c.Update(t.Context(), &m); err != nil {
		t.Fatal(err)
	}
	r.says("a part of the ledger of hosts cannot be read")
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"payroll.example.com"} })
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace")
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	fixture.Accepted(t, c, app)
	r.end()
	for _, other := range ledgerOf(t, c, team) { // what was written elsewhere instead
		if other.Name != m.Name {
			fixture.Remove(t, c, &other)
		}
	}
	r = run(t, team, withRoutes)
	r.says("the ledger of hosts cannot be read, and without it nobody knows whose a host is", m.Name)
	if r.Live.Table() != nil {
		t.Error("there is a table without a ledger")
	}
	m = ledgerOf(t, c, team)[0]
	m.Data = good
	if err := c.Update(t.Context(), &m); err != nil {
		t.Fatal(err)
	}
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
}

// TestToldWhenWritten: nobody is told that a host is theirs before that is written
// down; decisions do not wait.
func TestToldWhenWritten(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var refuse atomic.Bool
	refuse.Store(true)
	r := run(t, ns, func(o *Options) {
		o.newClient = func(cfg *rest.Config, co client.Options) (client.Client, error) {
			w, err := client.NewWithWatch(cfg, co)
			if err != nil {
				return nil, err
			}
			return interceptor.NewClient(w, interceptor.Funcs{
				Create: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if _, ok := o.(*corev1.ConfigMap); ok && refuse.Load() {
						return errors.New("no ConfigMaps today")
					}
					return w.Create(ctx, o, opts...)
				},
			}), nil
		}
	})
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	r.decides("https://app.example.com/", policy.Bypassed)
	r.says("who claims which host cannot be written down", "no ConfigMaps today")
	time.Sleep(time.Second)
	if now := fixture.Get(t, c, ap); len(now.Status.Conditions) > 0 {
		t.Errorf("it is told %v", now.Status.Conditions)
	}
	refuse.Store(false)
	fixture.Accepted(t, c, ap)
	recorded(t, c, ns, "app.example.com", ns)
}

// TestLedgerPages: what a ConfigMap has no room for goes into another; what
// somebody else wrote meanwhile stays.
func TestLedgerPages(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	l := newLedger(ns, time.Hour)
	l.live, l.client = c, c
	wanted := &wantedClaims{drop: map[claimKey]bool{}}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 6000 {
		wanted.claims = append(wanted.claims, policy.Claim{Host: fmt.Sprintf("h%05d.apps.example.com", i), Namespace: "big", Since: at})
	}
	wanted.claims = append(wanted.claims, policy.Claim{Host: "a.example.com", Namespace: "small", Since: at, Released: at.Add(time.Hour)})
	read := func() (out []policy.Claim, pages int) {
		t.Helper()
		for _, m := range ledgerOf(t, c, ns) {
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
	pages := ledgerOf(t, c, ns)
	i := slices.IndexFunc(pages, func(m corev1.ConfigMap) bool { return len(m.Data[ledgerField]) > 10 })
	if err := json.Unmarshal([]byte(pages[i].Data[ledgerField]), &raw); err != nil || !strings.HasPrefix(raw[0]["since"].(string), "2026-01-01T00:00:00") {
		t.Errorf("%v, %v", raw, err)
	}
}
