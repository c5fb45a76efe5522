// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/hack/lab"
)

// TestForgedUpstream: behind every proxy the application gets the headers that the policy
// sets, and of a client's own none, however it spells them: with a session, with a service
// token, under a policy that sets none, and where nobody signs in.
func TestForgedUpstream(t *testing.T) {
	var lines []string
	for _, name := range upstream {
		for _, spelling := range contract.Spellings(name) {
			lines = append(lines, spelling+": forged", strings.ToLower(spelling)+": forged", strings.ToUpper(spelling)+": forged")
		}
	}
	lines = append(lines, "X-Webauth-User: forged", "X-Webauth-User:") // and several of one
	for _, name := range []string{"nginx", "caddy", "haproxy", "traefik"} {
		t.Run(name, func(t *testing.T) {
			addr := lab.FreeAddress()
			o := options(addr, env.ostiary.Authz)
			o.Hosts = append(o.Hosts, "grafana.example.com")
			startWith(t, name, addr, o)
			for _, c := range []struct {
				what, host, path string
				lines            []string
				want             map[string]string
			}{
				{"a session", "grafana.example.com", "/", []string{sessionOf(t, "shop/grafana", "jнrgen@example.com")},
					map[string]string{"x-webauth-user": "ann", "x-webauth-email": "j=D0=BDrgen@example.com", "x-forwarded-groups": "staff"}},
				{"a service token", "grafana.example.com", "/", []string{"X-Access-Client-Id: ci.access", "X-Access-Client-Secret: ostiary_st_live"},
					map[string]string{"x-webauth-user": "service:shop/ci"}},
				{"a policy that sets none", "app.example.com", "/", []string{session(t, "shop/app")}, nil},
				{"nobody", "app.example.com", "/public/x", nil, nil},
			} {
				for i := range len(lines) + 1 {
					sent := lines
					if i < len(lines) {
						sent = lines[i : i+1]
						if c.what != "nobody" {
							continue // all at once are enough where the header is set
						}
					}
					a := send(t, addr, "GET", c.path, c.host, append(append([]string{}, c.lines...), sent...)...)
					a.want(t, 200, true)
					for _, hit := range a.hits {
						checkUpstream(t, c.what, hit.Header, c.want, sent)
					}
				}
			}
		})
	}
}

// checkUpstream: what reached the application, whatever it takes for one header.
func checkUpstream(t *testing.T, what string, got map[string][]string, want map[string]string, sent []string) {
	t.Helper()
	seen := map[string]string{}
	for name, values := range got {
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if strings.HasPrefix(name, "x-webauth-") || name == "x-forwarded-groups" {
			seen[name] += strings.Join(values, ",")
		}
	}
	for name := range seen {
		if seen[name] != want[name] {
			t.Errorf("%s, with %.60q: the application got %s: %q, want %q", what, sent, name, seen[name], want[name])
		}
	}
	for name, value := range want {
		if seen[name] != value {
			t.Errorf("%s, with %.60q: the application got %s: %q, want %q", what, sent, name, seen[name], value)
		}
	}
}
