// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// withRoutes has a replica read Ingresses, so that requests can be pinned to them.
func withRoutes(o *Options) {
	s := fixture.SettingsOf(o.Namespace)
	o.Routes = &s
}

// by decides about a GET that an Ingress routed.
func (r *replica) by(ingress, rawURL string) policy.Decision {
	r.t.Helper()
	target, err := policy.ParseTarget(rawURL)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.Live.Table().Decide(policy.Request{Target: target, Ingress: ingress, Method: "GET", Now: time.Now(), Address: netip.MustParseAddr("192.0.2.1")})
}

func (r *replica) decidesBy(ingress, rawURL string, want policy.Reason) {
	r.t.Helper()
	fixture.Eventually(r.t, fmt.Sprintf("GET %s by %s is %s", rawURL, ingress, want), func() error {
		if got := r.by(ingress, rawURL); got.Reason != want {
			return fmt.Errorf("%s by %q", got.Reason, got.Source)
		}
		return nil
	})
}

func ledgerOf(t *testing.T, c client.Client, ns string) []corev1.ConfigMap {
	t.Helper()
	var list corev1.ConfigMapList
	if err := c.List(t.Context(), &list, client.InNamespace(ns), client.HasLabels{v1alpha1.LedgerLabel}); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// recorded waits until the ledger says of a host whose it is, and returns since when.
func recorded(t *testing.T, c client.Client, ns, host, owner string) (since time.Time) {
	t.Helper()
	fixture.Eventually(t, host+" is written down for "+owner, func() error {
		for _, m := range ledgerOf(t, c, ns) {
			var claims []struct {
				Host, Namespace string
				Since           time.Time
			}
			if err := json.Unmarshal([]byte(m.Data["claims.json"]), &claims); err != nil {
				return err
			}
			for _, claim := range claims {
				if claim.Host == host && claim.Namespace == owner {
					since = claim.Since
					return nil
				}
			}
		}
		return errors.New("it is not")
	})
	return since
}

const (
	payroll = "https://payroll.example.com/salaries"
	pin     = "payroll"
)

// attacked is an installation where team has payroll in force, and evil an object
// that is older.
func attacked(t *testing.T, change ...func(*Options)) (c client.Client, r *replica, team, evil string, app, old *v1alpha1.AccessPolicy) {
	t.Helper()
	c = emptied(t)
	team, evil = namespace(t, c), namespace(t, c)
	old, app = fixture.Open(evil, "blog"), fixture.Protect(team, "payroll", v1alpha1.ActionAllow, "payroll.example.com")
	fixture.Create(t, c, old)
	fixture.NextSecond()
	fixture.Create(t, c, app, fixture.Route(team, pin, "payroll", "payroll.example.com", "/"))
	r = run(t, team, append(change, withRoutes)...)
	fixture.Accepted(t, c, app)
	r.decides(payroll, policy.NoSession)
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	return c, r, team, evil, app, old
}

// TestTakenByAnOlderObject: attack: host taken by age. Now the older object's edit
// is refused, its Bypass decides nothing, and both are told.
func TestTakenByAnOlderObject(t *testing.T) {
	c, r, team, evil, app, old := attacked(t)
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) {
		ap.Spec.Hosts = []v1alpha1.Host{"blog.example.com", "payroll.example.com"}
	})
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace", "spec.hosts[1]", "payroll.example.com belongs to namespace "+team, "host grant")
	r.decides("https://blog.example.com/", policy.Bypassed)
	r.decides(payroll, policy.NoPolicy)
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	fixture.Accepted(t, c, app)
	fixture.Has(t, c, app, v1alpha1.ConditionDegraded, metav1.ConditionTrue, "HostContended", "payroll.example.com is claimed by "+evil+"/blog", "refused")

	// A new process knows, too.
	r.end()
	r = run(t, team, withRoutes)
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	r.decides(payroll, policy.NoPolicy)
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"blog.example.com"} })
	r.decides(payroll, policy.NoSession)
	fixture.Eventually(t, "it is contended no more", func() error {
		if c := meta.FindStatusCondition(fixture.Get(t, c, app).Status.Conditions, v1alpha1.ConditionDegraded); c != nil {
			return errors.New(c.Message)
		}
		return nil
	})
}

