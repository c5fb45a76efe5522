// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/bearer"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// verifies has a replica put token issuers in force.
func verifies(set *bearer.Set) func(*Options) {
	return func(o *Options) { o.PublishTokenIssuers, o.TokenIssuerState = set.Update, set.State }
}

// admits decides about a request with a bearer token.
func (r *replica) admits(set *bearer.Set, rawURL, token string) policy.Decision {
	r.t.Helper()
	target, err := policy.ParseTarget(rawURL)
	if err != nil {
		r.t.Fatal(err)
	}
	q := policy.Request{Target: target, Method: "POST", Now: time.Now()}
	q.PresentToken(set.Verify(r.Live.Table().At(&q), "Bearer "+token, q.Now))
	return r.Live.Table().Decide(q)
}

// stateOf waits for a condition of a reason, and returns its message.
func stateOf(t *testing.T, c client.Client, o client.Object, kind, reason string) (message string) {
	t.Helper()
	fixture.Eventually(t, kind+" is "+reason, func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		var list []metav1.Condition
		switch o := o.(type) {
		case *v1alpha1.TokenIssuer:
			list = o.Status.Conditions
		case *v1alpha1.AccessPolicy:
			list = o.Status.Conditions
		case *v1alpha1.OAuthClient:
			list = o.Status.Conditions
		}
		is := meta.FindStatusCondition(list, kind)
		if is == nil && reason == "" {
			return nil
		}
		if is == nil || is.Reason != reason {
			return fmt.Errorf("%+v", is)
		}
		message = is.Message
		return nil
	})
	return message
}

