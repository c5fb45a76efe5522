// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// published collects what a replica puts in use.
type published struct {
	mu   sync.Mutex
	last []config.Provider
	n    int
}

func (p *published) use(o *Options) {
	o.PublishProviders = func(all []config.Provider) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.last, p.n = all, p.n+1
	}
}

func (p *published) provider(name string) (config.Provider, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.last, func(o config.Provider) bool { return o.Name == name })
	if i < 0 {
		return config.Provider{}, false
	}
	return p.last[i], true
}

func (p *published) has(t *testing.T, name, secret string) {
	t.Helper()
	fixture.Eventually(t, name+" is in use with its secret", func() error {
		if got, ok := p.provider(name); !ok || got.ClientSecret != secret && string(got.Users) != secret {
			return fmt.Errorf("%v, %v", got, ok)
		}
		return nil
	})
}

func (p *published) lacks(t *testing.T, name string) {
	t.Helper()
	fixture.Eventually(t, name+" is not in use", func() error {
		if _, ok := p.provider(name); ok || p.times() == 0 {
			return errors.New("it is")
		}
		return nil
	})
}

func (p *published) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// users is a list of one.
const users = "- {name: ann, passwordHash: $2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy}\n"

func corp(name, secret string) *v1alpha1.IdentityProvider {
	return &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.IdentityProviderSpec{
		OIDC: &v1alpha1.OIDC{Issuer: "https://sso.example.com", ClientID: "ostiary", ClientSecretRef: &v1alpha1.SecretKey{Name: secret}}}}
}

func clientSecret(ns, name, value string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, StringData: map[string]string{"clientSecret": value}}
}

// judged waits until the provider's Accepted condition is so.
func judged(t *testing.T, c client.Client, name string, status metav1.ConditionStatus, reason string, words ...string) {
	t.Helper()
	fixture.Eventually(t, fmt.Sprintf("%s is Accepted=%s, %s", name, status, reason), func() error {
		var now v1alpha1.IdentityProvider
		if err := c.Get(t.Context(), client.ObjectKey{Name: name}, &now); err != nil {
			return err
		}
		is := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionAccepted)
		if is == nil || is.Status != status || is.Reason != reason || is.ObservedGeneration != now.Generation || now.Status.Type == "" {
			return fmt.Errorf("%+v", now.Status)
		}
		for _, w := range words {
			if !strings.Contains(is.Message, w) {
				return fmt.Errorf("%q does not say %q", is.Message, w)
			}
		}
		return nil
	})
}

// TestProviders: objects and their Secrets become providers in use, whichever
// comes first and whichever changes.
func TestProviders(t *testing.T) {
	c := emptied(t)
	ns, other := namespace(t, c), namespace(t, c)
	var in published
	r := run(t, ns, in.use)
	in.lacks(t, "corp") // none is a number, too

	fixture.Create(t, c, clientSecret(other, "corp-client", "of another namespace"), corp("corp", "corp-client"))
	judged(t, c, "corp", metav1.ConditionFalse, "SecretMissing", "corp-client", "create it", `"clientSecret"`)
	in.lacks(t, "corp")

	s := clientSecret(ns, "corp-client", "first")
	fixture.Create(t, c, s)
	in.has(t, "corp", "first")
	judged(t, c, "corp", metav1.ConditionTrue, "Accepted")

	before := in.times()
	s.StringData = map[string]string{"clientSecret": "second"}
	if err := c.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	in.has(t, "corp", "second")
	fixture.Create(t, c, clientSecret(ns, "unrelated", "x"))
	time.Sleep(300 * time.Millisecond)
	if n := in.times() - before; n != 1 {
		t.Errorf("one change was published %d times", n)
	}

	s.StringData = map[string]string{"other": users}
	s.Data = nil
	if err := c.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	judged(t, c, "corp", metav1.ConditionFalse, "Invalid", `nothing under the key "clientSecret"`)
	in.lacks(t, "corp")

	people := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "people"},
		Spec: v1alpha1.IdentityProviderSpec{Users: &v1alpha1.Users{SecretRef: v1alpha1.SecretKey{Name: "corp-client", Key: "other"}}}}
	fixture.Create(t, c, people)
	in.has(t, "people", users)
	fixture.Remove(t, c, people)
	in.lacks(t, "people")
	if said := r.log.String(); strings.Contains(said, "second") || strings.Contains(said, "first") {
		t.Errorf("a secret is in the log:\n%s", said)
	}
}

