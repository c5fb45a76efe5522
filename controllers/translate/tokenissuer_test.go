// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

func tokenIssuer() *v1alpha1.TokenIssuer {
	return &v1alpha1.TokenIssuer{ObjectMeta: metav1.ObjectMeta{Name: "ci"}, Spec: v1alpha1.TokenIssuerSpec{
		Issuer: "https://ci.example.com", JWKSURL: "https://10.0.0.7/keys", Audiences: []v1alpha1.Audience{"app"},
		Algorithms: []v1alpha1.TokenAlgorithm{"ES256"}, Leeway: "10s", Namespaces: []v1alpha1.NamespaceOrAll{"shop"}}}
}

func jwt() *v1alpha1.JWT {
	return &v1alpha1.JWT{Issuer: "ci", Audience: "app", Claims: []v1alpha1.JWTClaim{{Name: "sub", Values: []v1alpha1.JWTValue{"job"}}}}
}

// TestTokenIssuer: every field arrives, and what the API server cannot refuse, or an older
// one did not, is a mistake with its field. (THREATS F5, F8)
func TestTokenIssuer(t *testing.T) {
	got, issues := translate.TokenIssuer(tokenIssuer())
	want := config.Issuer{Name: "ci", Issuer: "https://ci.example.com", JWKSURL: "https://10.0.0.7/keys", Audiences: []string{"app"},
		Algorithms: []string{"ES256"}, Leeway: 10 * time.Second, Namespaces: []string{"shop"}}
	if !reflect.DeepEqual(got, want) || len(issues) > 0 {
		t.Fatalf("%+v %v", got, issues)
	}
	for field, change := range map[string]func(*v1alpha1.TokenIssuer){
		"metadata.name": func(o *v1alpha1.TokenIssuer) { o.Name = "A b" },
		"spec.issuer":   func(o *v1alpha1.TokenIssuer) { o.Spec.Issuer = "http://ci.example.com" },
		"spec.jwksURL":  func(o *v1alpha1.TokenIssuer) { o.Spec.JWKSURL = "http://169.254.169.254/keys" },
		"spec.jwks": func(o *v1alpha1.TokenIssuer) {
			o.Spec.JWKSURL, o.Spec.JWKS = "", `{"keys": [{"kty": "oct", "k": "AAAA"}]}`
		},
		"spec.audiences":     func(o *v1alpha1.TokenIssuer) { o.Spec.Audiences = nil },
		"spec.audiences[0]":  func(o *v1alpha1.TokenIssuer) { o.Spec.Audiences[0] = "a b" },
		"spec.algorithms[0]": func(o *v1alpha1.TokenIssuer) { o.Spec.Algorithms[0] = "none" },
		"spec.leeway":        func(o *v1alpha1.TokenIssuer) { o.Spec.Leeway = "61s" },
		"spec.caBundle":      func(o *v1alpha1.TokenIssuer) { o.Spec.CABundle = "-----BEGIN CERTIFICATE-----" },
		"spec.namespaces":    func(o *v1alpha1.TokenIssuer) { o.Spec.Namespaces = nil },
		"spec.namespaces[0]": func(o *v1alpha1.TokenIssuer) { o.Spec.Namespaces[0] = "shop-*" },
	} {
		o := tokenIssuer()
		change(o)
		_, issues := translate.TokenIssuer(o)
		if len(issues) != 1 || issues[0].Source.Field != field || issues[0].Code == "" || issues[0].Warning() {
			t.Errorf("%s: %+v", field, issues)
		}
	}
	o := tokenIssuer()
	if o.Spec.Leeway = "1500ms"; true {
		_, issues = translate.TokenIssuer(o)
	}
	if len(issues) != 1 || !strings.Contains(issues[0].Message, "whole seconds") {
		t.Errorf("%+v", issues)
	}
}

// TestTokenIssuerCodes: the list has what is told, and each a fix.
func TestTokenIssuerCodes(t *testing.T) {
	for _, c := range config.Codes() {
		if c.Fix == "" || c.Reason != policy.Invalid || !strings.HasPrefix(string(c.Code), "token-issuer-") {
			t.Errorf("%+v", c)
		}
	}
}
