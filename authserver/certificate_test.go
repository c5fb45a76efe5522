// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// issued is a certificate, in DER.
func issued(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestCertificateEndpoints: a certificate counts at the endpoints that are told of it, in
// the place that they name, and nowhere else.
func TestCertificateEndpoints(t *testing.T) {
	w := newWorld(t, nil)
	w.rebuild(func(in *policy.Input) {
		certified := policy.Policy{Source: policy.Source{Namespace: "ns", Name: "machines"}, Hosts: []string{"m.example.com"},
			Rules: []policy.Rule{{
				Action: policy.ServiceAuth, Include: []policy.Selector{{Property: policy.ClientCertificate,
					Certificate: policy.CertificateNames{CommonName: "ci"}}}}}}
		in.Policies = append(in.Policies, policy.Compile(&certified))
	})
	addr := w.authz(t)
	der := issued(t, "ci")
	header := ":" + base64.StdEncoding.EncodeToString(der) + ":"
	escaped := strings.ReplaceAll(url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))), "+", "%2B")
	const target, forwarded = "GET/m.example.com/x", "X-Forwarded-Method: GET\r\nX-Forwarded-Host: m.example.com\r\nX-Forwarded-Uri: /x\r\n"
	good := "Client-Cert: " + header + "\r\n"
	for name, tc := range map[string]struct {
		endpoint, headers string
		want              int
	}{
		"in the URL":                  {"/authz/v1/cert/url/SUCCESS/" + escaped + "/nginx/" + target, "", 200},
		"in the URL, to a pinned one": {"/authz/v1/cert/url/SUCCESS/" + escaped + "/nginx/ns/web/" + target, "", 403},
		// which names no policy
		"in the URL, not verified":       {"/authz/v1/cert/url/FAILED:unable to verify the first certificate/" + escaped + "/nginx/" + target, "", 403},
		"in the URL, none":               {"/authz/v1/cert/url/NONE//nginx/" + target, good, 403},
		"in the URL, without TLS":        {"/authz/v1/cert/url///nginx/" + target, good, 403},
		"in the URL, verified, and none": {"/authz/v1/cert/url/SUCCESS//nginx/" + target, good, 403},
		"in the URL, not filled in":      {"/authz/v1/cert/url/$ssl_client_verify/$ssl_client_escaped_cert/nginx/" + target, good, 400},
		"in the URL, no certificate":     {"/authz/v1/cert/url/SUCCESS/junk/nginx/" + target, good, 403},
		"in the header":                  {"/authz/v1/cert/client-cert/forward", forwarded + good, 200},
		"in the header, bound":           {"/authz/v1/cert/client-cert/for/m.example.com/forward", forwarded + good, 200},
		"in the header, bound to others": {"/authz/v1/cert/client-cert/for/app.example.com/forward", forwarded + good, 403},
		"in the header, none":            {"/authz/v1/cert/client-cert/forward", forwarded, 403},
		"in the header, empty":           {"/authz/v1/cert/client-cert/forward", forwarded + "Client-Cert: ::\r\n", 403},
		"in the header, Caddy without": {"/authz/v1/cert/client-cert/forward",
			forwarded + "Client-Cert: :{http.request.tls.client.certificate_der_base64}:\r\n", 403},
		"in the header, twice": {"/authz/v1/cert/client-cert/forward", forwarded + good + good, 400},
		"in the header, a list": {"/authz/v1/cert/client-cert/forward",
			forwarded + "Client-Cert: " + header + ", " + header + "\r\n", 400},
		"in the header, otherwise spelled": {"/authz/v1/cert/client-cert/forward", forwarded + strings.Replace(good, "-", "_", 1), 403},
		"in the header, cut off":           {"/authz/v1/cert/client-cert/forward", forwarded + "Client-Cert: " + header[:40] + ":\r\n", 403},
		"to an endpoint that is not told":  {"/authz/v1/forward", forwarded + good, 403},
		"to a bound one that is not told":  {"/authz/v1/for/m.example.com/forward", forwarded + good, 403},
		"to nginx's, that is not told": {"/authz/v1/nginx/" + target,
			good + "Ssl-Client-Verify: SUCCESS\r\nSsl-Client-Cert: " + escaped + "\r\nSsl-Client-Subject-Dn: CN=ci\r\n", 403},
		"from a place that there is not":     {"/authz/v1/cert/x-forwarded-tls-client-cert/forward", forwarded + good, 400},
		"from nowhere":                       {"/authz/v1/cert//forward", forwarded + good, 400},
		"told twice":                         {"/authz/v1/cert/client-cert/cert/client-cert/forward", forwarded + good, 404},
		"bound, and then told":               {"/authz/v1/for/m.example.com/cert/client-cert/forward", forwarded + good, 404},
		"in the path of the visitor's":       {"/authz/v1/nginx/GET/m.example.com/authz/v1/cert/url/SUCCESS/" + escaped + "/x", "", 403},
		"in the path, to the one with a URL": {"/authz/v1/cert/url/NONE//nginx/GET/m.example.com/cert/url/SUCCESS/" + escaped + "/x", "", 403},
	} {
		answers := raw(t, addr, "GET "+tc.endpoint+" HTTP/1.1\r\nHost: authz\r\nConnection: close\r\n"+tc.headers+"\r\n")
		if len(answers) != 1 || answers[0].StatusCode != tc.want {
			t.Errorf("%s: %v, want %d", name, statuses(answers), tc.want)
		} else if user := answers[0].Header.Get("X-Access-User"); tc.want == 200 && user != "cert:ci" {
			t.Errorf("%s: the application is told %q", name, user)
		}
	}
}