// TestKeysAreNoSecretOfAProvider: otherwise who may make an IdentityProvider
// could have the key ring sent to an address of their own.
func TestKeysAreNoSecretOfAProvider(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var in published
	r := run(t, ns, in.use)
	r.says("made a key ring")
	evil := corp("evil", DefaultKeySecret)
	evil.Spec.OIDC.ClientSecretRef.Key = feed.KeyRingField
	fixture.Create(t, c, evil)
	judged(t, c, "evil", metav1.ConditionFalse, "Invalid")
	in.lacks(t, "evil")
}

// TestUsersOfProvider: what only a look at the contents shows is in the status. Of a
// list with a wrong entry, the others are in use.
func TestUsersOfProvider(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var in published
	run(t, ns, in.use)
	people := func(name string) *v1alpha1.IdentityProvider {
		return &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.IdentityProviderSpec{Users: &v1alpha1.Users{SecretRef: v1alpha1.SecretKey{Name: name, Key: "clientSecret"}}}}
	}
	odd := users + "- {name: bob}\n"
	fixture.Create(t, c, clientSecret(ns, "odd", odd), clientSecret(ns, "bad", "bad"), people("odd"), people("bad"))
	judged(t, c, "odd", metav1.ConditionTrue, "Accepted", "entry 2")
	judged(t, c, "bad", metav1.ConditionFalse, "Invalid", "must be a list")
	in.has(t, "odd", odd)
	in.lacks(t, "bad")
}

// TestStatusOfProvidersByTheLeader: all replicas use a provider, one writes; who
// leads next writes what is left.
func TestStatusOfProvidersByTheLeader(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var ins [2]published
	var ws [2]writes
	var rs [2]*replica
	for i := range rs {
		rs[i] = run(t, ns, elected, ins[i].use, ws[i].count)
	}
	fixture.Create(t, c, clientSecret(ns, "corp-client", "first"), corp("corp", "corp-client"))
	for i := range ins {
		ins[i].has(t, "corp", "first")
	}
	judged(t, c, "corp", metav1.ConditionTrue, "Accepted")
	if a, b := ws[0].statuses.Load(), ws[1].statuses.Load(); min(a, b) != 0 {
		t.Errorf("both replicas wrote: %d and %d statuses", a, b)
	}
	leader := 0
	if ws[1].statuses.Load() > 0 {
		leader = 1
	}
	rs[leader].end()
	fixture.Create(t, c, corp("late", "corp-client"))
	judged(t, c, "late", metav1.ConditionTrue, "Accepted")
}

