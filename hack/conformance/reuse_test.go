// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
)

// TestConnectionsToAuthzAreReused: with keepalive in the upstream, nginx asks over
// connections that it has: a new one each time would cost more than the decision. An
// answer with a body would end them.
func TestConnectionsToAuthzAreReused(t *testing.T) {
	var connections atomic.Int64
	e := ask(t, func(real string) (string, error) {
		return lab.Serve(func(in net.Conn) {
			connections.Add(1)
			if out, err := net.Dial("tcp", real); err == nil {
				lab.Relay(in, out)
			}
		})
	})
	const requests = 2000
	addr := e.ways["keepalive"].Addr
	for _, tt := range []struct {
		name, method, host string
		lines              []string
		status             int
	}{
		{"200", "GET", "app1.site.com", []string{e.session("app1")}, 200},
		{"200 bypass", "GET", "public.example.com", nil, 200},
		{"401", "GET", "app1.site.com", nil, 401},
		{"401 forged", "GET", "app1.site.com", []string{asCookie("x.y.z")}, 401},
		{"401 preflight", "OPTIONS", "app2.site.com", cp(seedOrigin, "GET"), 200},
		{"403 no policy", "GET", "orphan.example.com", nil, 403},
		{"403 preflight", "OPTIONS", "app1.site.com", cp("https://app2.site.com", "GET"), 403},
		{"403 bad path", "GET", "app1.site.com", nil, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{},
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			defer client.CloseIdleConnections()
			before := connections.Load()
			for i := range requests {
				target := "http://" + addr + "/p" + strconv.Itoa(i)
				if tt.name == "403 bad path" {
					target += "%5cx"
				}
				r, err := http.NewRequest(tt.method, target, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = tt.host
				for _, l := range tt.lines {
					name, value, _ := strings.Cut(l, ": ")
					r.Header.Set(name, value)
				}
				resp, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body) // so that the client's connection is used again
				_ = resp.Body.Close()
				if resp.StatusCode != tt.status {
					t.Fatalf("status %d, want %d", resp.StatusCode, tt.status)
				}
			}
			fresh := connections.Load() - before
			t.Logf("%d new connections for %d requests", fresh, requests)
			if fresh > requests/100 {
				t.Errorf("%d new connections for %d requests, want at most %d", fresh, requests, requests/100)
			}
		})
	}
}
