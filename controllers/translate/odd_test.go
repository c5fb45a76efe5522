// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"fmt"
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

// fill sets every text below a value, and as much of the rest as can be: two members a list,
// every pointer, every switch.
func fill(v reflect.Value, text string, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-1)
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), text, depth-1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text, depth)
		}
	case reflect.Struct:
		if _, ok := v.Interface().(metav1.Time); ok {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text, depth)
			}
		}
	default:
	}
}

// TestOddObjects: an object with nothing in it, or with the same odd text everywhere, as an API
// server without our definitions would keep it, is no reason to stop, and lets nobody in: not a
// person by a group, not a machine by a token, an issuer or a service. (THREATS G3, G8, G10)
func TestOddObjects(t *testing.T) {
	texts := []string{"", " ", "\x00", "a\r\nb", "*", "**", "../../secret", "null", "true", "-1", "9999999h",
		"http://169.254.169.254/", "$(id)", "{{.}}", "\xff",
		strings.Repeat("a", 1<<16)}
	named := []policy.Rule{
		{Action: policy.ServiceAuth, Include: []policy.Selector{{Property: policy.Token, Value: "ci"}, {Property: policy.AnyToken},
			{Property: policy.JWT, JWT: &policy.TokenMatch{Issuer: "ci", Audience: "app", Claims: []policy.ClaimMatch{{Path: "sub",
				Values: []string{"job"}}}}}}},
		{Action: policy.Allow, Include: []policy.Selector{{Property: policy.AccessGroup, Value: "staff"}}},
	}
	const url = "https://app.example.com/"
	target, err := policy.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		for depth := range 3 { // of pointers: none is set, those of the first level, all
			group, token, issuer, ap := &v1alpha1.AccessGroup{}, &v1alpha1.ServiceToken{}, &v1alpha1.TokenIssuer{}, &v1alpha1.AccessPolicy{}
			for _, o := range []any{&group.Spec, &token.Spec, &token.Status, &issuer.Spec, &ap.Spec} {
				fill(reflect.ValueOf(o).Elem(), text, depth)
			}
			group.Name, issuer.Name = "staff", "ci"
			token.Namespace, token.Name, ap.Namespace, ap.Name = "shop", "ci", "shop", "odd"
			trusted, issues := translate.TokenIssuer(issuer)
			if len(issues) == 0 {
				t.Errorf("%.20q, %d: nothing is wrong with the TokenIssuer", text, depth)
			}
			machine, _ := translate.ServiceToken(token)
			odd := translate.Policy(ap)
			odd.Hosts = append(odd.Hosts, "odd.example.com")
			in := policy.Input{
				Policies: policy.CompileAll([]policy.Policy{odd, {Source: policy.Source{Namespace: "shop", Name: "app"},
					Hosts: []string{"app.example.com"}, Rules: named}}),
				Groups: policy.CompileGroups([]policy.Group{translate.Group(group)}), Tokens: []policy.ServiceToken{machine},
				Terms: policy.Terms{AllEvaluations: true},
			}
			in.TokenIssuers = policy.NewTokenIssuers(tokenIssuerOf(trusted))
			table, _ := policy.Build(in)
			at, err := policy.ParseTarget("https://odd.example.com/")
			if err != nil {
				t.Fatal(err)
			}
			for _, to := range []policy.Target{target, at} {
				now := time.Unix(1e9, 0)
				who := &policy.Subject{ID: text, Email: text, Groups: []string{text}, Provider: text, Audience: []string{table.Audience(to)},
					SignedInAt: now, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
				for what, q := range map[string]policy.Request{
					"nobody": {}, "somebody": {Subject: who}, "a machine": {Token: policy.PresentedToken{ID: text, Secret: text}},
					"a machine without an ID": {Token: policy.PresentedToken{Secret: text}},
				} {
					q.Target, q.Method, q.Now = to, "GET", now
					if d := table.Decide(q); d.Verdict == policy.Admit {
						t.Errorf("%.20q, %d: %s: %s by %s", text, depth, what, d.Reason, fmt.Sprint(d.Source))
					}
				}
			}
		}
	}
}

// tokenIssuerOf is what the table is told of an issuer.
func tokenIssuerOf(i config.Issuer) policy.TokenIssuer {
	return policy.TokenIssuer{Name: i.Name, Issuer: i.Issuer, Audiences: i.Audiences, Namespaces: i.Namespaces}
}
