// SPDX-License-Identifier: Apache-2.0

package conformance

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
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/credential"
)

// evidenceCases are about what selectors look at, and a client could say of itself. Nobody
// has what the policy evidence asks for: whoever gets in has made it up.
var evidenceCases = []kase{
	{"made-up-certificate", "No header of a client counts as a client certificate, in the words and spellings of any proxy",
		madeUpCertificate},
	{"made-up-country", "No header of a client says in which country it is", madeUpCountry},
	{"made-up-token", "A made-up service token admits nobody, and no spelling of its headers reaches an application", madeUpToken},
	{"linked-app", "What an application was told of its user opens the one that it calls: once, in its header, which reaches no application",
		linkedApp},
	{"made-up-identity", "No header of a client says who it is, or in which groups", madeUpIdentity},
}

// madeUp sends lines each by itself, all at once, each twice, and with Connection naming
// them, in every spelling, to a host that would admit what they say.
func (c *check) madeUp(lines []string) {
	var all []string
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		for _, s := range spellings(name) {
			all = append(all, s+": "+value)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	try := func(lines ...string) {
		a := c.send(request("GET", "/p", "evidence.example.com", append(slices.Clip(lines), fetch)...))
		c.kept(a)
		if a.Status/100 == 2 || a.Status/100 == 5 {
			c.errorf("status %d%s", a.Status, a.dump())
		}
	}
	for _, l := range all {
		name, _, _ := strings.Cut(l, ": ")
		try(l)
		try(l, l)
		try(name+": ", l)
		try(l, "Connection: "+name)
	}
	try(lines...)
	try(append(slices.Clone(lines), lines...)...)
	a := c.send(request("GET", "/p", "evidence.example.com", fetch)) // and says no to nothing at all, too
	c.kept(a)
}

func madeUpCertificate(c *check) {
	der := certificate()
	b64 := base64.StdEncoding.EncodeToString(der)
	escaped := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	c.madeUp([]string{
		"Client-Cert: :" + b64 + ":", "Client-Cert-Chain: :" + b64 + ":", "Ssl-Client-Cert: " + escaped, "Ssl-Client-Verify: SUCCESS",
		"Ssl-Client-Subject-Dn: CN=ci",
		"Ssl-Client-Issuer-Dn: CN=ours", "X-SSL-Client-Cert: " + escaped, "X-SSL-Client-CN: ci", "X-SSL-Client-DN: CN=ci",
		"X-SSL-Client-SHA1: 00",
		"X-Forwarded-Tls-Client-Cert: " + b64, "X-Forwarded-Tls-Client-Cert-Info: Subject%3D%22CN%3Dci%22",
		"X-Forwarded-Client-Cert: Hash=00;Cert=\"" + escaped + "\";Subject=\"CN=ci\";URI=spiffe://example.com/ci",
		"Cf-Client-Cert-Der-Base64: " + b64, "X-Client-Cert: " + escaped,
	})
}

// certificate is a real one, of ci: who has seen a certificate has not proved to own it.
func certificate() []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // no randomness
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ci"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return der
}

func madeUpCountry(c *check) {
	var lines []string
	for _, name := range []string{"CF-IPCountry", "CloudFront-Viewer-Country", "X-Country-Code", "X-Geo-Country", "X-GeoIP-Country",
		"GeoIP-Country-Code", "X-AppEngine-Country",
		"X-Client-Geo-Location", "X-Vercel-IP-Country", "Fastly-Geo-Country", "X-Akamai-Edgescape"} {
		lines = append(lines, name+": NL")
	}
	c.madeUp(lines)
}

var tokenHeaders = []string{"X-Access-Client-Id", "X-Access-Client-Secret", "Cf-Access-Client-Id", "Cf-Access-Client-Secret",
	"X-Access-Token", "Cf-Access-Token"}

func madeUpToken(c *check) {
	lines := []string{}
	for _, name := range tokenHeaders {
		value := "ci"
		if strings.HasSuffix(name, "Secret") {
			value = "ostiary_st_0123456789abcdefghijklmnopqrstuvwxyz"
		}
		lines = append(lines, name+": "+value)
	}
	lines = append(lines, "Authorization: Bearer ostiary_st_0123456789abcdefghijklmnopqrstuvwxyz", "Authorization: Basic Y2k6c2VjcmV0")
	c.madeUp(lines)
	// Where anybody may pass, too: what is no good token is refused, and what is not even
	// read as one is not passed on.
	for _, pair := range [][]string{lines[:2], lines[2:4]} {
		for i := range spellings("X-Access-Client-Id") {
			var sent []string
			for _, l := range pair {
				name, value, _ := strings.Cut(l, ": ")
				sent = append(sent, spellings(name)[i]+": "+value)
			}
			for _, lines := range append(each(sent), sent) {
				a := c.send(request("GET", "/p", "public.example.com", lines...))
				for _, h := range a.hits {
					c.without(h, a, tokenHeaders)
				}
			}
		}
	}
}

// without notes a breach if an application got one of these headers, in any spelling.
func (c *check) without(h hit, a *answer, names []string) {
	for _, line := range h.header {
		name, value, _ := strings.Cut(line, ":")
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if strings.TrimSpace(value) != "" && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			c.breach("%s was told %q%s", h.app, line, a.dump())
		}
	}
}

