// SPDX-License-Identifier: Apache-2.0

// Package config describes the issuers whose bearer tokens may be believed, and says what
// is wrong with a description. It reads text, and talks to nobody.
package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/oidc/issuer"
	"github.com/ostiary/ostiary/authserver/oidc/jwks"
	"github.com/ostiary/ostiary/authserver/policy"
)

// An Issuer describes whose bearer tokens may be believed, and how they are verified. The
// zero Issuer is of no use.
type Issuer struct {
	Name string // unique; policies name it so
	// Issuer is what its tokens have as iss, to the letter. Its address, too, unless
	// JWKSURL or JWKS is set.
	Issuer     string
	JWKSURL    string   // where its keys are; empty: its metadata says so
	JWKS       string   // its keys themselves: then nothing is fetched
	Audiences  []string // a token has to be for one of them
	Algorithms []string // default: DefaultAlgorithms
	CABundle   []byte   // PEM; in place of the system's roots
	// Leeway is how far its clock may be from ours. 0: DefaultLeeway.
	Leeway time.Duration
	// Namespaces are those whose policies may name it; AllNamespaces: all of them.
	Namespaces []string
}

// AllNamespaces is each of them, as an entry of Namespaces.
const AllNamespaces = "*"

// The bounds of how far clocks may be apart.
const (
	DefaultLeeway = 30 * time.Second
	MaxLeeway     = time.Minute
)

// DefaultAlgorithms may sign a token unless an issuer says which ones: all that are
// asymmetric.
func DefaultAlgorithms() []string {
	out := make([]string, 0, len(jwks.Algorithms))
	for _, a := range jwks.Algorithms {
		out = append(out, string(a))
	}
	return out
}

// An Issue is a mistake in an Issuer, worded for whoever wrote it.
type Issue struct {
	Field   string // as in its custom resource: "issuer", "audiences[1]"
	Code    policy.Code
	Message string
}

// A Reading is what an Issuer's texts say.
type Reading struct {
	Address    *url.URL                  // that is asked first; nil: none is
	Roots      *x509.CertPool            // nil: the system's
	Algorithms []jose.SignatureAlgorithm // never empty
	Leeway     time.Duration
}

// A State is what there is of an issuer's keys.
type State struct {
	Keys    int       // how many can verify a token; 0: none yet
	Fetched time.Time // zero: they are part of the description, or there are none
	Err     error     // of the last attempt to fetch them
}

// Known is what a table knows of the issuer.
func (i *Issuer) Known() policy.TokenIssuer {
	return policy.TokenIssuer{Name: i.Name, Issuer: i.Issuer, Audiences: slices.Clone(i.Audiences),
		Everywhere: slices.Contains(i.Namespaces, AllNamespaces), Namespaces: slices.Clone(i.Namespaces)}
}

// Known is what a table knows of issuers; nil: it is not known which ones there are.
func Known(all []Issuer) *policy.TokenIssuers {
	if all == nil {
		return nil
	}
	out := make([]policy.TokenIssuer, len(all))
	for i := range all {
		out[i] = all[i].Known()
	}
	return policy.NewTokenIssuers(out...)
}

// Check returns everything that is wrong with an issuer.
func Check(i *Issuer) []Issue {
	_, issues := Read(i)
	return issues
}

// Read reads an issuer's texts, and returns everything that is wrong with it. The reading
// is complete if nothing is.
func Read(i *Issuer) (Reading, []Issue) {
	c := &check{issuer: i}
	if !isName(i.Name) {
		c.wrong("name", codeName, "%.100q: a name has lower-case letters, digits, dots and hyphens only", i.Name)
	}
	c.addresses()
	c.audiences()
	c.namespaces()
	c.algorithms()
	if c.Leeway = i.Leeway; i.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	if i.Leeway < 0 || i.Leeway > MaxLeeway {
		c.wrong("leeway", codeLeeway, "%s: at most %s", i.Leeway, MaxLeeway)
	}
	c.certificates()
	return c.Reading, c.issues
}

type check struct {
	Reading
	issuer *Issuer
	issues []Issue
}

func (c *check) wrong(field string, code policy.Code, format string, args ...any) {
	c.issues = append(c.issues, Issue{Field: field, Code: code, Message: fmt.Sprintf(format, args...)})
}

func isName(s string) bool {
	return s != "" && len(s) <= 253 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && strings.Trim(s, "-.") == s
}

