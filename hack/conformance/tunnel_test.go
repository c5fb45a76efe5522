// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"io"
	"net"
	"strings"
	"time"

	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/tunnel"
)

// serveTunnel serves HTTP/2 on a connection that an application has been talked into. Each
// request in it is a hit, and that anything came is one, too: nobody was asked about it.
func serveTunnel(by hit, r *recorder, conn net.Conn, in *bufio.Reader) {
	tunnel.Serve(conn, in, func(f tunnel.Request) {
		host := f.Host
		if host == "" {
			host = by.header.Get("Host")
		}
		r.Add(hit{app: by.app, method: f.Method, target: f.Target, header: append(header{"Host: " + host}, f.Header...)})
	})
}

const settings = "HTTP2-Settings: AAMAAABkAAQAAP__"

// tunnels asks to go on in another protocol, of an application that does whatever Upgrade
// says: by a request that anybody may send, and by one with a session.
func tunnels(c *check) {
	for _, lines := range [][]string{
		{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", settings},
		{"Connection: Upgrade", "Upgrade: h2c", settings},
		{"Connection: HTTP2-Settings", "Upgrade: h2c", settings},
		{"Upgrade: h2c", settings},
		{"Connection: Upgrade", "Upgrade: h2c"},
		{"Connection: Upgrade", "Upgrade: H2C"},
		{"Connection: Upgrade", "Upgrade: websocket, h2c"},
		{"Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"},
		{"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"},
		{"Connection: Upgrade", "Upgrade: anything"},
	} {
		for _, to := range [][3]string{{"/public/x", "app.example.com", "X-Nobody: 1"}, {"/p", "public.example.com", "X-Nobody: 1"},
			{"/p", "app1.site.com", c.session("app1")}} {
			raw := to[0] + " HTTP/1.1\r\nHost: " + to[1] + "\r\n" + to[2] + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
			c.tunnel("GET "+raw, to[1])
		}
	}
}

// tunnel sends a request and frames of HTTP/2 after it.
func (c *check) tunnel(raw, host string) {
	conn, err := lab.Dial(clientAddress, c.addr)
	if err != nil {
		c.errorf("%v", err)
		return
	}
	defer conn.Close() //nolint:errcheck // the exchange is over
	c.apps.Take()
	in, a := bufio.NewReader(conn), &answer{Answer: lab.Answer{Request: raw}}
	if _, err := io.WriteString(conn, raw); err != nil {
		c.errorf("%v", err)
		return
	}
	if a.Read(in); a.Status == 0 {
		return
	}
	_, _ = conn.Write(tunnel.Frames(host, "/admin")) // it may be closed
	wait := 5 * time.Second
	if a.Status == 101 {
		wait = 300 * time.Millisecond // or nothing may ever come
	}
	_ = conn.SetReadDeadline(time.Now().Add(wait)) // a TCP connection has deadlines
	_, _ = io.Copy(io.Discard, in)                 // what is answered is of no interest
	a.hits = c.apps.Take()
	for i, h := range a.hits {
		switch {
		case i > 0:
			c.breach("a second request came to %s, about which nobody was asked: %s%s", h.app, h, a.dump())
		case a.Status == 101 && !strings.EqualFold(h.header.Get("Upgrade"), "websocket"):
			c.breach("%s was let change to %q%s", h.app, h.header.Get("Upgrade"), a.dump())
		}
	}
}
