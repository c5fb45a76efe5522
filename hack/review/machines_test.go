// SPDX-License-Identifier: Apache-2.0

package review

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A witness is what a request has that shows a difference.
type witness struct {
	Method, URL, Origin, Email, Provider, Address, Country string
	Token                                                  bool
	Groups, AMR, Claims, Evaluations                       []string
	ServiceToken, SecretSHA256                             string
	LinkedApps                                             []string
	Bearer                                                 map[string]any
	Certificate                                            []string
}

// signingKey is that of every issuer in the cases.
var signingKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

func keySet() string {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: signingKey().Public(), KeyID: "1", Use: "sig", Algorithm: "ES256"}}}
	js, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return string(js)
}

// A land is the country of every address.
type land string

func (l land) Country(netip.Addr) string { return string(l) }

var _ policy.Countries = land("")

// endpoint is the one that the proxy asks at.
func (w *witness) endpoint() string {
	if w.Certificate == nil {
		return contract.Endpoints + "/nginx-pass"
	}
	return contract.CertificatePrefix + contract.CertificateInHeader + "/nginx-pass"
}

// outcomes are what came of asking services when the user of the witness signed in.
func (w *witness) outcomes(table *policy.Table, target policy.Target) (out []string) {
	in, _ := table.SignIn(target, "")
	for _, e := range in.Evaluations {
		o := policy.Untold
		for _, said := range w.Evaluations {
			switch said {
			case e.URL + "=true":
				o = policy.Approved
			case e.URL + "=false":
				o = policy.Rejected
			}
		}
		out = append(out, e.Outcome(o))
	}
	return out
}

// proofs are the headers by which a machine proves itself.
func (w *witness) proofs(t *testing.T) (out string) {
	t.Helper()
	if w.ServiceToken != "" {
		namespace, name, _ := strings.Cut(w.ServiceToken, "/")
		id, secret := name+"."+namespace+".access", ""
		for _, s := range []string{"ostiary_st_a", "ostiary_st_b"} {
			sum := sha256.Sum256([]byte(s))
			if w.SecretSHA256 == hex.EncodeToString(sum[:]) || w.SecretSHA256 == "" && (name == "cd") == (s == "ostiary_st_b") {
				secret = s
			}
		}
		out += "X-Access-Client-Id: " + id + "\r\nX-Access-Client-Secret: " + secret + "\r\n"
	}
	if w.Bearer != nil {
		claims := jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()}
		for name, v := range w.Bearer {
			claims[name] = v
		}
		token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
		token.Header["kid"] = "1"
		text, err := token.SignedString(signingKey())
		if err != nil {
			t.Fatal(err)
		}
		out += "Authorization: Bearer " + text + "\r\n"
	}
	if w.Certificate != nil && w.Certificate[0] != "none" {
		out += contract.ClientCertificate + ": :" + base64.StdEncoding.EncodeToString(w.certificate(t)) + ":\r\n"
	}
	return out
}

// certificate makes one of the names that the witness has.
func (w *witness) certificate(t *testing.T) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	for _, name := range w.Certificate {
		switch key, value, _ := strings.Cut(name, "="); key {
		case "uri":
			u, err := url.Parse(value)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		case "dnsName":
			c.DNSNames = append(c.DNSNames, value)
		default:
			c.Subject = pkix.Name{CommonName: name}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, signingKey().Public(), signingKey())
	if err != nil {
		t.Fatal(err)
	}
	return der
}