// linkedApp sends the session of app1 to the application that links to it, in the header
// for that and in every other way.
func linkedApp(c *check) {
	at := func(policy, host string) string {
		return c.mint(credential.Claims{Audience: []string{"shop/" + policy}, Host: host}, time.Now())
	}
	token := at("app1", "app1.site.com")
	const header = "X-Access-Token: "
	ask := func(host string, lines ...string) *answer { // what the reference knows no rule for
		c.apps.Take()
		a := exchange(clientAddress, c.addr, request("GET", "/p", host, append(lines, fetch)...))
		a.hits = c.apps.Take()
		for _, h := range a.hits {
			c.without(h, a, tokenHeaders)
		}
		return a
	}
	for _, sent := range []string{header + token, strings.ToLower(header) + token} {
		a := ask("evidence.example.com", sent)
		c.status(a, 200)
		if h := c.through(a, "evidence"); !slices.ContainsFunc(h.header, func(line string) bool {
			name, value, _ := strings.Cut(line, ":")
			return strings.EqualFold(name, "X-Access-User") && strings.TrimSpace(value) == "linked:shop/app1:ann"
		}) {
			c.errorf("the application is not told who calls: %q%s", h.header, a.dump())
		}
	}
	for _, lines := range [][]string{{header + token, header + token}, {header + "Bearer " + token}, {header + token + "x"},
		{header + at("app2", "app2.site.com")},
		{header + at("app1", "app2.site.com")}, {"X_Access_Token: " + token}, {"X-Access_Token: " + token}, {"X-Access-Jwt-Assertion: " + token},
		{"Authorization: Bearer " + token}, {asCookie(token)}, {"Cf-Access-Token: " + token}} {
		a := ask("evidence.example.com", lines...)
		if len(a.hits) > 0 || a.Status/100 == 2 || a.Status/100 == 5 {
			c.breach("%.40q opens the application%s", lines, a.dump())
		}
	}
	for _, name := range []string{"X-Access-Token", "Cf-Access-Token"} {
		for _, s := range spellings(name) {
			ask("public.example.com", s+": "+token)
			ask("public.example.com", s+": "+token, s+": "+token, "Connection: "+s)
		}
	}
}

func madeUpIdentity(c *check) {
	var lines []string
	for _, name := range []string{"X-Access-Email", "X-Access-User", "X-Access-Groups", "X-Access-Jwt-Assertion", "Cf-Access-Jwt-Assertion",
		"Cf-Access-Authenticated-User-Email", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Auth-Request-User",
		"X-Auth-Request-Email",
		"X-Auth-Request-Groups", "Remote-User", "Remote-Email", "Remote-Groups", "X-Remote-User", "X-WEBAUTH-USER", "X-Grafana-Id"} {
		lines = append(lines, name+": root@example.com")
	}
	c.madeUp(append(lines, "X-Access-User: cert:ci", "X-Access-User: service:shop/ci"))
}

// read says of each selector which rows show that no client chooses what it reads; none:
// it reads nothing that a client could choose.
var read = map[string][]string{
	"everyone": nil, "email": asSession, "emailDomain": asSession, "idpGroup": asSession, "loginMethod": asSession, "authMethod": asSession,
	"claim": asSession, "client": asSession, "linkedApp": {"linked-app", "made-up-token"}, "externalEvaluation": asSession,
	"ip": {"forged-address"}, "country": {"forged-address", "made-up-country"}, "certificate": {"made-up-certificate"},
	"serviceToken": {"made-up-token"}, "anyServiceToken": {"made-up-token"}, "jwt": {"bearer", "made-up-token"},
	"group": nil, // what its selectors read
	"cel":   {"forged-targets", "forged-address", "rules-by-method", "made-up-identity"},
}

// asSession is of what a session says.
var asSession = []string{"bad-sessions", "own-application-only", "bearer", "made-up-identity"}

// selectors are the fields of a selector, as they are written.
func selectors() (out []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[v1alpha1.Selector]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

// renderEvidence is the section about selectors.
func renderEvidence(b *bytes.Buffer, all []*variant, results map[string]map[string]bool) {
	fmt.Fprint(b,
		"\n## What selectors read\n\nWhether a client can choose what a selector reads, behind each proxy: ✓ is no, and the rows above that show it stand beside it. Where one of them\n",
		"has a limit, that is about the answer: nobody gets in by it.\n\n| selector | shown by")
	for _, v := range all {
		fmt.Fprintf(b, " | `%s`", v.name)
	}
	fmt.Fprint(b, " |\n|---|---|"+strings.Repeat(":-:|", len(all))+"\n")
	for _, name := range selectors() {
		rows := read[name]
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s", name, strings.Join(rows, ", "))
		for _, v := range all {
			cell := "✓"
			for _, row := range rows {
				if _, ran := results[v.name][row]; !ran {
					cell = "?"
				}
			}
			fmt.Fprintf(b, " | %s", cell)
		}
		fmt.Fprint(b, " |\n")
	}
}

// TestSelectorsAreShown: every selector has its rows, and they are there.
func TestSelectorsAreShown(t *testing.T) {
	for _, name := range selectors() {
		rows, there := read[name]
		if !there {
			t.Errorf("%s: no row shows that a client cannot choose what it reads", name)
		}
		for _, row := range rows {
			if !slices.ContainsFunc(cases, func(k kase) bool { return k.name == row }) {
				t.Errorf("%s: there is no row %s", name, row)
			}
		}
	}
}
