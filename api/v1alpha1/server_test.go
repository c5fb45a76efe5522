// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/hack/lab/apiserver"
)

// server is the API server that the tests of this package share.
var server apiserver.Server

func TestMain(m *testing.M) { server.Main(m) }

func start(t *testing.T) *rest.Config {
	t.Helper()
	return server.Config(t)
}

func connect(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return server.Client(t, scheme)
}

// store creates an object and removes it when the test ends.
func store(t *testing.T, c client.Client, o client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), o, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
		t.Fatalf("refused: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), o); err != nil {
			t.Error(err)
		}
	})
}

// apply posts YAML as it stands, with strict field validation: what kubectl
// does, and what a decoder on this side would hide.
func apply(t *testing.T, cfg *rest.Config, name, spec string) error {
	t.Helper()
	body := fmt.Sprintf("apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: %s}\nspec: %s\n", name, spec)
	status, answer := request(t, cfg, http.MethodPost, "namespaces/default/accesspolicies", "?fieldValidation=Strict", "application/json", body)
	if status == http.StatusCreated {
		return nil
	}
	return errors.New(answer)
}

func request(t *testing.T, cfg *rest.Config, method, path, query, accept, body string) (int, string) {
	t.Helper()
	hc, err := rest.HTTPClientFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSuffix(cfg.Host, "/") + "/apis/access.ostiary.dev/v1alpha1/" + path + query
	if !strings.HasPrefix(url, "http") {
		url = "https://" + url
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("Content-Type", "application/yaml")
	res, err := hc.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var s metav1.Status
	if json.Unmarshal(answer, &s) == nil && s.Message != "" {
		return res.StatusCode, s.Message
	}
	return res.StatusCode, string(answer)
}

// conditions are of these kinds, and not so.
func conditions(kinds ...string) (all []metav1.Condition) {
	for _, kind := range kinds {
		all = append(all, metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: "Because" + kind, LastTransitionTime: metav1.Now()})
	}
	return all
}

var ci = v1alpha1.TokenIssuerSpec{
	Issuer: "https://ci.example.com", Audiences: []v1alpha1.Audience{"app"}, Namespaces: []v1alpha1.NamespaceOrAll{"shop"},
}

// normal turns a value into what encoding/json makes of it.
func normal(t *testing.T, v any) any {
	t.Helper()
	var n any
	if err := json.Unmarshal([]byte(text(t, v)), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
