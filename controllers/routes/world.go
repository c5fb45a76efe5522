// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Annotations that people write.
const (
	// PolicyAnnotation on an Ingress or HTTPRoute names the AccessPolicy of the
	// same namespace that guards it: the opt-in.
	PolicyAnnotation = "access.ostiary.dev/policy"
	// ModeAnnotation on an Ingress overrides the installation's Mode for it.
	ModeAnnotation = "access.ostiary.dev/mode"
	// ProxyAnnotation on an IngressClass, a GatewayClass or an Ingress names the
	// Proxy that serves it, where the name of its controller does not tell.
	ProxyAnnotation = "access.ostiary.dev/proxy"
)

// What marks what we write.
const (
	// FieldManager owns what server-side apply writes.
	FieldManager = "ostiary"
	// ReleaseManager takes everything back, whatever names a policy. The policies of
	// config/admission let it, and nobody else, leave an Ingress unguarded that does.
	ReleaseManager = "ostiary-release"
	// RouteLabel is on every object that a plan creates. Its value is a digest of
	// the Ingress, HTTPRoute or host that the object is for: a label has no room for
	// names. What carries it and is in no plan is deleted.
	RouteLabel = "access.ostiary.dev/route"
	// ForAnnotation says in words what an object that carries RouteLabel is for.
	ForAnnotation = "access.ostiary.dev/for"
)

// A Proxy is a family of proxies that read the same objects alike.
type Proxy string

// The proxies that a plan can be made for.
const (
	IngressNGINX   Proxy = "ingress-nginx"         // and its forks
	TraefikNGINX   Proxy = "traefik-ingress-nginx" // Traefik's ingress-nginx provider
	Traefik        Proxy = "traefik"               // its Ingress, CRD and Gateway API providers
	HAProxyIngress Proxy = "haproxy-ingress"       // jcmoraisjr's
	EnvoyGateway   Proxy = "envoy-gateway"
	GatewayAPI     Proxy = "gateway-api" // one that has ExternalAuth as the Gateway API says
	// The following have another ExternalAuth, with which nothing is guarded.
	NGINXGateway Proxy = "nginx-gateway-fabric"
	AgentGateway Proxy = "agentgateway" // kgateway, too
)

// A Mode is how preflights and refusals get their headers on ingress-nginx.
type Mode string

// The modes. See ARCHITECTURE.md for what each takes and what it cannot do.
const (
	Render Mode = "render" // error pages made by us, through a Service beside the application
	Global Mode = "global" // error pages made by us, as the platform's default backend
	Canary Mode = "canary" // preflights by a canary Ingress; refusals are the proxy's own
	Static Mode = "static" // the policy copied into the proxy's own CORS annotations
)

// A World is what a plan is made from: all that the cluster holds of it.
type World struct {
	Ingresses  []*networkingv1.Ingress
	Classes    []*networkingv1.IngressClass
	Services   []*corev1.Service
	Policies   []Policy
	HTTPRoutes []*unstructured.Unstructured // gateway.networking.k8s.io/v1
	Gateways   []*unstructured.Unstructured
	// GatewayClasses tell which implementation serves a Gateway.
	GatewayClasses []*unstructured.Unstructured
	// The following are there for what may go around a policy, or guard a route that
	// nobody opted in: GRPCRoutes and TLSRoutes of the Gateway API, IngressRoutes and
	// IngressRouteTCPs of Traefik, its Middlewares, and SecurityPolicies of Envoy Gateway.
	GRPCRoutes, TLSRoutes, IngressRoutes, Middlewares, SecurityPolicies []*unstructured.Unstructured
	// Render is where the pods of the render listener answer: the EndpointSlices of
	// our own render Service.
	Render []*discoveryv1.EndpointSlice
	// Configs are ConfigMaps of ingress-nginx controllers, as far as they may be read.
	Configs []*corev1.ConfigMap
	// ConfigsUnread says why there may be more of them, which may undo what a plan
	// writes: "the ConfigMaps of ingress-nginx in namespace x may not be read". "": there
	// are none.
	ConfigsUnread string
	// Served tells which optional kinds the API server has: "Middleware.traefik.io".
	Served map[string]bool
}

// A Policy is what a plan has to know of an AccessPolicy.
type Policy struct {
	types.NamespacedName
	Hosts []string // what it claims; none: those of the Ingresses that name it
	Paths []Path   // none: all
	// CORS is what Static copies; nil: the policy has none.
	CORS *CORS
	// Relaxes: a rule of it is Bypass or ServiceAuth.
	Relaxes bool
}

