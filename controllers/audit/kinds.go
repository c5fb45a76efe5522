// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
)

// routingGroups are API groups whose kinds lead traffic to applications, or change how it
// is led, each with those of its kinds that do neither. Of all others it is said that they
// are not read.
var routingGroups = map[string][]string{
	routes.GatewayGroup:               {"Gateway", "GatewayClass", "ReferenceGrant", "BackendTLSPolicy", "UDPRoute"},
	"gateway.networking.x-k8s.io":     {"XBackendTrafficPolicy"},
	routes.EnvoyGroup:                 {"EnvoyProxy", "ClientTrafficPolicy", "BackendTrafficPolicy", "Backend"},
	routes.TraefikGroup:               {"MiddlewareTCP", "TLSOption", "TLSStore", "ServersTransport", "ServersTransportTCP", "TraefikService", "IngressRouteUDP"},
	"traefik.containo.us":             {"MiddlewareTCP", "TLSOption", "TLSStore", "ServersTransport", "TraefikService", "IngressRouteUDP"},
	"networking.istio.io":             {"DestinationRule", "ServiceEntry", "Sidecar", "WorkloadEntry", "WorkloadGroup", "ProxyConfig"},
	"projectcontour.io":               {"TLSCertificateDelegation", "ExtensionService", "ContourConfiguration", "ContourDeployment"},
	"k8s.nginx.org":                   {"Policy", "GlobalConfiguration"},
	"gateway.nginx.org":               {"NginxGateway", "NginxProxy", "ClientSettingsPolicy", "ObservabilityPolicy", "UpstreamSettingsPolicy"},
	"apisix.apache.org":               {"ApisixUpstream", "ApisixConsumer", "ApisixTls", "Consumer", "GatewayProxy"},
	"configuration.konghq.com":        {"KongConsumer", "KongConsumerGroup", "KongCustomEntity", "KongVault", "KongLicense"},
	"cilium.io":                       {"CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "CiliumEndpoint", "CiliumNode", "CiliumIdentity", "CiliumEndpointSlice", "CiliumExternalWorkload", "CiliumLoadBalancerIPPool", "CiliumL2AnnouncementPolicy", "CiliumNodeConfig", "CiliumGatewayClassConfig", "CiliumCIDRGroup", "CiliumPodIPPool"},
	"networking.gke.io":               {"ManagedCertificate", "FrontendConfig", "GCPBackendPolicy", "GCPGatewayPolicy", "HealthCheckPolicy", "Network", "NetworkLogging"},
	"gateway.kgateway.dev":            {"GatewayParameters", "Backend"},
	"agentgateway.dev":                {"AgentgatewayParameters", "AgentgatewayBackend"},
	"gateway.solo.io":                 {"Settings", "Upstream", "UpstreamGroup"},
	"route.openshift.io":              nil,
	"getambassador.io":                {"TLSContext", "LogService", "TracingService", "DevPortal"},
	"networking.internal.knative.dev": {"Certificate", "ServerlessService", "ClusterDomainClaim"},
	"serving.knative.dev":             {"Configuration", "Revision"},
	"extensions":                      nil,
	"ingress.v1.haproxy.org":          nil,
	"ingress.v3.haproxy.org":          nil,
	"core.haproxy.org":                nil,
	"zalando.org":                     {"ClusterStackSet", "StackSet", "Stack"},
	"consul.hashicorp.com":            {"Mesh", "MeshService", "ProxyDefaults", "ServiceDefaults", "ServiceIntentions", "JWTProvider", "ExportedServices", "PeeringAcceptor", "PeeringDialer", "SamenessGroup"},
	"kuma.io":                         {"Mesh", "Dataplane", "DataplaneInsight", "MeshInsight", "Zone", "ZoneInsight"},
	"voyager.appscode.com":            nil,
	"networking.higress.io":           nil,
	"extensions.higress.io":           nil,
}

// quietGroups are those whose objects name hosts and lead nobody to them.
var quietGroups = []string{"", "apps", "batch", "autoscaling", "policy", "rbac.authorization.k8s.io", "storage.k8s.io", "coordination.k8s.io", "events.k8s.io",
	"discovery.k8s.io", "apiextensions.k8s.io", "admissionregistration.k8s.io", "apiregistration.k8s.io", "scheduling.k8s.io", "node.k8s.io", "certificates.k8s.io",
	"cert-manager.io", "acme.cert-manager.io", "externaldns.k8s.io", "external-secrets.io", "bitnami.com", "monitoring.coreos.com", "kustomize.config.k8s.io",
	"argoproj.io", "helm.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io", "kyverno.io", "keda.sh", "autoscaling.k8s.io"}

// isRead reports whether a kind is one that a World is made of.
func isRead(gk schema.GroupKind) bool {
	return slices.ContainsFunc(routes.Kinds, func(k routes.Kind) bool { return k.Into != nil && k.GroupKind() == gk }) ||
		gk.Group == networkingv1.GroupName && (gk.Kind == "Ingress" || gk.Kind == "IngressClass") ||
		gk.Group == "" && (gk.Kind == "Service" || gk.Kind == "ConfigMap") || gk.Group == v1alpha1.GroupVersion.Group && gk.Kind == "AccessPolicy"
}

// routing reports whether a kind that is not read may lead traffic somewhere.
func routing(gk schema.GroupKind) bool {
	harmless, known := routingGroups[gk.Group]
	return known && !isRead(gk) && !slices.Contains(harmless, gk.Kind)
}

// unreadIn names the objects of a cluster that may lead traffic, and are not read.
func unreadIn(ctx context.Context, config *rest.Config, c client.Client) ([]string, error) {
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	lists, err := d.ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("asking for the kinds that there are: %w", err)
	}
	var out []string
	if err != nil {
		out = append(out, "kinds of a part of the API server: "+err.Error())
	}
	for _, l := range lists {
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		for _, r := range l.APIResources {
			if err == nil && routing(gv.WithKind(r.Kind).GroupKind()) && slices.Contains(r.Verbs, "list") {
				out = append(out, unreadOf(ctx, c, gv.WithKind(r.Kind))...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// unreadMax is how many objects of a kind are named.
const unreadMax = 10

func unreadOf(ctx context.Context, c client.Client, gvk schema.GroupVersionKind) []string {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	err := c.List(ctx, list, client.Limit(unreadMax+1))
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return []string{fmt.Sprintf("%ss of %s: Ostiary does not read this kind, and %v", gvk.Kind, gvk.Group, err)}
	}
	var out []string
	for i := range list.Items {
		if i == unreadMax {
			out = append(out, fmt.Sprintf("%ss of %s: there are more of this kind", gvk.Kind, gvk.Group))
			break
		}
		out = append(out, fmt.Sprintf("%s %s: Ostiary does not read this kind (%s)", gvk.Kind, strings.Trim(client.ObjectKeyFromObject(&list.Items[i]).String(), "/"), gvk.Group))
	}
	return out
}

// unreadFile says why an object of a manifest that is not read matters; "": it does not.
func unreadFile(o *unstructured.Unstructured, claims func(string) bool) string {
	gk := o.GroupVersionKind().GroupKind()
	who := fmt.Sprintf("%s %s/%s: ", o.GetKind(), o.GetNamespace(), o.GetName())
	if routing(gk) {
		return who + fmt.Sprintf("Ostiary does not read this kind (%s)", gk.Group)
	}
	if gk.Group == networkingv1.GroupName && gk.Kind == "Ingress" { // v1 is read
		return who + fmt.Sprintf("of %s, which no cluster serves any more; networking.k8s.io/v1 is read", o.GetAPIVersion())
	}
	if why := likeOurs(o, gk); why != "" {
		return who + why
	}
	if _, harmless := routingGroups[gk.Group]; harmless || slices.Contains(quietGroups, gk.Group) || strings.HasSuffix(gk.Group, ".k8s.io") || gk.Group == v1alpha1.GroupVersion.Group {
		return ""
	}
	if host := hostIn(o.Object, claims); host != "" {
		return who + fmt.Sprintf("it names %s, and Ostiary does not read this kind (%s)", host, gk.Group)
	}
	return ""
}

// likeOurs says what is wrong with what looks like an object of ours.
func likeOurs(o *unstructured.Unstructured, gk schema.GroupKind) string {
	if gk.Group == v1alpha1.GroupVersion.Group { // a kind that it has not is an error by itself
		return ""
	}
	if slices.Contains(ownKindNames, gk.Kind) || strings.HasSuffix(gk.Group, "ostiary.dev") {
		return fmt.Sprintf("its apiVersion %q is not Ostiary's, which is %s", o.GetAPIVersion(), v1alpha1.GroupVersion)
	}
	return ""
}

// ownKindNames are the kinds of our API group.
var ownKindNames = func() []string {
	types := cluster.Scheme().KnownTypes(v1alpha1.GroupVersion)
	var out []string
	for kind := range types {
		if _, listed := types[kind+"List"]; listed {
			out = append(out, kind)
		}
	}
	slices.Sort(out)
	return out
}()

// hostIn returns a claimed host that some text of an object is, or holds.
func hostIn(v any, claims func(string) bool) string {
	switch v := v.(type) {
	case string:
		return hostInText(v, claims)
	case []any:
		for _, item := range v {
			if host := hostIn(item, claims); host != "" {
				return host
			}
		}
	case map[string]any:
		for _, key := range sortedNames(v) {
			if host := hostIn(v[key], claims); host != "" {
				return host
			}
		}
	}
	return ""
}

func hostInText(text string, claims func(string) bool) string {
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-", c) }) {
		if word = strings.Trim(word, "."); strings.Contains(word, ".") && claims(word) {
			return word
		}
	}
	return ""
}

func sortedNames(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