// TestServiceAccountTokens: tokens that the real API server makes for a service account
// (TokenRequest) are let in by a rule, verified with the keys that it publishes; those of
// another account, namespace or audience are not, and none is once the issuer is for others,
// has a mistake or is gone. (THREATS F5, F6, G3, G4, G5)
func TestServiceAccountTokens(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	set := bearer.New(bearer.Options{Now: time.Now})
	token := func(account, audience string) string {
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}}}
		sa := &corev1.ServiceAccount{ObjectMeta: fixture.Named(ns, account)}
		if err := client.IgnoreAlreadyExists(c.Create(t.Context(), sa.DeepCopy())); err != nil {
			t.Fatal(err)
		}
		if err := c.SubResource("token").Create(t.Context(), sa, request); err != nil {
			t.Fatal(err)
		}
		return request.Status.Token
	}
	const audience, url = "https://deploy.example.com", "https://deploy.example.com/"
	mine := token("robot", audience)
	cfg := server.Config(t)
	fixture.Create(t, c,
		// The API server shows its keys to whom this role is bound.
		&rbacv1.ClusterRoleBinding{ObjectMeta: fixture.Named("", ns), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole",
			Name: "system:service-account-issuer-discovery"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "system:unauthenticated"}}},
		&v1alpha1.TokenIssuer{ObjectMeta: fixture.Named("", "cluster"), Spec: v1alpha1.TokenIssuerSpec{
			Issuer: issuerOf(t, mine), JWKSURL: strings.TrimSuffix(cfg.Host, "/") + "/openid/v1/jwks", CABundle: string(cfg.CAData),
			Audiences: []v1alpha1.Audience{audience}, Namespaces: []v1alpha1.NamespaceOrAll{v1alpha1.NamespaceOrAll(ns)}}},
		&v1alpha1.AccessPolicy{ObjectMeta: fixture.Named(ns, "deploy"), Spec: v1alpha1.AccessPolicySpec{
			Hosts: []v1alpha1.Host{"deploy.example.com"},
			Rules: []v1alpha1.Rule{{Name: "robot", Action: v1alpha1.ActionServiceAuth, Include: []v1alpha1.Selector{{JWT: &v1alpha1.JWT{
				Issuer: "cluster", Audience: audience, Claims: []v1alpha1.JWTClaim{
					{Name: "kubernetes.io.namespace", Values: []v1alpha1.JWTValue{v1alpha1.JWTValue(ns)}},
					{Name: "kubernetes.io.serviceaccount.name", Values: []v1alpha1.JWTValue{"robot"}}}}}}}}}})
	r := run(t, ns, verifies(set))
	trusted := &v1alpha1.TokenIssuer{ObjectMeta: fixture.Named("", "cluster")}
	stateOf(t, c, trusted, v1alpha1.ConditionReady, "Ready")
	if trusted.Status.Keys == nil || *trusted.Status.Keys < 1 || trusted.Status.KeysFetched == nil {
		t.Errorf("status: %+v", trusted.Status)
	}
	fixture.Eventually(t, "the token is let in", func() error {
		d := r.admits(set, url, mine)
		if d.Reason != policy.ServiceAdmitted || d.Machine == nil || d.Machine.Name != "jwt:cluster:system:serviceaccount:"+ns+":robot" {
			return fmt.Errorf("%s %+v", d.Reason, d.Machine)
		}
		return nil
	})
	for what, tc := range map[string]struct {
		token string
		want  policy.Reason
	}{
		"another account":  {token("other", audience), policy.NoRuleMatched},
		"another audience": {token("robot", "https://other.example.com"), policy.TokenInvalid},
		"damaged":          {mine[:len(mine)-6] + "AAAAAA", policy.TokenInvalid},
	} {
		if d := r.admits(set, url, tc.token); d.Verdict == policy.Admit || d.Reason != tc.want {
			t.Errorf("%s: %s %s", what, d.Verdict, d.Reason)
		}
	}
	// What the platform team takes back is taken back of tokens that are in use.
	becomes := func(what string, want policy.Reason) {
		t.Helper()
		fixture.Eventually(t, what, func() error {
			if d := r.admits(set, url, mine); d.Reason != want {
				return fmt.Errorf("%s %s", d.Verdict, d.Reason)
			}
			return nil
		})
	}
	edit := func(change func(*v1alpha1.TokenIssuerSpec)) {
		t.Helper()
		fixture.Eventually(t, "it is changed", func() error {
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(trusted), trusted); err != nil {
				return err
			}
			change(&trusted.Spec)
			return c.Update(t.Context(), trusted)
		})
	}
	whose := []v1alpha1.NamespaceOrAll{v1alpha1.NamespaceOrAll(ns)}
	edit(func(s *v1alpha1.TokenIssuerSpec) { s.Namespaces = []v1alpha1.NamespaceOrAll{"others"} })
	becomes("for other namespaces", policy.NoRuleMatched)
	edit(func(s *v1alpha1.TokenIssuerSpec) { s.Namespaces = whose })
	becomes("for this one again", policy.ServiceAdmitted)
	edit(func(s *v1alpha1.TokenIssuerSpec) { s.Audiences = []v1alpha1.Audience{"https://other.example.com"} })
	becomes("for another audience", policy.TokenInvalid)
	edit(func(s *v1alpha1.TokenIssuerSpec) { s.Audiences = []v1alpha1.Audience{audience} })
	becomes("for this one again", policy.ServiceAdmitted)
	keysURL, bundle := trusted.Spec.JWKSURL, trusted.Spec.CABundle
	edit(func(s *v1alpha1.TokenIssuerSpec) { s.JWKSURL, s.CABundle, s.JWKS = "", "", otherKeys })
	becomes("with the keys of another", policy.TokenInvalid)
	edit(func(s *v1alpha1.TokenIssuerSpec) { s.JWKSURL, s.CABundle, s.JWKS = keysURL, bundle, "" })
	becomes("with its own again", policy.ServiceAdmitted)
	edit(func(s *v1alpha1.TokenIssuerSpec) { s.JWKSURL, s.CABundle, s.JWKS = "", "", `{"keys": []}` })
	becomes("with a mistake", policy.NoRuleMatched)
	edit(func(s *v1alpha1.TokenIssuerSpec) { s.JWKSURL, s.CABundle, s.JWKS = keysURL, bundle, "" })
	becomes("mended", policy.ServiceAdmitted)
	fixture.Remove(t, c, trusted)
	becomes("deleted", policy.NoRuleMatched)
}

