// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// The manifests under testdata are the specification of what the API server
// takes and refuses. Each one in refuse/ begins with pairs of comments, one for
// each problem that must be reported, and no other may be:
//
//	# want: a part of the message
//	# at: the path of the field
const testdata = "testdata"

// manifest is one file of testdata.
type manifest struct {
	name string
	text []byte
	want []problem
}

// problem is a part of a refusal.
type problem struct{ message, field string }

func manifests(t *testing.T, folder string) []manifest {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata, folder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no manifests in %s/%s", testdata, folder)
	}
	var all []manifest
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := manifest{name: strings.TrimSuffix(filepath.Base(file), ".yaml"), text: text}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			if message, ok := strings.CutPrefix(line, "# want: "); ok {
				m.want = append(m.want, problem{message: message})
			} else if field, ok := strings.CutPrefix(line, "# at: "); ok {
				m.want[len(m.want)-1].field = field
			}
		}
		all = append(all, m)
	}
	return all
}

func (m manifest) object(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(m.text, &u.Object); err != nil {
		t.Fatal(err)
	}
	if u.GetName() != m.name {
		t.Fatalf("metadata.name is %q in the file %s.yaml", u.GetName(), m.name)
	}
	return u
}

func TestAccept(t *testing.T) {
	c := connect(t)
	for _, m := range manifests(t, "accept") {
		t.Run(m.name, func(t *testing.T) {
			sent := m.object(t)
			store(t, c, sent.DeepCopy())

			got := &unstructured.Unstructured{}
			got.SetGroupVersionKind(sent.GroupVersionKind())
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(sent), got); err != nil {
				t.Fatal(err)
			}
			want := withDefaults(t, sent.GetKind(), sent.Object["spec"])
			if !reflect.DeepEqual(normal(t, got.Object["spec"]), want) {
				t.Errorf("read back\n%s\nwant\n%s", text(t, got.Object["spec"]), text(t, want))
			}
		})
	}
}

// TestAcceptTyped sends the same manifests through the Go types: a field that
// the types and the schema spell differently does not come back.
func TestAcceptTyped(t *testing.T) {
	c := connect(t)
	for _, m := range manifests(t, "accept") {
		t.Run(m.name, func(t *testing.T) {
			kind := m.object(t).GetKind()
			sent, got := typed(t, c, kind), typed(t, c, kind)
			if err := yaml.UnmarshalStrict(m.text, sent); err != nil {
				t.Fatal(err)
			}
			store(t, c, sent.DeepCopyObject().(client.Object))
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(sent), got); err != nil {
				t.Fatal(err)
			}
			want, is := withDefaults(t, kind, specOf(sent)), normal(t, specOf(got))
			if !reflect.DeepEqual(is, want) {
				t.Errorf("read back\n%s\nwant\n%s", text(t, is), text(t, want))
			}
		})
	}
}

// typed returns an empty object of a kind.
func typed(t *testing.T, c client.Client, kind string) client.Object {
	t.Helper()
	o, err := c.Scheme().New(v1alpha1.GroupVersion.WithKind(kind))
	if err != nil {
		t.Fatal(err)
	}
	return o.(client.Object)
}

func specOf(o client.Object) any {
	return reflect.ValueOf(o).Elem().FieldByName("Spec").Interface()
}

func TestRefuse(t *testing.T) {
	c := connect(t)
	for _, m := range manifests(t, "refuse") {
		t.Run(m.name, func(t *testing.T) {
			if len(m.want) == 0 {
				t.Fatal("the file has no `# want:` line")
			}
			o := m.object(t)
			err := c.Create(t.Context(), o)
			if err == nil {
				if err := c.Delete(context.Background(), o); err != nil {
					t.Error(err)
				}
				t.Fatalf("accepted, want %q", m.want)
			}
			left := problems(t, err)
			for _, w := range m.want {
				i := slices.IndexFunc(left, func(p problem) bool {
					return p.field == w.field && strings.Contains(p.message, w.message)
				})
				if i < 0 {
					t.Errorf("not reported: %s: %s", w.field, w.message)
					continue
				}
				left = slices.Delete(left, i, i+1)
			}
			for _, p := range left {
				t.Errorf("reported beyond what was wanted: %s: %s", p.field, p.message)
			}
		})
	}
}

// problems takes a refusal apart.
func problems(t *testing.T, err error) []problem {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) {
		t.Fatalf("not refused as invalid: %v", err)
	}
	var all []problem
	for _, cause := range status.Status().Details.Causes {
		// The server says this when a list is too long, a value unknown and
		// so on: it does not run the CEL rules then.
		if strings.Contains(cause.Message, "some validation rules were not checked") {
			continue
		}
		all = append(all, problem{message: cause.Message, field: cause.Field})
	}
	return all
}

