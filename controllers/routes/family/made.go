// SPDX-License-Identifier: Apache-2.0

package family

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
)

// Versions of what is made.
const (
	serviceVersion       = "v1"
	SliceVersion         = "discovery.k8s.io/v1"
	ingressVersion       = "networking.k8s.io/v1"
	GatewayGroup         = routes.GatewayGroup
	traefikGroup         = routes.TraefikGroup
	EnvoyGroup           = routes.EnvoyGroup
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

// Spec returns an object that has a spec.
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

// IngressPath returns a path of an Ingress that leads to a port of a Service.
func IngressPath(path, pathType, service string, port int32) any {
	return map[string]any{
		"path": path, "pathType": pathType,
		"backend": map[string]any{"service": map[string]any{"name": service, "port": map[string]any{"number": int64(port)}}},
	}
}

// onClass has an Ingress of ours name a class. The older annotation and the field exclude
// each other.
func onClass(c routes.Class, o *unstructured.Unstructured) *unstructured.Unstructured {
	switch {
	case c.Legacy:
		notes := o.GetAnnotations()
		notes[routes.IngressClass] = c.Name
		o.SetAnnotations(notes)
	case c.Name != "":
		o.Object["spec"].(map[string]any)["ingressClassName"] = c.Name
	}
	return o
}

// LabelOf is the RouteLabel of the objects that a plan makes for one route.
func LabelOf(route routes.Ref) string { return ForRoute(route).id }

// prefix begins the names of all that stands beside applications: there, the names
// of our Services mean nothing.
const ownPrefix = "ostiary-"

// Longest names: a Service's is a DNS label, most others are DNS subdomains.
const (
	LabelMax     = 63
	subdomainMax = 253
)

// digest is short, and the same for the same parts only.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:5])
}

// shortened returns a name that fits, and is no other's.
func shortened(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	return strings.TrimRight(name[:limit-11], "-.") + "-" + digest(name)
}

// serviceName names a Service after an Ingress, whose name may hold dots.
func serviceName(kind, ingress string) string {
	name := ownPrefix + kind + "-" + ingress
	if label := strings.ReplaceAll(name, ".", "-"); label != name {
		name = label[:min(len(label), LabelMax-11)] + "-" + digest(ingress)
	}
	return shortened(name, LabelMax)
}

// besideName names what stands in the namespace of the route that it is for.
func besideName(kind, route string) string {
	return shortened(ownPrefix+kind+"-"+route, subdomainMax)
}

// CentralName names what stands in our namespace for a route of another. No
// namespace has a dot in it, so that no two routes share a name.
func CentralName(kind, namespace, route string) string {
	return shortened(ownPrefix+kind+"."+namespace+"."+route, subdomainMax)
}

// HostName names what is for a host and a class.
func HostName(kind, host string, more ...string) string {
	readable := strings.ReplaceAll(host, "*", "any")
	return shortened(ownPrefix+kind+"."+readable, subdomainMax-11) + "-" + digest(append([]string{host}, more...)...)
}
