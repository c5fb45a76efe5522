// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestAgentsFindTheirWay: behind real proxies, a program that is refused is told once where the
// metadata is, and gets it there; a person is not, whatever is shown to them. (THREATS I20)
func TestAgentsFindTheirWay(t *testing.T) {
	for _, name := range live {
		t.Run(name, func(t *testing.T) {
			addr := startProxy(t, name, env.ostiary.Authz)
			_, port, _ := net.SplitHostPort(addr)
			host := "app.example.com:" + port
			metadata := "https://app.example.com/.access/oauth/resource/tools"
			challenge := `Bearer resource_metadata="` + metadata + `"`
			for what, tc := range map[string]struct {
				method, path string
				lines, want  []string
			}{
				"a program":     {"POST", "/tools/x", []string{"Accept: application/json, text/event-stream"}, []string{challenge}},
				"a bad token":   {"GET", "/tools", []string{"Authorization: Bearer x"}, []string{challenge + `, error="invalid_token"`}},
				"a navigation":  {"GET", "/tools", []string{"Sec-Fetch-Mode: navigate", "Accept: text/html"}, nil},
				"without oauth": {"GET", "/", nil, nil},
				"open":          {"GET", "/public", nil, nil},
			} {
				a := send(t, addr, tc.method, tc.path, host, tc.lines...)
				if got := a.Header.Values("WWW-Authenticate"); !slices.Equal(got, tc.want) ||
					tc.want != nil && a.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s: %d %q, want %q", what, a.StatusCode, got, tc.want)
				}
			}
			a := send(t, addr, "GET", "/.access/oauth/resource/tools", host)
			var doc struct {
				Resource string   `json:"resource"`
				Servers  []string `json:"authorization_servers"`
			}
			if err := json.Unmarshal([]byte(a.body), &doc); err != nil || a.StatusCode != http.StatusOK {
				t.Fatalf("%d %v %s", a.StatusCode, err, a.body)
			}
			if !strings.HasSuffix(doc.Resource, "/tools") || !slices.Equal(doc.Servers, []string{teamURL}) ||
				a.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%+v %v", doc, a.Header)
			}
		})
	}
}