// otherKeys are those of nobody.
const otherKeys = `{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

// issuerOf is what a token has as iss.
func issuerOf(t *testing.T, token string) string {
	t.Helper()
	var claims struct {
		Issuer string `json:"iss"`
	}
	decodePart(t, token, &claims)
	return claims.Issuer
}

// TestTokenIssuers: a policy that names an issuer which is not there, or not for it, says
// so, and its rule matches nobody; that is looked at again when the issuer appears.
func TestTokenIssuers(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	set := bearer.New(bearer.Options{Now: time.Now})
	ap := &v1alpha1.AccessPolicy{ObjectMeta: fixture.Named(ns, "deploy"), Spec: v1alpha1.AccessPolicySpec{
		Hosts: []v1alpha1.Host{"deploy.example.com"},
		Rules: []v1alpha1.Rule{{Action: v1alpha1.ActionServiceAuth, Include: []v1alpha1.Selector{{JWT: &v1alpha1.JWT{
			Issuer: "ci", Audience: "app", Claims: []v1alpha1.JWTClaim{{Name: "sub", Values: []v1alpha1.JWTValue{"job"}}}}}}}}}}
	fixture.Create(t, c, ap.DeepCopy())
	run(t, ns, verifies(set))
	says := func(words string) {
		t.Helper()
		fixture.Eventually(t, "Degraded says "+words, func() error {
			if m := stateOf(t, c, ap, v1alpha1.ConditionDegraded, string(policy.Unwise)); !strings.Contains(m, words) {
				return errors.New(m)
			}
			return nil
		})
	}
	says(`no usable TokenIssuer "ci"`)
	// Nothing listens there.
	ci := &v1alpha1.TokenIssuer{ObjectMeta: fixture.Named("", "ci"), Spec: v1alpha1.TokenIssuerSpec{
		Issuer: "http://127.0.0.1:1", Audiences: []v1alpha1.Audience{"app"}, Namespaces: []v1alpha1.NamespaceOrAll{"others"}}}
	fixture.Create(t, c, ci)
	says("is not for policies of namespace")
	if m := stateOf(t, c, ci, v1alpha1.ConditionReady, "KeysUnavailable"); !strings.Contains(m, "tokens are refused") {
		t.Error(m)
	}
	change := func(edit func(*v1alpha1.TokenIssuerSpec)) {
		t.Helper()
		fixture.Eventually(t, "it is changed", func() error {
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(ci), ci); err != nil {
				return err
			}
			edit(&ci.Spec)
			return c.Update(t.Context(), ci)
		})
	}
	change(func(s *v1alpha1.TokenIssuerSpec) {
		s.Namespaces, s.Audiences = []v1alpha1.NamespaceOrAll{"*"}, []v1alpha1.Audience{"other"}
	})
	says(`takes no tokens for audience "app"`)
	change(func(s *v1alpha1.TokenIssuerSpec) { s.Audiences, s.JWKS = []v1alpha1.Audience{"app"}, otherKeys })
	stateOf(t, c, ap, v1alpha1.ConditionDegraded, "")
	stateOf(t, c, ci, v1alpha1.ConditionReady, "Ready")
	// A set that no CEL rule can refuse: it has no key that verifies anything.
	change(func(s *v1alpha1.TokenIssuerSpec) { s.JWKS = `{"keys": []}` })
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
		if m := stateOf(t, c, ci, kind, string(policy.Invalid)); !strings.Contains(m, "spec.jwks") {
			t.Error(m)
		}
	}
	says(`no usable TokenIssuer "ci"`)
	if err := c.Delete(t.Context(), ci); err != nil {
		t.Fatal(err)
	}
	if _, there := set.State("ci"); there {
		t.Error("it is in force without a valid object")
	}
}

// decodePart reads the payload of a token, unverified.
func decodePart(t *testing.T, token string, into any) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
