// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/hack/lab"
)

// An issuer is a certificate authority of the test.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T, name string) issuer {
	t.Helper()
	i := issuer{}
	i.cert, i.key = i.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign})
	return i
}

func (i issuer) issue(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c, key
	if i.cert != nil {
		parent, signer = i.cert, i.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// client issues a client certificate.
func (i issuer) client(t *testing.T, name string) tls.Certificate {
	t.Helper()
	c, key := i.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: name, Organization: []string{"a b/CN=ci"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

func encode(t *testing.T, file, kind string, der []byte) string {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withTLS turns on TLS and client certificates, as the comments of what is printed say.
func withTLS(t *testing.T, name, text, addr string, ca issuer) string {
	t.Helper()
	dir := directory(t)
	c, key := ca.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "machines.example.com"},
		DNSNames: []string{"machines.example.com"}})
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, private := encode(t, filepath.Join(dir, "tls.crt"), "CERTIFICATE", c.Raw), encode(t, filepath.Join(dir, "tls.key"),
		"PRIVATE KEY", pkcs8)
	ours := encode(t, filepath.Join(dir, "ca.crt"), "CERTIFICATE", ca.cert.Raw)
	var old, now string
	switch name {
	case "nginx":
		text = strings.Replace(text, "listen "+addr+";\n", "listen "+addr+" ssl; ssl_reject_handshake on;\n", 1)
		old = "listen " + addr + "; #"
		now = fmt.Sprintf("listen %s ssl; ssl_certificate %s; ssl_certificate_key %s; ssl_client_certificate %s; ssl_verify_client optional; #", addr, cert, private, ours)
	case "caddy":
		old = "http://machines.example.com:" + addr[strings.LastIndexByte(addr, ':')+1:] + " {"
		now = strings.TrimPrefix(old, "http://") + fmt.Sprintf("\n\ttls %s %s {\n\t\tclient_auth {\n\t\t\tmode verify_if_given\n\t\t\ttrusted_ca_cert_file %s\n\t\t}\n\t}\n", cert, private, ours)
	case "haproxy":
		both, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		k, err := os.ReadFile(private)
		if err != nil || os.WriteFile(cert+".pem", append(both, k...), 0o600) != nil {
			t.Fatal(err)
		}
		old, now = "bind "+addr+" #", fmt.Sprintf("bind %s ssl crt %s.pem ca-file %s verify optional #", addr, cert, ours)
	}
	if !strings.Contains(text, old) {
		t.Fatalf("%q is not in\n%s", old, text)
	}
	return strings.Replace(text, old, now, 1)
}

// present sends a request to the machines' host with a certificate, on a connection for a
// host; "" is for none.
func present(t *testing.T, addr, sni string, c *tls.Certificate, headers http.Header) (status int, user string, failed bool) {
	t.Helper()
	config := &tls.Config{ServerName: sni, InsecureSkipVerify: true} // whose the server is, is no matter
	if c != nil {                                                    // whatever the server asks for
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is over
	transport := &http.Transport{DisableKeepAlives: true, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		secure := tls.Client(conn, config)
		return secure, secure.HandshakeContext(ctx)
	}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host, r.Header = "machines.example.com", headers.Clone()
	env.app.Take()
	res, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", true
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	_, _ = io.Copy(io.Discard, res.Body)
	hits := env.app.Take()
	if (res.StatusCode == 200) != (len(hits) == 1) {
		t.Errorf("%d, and the application was asked %d times", res.StatusCode, len(hits))
	} else if len(hits) == 1 {
		user = hits[0].Header.Get("X-Access-User")
	}
	if res.StatusCode == http.StatusFound {
		user = res.Header.Get("Location")
	}
	return res.StatusCode, user, false
}

// beside is a server for another host at the same address, whose clients another authority
// vouches for. It is the one for connections that name no host.
func beside(t *testing.T, name, text, addr string, ca, theirs issuer) string {
	t.Helper()
	dir := directory(t)
	c, key := ca.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "theirs.example.com"}, DNSNames: []string{"theirs.example.com"}})
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, private := encode(t, filepath.Join(dir, "their.crt"), "CERTIFICATE", c.Raw), encode(t, filepath.Join(dir, "their.key"), "PRIVATE KEY", pkcs8)
	trusted := encode(t, filepath.Join(dir, "their-ca.crt"), "CERTIFICATE", theirs.cert.Raw)
	switch name {
	case "nginx":
		return text + fmt.Sprintf("\nserver { listen %s ssl default_server; server_name theirs.example.com; ssl_certificate %s; ssl_certificate_key %s; "+
			"ssl_client_certificate %s; ssl_verify_client optional; return 204; }\n", addr, cert, private, trusted)
	case "caddy":
		return text + fmt.Sprintf("\ntheirs.example.com:%s {\n\tbind 127.0.0.1\n\ttls %s %s {\n\t\tclient_auth {\n\t\t\tmode verify_if_given\n\t\t\ttrusted_ca_cert_file %s\n\t\t}\n\t}\n\trespond 204\n}\n",
			addr[strings.LastIndexByte(addr, ':')+1:], cert, private, trusted)
	}
	both, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	k, err := os.ReadFile(private)
	list := filepath.Join(dir, "list")
	bind, rest, _ := strings.Cut(text[strings.Index(text, "bind "+addr):], " #")
	ours, own := filepath.Join(dir, "tls.crt.pem"), filepath.Join(dir, "ca.crt")
	if err != nil || os.WriteFile(cert+".pem", append(both, k...), 0o600) != nil || os.WriteFile(list, fmt.Appendf(nil,
		"%s.pem [ca-file %s verify optional] theirs.example.com\n%s [ca-file %s verify optional] machines.example.com\n", cert, trusted, ours, own), 0o600) != nil {
		t.Fatal(err)
	}
	return text[:strings.Index(text, bind)] + "bind " + addr + " ssl crt-list " + list + " #" + rest
}

