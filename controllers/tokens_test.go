// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/tokens"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

func quickTokens(o *Options) { o.pace.tokens, o.Uses = 200*time.Millisecond, &policy.Uses{} }

var anyToken = v1alpha1.Selector{AnyServiceToken: &v1alpha1.AnyServiceToken{}}

func serviceToken(ns, name string) *v1alpha1.ServiceToken {
	return &v1alpha1.ServiceToken{ObjectMeta: fixture.Named(ns, name)}
}

// machines is a policy that admits some service tokens.
func machines(ns, name, host string, include ...v1alpha1.Selector) *v1alpha1.AccessPolicy {
	p := fixture.Protect(ns, name, v1alpha1.ActionServiceAuth, host)
	p.Spec.Rules[0].Include = include
	return p
}

// presents decides about a request with a service token.
func (r *replica) presents(rawURL, id, secret string) policy.Decision {
	r.t.Helper()
	target, err := policy.ParseTarget(rawURL)
	if err != nil {
		r.t.Fatal(err)
	}
	token := policy.PresentedToken{ID: id, Secret: secret}
	return r.Live.Table().Decide(policy.Request{Target: target, Method: "GET", Now: time.Now(), Token: token})
}

// comes waits until a request with a token is answered for a reason, on every replica.
func comes(t *testing.T, rs []*replica, rawURL, id, secret string, want policy.Reason) {
	t.Helper()
	for _, r := range rs {
		fixture.Eventually(t, "a request with the token: "+want.String(), func() error {
			if d := r.presents(rawURL, id, secret); d.Reason != want {
				return fmt.Errorf("%s", d.Reason)
			}
			return nil
		})
	}
}

// issued waits until a Secret holds another secret than before, and returns what it holds.
func issued(t *testing.T, c client.Client, ns, name, before string) (id, secret string) {
	t.Helper()
	fixture.Eventually(t, "the Secret of "+name, func() error {
		var s corev1.Secret
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, &s); err != nil {
			return err
		}
		id, secret = string(s.Data[tokens.ClientIDKey]), string(s.Data[tokens.ClientSecretKey])
		if secret == before || !tokens.IsSecret(secret) {
			return fmt.Errorf("it holds %q", secret)
		}
		return nil
	})
	return id, secret
}

func conditionOf(t *testing.T, c client.Client, ns, name, kind, reason string) (message string) {
	t.Helper()
	fixture.Eventually(t, "condition "+kind+" of "+name+": "+reason, func() error {
		var o v1alpha1.ServiceToken
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, &o); err != nil {
			return err
		}
		is := meta.FindStatusCondition(o.Status.Conditions, kind)
		if is == nil || is.Reason != reason || is.ObservedGeneration != o.Generation {
			return fmt.Errorf("%+v", o.Status.Conditions)
		}
		message = is.Message
		return nil
	})
	return message
}

func eventOf(t *testing.T, c client.Client, ns, name, reason string) {
	t.Helper()
	fixture.Eventually(t, "event "+reason+" of "+name, func() error {
		var list eventsv1.EventList
		if err := c.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
			return err
		}
		var seen []string
		for _, e := range list.Items {
			if e.Regarding.Name == name {
				seen = append(seen, e.Reason)
			}
			if e.Regarding.Name == name && e.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("there are %q", seen)
	})
}

func change(t *testing.T, c client.Client, ns, name, spec string) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":`+spec+`}`))
	if err := c.Patch(t.Context(), serviceToken(ns, name), patch); err != nil {
		t.Fatal(err)
	}
}

