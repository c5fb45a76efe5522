// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/translate"
)

func provider(name string, says v1alpha1.UserNames, issuer string) *v1alpha1.IdentityProvider {
	o := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: name}}
	o.Spec.UserNames = says
	if issuer == "" {
		o.Spec.Users = &v1alpha1.Users{}
	} else {
		o.Spec.OIDC = &v1alpha1.OIDC{Issuer: issuer}
	}
	return o
}

// TestUserNames: of every set of providers, at most those of one issuer are plain, and
// nobody who says nothing is plain beside another, or was beside one.
func TestUserNames(t *testing.T) {
	says := []v1alpha1.UserNames{"", "Plain", "Qualified"}
	issuers := []string{"", "https://a.example", "https://b.example"}
	var kinds []*v1alpha1.IdentityProvider
	for _, s := range says {
		for _, i := range issuers {
			kinds = append(kinds, provider("", s, i))
		}
	}
	check := func(all []*v1alpha1.IdentityProvider, before map[string]bool) {
		t.Helper()
		got := translate.UserNames(all, before)
		plain := map[string]bool{}
		n := 0
		for _, o := range all {
			u := got[o.Name]
			if (u.Status() == v1alpha1.UserNamesPlain) == u.Qualified {
				t.Fatal(u.Status())
			}
			if u.Qualified {
				continue
			}
			n++
			issuer := o.Name // of users, each list is its own
			if o.Spec.OIDC != nil {
				issuer = o.Spec.OIDC.Issuer
			}
			plain[issuer] = true
			if o.Spec.UserNames == "Qualified" || o.Spec.UserNames == "" && (len(all) > 1 || before[o.Name] || o.Status.UserNames == "Qualified") {
				t.Fatalf("%+v is plain beside %d others", o.Spec, len(all)-1)
			}
		}
		if len(plain) > 1 {
			t.Fatalf("plain: %v", plain)
		}
		if n == 0 && len(all) == 1 && all[0].Spec.UserNames == "Plain" {
			t.Fatal("the only one says Plain, and is not")
		}
	}
	named := func(o *v1alpha1.IdentityProvider, name string) *v1alpha1.IdentityProvider {
		c := o.DeepCopy()
		c.Name = name
		return c
	}
	for _, a := range kinds {
		check([]*v1alpha1.IdentityProvider{named(a, "a")}, nil)
		check([]*v1alpha1.IdentityProvider{named(a, "a")}, map[string]bool{"a": true})
		was := named(a, "a")
		was.Status.UserNames = v1alpha1.UserNamesQualified
		check([]*v1alpha1.IdentityProvider{was}, nil)
		for _, b := range kinds {
			check([]*v1alpha1.IdentityProvider{named(a, "a"), named(b, "b")}, nil)
			for _, c := range kinds {
				check([]*v1alpha1.IdentityProvider{named(a, "a"), named(b, "b"), named(c, "c")}, map[string]bool{"b": true})
			}
		}
	}
	one := translate.UserNames([]*v1alpha1.IdentityProvider{provider("only", "", "")}, nil)["only"]
	if one.Qualified || one.Issues("only") != nil {
		t.Errorf("alone: %+v", one)
	}
	two := translate.UserNames([]*v1alpha1.IdentityProvider{provider("people", "Plain", ""), provider("guests", "", "")}, nil)
	if two["people"].Qualified || !two["guests"].Qualified || two["people"].Issues("") != nil || two["guests"].Issues("") != nil {
		t.Errorf("one says Plain: %+v", two)
	}
	silent := translate.UserNames([]*v1alpha1.IdentityProvider{provider("people", "", ""), provider("guests", "", "")}, nil)
	if issues := silent["people"].Issues("people"); len(issues) != 1 || !issues[0].Warning() || issues[0].Source.Field != "spec.userNames" {
		t.Errorf("nobody says anything: %+v", silent)
	}
	same := provider("b", "Plain", "https://a.example")
	if names := translate.UserNames([]*v1alpha1.IdentityProvider{provider("a", "Plain", "https://a.example"), same}, nil); names["a"].Qualified || names["b"].Qualified {
		t.Errorf("one issuer: %+v", names)
	}
	same.Spec.OIDC.Claims = &v1alpha1.Claims{User: "preferred_username"}
	if names := translate.UserNames([]*v1alpha1.IdentityProvider{provider("a", "Plain", "https://a.example"), same}, nil); !names["a"].Qualified || !names["b"].Qualified || len(names["a"].Issues("a")) != 1 {
		t.Errorf("one issuer, other names: %+v", names)
	}
}
