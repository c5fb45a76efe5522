// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/oidc/issuer"
)

func TestParse(t *testing.T) {
	for address, want := range map[string]string{
		"https://sso.example.com":           "",
		"https://sso.example.com/realms/x/": "",
		"https://keycloak.sso.svc:8443/x":   "",
		"http://localhost:5556/dex":         "",
		"http://a.localhost":                "",
		"http://127.0.0.1:5556":             "",
		"http://[::1]:5556":                 "",
		"":                                  "not the address",
		"sso.example.com":                   "not the address",
		"https://127.1":                     "not the address",
		"https://sso.example.com/a b":       "not the address",
		"https://sso.example.com/\u202e":    "not the address",
		"https://sso.example.com/" + strings.Repeat("x", 255):      "longer than 255",
		"https://ann@sso.example.com":                              "no user name",
		"https://sso.example.com/?":                                "no query",
		"https://sso.example.com/.well-known/openid-configuration": "leave out",
		"http://sso.example.com":                                   "is https",
		"http://localhost.example.com":                             "is https",
		"ftp://sso.example.com":                                    "is https",
	} {
		u, problem := issuer.Parse(address)
		if (want == "") != (problem == "") || !strings.Contains(problem, want) || (u == nil) != (problem != "") {
			t.Errorf("%q: %v, %q", address, u, problem)
		}
	}
}

// TestParseDocument: as an issuer's address, but with a path, and a query if need be.
func TestParseDocument(t *testing.T) {
	for _, address := range []string{
		"https://sso.example.com/.well-known/openid-configuration", "https://b2c.example.com/t/v2.0/.well-known/openid-configuration?p=policy",
		"http://localhost:8080/x", "http://a.localhost/x", "http://127.0.0.1:1/x", "http://[::1]/x", "https://10.0.0.1:8443/x",
		"https://sso.example.com/" + strings.Repeat("x", 1024-24),
	} {
		if u, problem := issuer.ParseDocument(address); problem != "" || u.String() != address {
			t.Errorf("%.60s: %s", address, problem)
		}
	}
	for _, address := range []string{
		"", "x", "https://", "https:///x",
		"https://sso.example.com", "https://sso.example.com/", "https://sso.example.com//", "https://sso.example.com?x",
		"http://sso.example.com/x", "http://localhost.example.com/x", "http://10.0.0.1/x", "ftp://sso.example.com/x", "//sso.example.com/x",
		"https://u@sso.example.com/x", "https://sso.example.com/x#y",
		"https://sso.example.com/a b", "https://sso.example.com/a\nb", "https://127.1/x",
		"https://sso.example.com/\u200bx", "https://sso.example.com/" + strings.Repeat("x", 1024-23),
	} {
		if u, problem := issuer.ParseDocument(address); problem == "" || u != nil {
			t.Errorf("%.60s is taken", address)
		}
	}
}
