// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// TestOAuthClient: every field arrives; the client_id is the object's name where none is
// written; and what an API server without our definitions keeps is a client that cannot be used.
func TestOAuthClient(t *testing.T) {
	o := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Name: "ide"}, Spec: v1alpha1.OAuthClientSpec{
		ClientID: "desktop", Name: "Desktop Agent", RedirectURIs: []v1alpha1.RedirectURI{"https://ide.example.com/cb"},
		Namespaces: []v1alpha1.NamespaceOrAll{"shop", "lab"}}}
	want := policy.RegisteredClient{Source: policy.Source{Name: "ide"}, Namespaces: []string{"shop", "lab"},
		OAuthClient: policy.OAuthClient{ID: "desktop", Name: "Desktop Agent", RedirectURIs: []string{"https://ide.example.com/cb"}}}
	if got := translate.OAuthClient(o); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	o.Spec.ClientID, o.Spec.Namespaces = "", []v1alpha1.NamespaceOrAll{"*"}
	if got := translate.OAuthClient(o); got.ID != "ide" || !got.Everywhere || got.Namespaces != nil || len(policy.ValidateClient(&got)) > 0 {
		t.Errorf("%+v", got)
	}
	o.Spec.Namespaces = nil
	if got := translate.OAuthClient(o); !got.Everywhere || len(policy.ValidateClient(&got)) > 0 {
		t.Errorf("%+v", got)
	}
	o.Spec.Namespaces = []v1alpha1.NamespaceOrAll{"*", "shop"}
	if got := translate.OAuthClient(o); len(policy.ValidateClient(&got)) == 0 {
		t.Errorf("all namespaces and one: %+v", got)
	}
	for _, text := range []string{"", " ", "\x00", "a\r\nb", "*", "null", "http://169.254.169.254/", "{{.}}", "\xff", "javascript:alert(1)",
		"https://a@b.example/", "data:text/html,x", strings.Repeat("a", 1<<16)} {
		odd := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Name: "odd"}}
		fill(reflect.ValueOf(&odd.Spec).Elem(), text, 2)
		c := translate.OAuthClient(odd)
		clients := policy.NewOAuthClients(c)
		if len(clients.Issues("odd")) == 0 {
			t.Errorf("%.20q: nothing is wrong with it", text)
		}
		for _, ns := range []string{"shop", text} {
			if used := clients.Of(&policy.Policy{Source: policy.Source{Namespace: ns}, OAuth: &policy.OAuth{}}); len(used) > 0 {
				t.Errorf("%.20q: people are asked about %+v", text, used)
			}
		}
	}
}