// TestTakenByAnIngress: attack: a policy without hosts, and later an Ingress.
func TestTakenByAnIngress(t *testing.T) {
	c, r, team, evil, app, old := attacked(t)
	fixture.Create(t, c, fixture.Route(evil, "thief", "blog", "payroll.example.com", "/"))
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace", "payroll.example.com belongs to namespace "+team)
	r.decides(payroll, policy.NoPolicy)
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	if got := r.by(evil+"/thief", payroll); got.Verdict != policy.Deny {
		t.Errorf("by the thief's own Ingress: %s", got.Reason)
	}
	fixture.Create(t, c, fixture.Route(evil, "wide", "blog", "*.example.com", "/"))
	r.decides("https://other.example.com/", policy.Bypassed)
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	if got := r.by(evil+"/wide", payroll); got.Verdict != policy.Deny {
		t.Errorf("by the thief's wildcard: %s", got.Reason)
	}
	fixture.Accepted(t, c, app)
}

// TestTakenByLurking: attack: a wildcard that waits until the policy is deleted and
// applied again. Meanwhile nobody is let in.
func TestTakenByLurking(t *testing.T) {
	c, r, team, evil, app, old := attacked(t)
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"*.example.com"} })
	fixture.Accepted(t, c, old)
	since := recorded(t, c, team, "payroll.example.com", team)
	r.decides("https://other.example.com/", policy.Bypassed)
	r.decides(payroll, policy.NoSession)

	fixture.Remove(t, c, app)
	r.decides(payroll, policy.NoPolicy)
	second := fixture.Open(evil, "second", "payroll.example.com")
	fixture.Create(t, c, second)
	fixture.Refused(t, c, second, "HostOwnedByOtherNamespace", "held for namespace "+team+" until ", "host grant")
	r.end() // and whoever leads next knows
	r = run(t, team, withRoutes)
	r.decides("https://other.example.com/", policy.Bypassed)
	r.decides(payroll, policy.NoPolicy)
	app = fixture.Protect(team, "payroll", v1alpha1.ActionAllow, "payroll.example.com")
	fixture.Create(t, c, app)
	fixture.Accepted(t, c, app)
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	r.decides(payroll, policy.NoPolicy)
	fixture.Remove(t, c, second)
	r.decides(payroll, policy.NoSession)
	if again := recorded(t, c, team, "payroll.example.com", team); !again.Equal(since) {
		t.Errorf("it is another claim: since %s, and then %s", since, again)
	}
}

// TestHoldEnds: what nobody claims again goes to whoever asks next.
func TestHoldEnds(t *testing.T) {
	c, r, _, evil, app, old := attacked(t, func(o *Options) { o.HostHold = 3 * time.Second })
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"payroll.example.com"} })
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace")
	fixture.Remove(t, c, app)
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace", "held for namespace")
	r.decides(payroll, policy.NoPolicy)
	r.decidedBy(payroll, evil+"/blog")
	fixture.Accepted(t, c, old)
}

// TestLeadersAgree: the replica that takes over knows what the other one wrote.
func TestLeadersAgree(t *testing.T) {
	c, r1, team, _, app, old := attacked(t, elected)
	r2 := run(t, team, elected, withRoutes)
	r2.decides(payroll, policy.NoSession)
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"payroll.example.com"} })
	for _, r := range []*replica{r1, r2} {
		r.decides(payroll, policy.NoPolicy)
		r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	}
	r1.end()
	r2.says("this replica leads")
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) {
		ap.Spec.Hosts = []v1alpha1.Host{"payroll.example.com", "*.example.com"}
	})
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace")
	fixture.Accepted(t, c, app)
	r2.decidesBy(team+"/"+pin, payroll, policy.NoSession)
}

