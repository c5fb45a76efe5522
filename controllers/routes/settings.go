// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"net/url"
	"strconv"

	"k8s.io/apimachinery/pkg/types"
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

// Service is the name of one of our Services: "public", "render", ...
func (s *Settings) Service(part string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: s.ServicePrefix + "-" + part}
}

// AuthzPort is that of the authz Service: proxies reach it at the same one as by its
// address.
func (s *Settings) AuthzPort() int32 {
	u, err := url.Parse(s.AuthzURL)
	if err != nil {
		return 0
	}
	if port, err := strconv.ParseInt(u.Port(), 10, 32); err == nil {
		return int32(port)
	}
	if u.Scheme == "https" {
		return 443
	}
	return 80
}