// TestEveryFieldHasAManifest fails when a field is added to the types and no
// accepted manifest sets it: TestAccept then shows that it is not pruned.
func TestEveryFieldHasAManifest(t *testing.T) {
	set := map[string]map[string]bool{}
	for _, m := range manifests(t, "accept") {
		o := m.object(t)
		if set[o.GetKind()] == nil {
			set[o.GetKind()] = map[string]bool{}
		}
		collect(o.Object["spec"], "spec", set[o.GetKind()])
	}
	for kind, spec := range map[string]reflect.Type{
		"AccessPolicy":      reflect.TypeFor[v1alpha1.AccessPolicySpec](),
		"IdentityProvider":  reflect.TypeFor[v1alpha1.IdentityProviderSpec](),
		"SessionRevocation": reflect.TypeFor[v1alpha1.SessionRevocationSpec](), "TokenIssuer": reflect.TypeFor[v1alpha1.TokenIssuerSpec](),
		"OAuthClient": reflect.TypeFor[v1alpha1.OAuthClientSpec](),
	} {
		for _, path := range fields(spec, "spec") {
			if !set[kind][path] {
				t.Errorf("no manifest in %s/accept sets %s of %s", testdata, path, kind)
			}
		}
	}
}

// collect notes the paths of every value under v, lists left out of the path.
func collect(v any, path string, set map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			set[path+"."+key] = true
			collect(value, path+"."+key, set)
		}
	case []any:
		for _, value := range v {
			collect(value, path, set)
		}
	}
}

// fields lists the paths of every field of a type of this package.
func fields(t reflect.Type, path string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[v1alpha1.AccessPolicy]().PkgPath() {
		return nil
	}
	var all []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		all = append(all, path+"."+name)
		all = append(all, fields(t.Field(i).Type, path+"."+name)...)
	}
	return all
}

func TestUnknownFieldsAreReported(t *testing.T) {
	c := connect(t)
	for _, tc := range []struct{ name, spec, want string }{
		{"spec", `{hosts: [app.example.com], host: app.example.com}`, `unknown field "spec.host"`},
		{"path", `{hosts: [app.example.com], paths: [{path: /a, kind: Exact}]}`, `unknown field "spec.paths[0].kind"`},
		{"cors", `{hosts: [app.example.com], cors: {allowAllOrigins: true, allowAllMethods: true, allowedOrigin: x}}`, `unknown field "spec.cors.allowedOrigin"`},
		{"rule", `{hosts: [app.example.com], rules: [{action: Block, metods: [GET], include: [{everyone: true}]}]}`, `unknown field "spec.rules[0].metods"`},
		{"selector", `{hosts: [app.example.com], rules: [{action: Block, include: [{email: a@example.com, domain: x}]}]}`, `unknown field "spec.rules[0].include[0].domain"`},
		{"session", `{hosts: [app.example.com], session: {durations: 1h}}`, `unknown field "spec.session.durations"`},
		{"duplicate", `{hosts: [app.example.com], unauthenticated: Auto, unauthenticated: Redirect}`, `key "unauthenticated" already set`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := apply(t, start(t), "unknown-"+tc.name, tc.spec)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			var list v1alpha1.AccessPolicyList
			if err := c.List(t.Context(), &list); err != nil {
				t.Fatal(err)
			}
			if len(list.Items) != 0 {
				t.Errorf("%d objects were stored", len(list.Items))
			}
		})
	}
}