func (c *check) addresses() {
	i := c.issuer
	address, problem := issuer.Parse(i.Issuer)
	if problem != "" {
		c.wrong("issuer", codeIssuer, "%.300q: %s", i.Issuer, problem)
	}
	switch {
	case i.JWKS != "" && i.JWKSURL != "":
		c.wrong("jwks", codeKeysTwice, "set jwks, the keys themselves, or jwksURL, where they are, and not both")
	case i.JWKS != "":
		if _, err := jwks.Parse([]byte(i.JWKS)); errors.Is(err, jwks.ErrNoKeys) {
			c.wrong("jwks", codeKeys, "%s: it takes a public key of RSA (2048 bits or more), ECDSA or Ed25519", err)
		} else if err != nil {
			c.wrong("jwks", codeKeys, "%s: {\"keys\": [...]}", err)
		}
	case i.JWKSURL != "":
		if address, problem = parseKeysAddress(i.JWKSURL); problem != "" {
			c.wrong("jwksURL", codeKeysAddress, "%.300q: %s", i.JWKSURL, problem)
		}
		c.Address = address
	default:
		c.Address = address
	}
}

// parseKeysAddress reads where keys are: like an issuer's address, but for a query.
func parseKeysAddress(s string) (*url.URL, string) {
	u, err := url.Parse(s)
	switch {
	case err != nil, len(s) > 2048, u.Hostname() == "", issuer.IsOddNumber(u.Hostname()), strings.ContainsFunc(s, notInAddress):
		return nil, "not an address such as https://ci.example.com/keys"
	case u.User != nil || strings.Contains(s, "#"):
		return nil, "no user name and no fragment"
	case u.Scheme == "http" && !issuer.IsLocal(u.Hostname()):
		return nil, "keys are fetched over https: http is for this machine alone (localhost, *.localhost, 127.0.0.1)"
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "keys are fetched over https"
	}
	return u, ""
}

func notInAddress(r rune) bool { return r <= ' ' || r > '~' }

const (
	maxAudiences  = 32
	maxAudience   = 255
	maxNamespaces = 256
)

func (c *check) audiences() {
	all := c.issuer.Audiences
	if len(all) == 0 || len(all) > maxAudiences {
		c.wrong("audiences", codeAudiences, "%d audiences: list 1 to %d, such as the address of the application", len(all), maxAudiences)
	}
	for n, a := range all {
		if !policy.IsAudience(a) {
			c.wrong(fmt.Sprintf("audiences[%d]", n), codeAudience, "%.40q: 1 to %d printable characters, without blanks", a, maxAudience)
		} else if slices.Contains(all[:n], a) {
			c.wrong(fmt.Sprintf("audiences[%d]", n), codeTwiceListed, "%q: listed twice", a)
		}
	}
}

func (c *check) namespaces() {
	all := c.issuer.Namespaces
	if len(all) == 0 || len(all) > maxNamespaces {
		c.wrong("namespaces", codeNamespaces, "%d namespaces: list 1 to %d whose policies may name this issuer, or \"*\" for all",
			len(all), maxNamespaces)
	}
	for n, ns := range all {
		field := fmt.Sprintf("namespaces[%d]", n)
		switch {
		case ns == AllNamespaces && len(all) > 1:
			c.wrong(field, codeNamespaces, "\"*\" is every namespace: leave out the others")
		case ns != AllNamespaces && (!isName(ns) || strings.Contains(ns, ".") || len(ns) > 63):
			c.wrong(field, codeNamespaces, "%.100q: not the name of a namespace", ns)
		case slices.Contains(all[:n], ns):
			c.wrong(field, codeTwiceListed, "%q: listed twice", ns)
		}
	}
}

func (c *check) algorithms() {
	all := c.issuer.Algorithms
	if len(all) == 0 {
		c.Algorithms = slices.Clone(jwks.Algorithms)
		return
	}
	for n, a := range all {
		field := fmt.Sprintf("algorithms[%d]", n)
		switch {
		case !slices.Contains(jwks.Algorithms, jose.SignatureAlgorithm(a)):
			c.wrong(field, codeAlgorithm, "%.40q: one of %s", a, strings.Join(DefaultAlgorithms(), ", "))
		case slices.Contains(all[:n], a):
			c.wrong(field, codeTwiceListed, "%q: listed twice", a)
		default:
			c.Algorithms = append(c.Algorithms, jose.SignatureAlgorithm(a))
		}
	}
}

func (c *check) certificates() {
	pem := c.issuer.CABundle
	if len(pem) == 0 {
		return
	}
	c.Roots = x509.NewCertPool()
	if strings.Contains(string(pem), "PRIVATE KEY") {
		c.wrong("caBundle", codeCAKey, "a private key stands here, which others can read now: remove it, and make another; "+
			"the certificates are enough")
	} else if !c.Roots.AppendCertsFromPEM(pem) {
		c.wrong("caBundle", codeCA, "no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----")
	}
}
