// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/tunnel"
)

// startH2C serves an application that changes to HTTP/2 where it is asked to, whatever
// Connection says, as hypercorn does. Every request is a hit, and so is any byte that comes
// through the tunnel.
func startH2C(t *testing.T) string {
	t.Helper()
	addr, err := lab.Serve(serveH2C)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func serveH2C(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // as far as it came
		env.app.Add(r)
		upgrade := strings.ToLower(strings.Join(r.Header.Values("Upgrade"), ","))
		switch {
		case strings.Contains(upgrade, "websocket") && !strings.Contains(upgrade, "h2c"):
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "+
				"Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
			_, _ = io.Copy(conn, in) // what comes is sent back, until the client goes
			return
		case upgrade != "":
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
			tunnel.Serve(conn, in, func(f tunnel.Request) {
				env.app.Add(&http.Request{Method: f.Method, Host: f.Host, RequestURI: f.Target})
			})
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-App: yes\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// smuggle sends a request, and behind it, whatever the answer is, one of HTTP/2 for what
// nobody but its owner may see. It returns the status of the first.
func smuggle(t *testing.T, addr, request string) (status int, hits []*http.Request) {
	t.Helper()
	env.app.Take()
	conn, err := lab.Dial("", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the exchange is over
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	first, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, env.app.Take()
	}
	status = first.StatusCode
	if status != http.StatusSwitchingProtocols {
		_, _ = io.Copy(io.Discard, first.Body) // only its end is wanted
	}
	_, _ = conn.Write(tunnel.Frames("app.example.com", "/admin/secret")) // it may be closed
	if status == http.StatusSwitchingProtocols {
		_ = conn.SetDeadline(time.Now().Add(500 * time.Millisecond)) // a TCP connection has deadlines
		_, _ = io.ReadFull(in, make([]byte, 1))                      // there was time for an answer
	} else {
		_, _ = http.ReadResponse(in, nil) // a 400, or the end
	}
	return status, env.app.Take()
}

// TestOneExpression: what is printed and what the controller writes is the same.
func TestOneExpression(t *testing.T) {
	for _, name := range []string{"traefik", "caddy"} {
		if !strings.Contains(printed(t, name, proxyconfig.Options{}), family.NotWebSocket) {
			t.Errorf("%s has another than the controller: %s", name, family.NotWebSocket)
		}
	}
}

// TestNoTunnel: whoever may send one request sends no second one that nobody is asked
// about. attack: Upgrade: h2c on a path that is open to everybody, or with any session.
func TestNoTunnel(t *testing.T) {
	app := startH2C(t)
	for _, name := range everywhere {
		t.Run(name, func(t *testing.T) {
			addr := lab.FreeAddress()
			o := options(addr, env.ostiary.Authz)
			o.Upstream = app
			startWith(t, name, addr, o)
			for _, who := range [][2]string{{"/public/x", "X-Nobody: 1"}, {"/x", session(t, "shop/app")}} {
				for _, lines := range []string{
					"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
					"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
					"Connection: Upgrade\r\nUpgrade: h2c",
					"Connection: HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
					"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
					"Upgrade: h2c",
					"Connection: Upgrade\r\nUpgrade: H2C",
					"Connection: Upgrade\r\nUpgrade: websocket, h2c",
					"Connection: Upgrade\r\nUpgrade: h2c, websocket",
					"Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c",
					"Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket",
					"Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13",
					"Connection: Upgrade\r\nUpgrade:\th2c",
					"Connection: Upgrade\r\nUpgrade: h2",
					"Connection: Upgrade\r\nUpgrade: HTTP/2.0",
					"Connection: Upgrade\r\nUpgrade: TLS/1.2",
					"Connection: Upgrade\r\nUpgrade: anything",
					"Connection: Upgrade\r\nUpgrade: websockets",
					"Connection: Upgrade\r\nUpgrade: xebsocket",
					"Connection: Upgrade\r\nUpgrade: websockeT/13",
					"Connection: Upgrade\r\nUpgrade: ",
					"Connection: keep-alive, upgrade\r\nUpgrade: h2c",
				} {
					for _, method := range []string{"GET", "OPTIONS"} {
						request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: app.example.com\r\n%s\r\n%s\r\n\r\n", method, who[0], lines, who[1])
						status, hits := smuggle(t, addr, request)
						upgraded := 0
						for _, h := range hits {
							upgrade := strings.Join(h.Header.Values("Upgrade"), ",")
							if strings.EqualFold(upgrade, "websocket") { // of two, the proxy has chosen this one
								upgraded, upgrade = http.StatusSwitchingProtocols, ""
							}
							if h.RequestURI != who[0] || len(h.Header.Values("HTTP2-Settings")) > 0 || upgrade != "" {
								t.Errorf("%q reached the application as %s with %v", request, h.RequestURI, h.Header)
							}
						}
						if status == http.StatusSwitchingProtocols && upgraded != status || len(hits) > 1 {
							t.Errorf("%q: %d, %d requests reached the application", request, status, len(hits))
						}
					}
				}
			}
			// WebSockets open as ever.
			for _, upgrade := range []string{"websocket", "WebSocket", "WEBSOCKET"} {
				request := "GET /x HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: " + upgrade +
					"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
				if status, hits := smuggle(t, addr, request+session(t, "shop/app")+"\r\n\r\n"); status != http.StatusSwitchingProtocols ||
					len(hits) != 1 {
					t.Errorf("%s: %d, %d requests reached the application", upgrade, status, len(hits))
				}
				if status, hits := smuggle(t, addr, request+"\r\n"); status == http.StatusSwitchingProtocols || len(hits) > 0 {
					t.Errorf("%s without a session: %d, %d requests reached the application", upgrade, status, len(hits))
				}
			}
		})
	}
}
