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
)

// TestOlderWins: whatever the names are, and whoever is seen first.
func TestOlderWins(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	older, younger := open(ns, "z", "app.example.com"), protect(ns, "a", v1alpha1.ActionBlock, "app.example.com", "own.example.com")
	create(t, c, older)
	nextSecond()
	create(t, c, younger)
	r := run(t, ns)
	r.decidedBy("https://app.example.com/", ns+"/z")
	r.decidedBy("https://own.example.com/", ns+"/a") // what nobody else claims stays its own
	accepted(t, c, older)
	refused(t, c, younger, "Conflict", "app.example.com", ns+"/z", "spec.hosts[0]")
	has(t, c, younger, v1alpha1.ConditionProgrammed, metav1.ConditionFalse, "PartlyInForce")

	remove(t, c, older)
	r.decidedBy("https://app.example.com/", ns+"/a")
	r.decides("https://app.example.com/", policy.Blocked)
	accepted(t, c, younger)

	// Made again, it is the younger one.
	nextSecond()
	again := open(ns, "z", "app.example.com")
	create(t, c, again)
	refused(t, c, again, "Conflict", ns+"/a")
	accepted(t, c, younger)
	r.decidedBy("https://app.example.com/", ns+"/a")

	// The winner lets go by an edit.
	edit(t, c, younger, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"own.example.com"} })
	r.decidedBy("https://app.example.com/", ns+"/z")
	accepted(t, c, again)
	accepted(t, c, younger)
}

// TestEqualAge: times of creation are whole seconds, and then the name decides.
func TestEqualAge(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	lesser, greater := open(ns, "a", "app.example.com"), open(ns, "b", "app.example.com")
	eventually(t, "two policies of one second", func() error {
		empty(t, c)
		lesser, greater = open(ns, "a", "app.example.com"), open(ns, "b", "app.example.com")
		nextSecond()
		create(t, c, greater, lesser)
		if !lesser.CreationTimestamp.Equal(&greater.CreationTimestamp) {
			return errors.New("the second passed")
		}
		return nil
	})
	r := run(t, ns)
	r.decidedBy("https://app.example.com/", ns+"/a")
	accepted(t, c, lesser)
	refused(t, c, greater, "Conflict", ns+"/a")
}

// TestHostOwnership: a host belongs to the namespace that claimed it first, an
// exact host below a wildcard to whoever has the wildcard (G4).
func TestHostOwnership(t *testing.T) {
	c := emptied(t)
	ours, theirs := namespace(t, c), namespace(t, c)
	r := run(t, ours, func(o *Options) { o.HostHold = -1 })
	exact, wild := open(ours, "exact", "app.example.com"), open(ours, "wild", "*.preview.example.com")
	create(t, c, exact, wild)
	accepted(t, c, exact)
	accepted(t, c, wild)
	takeover := open(theirs, "takeover", "app.example.com")
	takeover.Spec.Paths = []v1alpha1.PathMatch{{Path: "/admin", Type: v1alpha1.PathExact}} // more specific: no help
	below := open(theirs, "below", "x.preview.example.com")
	same := open(theirs, "same", "*.preview.example.com")
	free := open(theirs, "free", "free.example.com")
	create(t, c, takeover, below, same, free)
	r.decidedBy("https://free.example.com/", theirs+"/free")
	for _, url := range []string{"https://app.example.com/admin", "https://app.example.com/", "https://x.preview.example.com/", "https://y.preview.example.com/"} {
		r.decides(url, policy.NoPolicy) // nobody knows by which route it came
	}
	for _, ap := range []*v1alpha1.AccessPolicy{takeover, below, same} {
		refused(t, c, ap, "HostOwnedByOtherNamespace", "belongs to namespace "+ours, "refused", "host grant")
		has(t, c, ap, v1alpha1.ConditionProgrammed, metav1.ConditionFalse, "PartlyInForce")
	}
	for _, ap := range []*v1alpha1.AccessPolicy{exact, wild, free} {
		accepted(t, c, ap)
	}
	has(t, c, exact, v1alpha1.ConditionDegraded, metav1.ConditionTrue, "HostContended", "app.example.com", theirs+"/takeover", "host grant", "reservation")
	has(t, c, wild, v1alpha1.ConditionDegraded, metav1.ConditionTrue, "HostContended", "x.preview.example.com", theirs+"/below", theirs+"/same")
	remove(t, c, below)
	remove(t, c, same)
	r.decidedBy("https://x.preview.example.com/", ours+"/wild")

	// The owner leaves, the host is free; a claim that is made again is the last in line.
	remove(t, c, exact)
	r.decidedBy("https://app.example.com/admin", theirs+"/takeover")
	accepted(t, c, takeover)
	exact = open(ours, "exact", "app.example.com")
	create(t, c, exact)
	refused(t, c, exact, "HostOwnedByOtherNamespace", "belongs to namespace "+theirs)
}

