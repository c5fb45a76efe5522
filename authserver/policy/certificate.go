// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// A Certificate is a client certificate that the proxy verified. It is shared, and not
// modified once made.
type Certificate struct {
	CommonName string   // of its subject
	DNSNames   []string // of its subject alternative name, as are URIs
	URIs       []string
	NotBefore  time.Time
	NotAfter   time.Time
	// Machine is what a ServiceAuth rule admits by it.
	Machine Machine
}

// CertificateNames is what a ClientCertificate selector asks of a certificate. What is
// empty may be anything.
type CertificateNames struct{ CommonName, DNSName, URI string }

// A PresentedCertificate says whether a client proved itself by a certificate. Its zero
// value is that this is not known.
type PresentedCertificate struct {
	*Certificate      // nil: none, if Known
	Known        bool // the proxy says whether there is one
	// Hoped: nobody can know here, and the right one may come with the request itself.
	Hoped bool
}

// good returns the certificate if it is one now; known: it is known whether it is.
func (p *PresentedCertificate) good(now time.Time) (c *Certificate, known bool) {
	if c = p.Certificate; !p.Known || c == nil || now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return nil, p.Known
	}
	return c, true
}

// holds reports whether the certificate is of these names. They are compared as they
// are: whoever issued them chose how they are spelled.
func (n *CertificateNames) holds(c *Certificate) bool {
	return (n.CommonName == "" || n.CommonName == c.CommonName) &&
		(n.DNSName == "" || slices.Contains(c.DNSNames, n.DNSName)) &&
		(n.URI == "" || slices.Contains(c.URIs, n.URI))
}

// certified reports whether the client has a certificate of these names.
func (v *visitor) certified(names *CertificateNames, ifUnknown bool) match {
	if v.request == nil {
		return matchIf(ifUnknown != v.hopeful)
	}
	c, known := v.request.Certificate.good(v.request.Now)
	if !known {
		return matchIf(ifUnknown != v.request.Certificate.Hoped)
	}
	return matchIf(c != nil && names.holds(c))
}

// maxName bounds the names of a certificate.
const maxName = 256

// checkProved checks a selector of what others than the client tell.
func (s *Selector) checkProved() problem {
	if s.Property == Country {
		return s.checkCountries()
	}
	return s.checkCertificate()
}

func (s *Selector) checkCertificate() problem {
	for _, name := range []string{s.Certificate.CommonName, s.Certificate.DNSName, s.Certificate.URI} {
		if len(name) > maxName || name != "" && !isText(name) {
			return problem{codeCertificate, "certificate: a name has at most 256 bytes, and no control characters"}
		}
	}
	return problem{}
}

// certificate says what the client proved, if a rule asks.
func (tr *Trace) certificate(t *Table, a *app, r *Request) {
	if tr == nil || !t.looksAt(a, ClientCertificate) {
		return
	}
	switch c, known := r.Certificate.good(r.Now); {
	case c != nil:
		tr.add("certificate", Source{}, "verified", "%s", c.Machine.Name)
	case known:
		tr.add("certificate", Source{}, "none", "the proxy verified no client certificate, or one that is over")
	default:
		tr.add("certificate", Source{}, "not known", "the proxy does not say whether there is a client certificate, which counts against the client")
	}
}

// certificateIssues are those of policies that look at client certificates and that routes
// of a cluster name: whoever asks for those tells of none.
func (a *Assembler) certificateIssues() (out []Issue) {
	entries := maps.Clone(a.certificates)
	for name, users := range a.groupUsers {
		if a.groups.find(name).looks.has(ClientCertificate) {
			maps.Copy(entries, users)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	routes := map[string]string{} // by policy, the first
	for _, b := range a.bindings {
		if routes[b.Policy] == "" {
			routes[b.Policy] = b.Ingress
		}
	}
	for e := range entries {
		app := e.used.app
		if route := routes[app.audience]; route != "" {
			out = append(out, app.issue(a.firstLooking(app), codeCertificateUntold, "certificate: what Ostiary writes for Ingresses and HTTPRoutes tells it of no "+
				"client certificate, and %s names this policy. There, certificate matches nobody in a rule that admits, and everybody in a rule that blocks", routeWords(route)))
		}
	}
	return out
}

// firstLooking is the field of the first rule that looks at certificates, by way of groups
// or not.
func (a *Assembler) firstLooking(app *app) string {
	for _, rules := range [...][]rule{app.relaxing, app.identity} {
		for i := range rules {
			for _, list := range rules[i].lists() {
				if slices.ContainsFunc(list, func(s Selector) bool {
					return s.Property == ClientCertificate || s.Property == AccessGroup && a.groups.find(s.Value).looks.has(ClientCertificate)
				}) {
					return rules[i].field
				}
			}
		}
	}
	return "spec.rules"
}

// routeWords names a route of a Binding.
func routeWords(route string) string {
	if name, ok := strings.CutPrefix(route, RouteKind); ok {
		return "HTTPRoute " + name
	}
	return "Ingress " + route
}
