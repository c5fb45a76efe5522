// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// TestMistakesOfProviders: each mistake is told once, of the field that it is in, and a
// warning is none that keeps the provider from being used.
func TestMistakesOfProviders(t *testing.T) {
	users := func(name, key string) v1alpha1.IdentityProviderSpec {
		return v1alpha1.IdentityProviderSpec{Users: &v1alpha1.Users{SecretRef: v1alpha1.SecretKey{Name: name, Key: key}}}
	}
	some := func(string) (map[string][]byte, bool) {
		return map[string][]byte{"users.yaml": []byte(people), "list_1.yaml": []byte(people), "A-z.0": []byte(people), "broken": []byte("{"),
			"partial": []byte(people + "- {name: bob, email: bob@example.com, passwordHash: no}\n")}, true
	}
	named := func(s v1alpha1.IdentityProviderSpec, change func(*v1alpha1.IdentityProviderSpec)) v1alpha1.IdentityProviderSpec {
		change(&s)
		return s
	}
	const key, name = "spec.users.secretRef.key", "spec.users.secretRef.name"
	for what, c := range map[string]struct {
		name string
		spec v1alpha1.IdentityProviderSpec
		want []string
	}{
		"nothing": {"p", v1alpha1.IdentityProviderSpec{}, []string{"spec Invalid"}},
		"both": {"p", named(users("s", ""), func(s *v1alpha1.IdentityProviderSpec) { s.OIDC = &v1alpha1.OIDC{} }),
			[]string{"spec Invalid"}},
		"good":              {"p", users("s", ""), nil},
		"a good key":        {"p", users("s", "list_1.yaml"), nil},
		"another good key":  {"p", users("s", "A-z.0"), nil},
		"a key with a path": {"p", users("s", "a/b"), []string{key + " Invalid"}},
		"a key, not ASCII":  {"p", users("s", "clé"), []string{key + " Invalid"}},
		"a key of a blank":  {"p", users("s", " "), []string{key + " Invalid"}},
		"no Secret's name":  {"p", users("", ""), []string{name + " Invalid"}},
		"a name with a path": {"p", users("../s", ""),
			[]string{name + " Invalid"}},
		"a broken list":   {"p", users("s", "broken"), []string{"spec.users Invalid"}},
		"one broken user": {"p", users("s", "partial"), []string{"spec.users Unwise"}},
		"an empty key":    {"p", users("s", "none"), []string{"spec.users.secretRef Invalid"}},
		"its name":        {"A b", users("s", ""), []string{"metadata.name Invalid"}},
		"its display name": {"p", named(users("s", ""), func(s *v1alpha1.IdentityProviderSpec) { s.DisplayName = " " }),
			[]string{"spec.displayName Invalid"}},
		"names, plain": {"p", named(users("s", ""), func(s *v1alpha1.IdentityProviderSpec) { s.UserNames = v1alpha1.UserNamesPlain }), nil},
		"names of two words": {"p", named(users("s", ""), func(s *v1alpha1.IdentityProviderSpec) { s.UserNames = "plain" }),
			[]string{"spec.userNames Invalid"}},
	} {
		_, issues := translate.ProviderOf(&v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: c.name}, Spec: c.spec}, some)
		var got []string
		for _, i := range issues {
			got = append(got, i.Source.Field+" "+string(i.Reason))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q\n%+v", what, got, c.want, issues)
		}
	}
	_, issues := translate.ProviderAlone(&v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: users("s", "")})
	if len(issues) != 1 || issues[0].Reason != translate.SecretMissing {
		t.Errorf("without Secrets: %+v", issues)
	}
}

// TestMistakesOfTokens: a length of time of nothing is none, and a digest that cannot be read
// is no secret, beside the token's being good for nothing.
func TestMistakesOfTokens(t *testing.T) {
	for _, text := range []string{"0s", "-1s", "x"} {
		o := goodToken()
		o.Spec.Duration = v1alpha1.TokenDuration(text)
		if got, issues := translate.ServiceToken(o); !got.Disabled || len(issues) != 1 || issues[0].Source.Field != "spec.duration" {
			t.Errorf("%s: %+v %v", text, got, issues)
		}
		if got := translate.TokenDuration(text, time.Hour); got != time.Hour {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := translate.TokenDuration("5m", time.Hour); got != 5*time.Minute {
		t.Error(got)
	}
	if got := translate.TokenDuration("", time.Hour); got != time.Hour {
		t.Error(got)
	}
	o := goodToken()
	o.Status.SecretSHA256, o.Status.Previous.SecretSHA256 = "ab", "zz"
	if got, _ := translate.ServiceToken(o); len(got.Secrets) > 0 {
		t.Errorf("%+v", got.Secrets)
	}
}

// TestInputsAreLeftAlone: what is translated is shared with a cache, so nothing is written.
func TestInputsAreLeftAlone(t *testing.T) {
	o := &v1alpha1.SessionRevocation{Spec: v1alpha1.SessionRevocationSpec{User: "ann", IdentityProvider: "A b"}}
	before := o.DeepCopy()
	if translate.Revocation(o); !reflect.DeepEqual(o, before) {
		t.Errorf("the object was changed: %+v", o)
	}
}

// TestSoManyDefects: of an object with any number of mistakes, a hundred are told.
func TestSoManyDefects(t *testing.T) {
	for n, want := range map[int]int{99: 99, 100: 100, 101: 100, 250: 100} {
		s := v1alpha1.AccessPolicySpec{Hosts: []v1alpha1.Host{"a.example.com"}, Paths: make([]v1alpha1.PathMatch, n)}
		for i := range s.Paths {
			s.Paths[i] = v1alpha1.PathMatch{Path: "/", Type: "odd"}
		}
		if p := policyOf(s); len(p.Defects) != want {
			t.Errorf("of %d mistakes, %d are told", n, len(p.Defects))
		}
	}
}

// TestNamesAcrossNamespaces: a name alone is one of the own namespace, and a route of the
// Gateway API is no Ingress of the same name.
func TestNamesAcrossNamespaces(t *testing.T) {
	for want, l := range map[string]v1alpha1.LinkedApp{"reports": {Name: "reports"}, "desk/reports": {Namespace: "desk", Name: "reports"},
		"desk/": {Namespace: "desk"}} {
		s := full()
		s.Rules[0].Include = []v1alpha1.Selector{{LinkedApp: &l}}
		if got := policyOf(s).Rules[0].Include[0].Value; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	got := translate.Bindings([]translate.Route{{Namespace: "n", Name: "r", Policy: "p"},
		{Kind: translate.HTTPRouteKind, Namespace: "n", Name: "r", Policy: "q"}})
	want := []policy.Binding{{Ingress: "n/r", Policy: "n/p"}, {Ingress: policy.RouteKind + "n/r", Policy: "n/q"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