// A Path is a path of a policy or of an Ingress.
type Path struct {
	Path  string
	Exact bool
}

// CORS is the part of a policy's CORS that annotations of a proxy can hold.
type CORS struct {
	AllOrigins, AllMethods, AllHeaders, Credentials, Bypass, PrivateNetwork bool
	Origins, Methods, Headers, Exposed                                      []string
	MaxAge                                                                  int // seconds; 0: no header
	// Managed: responses: Managed.
	Managed bool
}

// Settings are what an installation has decided.
type Settings struct {
	// Namespace is ours: Services, and what belongs to no application, live there.
	Namespace string
	// ServicePrefix begins the names of our Services: PREFIX-authz, -public, -render,
	// -preflight. Default "ostiary".
	ServicePrefix string
	// AuthzURL is where proxies reach the authz listener:
	// "http://ostiary-authz.ostiary.svc.cluster.local:9001", without a slash at the end.
	AuthzURL string
	// Ports of our Services, which are those of the listeners.
	PublicPort, RenderPort, PreflightPort int32
	// TeamHost is the host on which people sign in; "": there is none, or it is not known.
	TeamHost string
	// PathPrefix is our own path on every host. Default "/.access".
	PathPrefix string
	// Mode is used where an Ingress does not say. Default Render.
	Mode Mode
	// ConfigNamespaces are those in which ConfigMaps of ingress-nginx controllers are
	// read: "" is all of them. None: they are not read.
	ConfigNamespaces []string
	// IdentityHeaders are all headers that tell an application who calls.
	IdentityHeaders []string
	// Labels and Annotations are for every object that a plan makes, beside our own:
	// where rules of the platform demand some.
	Labels, Annotations map[string]string
	// Admission: the policies of config/admission are there, and guard what opts in in
	// the same write.
	Admission bool
}

// A Ref names an object.
type Ref struct {
	Kind string // "Ingress", "HTTPRoute", "Service", ...
	types.NamespacedName
}

func (r Ref) String() string { return r.Kind + " " + r.NamespacedName.String() }

// A Plan is what the cluster has to look like.
type Plan struct {
	// Annotations are those that we own on objects of other people, by object. An
	// Ingress or HTTPRoute that is not here must carry none of ours.
	Annotations map[Ref]map[string]string
	// Guards are what Annotations are where nothing of Objects exists: whoever is asked
	// there decides as planned. They are written before anything else, and stay when an
	// object of Needs cannot be made.
	Guards map[Ref]map[string]string
	// Needs are the objects without which Annotations would be wrong, by object.
	Needs map[Ref][]Ref
	// Objects are those that we own: sorted, complete with RouteLabel and
	// ForAnnotation, and in the order in which they have to be made. Annotations are
	// completed after them; only when Annotations are gone are objects removed.
	Objects []*unstructured.Unstructured
	// Fallbacks are what to make in place of an object that is refused, by object.
	Fallbacks map[Ref]Fallback
	// Bindings tell which policy each Ingress and HTTPRoute names.
	Bindings []Binding
	// Findings are what is wrong, or not guarded, although somebody opted in.
	Findings []Finding
	// Limits are what the proxy of a route cannot do for its policy, guarded or not.
	Limits []Finding
}

// A Fallback stands for an object that a rule of the platform refuses.
type Fallback struct {
	Object *unstructured.Unstructured
	// After: it has to be younger than this; one that is not is made anew.
	After time.Time
}

// A Binding is an opt-in: Route names Policy and leads Hosts and Paths to it.
type Binding struct {
	Route  Ref
	Policy types.NamespacedName // it need not exist
	Hosts  []string
	Paths  []Path
	// Guarded: Annotations and Objects guard the route completely.
	Guarded bool
	// Unseen is what may undo that, and could not be looked at; "": nothing.
	Unseen string
}

// A Finding is about one object, for people.
type Finding struct {
	Object Ref
	Policy types.NamespacedName // whose condition shows it; zero: none's
	// Reason is CamelCase, as in a condition.
	Reason string
	// Message says what is wrong and what to do about it.
	Message string
	// Host that is concerned, where there is one.
	Host string
	// Mild: the route is guarded all the same, and more is refused than people may think.
	Mild bool
}
