// SPDX-License-Identifier: Apache-2.0

package family

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
)

// Versions of what is made.
const (
	serviceVersion       = "v1"
	SliceVersion         = "discovery.k8s.io/v1"
	ingressVersion       = "networking.k8s.io/v1"
	GatewayGroup         = "gateway.networking.k8s.io"
	traefikGroup         = "traefik.io"
	EnvoyGroup           = "gateway.envoyproxy.io"
	traefikVersion       = traefikGroup + "/v1alpha1"
	envoyVersion         = EnvoyGroup + "/v1alpha1"
	GatewayVersion       = GatewayGroup + "/v1"
	managedBy            = "endpointslice.kubernetes.io/managed-by"
	sliceServiceName     = "kubernetes.io/service-name"
	ReferenceGrantKind   = "ReferenceGrant." + GatewayGroup
	ReferenceGrantV1Kind = "ReferenceGrant.v1." + GatewayGroup
)

// A Purpose is what an object is for: the value of RouteLabel and of ForAnnotation.
type Purpose struct{ id, words string }

// PurposeOf is the purpose of what stands for something else, which parts name.
func PurposeOf(words string, parts ...string) Purpose { return Purpose{digest(parts...), words} }

// ForRoute is the purpose of what stands for one route.
func ForRoute(r routes.Ref) Purpose { return Purpose{digest(r.String()), r.String()} }

// Object makes one of ours.
func Object(apiVersion, kind string, name types.NamespacedName, why Purpose, annotations map[string]string, content map[string]any) *unstructured.Unstructured {
	notes := map[string]any{routes.ForAnnotation: why.words}
	for k, v := range annotations {
		notes[k] = v
	}
	o := map[string]any{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": map[string]any{
			"name": name.Name, "namespace": name.Namespace,
			"labels":      map[string]any{routes.RouteLabel: why.id, "app.kubernetes.io/managed-by": routes.FieldManager},
			"annotations": notes,
		},
	}
	maps.Copy(o, content)
	return &unstructured.Unstructured{Object: o}
}

func Spec(fields map[string]any) map[string]any { return map[string]any{"spec": fields} }

// anyList is a list as unstructured objects hold it.
func anyList[T any](in []T) []any {
	out := make([]any, len(in))
	for i := range in {
		out[i] = in[i]
	}
	return out
}

// IngressRule leads a path of a host to one of our Services.
func IngressRule(host string, paths ...any) map[string]any {
	rule := map[string]any{"http": map[string]any{"paths": paths}}
	if host != "" {
		rule["host"] = host
	}
	return rule
}

func IngressPath(path, pathType, service string, port int32) any {
	return map[string]any{
		"path": path, "pathType": pathType,
		"backend": map[string]any{"service": map[string]any{"name": service, "port": map[string]any{"number": int64(port)}}},
	}
}
