// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
)

// TestForgedEvidence: whatever a client says of its country, its address, its certificate
// or who it is, in the words of any proxy, counts for nothing behind any proxy. The
// certificate is a real one: who has seen a certificate has not proved to be its owner.
func TestForgedEvidence(t *testing.T) {
	der := newIssuer(t, "ours").client(t, "ci").Certificate[0]
	escaped := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	b64 := base64.StdEncoding.EncodeToString(der)
	said := []string{
		"CF-IPCountry: NL", "CloudFront-Viewer-Country: NL", "X-Country-Code: NL", "X-Geo-Country: NL", "X-GeoIP-Country: NL", "X-AppEngine-Country: NL",
		"X-Forwarded-For: 192.0.2.7", "X-Real-IP: 192.0.2.7", "CF-Connecting-IP: 192.0.2.7", "True-Client-IP: 192.0.2.7", "Forwarded: for=192.0.2.7",
		"Client-Cert: :" + b64 + ":", "client-cert: :" + b64 + ":", "Client_Cert: :" + b64 + ":", "Client-Cert: " + escaped, "Client-Cert-Chain: :" + b64 + ":",
		"Ssl-Client-Verify: SUCCESS", "Ssl-Client-Subject-Dn: CN=ci", "Ssl-Client-Cert: " + escaped, "X-SSL-Client-Cert: " + escaped, "X-SSL-Client-CN: ci",
		"X-Forwarded-Tls-Client-Cert: " + b64, "X-Forwarded-Tls-Client-Cert-Info: Subject%3D%22CN%3Dci%22",
		"X-Forwarded-Client-Cert: Hash=00;Cert=\"" + escaped + "\";Subject=\"CN=ci\";URI=spiffe://example.com/ci",
		"X-Access-User: cert:ci", "X-Access-Email: ann@example.com", "X-Access-Groups: dev", "X-Access-Jwt-Assertion: a.b.c", "X_Access_User: cert:ci",
		"Cf-Access-Authenticated-User-Email: ann@example.com",
	}
	for _, name := range []string{"nginx", "caddy", "haproxy", "traefik"} {
		for _, certificates := range []bool{false, true} {
			if certificates && name == "traefik" {
				continue // it does not tell of them
			}
			t.Run(name+map[bool]string{true: "-certificates"}[certificates], func(t *testing.T) {
				addr := lab.FreeAddress()
				o := options(addr, env.ostiary.Authz)
				o.Hosts, o.ClientCertificates, o.Policy = []string{"machines.example.com", "abroad.example.com", "app.example.com"}, certificates, "evidence"
				startWith(t, name, addr, o)
				all := strings.Join(said, "\n")
				for _, lines := range append(strings.Split(all, "\n"), all, "X-Access-Client-Id: ci\nX-Access-Client-Secret: ostiary_st_x",
					"X-Access-Client-Id: ci", "X_Access_Client_Id: ci\nX_Access_Client_Secret: ostiary_st_x") {
					for _, host := range o.Hosts {
						if a := send(t, addr, "GET", "/x", host, strings.Split(lines, "\n")...); a.StatusCode < 300 || len(a.hits) > 0 {
							t.Errorf("%s, with %.80s: %d, and the application was asked %d times", host, lines, a.StatusCode, len(a.hits))
						}
					}
				}
			})
		}
	}
}
