// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxCertificate bounds what a proxy says of a certificate.
const maxCertificate = 16 << 10

// ParseCertificate reads a client certificate that a proxy verified: as RFC 9440 has it,
// which is DER in base64 between colons, or as nginx's $ssl_client_escaped_cert, which is
// PEM with percent signs. What follows the first certificate is refused.
func ParseCertificate(said string) (*policy.Certificate, error) {
	if len(said) > maxCertificate {
		return nil, errors.New("longer than 16 KiB")
	}
	der, err := derOf(said)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	out := &policy.Certificate{CommonName: c.Subject.CommonName, DNSNames: c.DNSNames, NotBefore: c.NotBefore, NotAfter: c.NotAfter}
	for _, u := range c.URIs {
		out.URIs = append(out.URIs, u.String())
	}
	sum := sha256.Sum256(der)
	out.Machine = policy.Machine{Name: "cert:" + nameOf(out), ID: hex.EncodeToString(sum[:]), ExpiresAt: c.NotAfter}
	return out, nil
}

// nameOf is what people know a certificate by.
func nameOf(c *policy.Certificate) string {
	switch {
	case c.CommonName != "":
		return c.CommonName
	case len(c.URIs) > 0:
		return c.URIs[0]
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	default:
		return "unnamed"
	}
}

func derOf(said string) ([]byte, error) {
	if inner, ok := strings.CutPrefix(said, ":"); ok {
		if inner, ok = strings.CutSuffix(inner, ":"); !ok {
			return nil, errors.New("no byte sequence of RFC 9440")
		}
		return base64.StdEncoding.DecodeString(inner)
	}
	text, err := url.PathUnescape(said) // "+" is a character of base64
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("not one certificate in PEM")
	}
	return block.Bytes, nil
}

// Certificates remembers those that were parsed: the same clients come again and again.
// Its zero value remembers none yet.
type Certificates struct {
	mu    sync.RWMutex
	known map[string]*policy.Certificate // nil: it could not be parsed
}

// manyCertificates is how many are remembered, before it begins anew.
const manyCertificates = 4096

// Parse is ParseCertificate; nil: it is none. The string is good only during the call.
func (c *Certificates) Parse(said string) *policy.Certificate {
	c.mu.RLock()
	known, ok := c.known[said]
	c.mu.RUnlock()
	if ok {
		return known
	}
	parsed, _ := ParseCertificate(said)
	if len(said) > maxCertificate {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= manyCertificates {
		c.known = map[string]*policy.Certificate{}
	}
	c.known[strings.Clone(said)] = parsed
	return parsed
}
