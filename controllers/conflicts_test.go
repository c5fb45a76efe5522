// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestOlderWins: whatever the names are, and whoever is seen first.
func TestOlderWins(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	older, younger := fixture.Open(ns, "z", "app.example.com"), fixture.Protect(ns, "a", v1alpha1.ActionBlock, "app.example.com", "own.example.com")
	fixture.Create(t, c, older)
	fixture.NextSecond()
	fixture.Create(t, c, younger)
	r := run(t, ns)
	r.decidedBy("https://app.example.com/", ns+"/z")
	r.decidedBy("https://own.example.com/", ns+"/a") // what nobody else claims stays its own
	fixture.Accepted(t, c, older)
	fixture.Refused(t, c, younger, "Conflict", "app.example.com", ns+"/z", "spec.hosts[0]")
	fixture.Has(t, c, younger, v1alpha1.ConditionProgrammed, metav1.ConditionFalse, "PartlyInForce")

	fixture.Remove(t, c, older)
	r.decidedBy("https://app.example.com/", ns+"/a")
	r.decides("https://app.example.com/", policy.Blocked)
	fixture.Accepted(t, c, younger)

	// Made again, it is the younger one.
	fixture.NextSecond()
	again := fixture.Open(ns, "z", "app.example.com")
	fixture.Create(t, c, again)
	fixture.Refused(t, c, again, "Conflict", ns+"/a")
	fixture.Accepted(t, c, younger)
	r.decidedBy("https://app.example.com/", ns+"/a")

	// The winner lets go by an edit.
	fixture.Edit(t, c, younger, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"own.example.com"} })
	r.decidedBy("https://app.example.com/", ns+"/z")
	fixture.Accepted(t, c, again)
	fixture.Accepted(t, c, younger)
}

// TestEqualAge: times of creation are whole seconds, and then the name decides.
func TestEqualAge(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	lesser, greater := fixture.Open(ns, "a", "app.example.com"), fixture.Open(ns, "b", "app.example.com")
	fixture.Eventually(t, "two policies of one second", func() error {
		fixture.Empty(t, c)
		lesser, greater = fixture.Open(ns, "a", "app.example.com"), fixture.Open(ns, "b", "app.example.com")
		fixture.NextSecond()
		fixture.Create(t, c, greater, lesser)
		if !lesser.CreationTimestamp.Equal(&greater.CreationTimestamp) {
			return errors.New("the second passed")
		}
		return nil
	})
	r := run(t, ns)
	r.decidedBy("https://app.example.com/", ns+"/a")
	fixture.Accepted(t, c, lesser)
	fixture.Refused(t, c, greater, "Conflict", ns+"/a")
}

// TestHostOwnership: a host belongs to the namespace that claimed it first, an
// exact host below a wildcard to whoever has the wildcard (G4).
func TestHostOwnership(t *testing.T) {
	c := emptied(t)
	ours, theirs := namespace(t, c), namespace(t, c)
	r := run(t, ours, func(o *Options) { o.HostHold = -1 })
	exact, wild := fixture.Open(ours, "exact", "app.example.com"), fixture.Open(ours, "wild", "*.preview.example.com")
	fixture.Create(t, c, exact, wild)
	fixture.Accepted(t, c, exact)
	fixture.Accepted(t, c, wild)
	takeover := fixture.Open(theirs, "takeover", "app.example.com")
	takeover.Spec.Paths = []v1alpha1.PathMatch{{Path: "/admin", Type: v1alpha1.PathExact}} // more specific: no help
	below := fixture.Open(theirs, "below", "x.preview.example.com")
	same := fixture.Open(theirs, "same", "*.preview.example.com")
	free := fixture.Open(theirs, "free", "free.example.com")
	fixture.Create(t, c, takeover, below, same, free)
	r.decidedBy("https://free.example.com/", theirs+"/free")
	for _, url := range []string{"https://app.example.com/admin", "https://app.example.com/", "https://x.preview.example.com/", "https://y.preview.example.com/"} {
		r.decides(url, policy.NoPolicy) // nobody knows by which route it came
	}
	for _, ap := range []*v1alpha1.AccessPolicy{takeover, below, same} {
		fixture.Refused(t, c, ap, "HostOwnedByOtherNamespace", "belongs to namespace "+ours, "refused", "host grant")
		fixture.Has(t, c, ap, v1alpha1.ConditionProgrammed, metav1.ConditionFalse, "PartlyInForce")
	}
	for _, ap := range []*v1alpha1.AccessPolicy{exact, wild, free} {
		fixture.Accepted(t, c, ap)
	}
	fixture.Has(t, c, exact, v1alpha1.ConditionDegraded, metav1.ConditionTrue, "HostContended", "app.example.com", theirs+"/takeover", "host grant", "reservation")
	fixture.Has(t, c, wild, v1alpha1.ConditionDegraded, metav1.ConditionTrue, "HostContended", "x.preview.example.com", theirs+"/below", theirs+"/same")
	fixture.Remove(t, c, below)
	fixture.Remove(t, c, same)
	r.decidedBy("https://x.preview.example.com/", ours+"/wild")

	// The owner leaves, the host is free; a claim that is made again is the last in line.
	fixture.Remove(t, c, exact)
	r.decidedBy("https://app.example.com/admin", theirs+"/takeover")
	fixture.Accepted(t, c, takeover)
	exact = fixture.Open(ours, "exact", "app.example.com")
	fixture.Create(t, c, exact)
	fixture.Refused(t, c, exact, "HostOwnedByOtherNamespace", "belongs to namespace "+theirs)
}