// TestCertificateOfAnotherServer: a certificate counts for the host that it was asked for:
// not on a connection for another host, or for none, whose server trusts others.
func TestCertificateOfAnotherServer(t *testing.T) {
	for _, name := range []string{"nginx", "caddy", "haproxy"} {
		t.Run(name, func(t *testing.T) {
			ca, theirs := newIssuer(t, "ours"), newIssuer(t, "theirs")
			addr := lab.FreeAddress()
			o := options(addr, env.ostiary.Authz)
			o.Hosts, o.TeamDomain, o.ClientCertificates, o.Policy = []string{"machines.example.com"}, "", true, "machines"
			o.LuaPath = filepath.Join(directory(t), "ostiary.lua")
			text := withTLS(t, name, printed(t, name, o), addr, ca)
			startFiles(t, name, addr, file{"0.conf", beside(t, name, text, addr, ca, theirs)})
			good, forged := ca.client(t, "ci"), theirs.client(t, "ci")
			if status, user, _ := present(t, addr, "machines.example.com", &good, http.Header{}); status != 200 || user != "cert:ci" {
				t.Errorf("our certificate: %d %q", status, user)
			}
			for _, sni := range []string{"machines.example.com", "theirs.example.com", "", "machines.example.com.", "a b"} {
				for who, c := range map[string]*tls.Certificate{"theirs": &forged, "none": nil} {
					if status, user, failed := present(t, addr, sni, c, http.Header{}); !failed && status < 400 {
						t.Errorf("certificate: %s, on a connection for %q: %d %q", who, sni, status, user)
					}
				}
			}
			if status, user, _ := present(t, addr, "MACHINES.example.com", &good, http.Header{}); status != 200 && status != 421 {
				t.Errorf("our certificate, in upper case: %d %q", status, user)
			}
		})
	}
}

// TestClientCertificates: what a proxy verified counts, and nothing that a client says.
func TestClientCertificates(t *testing.T) {
	for _, name := range []string{"nginx", "caddy", "haproxy"} {
		t.Run(name, func(t *testing.T) { testClientCertificates(t, name) })
	}
}

func testClientCertificates(t *testing.T, name string) {
	ca, stranger := newIssuer(t, "ours"), newIssuer(t, "ours")
	ci, other := ca.client(t, "ci"), ca.client(t, "other")
	addr := lab.FreeAddress()
	o := options(addr, env.ostiary.Authz)
	o.Hosts, o.TeamDomain, o.ClientCertificates, o.Policy = []string{"machines.example.com"}, "", true, "machines"
	o.LuaPath = filepath.Join(directory(t), "ostiary.lua")
	startFiles(t, name, addr, file{"0.conf", withTLS(t, name, printed(t, name, o), addr, ca)})

	ask := func(c *tls.Certificate, headers http.Header) (int, string, bool) {
		return present(t, addr, "machines.example.com", c, headers)
	}
	b64 := ":" + base64.StdEncoding.EncodeToString(ci.Certificate[0]) + ":"
	escaped := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ci.Certificate[0]})))
	forged := http.Header{}
	for _, h := range []string{"Client-Cert", "client_cert", "Client_Cert", "Ssl-Client-Cert", "X-Forwarded-Tls-Client-Cert",
		"X-Ssl-Client-Cert", "Connection"} {
		forged[h] = []string{b64}
	}
	forged["Connection"] = []string{"Client-Cert"}
	forged["Ssl-Client-Verify"], forged["Ssl-Client-Subject-Dn"], forged["X-Client-Cert"] = []string{"SUCCESS"}, []string{"CN=ci"},
		[]string{escaped}
	forged["X-Forwarded-Client-Cert"] = []string{"Cert=\"" + escaped + "\";Subject=\"CN=ci\""}
	twice := http.Header{"Client-Cert": {b64, b64}}
	laptop := ca.client(t, "laptop")
	if status, to, _ := ask(&laptop, http.Header{"Sec-Fetch-Mode": {"navigate"}}); status != 302 || !strings.Contains(to, "/.access/login?") {
		t.Errorf("a person's certificate, without a session: %d to %q, want a login", status, to)
	}
	if status, _, _ := ask(&laptop, http.Header{"Sec-Fetch-Mode": {"cors"}}); status != 401 {
		t.Errorf("a person's certificate, without a session, for a script: %d", status)
	}
	for what, h := range map[string]http.Header{"nothing": {}, "forged headers": forged, "twice": twice} {
		if status, user, _ := ask(&ci, h); status != 200 || user != "cert:ci" {
			t.Errorf("our certificate, with %s: %d, the application is told %q", what, status, user)
		}
		if status, _, _ := ask(&other, h); status != 403 {
			t.Errorf("another certificate of ours, with %s: %d", what, status)
		}
		if status, _, _ := ask(nil, h); status != 403 {
			t.Errorf("no certificate, with %s: %d", what, status)
		}
		foreign := stranger.client(t, "ci")
		if status, _, failed := ask(&foreign, h); !failed && status < 400 {
			t.Errorf("a stranger's certificate, with %s: %d", what, status)
		}
	}
}
