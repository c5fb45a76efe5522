// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

func certificateOf(t testing.TB, c *x509.Certificate) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Unix(1e9, 0), time.Unix(2e9, 0)
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func rfc9440(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }

func TestParseCertificate(t *testing.T) {
	spiffe := &url.URL{Scheme: "spiffe", Host: "example.com", Path: "/ci"}
	der := certificateOf(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ci/CN=root, O=x", Organization: []string{"CN=root"}},
		DNSNames: []string{"ci.example.com"}, URIs: []*url.URL{spiffe}})
	for name, said := range map[string]string{"RFC 9440": rfc9440(der), "nginx": url.PathEscape(inPEM("CERTIFICATE", der)),
		"PEM": inPEM("CERTIFICATE", der)} {
		c, err := credential.ParseCertificate(said)
		if err != nil || c.CommonName != "ci/CN=root, O=x" || !slices.Equal(c.DNSNames, []string{"ci.example.com"}) ||
			!slices.Equal(c.URIs, []string{spiffe.String()}) ||
			!c.NotBefore.Equal(time.Unix(1e9, 0)) || !c.NotAfter.Equal(time.Unix(2e9, 0)) || c.Machine.Name != "cert:ci/CN=root, O=x" ||
			len(c.Machine.ID) != 64 || !c.Machine.ExpiresAt.Equal(c.NotAfter) {
			t.Errorf("%s: %+v %v", name, c, err)
		}
	}
	for name, said := range map[string]string{
		"nothing": "", "a name": "CN=ci", "another text": inPEM("PUBLIC KEY", der), "two": inPEM("CERTIFICATE", der) + inPEM("CERTIFICATE", der),
		"half": rfc9440(der[:100]), "no end": rfc9440(der)[:20], "no base64": ":%%:", "too long": ":" + strings.Repeat("A",
			1<<15) + ":", "bad escape": "%zz", "colons": "::", "one colon": ":",
	} {
		if c, err := credential.ParseCertificate(said); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for want, c := range map[string]*x509.Certificate{"cert:spiffe://example.com/ci": {URIs: []*url.URL{spiffe}},
		"cert:a.example.com": {DNSNames: []string{"a.example.com"}}, "cert:unnamed": {}} {
		if got, err := credential.ParseCertificate(rfc9440(certificateOf(t, c))); err != nil || got.Machine.Name != want {
			t.Errorf("%s: %+v %v", want, got, err)
		}
	}
}

// TestCertificatesKeepNothingOfTheCaller: what is remembered is not the request's buffer,
// and not without end.
func TestCertificatesKeepNothingOfTheCaller(t *testing.T) {
	var known credential.Certificates
	der := certificateOf(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ci"}})
	first := known.Parse(rfc9440(der))
	if first == nil || known.Parse(rfc9440(der)) != first {
		t.Error("it is parsed again")
	}
	for i := range 5000 {
		if known.Parse(fmt.Sprint("junk", i)) != nil {
			t.Fatal(i)
		}
	}
	if again := known.Parse(rfc9440(der)); again == first || again == nil || again.Machine != first.Machine {
		t.Error("it remembers without end, or wrongly")
	}
	if n := testing.AllocsPerRun(100, func() { known.Parse("junk4999") }); n != 0 {
		t.Errorf("%v allocations for one that is known", n)
	}
}

func FuzzParseCertificate(f *testing.F) {
	der := certificateOf(f, &x509.Certificate{Subject: pkix.Name{CommonName: "ci"}})
	f.Add(rfc9440(der))
	f.Add(url.PathEscape(inPEM("CERTIFICATE", der)))
	f.Add("::")
	f.Fuzz(func(t *testing.T, said string) {
		c, err := credential.ParseCertificate(said)
		if err != nil {
			return
		}
		// Whatever form it came in, it is one certificate, and that one.
		text := said
		if plain, err := url.PathUnescape(said); err == nil && !strings.HasPrefix(said, ":") {
			text = plain
		}
		raw, err := base64.StdEncoding.DecodeString(strings.Trim(text, ":"))
		if block, _ := pem.Decode([]byte(text)); block != nil {
			raw, err = block.Bytes, nil
		}
		x, err2 := x509.ParseCertificate(raw)
		if err != nil || err2 != nil || x.Subject.CommonName != c.CommonName || !bytes.Equal(x.Raw, raw) {
			t.Fatalf("%q: %+v %v %v", said, c, err, err2)
		}
	})
}
