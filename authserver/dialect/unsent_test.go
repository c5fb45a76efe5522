// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
)

// TestNothingWasSent: what may change something is never led away, and come back from a
// sign-in as a GET that changes nothing: a person is told, and a fetch is refused as ever.
func TestNothingWasSent(t *testing.T) {
	const page = "text/html"
	for name, headers := range map[string][]string{
		"a visit": {navigate}, "a visit, old": {"Accept: text/html"}, "a fetch": {spa}, "a frame": {navigate, "Sec-Fetch-Dest: iframe"},
	} {
		for _, host := range []string{"app.example.com", "redirect.example.com", "unauthorized.example.com"} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "FOO", "QUERY"} {
				for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
					r := request{method: method, host: host, uri: "/save;v=1?id=5&x=%2F", headers: headers}
					a, _ := e.ask(fixture(t), r)
					location, led := field(a, "Location")
					changes := method != "GET" && method != "HEAD"
					if led > 0 && (changes || a.Status != 302) {
						t.Errorf("%s: %s by %s at %s: led to %s by %d", e.name, name, method, host, location, a.Status)
					}
					kind, _ := field(a, "Content-Type")
					if !changes || a.Status != 401 || !strings.HasPrefix(kind, page) {
						continue
					}
					body := string(a.Body)
					link := `href="https://` + host + `/.access/login?rd=%2F.access%2Fdone&amp;for=%2Fsave%3Bv%3D1" target="_blank" rel="noopener"`
					if !strings.Contains(body, "Nothing was sent") || !strings.Contains(body, link) || strings.Contains(body, "id=5") {
						t.Errorf("%s: %s by %s at %s is shown\n%s", e.name, name, method, host, body)
					}
				}
			}
		}
	}
}
