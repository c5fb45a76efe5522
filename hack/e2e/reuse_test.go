// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

// countConnections relays connections to an address, and counts them.
func countConnections(to string, n *atomic.Int64) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close() // there is nobody to relay to
				continue
			}
			go relay(in, out)
			go relay(out, in)
		}
	}()
	return l.Addr().String(), nil
}

func relay(to, from net.Conn) {
	_, _ = io.Copy(to, from) // it ends with either side
	_ = to.Close()
	_ = from.Close()
}

// With keepalive in the upstream, nginx asks over connections that it has: a
// new one each time would cost more than the decision. An answer with a body
// would end them (see docs/guides/proxies.md).
func TestConnectionsToAuthzAreReused(t *testing.T) {
	var connections atomic.Int64
	e, err := newEnvironment(t.TempDir(), func(real string) (string, error) { return countConnections(real, &connections) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	const requests = 2000
	addr := e.variants["D-keepalive"].Addr
	for _, tt := range []struct {
		name, method, host string
		lines              []string
		status             int
	}{
		{"200", "GET", "app1.site.com", []string{asCookie(mintWith(t, e.ring, credential.Claims{Audience: []string{"shop/app1"}}, time.Now()))}, 200},
		{"200 bypass", "GET", "public.example.com", nil, 200},
		{"401", "GET", "app1.site.com", nil, 401},
		{"401 forged", "GET", "app1.site.com", []string{asCookie("x.y.z")}, 401},
		{"401 preflight", "OPTIONS", "app2.site.com", cp("https://app1.almightyzero.com", "GET"), 200},
		{"403 no policy", "GET", "orphan.example.com", nil, 403},
		{"403 preflight", "OPTIONS", "app1.site.com", cp("https://app2.site.com", "GET"), 403},
		{"403 bad path", "GET", "app1.site.com", nil, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
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