// TestRemovedProvider: the sessions that a provider vouched for end with it on every
// replica, and count again when it is back. Before it is known which providers there
// are, nobody's session ends.
func TestRemovedProvider(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	const app = "https://app.example.com/"
	fixture.Create(t, c, fixture.Protect(ns, "app", v1alpha1.ActionAllow, "app.example.com"), clientSecret(ns, "corp-client", "secret"), corp("corp", "corp-client"))
	var known atomic.Pointer[policy.Providers]
	held := make(chan struct{})
	names := func(o *Options) {
		o.ProvidersInUse = known.Load
		o.PublishProviders = func(all []config.Provider) {
			<-held
			list := []policy.Provider{}
			for _, p := range all {
				list = append(list, policy.Provider{Name: p.Name})
			}
			known.Store(policy.NewProviders(list...))
		}
	}
	r := run(t, ns, names)
	r.decides(app, policy.NoSession)
	from := func(provider string) policy.Reason {
		target, err := policy.ParseTarget(app)
		if err != nil {
			t.Fatal(err)
		}
		in, _ := r.Live.Table().SignIn(target, "")
		now := time.Now()
		return r.Live.Table().Decide(policy.Request{Target: target, Method: "GET", Now: now, Subject: &policy.Subject{
			ID: "1", Email: "ann@example.com", Provider: provider, Audience: in.Audience, SignedInAt: now, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}}).Reason
	}
	for _, provider := range []string{"corp", "gone"} {
		if why := from(provider); why != policy.SignedIn {
			t.Errorf("before providers were read, %s: %s", provider, why)
		}
	}
	first := r.Live.Table().Revision()
	close(held)
	is := func(provider string, want policy.Reason) {
		t.Helper()
		fixture.Eventually(t, provider+" is "+want.String(), func() error {
			if why := from(provider); why != want {
				return errors.New(why.String())
			}
			return nil
		})
	}
	is("gone", policy.SessionRevoked)
	is("corp", policy.SignedIn)
	if r.Live.Table().Revision() == first {
		t.Error("the revision does not tell that providers are known")
	}
	if err := c.Delete(t.Context(), corp("corp", "")); err != nil {
		t.Fatal(err)
	}
	is("corp", policy.SessionRevoked)
	fixture.Create(t, c, corp("corp", "corp-client"))
	is("corp", policy.SignedIn)
}

// TestLookAtProviders: explain judges by the providers and revocations of the cluster.
func TestLookAtProviders(t *testing.T) {
	c := emptied(t)
	fixture.Create(t, c, corp("corp", "corp-client"), corp("broken", "no-client"), revokes("ann", "ann@example.com", time.Now().Add(-time.Hour)))
	var broken v1alpha1.IdentityProvider
	if err := c.Get(t.Context(), client.ObjectKey{Name: "broken"}, &broken); err != nil {
		t.Fatal(err)
	}
	meta.SetStatusCondition(&broken.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse, Reason: "SecretMissing"})
	if err := c.Status().Update(t.Context(), &broken); err != nil {
		t.Fatal(err)
	}
	ns := namespace(t, c)
	var notes strings.Builder
	looker := func(name string, rules ...rbacv1.PolicyRule) *feed.Source {
		l := &feed.Source{}
		l.Add(pflag.NewFlagSet("explain", pflag.ContinueOnError)) // with its defaults
		l.Kubeconfig.Path = fixture.Kubeconfig(t, c, server.Config(t), ns, name, rules...)
		return l
	}
	few := looker("few", fixture.MayList("access.ostiary.dev", "accesspolicies"))
	table, err := few.Table(t.Context(), "", "", &notes)
	if err != nil || !strings.Contains(notes.String(), "listing IdentityProviders") || !strings.Contains(notes.String(), "SessionRevocations are ignored") {
		t.Fatal(err, notes.String())
	}
	if !table.Provided("gone") {
		t.Error("nothing is known of providers, and one is missing")
	}
	notes.Reset()
	l := looker("all", fixture.MayList("networking.k8s.io", "ingresses"), fixture.MayList("access.ostiary.dev", "*"), fixture.MayList("", "configmaps"))
	// Of hosts nothing is written down where no controller ran; the rest is known.
	if table, err = l.Table(t.Context(), "", "", &notes); err != nil || strings.Count(notes.String(), "\n") > 1 || notes.Len() > 0 && !strings.HasPrefix(notes.String(), "the owners of hosts") {
		t.Fatal(err, notes.String())
	}
	for name, want := range map[string]bool{"corp": true, "broken": false, "gone": false} {
		if table.Provided(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if s := (&policy.Subject{Email: "ann@example.com", SignedInAt: time.Now().Add(-2 * time.Hour)}); !table.Revoked(s) {
		t.Error("the revocation is left out")
	}
}