func TestGrants(t *testing.T) {
	c := emptied(t)
	ours, theirs := namespace(t, c), namespace(t, c)
	r := run(t, ours, func(o *Options) {
		o.Grants = []policy.Grant{{Host: "a.apps.example.com", Namespace: theirs}}
		o.Reservations = []policy.Grant{{Host: "*.zone.example.com", Namespace: ours}}
		o.TeamHost, o.PathPrefix = "auth.example.com", "/.access"
	})
	wild := fixture.Open(ours, "wild", "*.apps.example.com")
	fixture.Create(t, c, wild)
	fixture.Accepted(t, c, wild)
	granted, stranger := fixture.Open(theirs, "granted", "a.apps.example.com"), fixture.Open(theirs, "stranger", "c.apps.example.com")
	zone, team, path := fixture.Open(theirs, "zone", "x.y.zone.example.com"), fixture.Open(theirs, "team", "auth.example.com", "example.com"), fixture.Open(theirs, "path", "path.example.com")
	path.Spec.Paths = []v1alpha1.PathMatch{{Path: "/.access/login"}, {Path: "/x"}}
	fixture.Create(t, c, granted, stranger, zone, team, path)
	r.decidedBy("https://a.apps.example.com/", theirs+"/granted")
	r.decidedBy("https://b.apps.example.com/", ours+"/wild")
	r.decides("https://c.apps.example.com/", policy.NoPolicy)
	r.decidedBy("https://path.example.com/x", theirs+"/path")
	fixture.Accepted(t, c, granted)
	fixture.Refused(t, c, stranger, "HostOwnedByOtherNamespace")
	fixture.Refused(t, c, zone, "HostNotGranted", "reserved", "namespace "+ours)
	fixture.Refused(t, c, team, "HostReserved", "where users sign in", "parent domain")
	fixture.Refused(t, c, path, "HostReserved", "/.access/login", "own path")
	fixture.Remove(t, c, stranger)
	r.decidedBy("https://c.apps.example.com/", ours+"/wild")
	for _, ap := range []*v1alpha1.AccessPolicy{zone, team} { // what is void is in nobody's way
		r.decides("https://"+string(ap.Spec.Hosts[0])+"/", policy.NoPolicy)
	}
}

func TestGrantedOnly(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	r := run(t, ns, func(o *Options) {
		o.GrantedOnly, o.Grants = true, []policy.Grant{{Host: "a.example.com", Namespace: ns}}
	})
	good, bad := fixture.Open(ns, "good", "a.example.com"), fixture.Open(ns, "bad", "b.example.com")
	fixture.Create(t, c, good, bad)
	r.decidedBy("https://a.example.com/", ns+"/good")
	r.decides("https://b.example.com/", policy.NoPolicy)
	fixture.Accepted(t, c, good)
	fixture.Refused(t, c, bad, "HostNotGranted", "not granted to namespace "+ns, "host grant")
}

// relax takes every rule about spec out of the CRD, so that objects can be
// stored that are older than the rules they break. The result puts them back.
func relax(t *testing.T, c client.Client) (restore func()) {
	t.Helper()
	key := client.ObjectKey{Name: "accesspolicies." + v1alpha1.GroupVersion.Group}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := c.Get(t.Context(), key, &crd); err != nil {
		t.Fatal(err)
	}
	strict := *crd.Spec.Versions[0].Schema.OpenAPIV3Schema.DeepCopy()
	set := func(spec apiextensionsv1.JSONSchemaProps, works func(error) error) {
		t.Helper()
		fixture.Eventually(t, "changing the CRD", func() error {
			var crd apiextensionsv1.CustomResourceDefinition
			if err := c.Get(t.Context(), key, &crd); err != nil {
				return err
			}
			crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"] = spec
			return c.Update(t.Context(), &crd)
		})
		fixture.Eventually(t, "the CRD is in force", func() error {
			return works(c.Create(t.Context(), fixture.Open("default", "probe", "NOT A HOST"), client.DryRunAll))
		})
	}
	preserve := true
	set(apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &preserve}, func(err error) error { return err })
	restored := false
	restore = func() {
		if restored {
			return
		}
		restored = true
		set(strict.Properties["spec"], func(err error) error {
			if !apierrors.IsInvalid(err) {
				return errors.New("the probe is not refused")
			}
			return nil
		})
	}
	return restore
}

