// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// serveTunnel serves HTTP/2 on a connection that an application has been talked into. Each
// request in it is a hit, and that anything came is one, too: nobody was asked about it.
func serveTunnel(by hit, r *recorder, conn net.Conn, in *bufio.Reader) {
	if _, err := in.Peek(1); err != nil {
		return
	}
	r.add(hit{app: by.app, method: "TUNNEL", target: "/", header: header{"Host: " + by.header.get("Host")}})
	if _, err := in.Discard(len(http2.ClientPreface)); err != nil {
		return
	}
	f := http2.NewFramer(conn, in)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = f.WriteSettings() // the client may have gone
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		h, ok := frame.(*http2.MetaHeadersFrame)
		if !ok {
			continue
		}
		lines := header{"Host: " + h.PseudoValue("authority")}
		for _, field := range h.RegularFields() {
			lines = append(lines, field.Name+": "+field.Value)
		}
		r.add(hit{app: by.app, method: h.PseudoValue("method"), target: h.PseudoValue("path"), header: lines})
	}
}

// frames are what a client of HTTP/2 begins with: here, a request for what it may not see.
func frames(host string) []byte {
	var block, out bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", host}, {":path", "/admin"}, {"x-access-email", "root@example.com"}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // into memory
	}
	out.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&out, nil)
	_ = f.WriteSettings() // into memory
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	return out.Bytes()
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
		for _, to := range [][3]string{{"/public/x", "app.example.com", "X-Nobody: 1"}, {"/p", "public.example.com", "X-Nobody: 1"}, {"/p", "app1.site.com", c.session("app1")}} {
			raw := to[0] + " HTTP/1.1\r\nHost: " + to[1] + "\r\n" + to[2] + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
			c.tunnel("GET "+raw, to[1])
		}
	}
}

// tunnel sends a request and frames of HTTP/2 after it.
func (c *check) tunnel(raw, host string) {
	conn, err := dial(clientAddress, c.addr)
	if err != nil {
		c.errorf("%v", err)
		return
	}
	defer conn.Close() //nolint:errcheck // the exchange is over
	c.apps.take()
	in, a := bufio.NewReader(conn), &answer{request: raw}
	if _, err := io.WriteString(conn, raw); err != nil {
		c.errorf("%v", err)
		return
	}
	if a.read(in); a.status == 0 {
		return
	}
	_, _ = conn.Write(frames(host)) // it may be closed
	wait := 5 * time.Second
	if a.status == 101 {
		wait = 300 * time.Millisecond // or nothing may ever come
	}
	_ = conn.SetReadDeadline(time.Now().Add(wait)) // a TCP connection has deadlines
	_, _ = io.Copy(io.Discard, in)                 // what is answered is of no interest
	a.hits = c.apps.take()
	for i, h := range a.hits {
		switch {
		case i > 0:
			c.breach("a second request came to %s, about which nobody was asked: %s%s", h.app, h, a.dump())
		case a.status == 101 && !strings.EqualFold(h.header.get("Upgrade"), "websocket"):
			c.breach("%s was let change to %q%s", h.app, h.header.get("Upgrade"), a.dump())
		}
	}
}