// TestPrinterColumns reads what `kubectl get` would print.
func TestPrinterColumns(t *testing.T) {
	c := connect(t)
	named := metav1.ObjectMeta{Name: "columns"}
	for path, s := range map[string]struct {
		object       client.Object
		names, cells []string
	}{
		"namespaces/default/accesspolicies": {
			&v1alpha1.AccessPolicy{ObjectMeta: metav1.ObjectMeta{Name: "columns", Namespace: "default"},
				Spec:   v1alpha1.AccessPolicySpec{Hosts: []v1alpha1.Host{"a.example.com", "*.b.example.com"}},
				Status: v1alpha1.AccessPolicyStatus{Conditions: conditions(v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionDegraded)}},
			[]string{"Name", "Hosts", "Ready", "Reason", "Dry-Run", "Age"},
			[]string{"columns", `["a.example.com","*.b.example.com"]`, "False", "BecauseReady", "None"}},
		"identityproviders": {
			&v1alpha1.IdentityProvider{ObjectMeta: named,
				Spec:   v1alpha1.IdentityProviderSpec{OIDC: &v1alpha1.OIDC{Issuer: "https://sso.example.com", ClientID: "a"}},
				Status: v1alpha1.IdentityProviderStatus{Type: "oidc", Conditions: conditions(v1alpha1.ConditionReady)}},
			[]string{"Name", "Type", "Issuer", "Ready", "Reason", "Age"}, []string{"columns", "oidc", "https://sso.example.com", "False", "BecauseReady"}},
		"accessgroups": {
			&v1alpha1.AccessGroup{ObjectMeta: named, Spec: v1alpha1.AccessGroupSpec{Include: []v1alpha1.Selector{{EmailDomain: "example.com"}}},
				Status: v1alpha1.AccessGroupStatus{Policies: 12, Conditions: conditions(v1alpha1.ConditionReady)}},
			[]string{"Name", "Ready", "Reason", "Used-By", "Age"}, []string{"columns", "False", "BecauseReady", "12"}}, "sessionrevocations": {
			&v1alpha1.SessionRevocation{ObjectMeta: named, Status: v1alpha1.SessionRevocationStatus{Conditions: conditions(v1alpha1.ConditionReady)},
				Spec: v1alpha1.SessionRevocationSpec{User: "ann", IdentityProvider: "corp", Before: "2026-01-31T12:00:00Z"}},
			[]string{"Name", "User", "Provider", "Before", "Ready", "Age"}, []string{"columns", "ann", "corp", "2026-01-31T12:00:00Z", "False"}}, "tokenissuers": {
			&v1alpha1.TokenIssuer{ObjectMeta: named, Spec: ci, Status: v1alpha1.TokenIssuerStatus{Conditions: conditions(v1alpha1.ConditionReady)}},
			[]string{"Name", "Issuer", "Ready", "Reason", "Keys", "Fetched", "Age"},
			[]string{"columns", "https://ci.example.com", "False", "BecauseReady", "<nil>", "<nil>"}},
		"oauthclients": {
			&v1alpha1.OAuthClient{ObjectMeta: named, Spec: v1alpha1.OAuthClientSpec{
				RedirectURIs: []v1alpha1.RedirectURI{"https://a.example/cb"}, Namespaces: []v1alpha1.NamespaceOrAll{"shop"}},
				Status: v1alpha1.OAuthClientStatus{ClientID: "ide", Conditions: conditions(v1alpha1.ConditionReady)}},
			[]string{"Name", "Client ID", "For", "Ready", "Reason", "Age"}, []string{"columns", "ide", `["shop"]`, "False", "BecauseReady"}},
	} {
		wanted := s.object.DeepCopyObject().(client.Object)
		store(t, c, s.object)
		wanted.SetResourceVersion(s.object.GetResourceVersion())
		if err := c.Status().Update(t.Context(), wanted); err != nil {
			t.Fatal(err)
		}
		_, answer := request(t, start(t), http.MethodGet, path, "", "application/json;as=Table;v=v1;g=meta.k8s.io", "")
		var table metav1.Table
		if err := json.Unmarshal([]byte(answer), &table); err != nil {
			t.Fatal(err)
		}
		var names, cells []string
		for i, column := range table.ColumnDefinitions {
			if column.Priority == 0 {
				names = append(names, column.Name)
				cells = append(cells, fmt.Sprint(table.Rows[0].Cells[i]))
			}
		}
		if wide := columnsOf(table.ColumnDefinitions, 1); strings.HasSuffix(path, "accesspolicies") && !slices.Equal(wide, []string{"Accepted", "Programmed", "Degraded", "Routed", "Covered"}) {
			t.Errorf("%s: -o wide adds %q", path, wide)
		}
		if !slices.Equal(names, s.names) {
			t.Errorf("%s: columns %q, want %q", path, names, s.names)
		}
		if !slices.Equal(cells[:len(cells)-1], s.cells) {
			t.Errorf("%s: cells %q, want %q", path, cells, s.cells)
		}
	}
}

// columnsOf lists the columns of one priority.
func columnsOf(all []metav1.TableColumnDefinition, priority int32) (names []string) {
	for _, column := range all {
		if column.Priority == priority {
			names = append(names, column.Name)
		}
	}
	return names
}

// TestSelectorsAreOneSchema guards two things that the manifests above rest on:
// the step that follows controller-gen (see generate.go), and that a selector
// is judged the same in include, require and exclude.
func TestSelectorsAreOneSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "access.ostiary.dev_accesspolicies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &crd); err != nil {
		t.Fatal(err)
	}
	rule := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["rules"].Items.Schema
	include := rule.Properties["include"].Items.Schema
	if include.MaxProperties != nil || len(include.AnyOf) != 2 {
		t.Error("the selectors are not patched: generate the CRD with `make generate`")
	}
	for _, list := range []string{"require", "exclude"} {
		if !reflect.DeepEqual(rule.Properties[list].Items.Schema, include) {
			t.Errorf("%s takes other selectors than include", list)
		}
	}
}

// withDefaults is a spec as the server hands it back: the defaults filled in.
func withDefaults(t *testing.T, kind string, spec any) any {
	t.Helper()
	m := normal(t, spec).(map[string]any)
	if kind != "AccessPolicy" {
		return m
	}
	for field, value := range map[string]any{"crossSite": "Refuse", "dryRun": "None", "unauthenticated": "Auto"} {
		if _, ok := m[field]; !ok {
			m[field] = value
		}
	}
	paths, _ := m["paths"].([]any)
	for _, p := range paths {
		if _, ok := p.(map[string]any)["type"]; !ok {
			p.(map[string]any)["type"] = "Prefix"
		}
	}
	return m
}