// TestMistakes: what the API server would refuse now, but did not always (G3).
func TestMistakes(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	restore := relax(t, c)
	bad := fixture.Open(ns, "bad", "Bad.example.com", "worse.example.com:8443")
	bad.Spec.Paths = []v1alpha1.PathMatch{{Path: "admin//x"}}
	bad.Spec.Rules = append(bad.Spec.Rules, v1alpha1.Rule{Action: "Permit"})
	bad.Spec.Session = &v1alpha1.Session{Duration: "1d", RevokedBefore: "yesterday"}
	bad.Spec.CORS = &v1alpha1.CORS{AllowAllOrigins: true, AllowCredentials: true, AllowedMethods: []v1alpha1.Method{"get"}}
	good := fixture.Open(ns, "good", "good.example.com")
	under := fixture.Open(ns, "under", "bad.example.com") // a younger claim on what the bad one holds
	fixture.Create(t, c, bad, good)
	fixture.NextSecond()
	fixture.Create(t, c, under)
	restore()

	errorsBefore, retriesBefore := reconciles(t, "error"), reconciles(t, "requeue")+reconciles(t, "requeue_after")
	r := run(t, ns)
	r.decides("https://bad.example.com/admin/x", policy.InvalidPolicy)
	r.decides("https://worse.example.com/admin/x", policy.InvalidPolicy)
	r.decides("https://good.example.com/", policy.Bypassed)
	fixture.Refused(t, c, bad, "Invalid", "problems: ", "spec.hosts[0]", "spec.hosts[1]", "spec.paths[0].path", "spec.rules[1].action",
		"spec.rules[1].include", "spec.session.duration", "spec.session.revokedBefore", "spec.cors")
	fixture.Has(t, c, bad, v1alpha1.ConditionProgrammed, metav1.ConditionFalse, "Denied")
	fixture.Accepted(t, c, good)

	runs, rv := reconciles(t, ""), fixture.Get(t, c, bad).ResourceVersion
	time.Sleep(3 * time.Second) // more than the first retry would wait
	if again := reconciles(t, "") - runs; again > 0 {
		t.Errorf("nothing changed, and the table was built again %v times", again)
	}
	if n := reconciles(t, "error") - errorsBefore; n > 0 {
		t.Errorf("a user's mistake was %v errors", n)
	}
	if n := reconciles(t, "requeue") + reconciles(t, "requeue_after") - retriesBefore; n > 0 {
		t.Errorf("a user's mistake was tried again %v times", n)
	}
	if now := fixture.Get(t, c, bad).ResourceVersion; now != rv {
		t.Errorf("nothing changed, and the status was written again: %s, %s", rv, now)
	}

	fixture.Edit(t, c, bad, func(ap *v1alpha1.AccessPolicy) {
		fixed := fixture.Open(ns, "bad", "bad.example.com", "worse.example.com")
		ap.Spec = fixed.Spec
	})
	r.decides("https://bad.example.com/admin/x", policy.Bypassed)
	fixture.Accepted(t, c, bad)
	fixture.Refused(t, c, under, "Conflict", ns+"/bad")
}

// TestForeignSpecs: an unknown enum value, or a whole spec that this
// version does not know, takes nobody else down.
func TestForeignSpecs(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	restore := relax(t, c)
	foreign := func(name, spec string) *v1alpha1.AccessPolicy {
		ap := fixture.Open(ns, name)
		ap.Spec = v1alpha1.AccessPolicySpec{}
		if err := json.Unmarshal([]byte(spec), &ap.Spec); err != nil {
			t.Fatal(err)
		}
		return ap
	}
	nothing := foreign("nothing", `{}`)
	unknown := foreign("unknown", `{"hosts":["u.example.com"],"unauthenticated":"Teapot","paths":[{"path":"/x","type":"Regex"}],
		"rules":[{"action":"Bypass","include":[{}]},{"action":"Bypass","include":[{"everyone":"false"}]},{"action":"Bypass","include":[{"everyone":{},"email":"a@example.com"}]}]}`)
	good := fixture.Open(ns, "good", "good.example.com")
	fixture.Create(t, c, nothing, unknown, good)
	restore()
	r := run(t, ns)
	r.decides("https://good.example.com/", policy.Bypassed)
	r.decides("https://u.example.com/x", policy.InvalidPolicy)
	r.decides("https://u.example.com/", policy.NoPolicy)
	fixture.Accepted(t, c, nothing)
	fixture.Has(t, c, nothing, v1alpha1.ConditionDegraded, metav1.ConditionTrue, "Unwise")
	fixture.Refused(t, c, unknown, "Invalid", "spec.unauthenticated", "spec.paths[0].type", "spec.rules[0].include[0]", "spec.rules[1].include[0]", "spec.rules[2].include[0]")
	fixture.Accepted(t, c, good)
	if strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("users' mistakes are errors in the log")
	}
}