// TestRenderIsToldOfCertificates: a refusal is shown as it was decided, and a certificate
// grants nothing here.
func TestRenderIsToldOfCertificates(t *testing.T) {
	w := newWorld(t, nil)
	w.rebuild(func(in *policy.Input) {
		ci := []policy.Selector{{Property: policy.ClientCertificate, Certificate: policy.CertificateNames{CommonName: "ci"}}}
		machines := policy.Policy{Source: policy.Source{Namespace: "ns", Name: "machines"}, Hosts: []string{"m.example.com"}, Rules: []policy.Rule{
			{Action: policy.ServiceAuth, Methods: []string{"POST"}, Include: ci},
			{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}, Require: ci}}}
		in.Policies = append(in.Policies, policy.Compile(&machines))
	})
	addr := w.http(t, w.Render())
	pem := func(name string) string {
		return strings.ReplaceAll(url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued(t, name)}))), "+", "%2B")
	}
	ci := "cert/url/SUCCESS/" + pem("ci") + "/"
	for name, tc := range map[string]struct {
		told, code, method string
		want               int
	}{
		"one that will do":             {ci, "401", "GET", 302},
		"another":                      {"cert/url/SUCCESS/" + pem("cd") + "/", "403", "GET", 403},
		"none":                         {"cert/url/NONE//", "403", "GET", 403},
		"not verified":                 {"cert/url/FAILED:expired/" + pem("ci") + "/", "403", "GET", 403},
		"not told":                     {"", "403", "GET", 403},
		"not filled in":                {"cert/url/$ssl_client_verify/$ssl_client_escaped_cert/", "401", "GET", 400},
		"cut off":                      {"cert/url/SUCCESS/", "401", "GET", 400},
		"in a header":                  {"cert/client-cert/", "401", "GET", 400},
		"what the machine may, anyhow": {ci, "403", "POST", 403},
		"an error of the proxy":        {ci, "503", "GET", 503},
	} {
		answers := raw(t, addr, tc.method+" /render/v1/"+tc.told+tc.code+"/"+tc.method+"/m.example.com/x HTTP/1.1\r\nHost: m.example.com\r\n"+
			"Accept: text/html\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		if len(answers) != 1 || answers[0].StatusCode != tc.want {
			t.Errorf("%s: %v, want %d", name, statuses(answers), tc.want)
		}
	}
}
