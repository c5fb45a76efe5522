// SPDX-License-Identifier: Apache-2.0

package strict

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	envoygateway "github.com/envoyproxy/gateway/api/v1alpha1"
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	contourv1 "github.com/projectcontour/contour/apis/projectcontour/v1"
	contourv1alpha1 "github.com/projectcontour/contour/apis/projectcontour/v1alpha1"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	traefik "github.com/traefik/traefik/v3/pkg/provider/kubernetes/crd/traefikio/v1alpha1"
	"google.golang.org/protobuf/encoding/protojson"
	mesh "istio.io/api/mesh/v1alpha1"
	istio "istio.io/api/security/v1beta1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/yaml"
)

// object returns an empty object of a kind, or nil.
func object(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "networking.k8s.io/v1 Ingress":
		return &networkingv1.Ingress{}
	case "v1 Service":
		return &corev1.Service{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "discovery.k8s.io/v1 EndpointSlice":
		return &discoveryv1.EndpointSlice{}
	case "gateway.networking.k8s.io/v1 HTTPRoute":
		return &gatewayv1.HTTPRoute{}
	case "gateway.networking.k8s.io/v1beta1 ReferenceGrant":
		return &gatewayv1beta1.ReferenceGrant{}
	case "gateway.envoyproxy.io/v1alpha1 SecurityPolicy":
		return &envoygateway.SecurityPolicy{}
	case "security.istio.io/v1 AuthorizationPolicy":
		return &authorizationPolicy{}
	case "projectcontour.io/v1 HTTPProxy":
		return &contourv1.HTTPProxy{}
	case "projectcontour.io/v1alpha1 ExtensionService":
		return &contourv1alpha1.ExtensionService{}
	case "traefik.io/v1alpha1 Middleware":
		return &traefik.Middleware{}
	case "traefik.io/v1alpha1 IngressRoute":
		return &traefik.IngressRoute{}
	}
	return nil
}

// An authorizationPolicy is Istio's; its own type takes any field.
type authorizationPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              strictSpec `json:"spec"`
}

type strictSpec struct{ istio.AuthorizationPolicy }

func (s *strictSpec) UnmarshalJSON(b []byte) error {
	return protojson.Unmarshal(b, &s.AuthorizationPolicy)
}

// decode decodes one document; foreign: kinds that are not here are left to others.
func decode(t *testing.T, document string, foreign bool) {
	t.Helper()
	var meta struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(document), &meta); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	into := object(meta.APIVersion, meta.Kind)
	switch {
	case into == nil && foreign && strings.HasPrefix(meta.APIVersion, "access.ostiary.dev/"):
	case into == nil:
		t.Errorf("nobody knows %s %s", meta.APIVersion, meta.Kind)
	default:
		if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
			t.Errorf("%s: %v\n%s", meta.Kind, err, document)
		}
	}
}

func TestRendered(t *testing.T) {
	files, _ := filepath.Glob("../../authserver/proxyconfig/testdata/*.golden") // the pattern is a good one
	decoded := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".golden")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		proxy, _, _ := strings.Cut(strings.TrimSuffix(name, "-full"), "-")
		t.Run(name, func(t *testing.T) {
			switch {
			case proxy == "nginx", proxy == "caddy", proxy == "haproxy":
				t.Skip("no YAML: the program itself reads it, see authserver/proxyconfig")
			case strings.HasPrefix(name, "envoy-http"), strings.HasPrefix(name, "envoy-grpc"):
				decodeEnvoy(t, text)
			case strings.HasPrefix(name, "traefik-file"):
				var c dynamic.Configuration
				if err := yaml.UnmarshalStrict(text, &c); err != nil || c.HTTP == nil || len(c.HTTP.Routers) < 3 {
					t.Errorf("%v: %+v", err, c)
				}
			default:
				for _, d := range strings.Split(string(text), "\n---\n") {
					decode(t, d, false)
				}
				if proxy == "istio" {
					decodeProvider(t, string(text))
				}
			}
			decoded++
		})
	}
	if decoded < 24 {
		t.Errorf("only %d are there", decoded)
	}
}

// decodeEnvoy checks the limits of Envoy's own definitions, too.
func decodeEnvoy(t *testing.T, text []byte) {
	t.Helper()
	json, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bootstrapv3.Bootstrap
	if err := protojson.Unmarshal(json, &b); err != nil {
		t.Fatal(err)
	}
	if err := b.ValidateAll(); err != nil {
		t.Error(err)
	}
	for _, l := range b.GetStaticResources().GetListeners() {
		for _, c := range l.GetFilterChains() {
			for _, f := range c.GetFilters() {
				m, err := f.GetTypedConfig().UnmarshalNew()
				if err != nil {
					t.Fatal(err)
				}
				if v, ok := m.(interface{ ValidateAll() error }); !ok || v.ValidateAll() != nil {
					t.Errorf("%s: %v", f.GetName(), v.ValidateAll())
				}
			}
		}
	}
}

// decodeProvider decodes the part of Istio's mesh that stands in a comment.
func decodeProvider(t *testing.T, text string) {
	t.Helper()
	var lines []string
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(l, "#   "); ok {
			lines = append(lines, rest)
		}
	}
	var values struct{ MeshConfig map[string]any }
	if err := yaml.UnmarshalStrict([]byte(strings.Join(lines, "")), &values); err != nil {
		t.Fatal(err)
	}
	json, err := yaml.Marshal(values.MeshConfig)
	if err == nil {
		json, err = yaml.YAMLToJSON(json)
	}
	var m mesh.MeshConfig
	if err != nil || protojson.Unmarshal(json, &m) != nil || len(m.ExtensionProviders) != 1 ||
		!strings.HasPrefix(m.ExtensionProviders[0].GetEnvoyExtAuthzHttp().GetPathPrefix(), "/authz/v1/for/") ||
		!strings.Contains(text, "  provider:\n    name: "+m.ExtensionProviders[0].GetName()+"\n") {
		t.Errorf("%v, %v\n%s", err, protojson.Unmarshal(json, &m), json)
	}
}

func TestMigration(t *testing.T) {
	text, err := os.ReadFile("../../docs/guides/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```yaml\n")
	if len(parts) < 7 {
		t.Fatalf("%d blocks", len(parts)-1)
	}
	for _, p := range parts[1:] {
		block, _, _ := strings.Cut(p, "\n```")
		for _, d := range strings.Split(block, "\n---\n") {
			decode(t, d, true)
		}
	}
}

// TestStrict: an unknown field fails, in each of the ways of decoding.
func TestStrict(t *testing.T) {
	if err := yaml.UnmarshalStrict([]byte("spec: {extAuth: {failedOpen: false}}"),
		object("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy")); err == nil {
		t.Error("SecurityPolicy takes any field")
	}
	if err := yaml.UnmarshalStrict([]byte("spec: {actions: CUSTOM}"), object("security.istio.io/v1", "AuthorizationPolicy")); err == nil {
		t.Error("AuthorizationPolicy takes any field")
	}
	if err := yaml.UnmarshalStrict([]byte("spec: {forwardAuth: {adress: x}}"), object("traefik.io/v1alpha1", "Middleware")); err == nil {
		t.Error("Middleware takes any field")
	}
	if err := protojson.Unmarshal([]byte(`{"staticResource":{}}`), &bootstrapv3.Bootstrap{}); err == nil {
		t.Error("Envoy's bootstrap takes any field")
	}
}
