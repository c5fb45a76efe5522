// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
)

// Certified is a dialect whose proxy says whether it verified a client certificate. Where
// the proxy asks at no such endpoint, nothing that is sent says so.
type Certified struct {
	Dialect
	source, target string
}

// Certify returns the dialect of an endpoint that is told of certificates; of says whose
// the endpoint itself is.
func Certify(target string, of func(target string) Dialect) Dialect {
	source, rest, _ := strings.Cut(strings.TrimPrefix(target, contract.CertificatePrefix), "/")
	if source == contract.CertificateInURL {
		// What nginx verified, and the certificate. The first one of them can be empty, or
		// have blanks, and neither has a slash.
		verified, after, _ := strings.Cut(rest, "/")
		said, after, _ := strings.Cut(after, "/")
		source, rest = source+"/"+verified+"/"+said, after
	}
	rest = contract.Endpoints + "/" + rest
	return &Certified{of(rest), source, rest}
}

// Read is that of the dialect, and says whether there is a certificate.
func (c *Certified) Read(v View, a *Ask) *Refusal {
	if refusal := c.Dialect.Read(boundView{v, c.target}, a); refusal != nil {
		return refusal
	}
	if inURL, ok := strings.CutPrefix(c.source, contract.CertificateInURL+"/"); ok {
		verified, said, _ := strings.Cut(inURL, "/")
		return a.readCertificateURL(verified, said)
	}
	if c.source != contract.CertificateInHeader {
		return configError("after " + contract.CertificatePrefix + " must come where the certificate is: " +
			contract.CertificateInHeader + ", or " + contract.CertificateInURL + "/$ssl_client_verify/$ssl_client_escaped_cert")
	}
	said, lines := v.Header(contract.ClientCertificate)
	if said == caddyWithout || said == "::" {
		said = ""
	}
	if lines > 1 || strings.ContainsAny(said, ",{%") {
		return configError(contract.ClientCertificate + " must come once at most, set by the proxy in the form of RFC 9440")
	}
	a.Certificate.Known, a.ClientCertificate = true, said
	return nil
}

// caddyWithout is what Caddy 2.6 makes of its placeholder where there is no certificate.
// Newer ones leave nothing between the colons.
const caddyWithout = ":{http.request.tls.client.certificate_der_base64}:"

// readCertificateURL reads nginx's own variables, in which no client can write.
func (a *Ask) readCertificateURL(verified, said string) *Refusal {
	if strings.HasPrefix(verified, "$") || strings.HasPrefix(said, "$") {
		return configError("$ssl_client_verify and $ssl_client_escaped_cert came as they are: this proxy does not fill them in")
	}
	a.Certificate.Known = true
	if verified == "SUCCESS" {
		a.ClientCertificate = said
	}
	return nil
}

func (c *Certified) refuse(a *Answer, q *Ask, r *Refusal) { WriteRefusal(c.Dialect, a, q, r) }