// TestServiceTokens: one is made, used on every replica, rotated with a grace period,
// disabled, runs out and is deleted; what is written down of it is a hash. (THREATS F15)
func TestServiceTokens(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	const app = "https://app.example.com/"
	fixture.Create(t, c, machines(ns, "app", "app.example.com", v1alpha1.Selector{ServiceToken: "ci"}), serviceToken(ns, "ci"))
	rs := []*replica{run(t, ns, elected, quickTokens), run(t, ns, elected, quickTokens)}
	id, first := issued(t, c, ns, "ci", "")
	comes(t, rs, app, id, first, policy.ServiceAdmitted)
	comes(t, rs, app, id, first+"x", policy.ServiceTokenInvalid)
	conditionOf(t, c, ns, "ci", "Ready", "Ready")
	eventOf(t, c, ns, "ci", "Issued")
	var o v1alpha1.ServiceToken
	err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "ci"}, &o)
	if err != nil || strings.Contains(fmt.Sprintf("%+v", o), first) {
		t.Fatalf("%v, or the object holds the secret: %+v", err, o)
	}
	if left := o.Status.ExpiresAt.Sub(o.Status.IssuedAt.Time); left != 8760*time.Hour || o.Status.ClientID != id {
		t.Errorf("%+v", o.Status)
	}

	change(t, c, ns, "ci", `{"rotation":7,"gracePeriod":"1h"}`)
	same, second := issued(t, c, ns, "ci", first)
	if same != id {
		t.Errorf("another client ID: %s, before %s", same, id)
	}
	comes(t, rs, app, id, second, policy.ServiceAdmitted)
	comes(t, rs, app, id, first, policy.ServiceAdmitted)
	eventOf(t, c, ns, "ci", "Rotated")
	change(t, c, ns, "ci", `{"rotation":8,"gracePeriod":"1s"}`)
	_, third := issued(t, c, ns, "ci", second)
	comes(t, rs, app, id, third, policy.ServiceAdmitted)
	comes(t, rs, app, id, second, policy.ServiceTokenInvalid)
	comes(t, rs, app, id, first, policy.ServiceTokenInvalid)

	change(t, c, ns, "ci", `{"disabled":true}`)
	comes(t, rs, app, id, third, policy.ServiceTokenInvalid)
	conditionOf(t, c, ns, "ci", "Ready", "Disabled")
	change(t, c, ns, "ci", `{"disabled":false}`)
	comes(t, rs, app, id, third, policy.ServiceAdmitted)

	fixture.Remove(t, c, serviceToken(ns, "ci"))
	comes(t, rs, app, id, third, policy.ServiceTokenInvalid)
}

// TestServiceTokenEnds: how long a token is good counts from when its secret was made.
// Conditions and events say so 14 and 2 days ahead.
func TestServiceTokenEnds(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	const app = "https://app.example.com/"
	fixture.Create(t, c, machines(ns, "app", "app.example.com", anyToken), serviceToken(ns, "ci"))
	r := run(t, ns, quickTokens)
	id, secret := issued(t, c, ns, "ci", "")
	comes(t, []*replica{r}, app, id, secret, policy.ServiceAdmitted)
	conditionOf(t, c, ns, "ci", "Expiring", "NotExpiring")
	change(t, c, ns, "ci", `{"duration":"240h"}`)
	conditionOf(t, c, ns, "ci", "Expiring", "ExpiresIn14Days")
	eventOf(t, c, ns, "ci", "ExpiresIn14Days")
	change(t, c, ns, "ci", `{"duration":"24h"}`)
	conditionOf(t, c, ns, "ci", "Expiring", "ExpiresIn2Days")
	eventOf(t, c, ns, "ci", "ExpiresIn2Days")
	long := metav1.NewTime(time.Now().Add(-25 * time.Hour).Truncate(time.Second))
	fixture.Eventually(t, "a token of yesterday", func() error {
		var o v1alpha1.ServiceToken
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "ci"}, &o); err != nil {
			return err
		}
		o.Status.IssuedAt = &long
		return c.Status().Update(t.Context(), &o)
	})
	comes(t, []*replica{r}, app, id, secret, policy.ServiceTokenInvalid)
	conditionOf(t, c, ns, "ci", "Ready", "Expired")
	eventOf(t, c, ns, "ci", "Expired")
	change(t, c, ns, "ci", `{"rotation":1}`)
	_, second := issued(t, c, ns, "ci", secret)
	comes(t, []*replica{r}, app, id, second, policy.ServiceAdmitted)
	comes(t, []*replica{r}, app, id, secret, policy.ServiceTokenInvalid) // a rotation brings nothing back
}

