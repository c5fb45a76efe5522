// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

const haproxyPrefix = "haproxy-ingress.github.io/"

// haproxy has haproxy-ingress ask. It tells an authentication service nothing of the
// request by itself, so the three headers are set first; without them a visitor's own
// would say what is asked about.
func (p *planner) haproxy(_ *networkingv1.Ingress, o *optIn) {
	var request []string
	for _, h := range asked() {
		request = append(request, h.(string)) // they are
	}
	request = append(request, "X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-For")
	o.guarded = true
	o.annotated = map[string]string{
		haproxyPrefix + "auth-url":             "svc://" + p.settings.Namespace + "/" + p.settings.ServicePrefix + "-authz:" + p.authzPort() + "/authz/v1/forward/" + o.ref.Namespace + "/" + o.ref.Name,
		haproxyPrefix + "auth-method":          "GET",
		haproxyPrefix + "auth-headers-request": strings.Join(request, ","),
		haproxyPrefix + "auth-headers-succeed": strings.Join(p.settings.IdentityHeaders, ","),
		haproxyPrefix + "auth-headers-fail":    "*",
		haproxyPrefix + "request-set-headers":  "X-Forwarded-Host: %[req.hdr(host)]\nX-Forwarded-Uri: %[pathq]\nX-Forwarded-Method: %[method]\n",
	}
	if o.is != nil && o.is.CORS != nil && !o.is.CORS.Bypass {
		p.find(o, PreflightNotTaken, "", "is haproxy-ingress's, which cannot lead preflights to another Service, so they are refused. Answer them with haproxy-ingress.github.io/cors-enable and the same origins, or use HAProxy as `ostiary render haproxy` prints it.")
	}
}

// authzPort is the port of the authz Service.
func (p *planner) authzPort() string {
	_, port, ok := strings.Cut(strings.TrimPrefix(p.settings.AuthzURL, "http://"), ":")
	if !ok {
		return "80"
	}
	return port
}
