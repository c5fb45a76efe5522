// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// RouteFlags are the options of the command line that concern routes that name
// policies.
type RouteFlags struct {
	optIn    bool
	mode     string
	prefix   string
	AuthzURL string
	guard    bool
	labels   map[string]string
	notes    map[string]string
	configs  []string
}

// Add defines the flags, with their defaults.
func (f *RouteFlags) Add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.optIn, "ingress-opt-in", true, "let Ingresses and HTTPRoutes name a policy by the annotation "+routes.PolicyAnnotation+", and write what their proxies need; if false, Ostiary writes nothing and leaves what it wrote")
	flags.StringVar(&f.mode, "ingress-mode", string(routes.Render), "how ingress-nginx shows refusals and answers preflights where an Ingress sets no mode: render, global, canary or static")
	flags.StringVar(&f.prefix, "service-prefix", "ostiary", "the prefix of the names of Ostiary's Services: PREFIX-authz, PREFIX-public, PREFIX-render and PREFIX-preflight")
	flags.BoolVar(&f.guard, "admission-guard", false, "the policies of config/admission are installed, with which the API server protects a route in the write that names its policy: keep their ConfigMap PREFIX-guard")
	flags.StringToStringVar(&f.labels, "object-labels", nil, "labels for every object that Ostiary makes for an Ingress or HTTPRoute: KEY=VALUE,...")
	flags.StringToStringVar(&f.notes, "object-annotations", nil, "annotations for the same objects: KEY=VALUE,...")
	flags.StringSliceVar(&f.configs, "proxy-config-namespaces", []string{"*"}, "namespaces whose ConfigMaps of ingress-nginx are read, as they can undo what Ostiary writes for a route; * is all, --proxy-config-namespaces= is none")
	flags.StringVar(&f.AuthzURL, "authz-url", "", "the URL at which proxies reach the authz listener (default http://PREFIX-authz.NAMESPACE.svc.cluster.local:PORT)")
}

// A RouteSetup is what the rest of the installation says of itself.
type RouteSetup struct {
	Namespace  string // ours
	PathPrefix string
	TeamURL    *url.URL // nil, or without a host: nobody signs in
	Countries  bool     // a GeoIP database tells where clients are
	Upstream   []string // headers that policies may set for applications, in canonical form
	// Where the listeners are bound: ":9001". Services have the same ports.
	Authz, Public, Render, Preflight string
}

// Settings checks the flags and returns what they say; nil if no route can name a
// policy. The error holds all that is wrong.
func (f *RouteFlags) Settings(in RouteSetup) (*routes.Settings, error) {
	if !f.optIn {
		return nil, nil
	}
	var errs []error
	port := func(flag, address string) int32 {
		_, text, err := net.SplitHostPort(address)
		n, err2 := strconv.ParseUint(text, 10, 16)
		if err != nil || err2 != nil || n == 0 {
			errs = append(errs, fmt.Errorf("%s %q: routes that name a policy need its port; write HOST:PORT, or --ingress-opt-in=false", flag, address))
		}
		return int32(n)
	}
	authz := port("--authz-bind-address", in.Authz)
	// Whatever applications are told, a client may not tell them: those of Cloudflare
	// are taken off as well, and set where --identity-headers says so.
	s := &routes.Settings{
		Namespace: in.Namespace, ServicePrefix: f.prefix, PathPrefix: in.PathPrefix, Mode: routes.Mode(f.mode),
		AuthzURL:   strings.TrimSuffix(cmp.Or(f.AuthzURL, fmt.Sprintf("http://%s-authz.%s.svc.cluster.local:%d", f.prefix, in.Namespace, authz)), "/"),
		PublicPort: port("--public-bind-address", in.Public), RenderPort: port("--render-bind-address", in.Render), PreflightPort: port("--preflight-bind-address", in.Preflight),
		Admission: f.guard, Labels: f.labels, Annotations: f.notes,
		IdentityHeaders: append(contract.AllIdentity(), in.Upstream...),
	}
	if in.TeamURL != nil {
		s.TeamHost = strings.ToLower(in.TeamURL.Hostname())
	}
	for _, namespace := range f.configs {
		if namespace == "*" {
			namespace = ""
		} else if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("--proxy-config-namespaces %q: %s", namespace, strings.Join(problems, "; ")))
		}
		s.ConfigNamespaces = append(s.ConfigNamespaces, namespace)
	}
	switch s.Mode {
	case routes.Render, routes.Global, routes.Canary, routes.Static:
	default:
		errs = append(errs, fmt.Errorf("--ingress-mode %q: render, global, canary or static", f.mode))
	}
	if problems := validation.IsDNS1035Label(f.prefix + "-preflight"); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--service-prefix %q: %s", f.prefix, strings.Join(problems, "; ")))
	}
	errs = append(errs, checkAuthzURL(s.AuthzURL), checkMarks(f.labels, f.notes))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// checkAuthzURL: it goes into annotations, where a proxy would read more into it.
func checkAuthzURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "$\"'{};\\ ") {
		return fmt.Errorf("--authz-url %q: http://HOST:PORT, without query, user or variables", s)
	}
	return nil
}

// checkMarks: a label that cannot be would keep every object from being made, and one
// of ours, or of a proxy, would be in its way.
func checkMarks(labels, annotations map[string]string) error {
	var errs []error
	for key, value := range labels {
		problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...)
		if len(problems) > 0 {
			errs = append(errs, fmt.Errorf("--object-labels %s=%s: %s", key, value, strings.Join(problems, "; ")))
		}
	}
	for key, value := range annotations {
		problems := validation.IsQualifiedName(key)
		if family.Reads(key) {
			problems = append(problems, "a proxy reads it, and would do something else than was planned")
		}
		if len(problems) > 0 {
			errs = append(errs, fmt.Errorf("--object-annotations %s=%s: %s", key, value, strings.Join(problems, "; ")))
		}
	}
	return errors.Join(errs...)
}