// TestServiceTokenSecrets: a Secret that is not ours is left as it is, one that was deleted
// is made again with another secret, and one that was changed is written anew. (THREATS G4, G7)
func TestServiceTokenSecrets(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	const app = "https://app.example.com/"
	theirs := &corev1.Secret{ObjectMeta: fixture.Named(ns, "db"), StringData: map[string]string{"password": "p", tokens.ClientIDKey: "x"}}
	fixture.Create(t, c, machines(ns, "app", "app.example.com", anyToken), theirs, serviceToken(ns, "db"), serviceToken(ns, "ci"))
	r := run(t, ns, quickTokens)
	rs := []*replica{r}
	if message := conditionOf(t, c, ns, "db", "Ready", "SecretExists"); !strings.Contains(message, "db") {
		t.Error(message)
	}
	eventOf(t, c, ns, "db", "SecretExists")
	id, first := issued(t, c, ns, "ci", "")
	comes(t, rs, app, id, first, policy.ServiceAdmitted)
	change(t, c, ns, "db", `{"rotation":3}`)
	conditionOf(t, c, ns, "db", "Ready", "SecretExists")
	var is corev1.Secret
	err := c.Get(t.Context(), client.ObjectKeyFromObject(theirs), &is)
	if err != nil || string(is.Data["password"]) != "p" || string(is.Data[tokens.ClientIDKey]) != "x" || len(is.Data) != 2 {
		t.Fatalf("%v, or another's Secret was written: %v", err, is.Data)
	}

	fixture.Remove(t, c, &corev1.Secret{ObjectMeta: fixture.Named(ns, "ci")})
	_, second := issued(t, c, ns, "ci", first)
	comes(t, rs, app, id, second, policy.ServiceAdmitted)
	comes(t, rs, app, id, first, policy.ServiceTokenInvalid)
	eventOf(t, c, ns, "ci", "SecretWasDeleted")

	forged := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"`+tokens.SumAnnotation+`":"00"}}}`))
	if err := c.Patch(t.Context(), &corev1.Secret{ObjectMeta: fixture.Named(ns, "ci")}, forged); err != nil {
		t.Fatal(err)
	}
	_, third := issued(t, c, ns, "ci", second)
	comes(t, rs, app, id, third, policy.ServiceAdmitted)
	comes(t, rs, app, id, second, policy.ServiceTokenInvalid)

	fixture.Remove(t, c, theirs)
	id, secret := issued(t, c, ns, "db", "")
	comes(t, rs, app, id, secret, policy.ServiceAdmitted)
}

// TestServiceTokensOfOthers: a namespace uses no other's token but one that lists it, and
// cannot say so itself. (THREATS F4, G4)
func TestServiceTokensOfOthers(t *testing.T) {
	c := emptied(t)
	a, b := namespace(t, c), namespace(t, c)
	fixture.Create(t, c, serviceToken(a, "ci"),
		machines(b, "named", "named.example.com", v1alpha1.Selector{ServiceToken: a + "/ci"}),
		machines(b, "any", "any.example.com", anyToken),
		machines(b, "same", "same.example.com", v1alpha1.Selector{ServiceToken: "ci"}))
	r := run(t, a, quickTokens)
	rs := []*replica{r}
	id, secret := issued(t, c, a, "ci", "")
	for _, host := range []string{"named", "any", "same"} {
		comes(t, rs, "https://"+host+".example.com/", id, secret, policy.NoRuleMatched) // good, and not for them: 403
	}
	change(t, c, a, "ci", `{"policyNamespaces":["`+b+`"]}`)
	comes(t, rs, "https://named.example.com/", id, secret, policy.ServiceAdmitted)
	comes(t, rs, "https://any.example.com/", id, secret, policy.ServiceAdmitted)
	comes(t, rs, "https://same.example.com/", id, secret, policy.NoRuleMatched)
	// A status that comes along when an object is made counts for nothing: it would be a
	// token of somebody's choice, and take the client ID of another away from it.
	forged := serviceToken(b, "forged")
	forged.Status = v1alpha1.ServiceTokenStatus{ClientID: id, SecretSHA256: strings.Repeat("ab", 32), IssuedAt: &metav1.Time{Time: time.Now()}}
	fixture.Create(t, c, forged)
	other, _ := issued(t, c, b, "forged", "")
	if other == id {
		t.Error("a client ID was taken")
	}
	comes(t, rs, "https://any.example.com/", id, secret, policy.ServiceAdmitted)
}