func TestGrants(t *testing.T) {
	c := emptied(t)
	ours, theirs := namespace(t, c), namespace(t, c)
	r := run(t, ours, func(o *Options) {
		o.Grants = []policy.Grant{{Host: "a.apps.example.com", Namespace: theirs}}
		o.Reservations = []policy.Grant{{Host: "*.zone.example.com", Namespace: ours}}
		o.TeamHost, o.PathPrefix = "auth.example.com", "/.access"
	})
	wild := open(ours, "wild", "*.apps.example.com")
	create(t, c, wild)
	accepted(t, c, wild)
	granted, stranger := open(theirs, "granted", "a.apps.example.com"), open(theirs, "stranger", "c.apps.example.com")
	zone, team, path := open(theirs, "zone", "x.y.zone.example.com"), open(theirs, "team", "auth.example.com", "example.com"), open(theirs, "path", "path.example.com")
	path.Spec.Paths = []v1alpha1.PathMatch{{Path: "/.access/login"}, {Path: "/x"}}
	create(t, c, granted, stranger, zone, team, path)
	r.decidedBy("https://a.apps.example.com/", theirs+"/granted")
	r.decidedBy("https://b.apps.example.com/", ours+"/wild")
	r.decides("https://c.apps.example.com/", policy.NoPolicy)
	r.decidedBy("https://path.example.com/x", theirs+"/path")
	accepted(t, c, granted)
	refused(t, c, stranger, "HostOwnedByOtherNamespace")
	refused(t, c, zone, "HostNotGranted", "reserved", "namespace "+ours)
	refused(t, c, team, "HostReserved", "where people sign in", "parent domain")
	refused(t, c, path, "HostReserved", "/.access/login", "own path")
	remove(t, c, stranger)
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
	good, bad := open(ns, "good", "a.example.com"), open(ns, "bad", "b.example.com")
	create(t, c, good, bad)
	r.decidedBy("https://a.example.com/", ns+"/good")
	r.decides("https://b.example.com/", policy.NoPolicy)
	accepted(t, c, good)
	refused(t, c, bad, "HostNotGranted", "not granted to namespace "+ns, "host grant")
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
		eventually(t, "changing the CRD", func() error {
			var crd apiextensionsv1.CustomResourceDefinition
			if err := c.Get(t.Context(), key, &crd); err != nil {
				return err
			}
			crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"] = spec
			return c.Update(t.Context(), &crd)
		})
		eventually(t, "the CRD is in force", func() error {
			return works(c.Create(t.Context(), open("default", "probe", "NOT A HOST"), client.DryRunAll))
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
	bad := open(ns, "bad", "Bad.example.com", "worse.example.com:8443")
	bad.Spec.Paths = []v1alpha1.PathMatch{{Path: "admin//x"}}
	bad.Spec.Rules = append(bad.Spec.Rules, v1alpha1.Rule{Action: "Permit"})
	bad.Spec.Session = &v1alpha1.Session{Duration: "1d", RevokedBefore: "yesterday"}
	bad.Spec.CORS = &v1alpha1.CORS{AllowAllOrigins: true, AllowCredentials: true, AllowedMethods: []v1alpha1.Method{"get"}}
	good := open(ns, "good", "good.example.com")
	under := open(ns, "under", "bad.example.com") // a younger claim on what the bad one holds
	create(t, c, bad, good)
	nextSecond()
	create(t, c, under)
	restore()

	errorsBefore, retriesBefore := reconciles(t, "error"), reconciles(t, "requeue")+reconciles(t, "requeue_after")
	r := run(t, ns)
	r.decides("https://bad.example.com/admin/x", policy.InvalidPolicy)
	r.decides("https://worse.example.com/admin/x", policy.InvalidPolicy)
	r.decides("https://good.example.com/", policy.Bypassed)
	refused(t, c, bad, "Invalid", "problems: ", "spec.hosts[0]", "spec.hosts[1]", "spec.paths[0].path", "spec.rules[1].action",
		"spec.rules[1].include", "spec.session.duration", "spec.session.revokedBefore", "spec.cors")
	has(t, c, bad, v1alpha1.ConditionProgrammed, metav1.ConditionFalse, "Denied")
	accepted(t, c, good)

	runs, rv := reconciles(t, ""), get(t, c, bad).ResourceVersion
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
	if now := get(t, c, bad).ResourceVersion; now != rv {
		t.Errorf("nothing changed, and the status was written again: %s, %s", rv, now)
	}

	edit(t, c, bad, func(ap *v1alpha1.AccessPolicy) {
		fixed := open(ns, "bad", "bad.example.com", "worse.example.com")
		ap.Spec = fixed.Spec
	})
	r.decides("https://bad.example.com/admin/x", policy.Bypassed)
	accepted(t, c, bad)
	refused(t, c, under, "Conflict", ns+"/bad")
}

// TestForeignSpecs: an unknown enum value, or a whole spec that this
// version does not know, takes nobody else down.
func TestForeignSpecs(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	restore := relax(t, c)
	foreign := func(name, spec string) *v1alpha1.AccessPolicy {
		ap := open(ns, name)
		ap.Spec = v1alpha1.AccessPolicySpec{}
		if err := json.Unmarshal([]byte(spec), &ap.Spec); err != nil {
			t.Fatal(err)
		}
		return ap
	}
	nothing := foreign("nothing", `{}`)
	unknown := foreign("unknown", `{"hosts":["u.example.com"],"unauthenticated":"Teapot","paths":[{"path":"/x","type":"Regex"}],
		"rules":[{"action":"Bypass","include":[{}]},{"action":"Bypass","include":[{"everyone":"false"}]},{"action":"Bypass","include":[{"everyone":{},"email":"a@example.com"}]}]}`)
	good := open(ns, "good", "good.example.com")
	create(t, c, nothing, unknown, good)
	restore()
	r := run(t, ns)
	r.decides("https://good.example.com/", policy.Bypassed)
	r.decides("https://u.example.com/x", policy.InvalidPolicy)
	r.decides("https://u.example.com/", policy.NoPolicy)
	accepted(t, c, nothing)
	has(t, c, nothing, v1alpha1.ConditionDegraded, metav1.ConditionTrue, "Unwise")
	refused(t, c, unknown, "Invalid", "spec.unauthenticated", "spec.paths[0].type", "spec.rules[0].include[0]", "spec.rules[1].include[0]", "spec.rules[2].include[0]")
	accepted(t, c, good)
	if strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("users' mistakes are errors in the log")
	}
}