// TestRestore: in whatever order a backup comes back, the first claim counts.
func TestRestore(t *testing.T) {
	for _, ledgerFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("ledger first %v", ledgerFirst), func(t *testing.T) {
			c, r, team, evil, _, old := attacked(t)
			fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"payroll.example.com"} })
			fixture.Refused(t, c, old, "HostOwnedByOtherNamespace")
			recorded(t, c, team, "payroll.example.com", team)
			backup := ledgerOf(t, c, team)
			r.end()
			fixture.Empty(t, c)
			for i := range backup {
				fixture.Remove(t, c, &backup[i])
				backup[i].ResourceVersion, backup[i].UID = "", ""
			}
			restore := func() {
				for i := range backup {
					fixture.Create(t, c, &backup[i])
				}
			}
			if ledgerFirst {
				restore()
			}
			old = fixture.Open(evil, "blog", "payroll.example.com")
			fixture.Create(t, c, old)
			r = run(t, team, withRoutes)
			if ledgerFirst {
				fixture.Refused(t, c, old, "HostOwnedByOtherNamespace", team)
				r.decides(payroll, policy.NoPolicy)
			} else {
				fixture.Accepted(t, c, old) // nothing tells that it is another's
			}
			app := fixture.Protect(team, "payroll", v1alpha1.ActionAllow, "payroll.example.com")
			fixture.Create(t, c, app, fixture.Route(team, pin, "payroll", "payroll.example.com", "/"))
			if !ledgerFirst {
				fixture.Refused(t, c, app, "HostOwnedByOtherNamespace")
				restore()
			}
			r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
			fixture.Accepted(t, c, app)
			fixture.Refused(t, c, old, "HostOwnedByOtherNamespace", "belongs to namespace "+team)
			r.decides(payroll, policy.NoPolicy)
		})
	}
}

// TestUpgrade: an installation that had no ledger goes on as it was, whatever the
// ages of objects.
func TestUpgrade(t *testing.T) {
	c := emptied(t)
	team, evil := namespace(t, c), namespace(t, c)
	old, app := fixture.Open(evil, "blog", "payroll.example.com"), fixture.Protect(team, "payroll", v1alpha1.ActionAllow, "payroll.example.com")
	fixture.Create(t, c, old)
	fixture.NextSecond()
	fixture.Create(t, c, app)
	for ap, status := range map[*v1alpha1.AccessPolicy]metav1.ConditionStatus{old: metav1.ConditionFalse, app: metav1.ConditionTrue} {
		now := fixture.Get(t, c, ap)
		meta.SetStatusCondition(&now.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: status, Reason: "Accepted", ObservedGeneration: now.Generation})
		if err := c.Status().Update(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	run(t, team)
	recorded(t, c, team, "payroll.example.com", team)
	fixture.Accepted(t, c, app)
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace", "belongs to namespace "+team)
}

// TestNobodys: where nothing tells who was first, nobody has it, whatever the ages
// and names of objects; a grant settles it.
func TestNobodys(t *testing.T) {
	c := emptied(t)
	a, b := namespace(t, c), namespace(t, c)
	first, second := fixture.Open(a, "a", "app.example.com"), fixture.Open(b, "b", "app.example.com")
	second.Spec.Paths = []v1alpha1.PathMatch{{Path: "/b"}}
	fixture.Create(t, c, first)
	fixture.NextSecond()
	fixture.Create(t, c, second)
	r := run(t, a)
	for _, ap := range []*v1alpha1.AccessPolicy{first, second} {
		fixture.Refused(t, c, ap, "HostOwnedByOtherNamespace", "Ostiary cannot tell which of them was first", a+" and "+b, "denied", "host grant")
	}
	r.decides("https://app.example.com/", policy.NoPolicy)
	r.end()
	r = run(t, a, func(o *Options) { o.Grants = []policy.Grant{{Host: "app.example.com", Namespace: b}} })
	fixture.Accepted(t, c, first)
	fixture.Accepted(t, c, second)
	r.decides("https://app.example.com/", policy.Bypassed)
}

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
			n += strings.Count(m.Data["claims.json"], `"payroll.example.com"`)
		}
		if n != 1 {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
	r.running()
}
