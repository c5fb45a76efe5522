// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/ostiary/ostiary/hack/lab"
)

// A hit is a request that reached an application.
type hit struct {
	app    string // whose backend the proxy chose
	method string
	target string // the second word of the request line, untouched
	header header
	body   string
	from   string // the address that the client has, which the sender fills in
}

func (h hit) String() string {
	return fmt.Sprintf("%s: %s %.200s (Host: %.200s)", h.app, h.method, h.target, h.header.Get("Host"))
}

// A recorder collects the hits on all applications.
type recorder = lab.Recorder[hit]

type header = lab.Header

// startApp serves an application. It reads requests by hand: net/http would
// refuse some of those that a proxy lets through, and nobody would count them.
func startApp(name string, r *recorder) (addr string, err error) {
	return serveApps(r, func(header) string { return name })
}

// startApps serves all of them, for a proxy with one server for all hosts: which one is
// asked says Host, as it came there.
func startApps(r *recorder) (addr string, err error) {
	return serveApps(r, func(h header) string {
		for _, r := range hosts() {
			if matches(r.host, hostName(h.Get("Host"))) {
				return r.name
			}
		}
		return "none"
	})
}

func serveApps(r *recorder, name func(header) string) (addr string, err error) {
	return lab.Serve(func(conn net.Conn) { serveApp(name, r, conn) })
}

func serveApp(name func(header) string, r *recorder, conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		head, err := lab.ReadHead(in)
		if err != nil {
			return
		}
		words := strings.SplitN(head[0], " ", 3)
		h := hit{app: name(head[1:]), method: words[0], header: head[1:]}
		if len(words) > 1 {
			h.target = words[1]
		}
		if h.header.Get("Upgrade") == "" || h.method != "GET" {
			if h.body, err = lab.ReadBody(in, h.header); err != nil {
				return
			}
		}
		r.Add(h)
		if _, query, _ := strings.Cut(h.target, "?"); query == "app=events" {
			streamEvents(conn)
			return
		}
		if _, err := io.WriteString(conn, h.answer()); err != nil {
			return
		}
		switch upgrade := strings.ToLower(h.header.Get("Upgrade")); {
		case upgrade == "":
		case upgrade != "websocket":
			serveTunnel(h, r, conn, in)
			return
		default:
			_, _ = io.Copy(conn, in) // what comes is sent back, until the client goes
			return
		}
	}
}

// answer plays several applications, by the query: one with CORS headers of its
// own, one with a login of its own, one that speaks WebSocket or gRPC-web.
func (h hit) answer() string {
	_, query, _ := strings.Cut(h.target, "?")
	status, extra, body := "200 OK", "Content-Type: text/plain\r\n", h.String()+"\n"
	switch {
	case strings.EqualFold(h.header.Get("Upgrade"), "websocket"):
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	case h.header.Has("Upgrade"): // to HTTP/2, whatever Connection says, as hypercorn does
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
	case query == "app=cors" && h.method == "OPTIONS":
		return "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://chosen-by.app\r\nAccess-Control-Allow-Methods: " +
			"FROB\r\nX-App: " + h.app + "\r\n\r\n"
	case query == "app=cors":
		extra = "Access-Control-Allow-Origin: https://chosen-by.app\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"
	case query == "app=401":
		status, extra, body = "401 Unauthorized", "WWW-Authenticate: Basic realm=\"the app's own\"\r\nX-Access-Reason: the app's own\r\n",
			"the app's own 401"
	case query == "app=403":
		status, extra, body = "403 Forbidden", "X-Own: yes\r\n", "the app's own 403"
	case query == "app=cookies":
		extra = "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Expires=Wed, 01 Jan 2098 00:00:00 GMT\r\n"
	case query == "app=grpc-web":
		extra, body = "Content-Type: application/grpc-web+proto\r\n", grpcWebAnswer
	}
	head := fmt.Sprintf("HTTP/1.1 %s\r\n%sX-App: %s\r\nContent-Length: %d\r\n\r\n", status, extra, h.app, len(body))
	if h.method == "HEAD" {
		return head
	}
	return head + body
}

// grpcWebAnswer is a message of three bytes and the trailers, each in its frame.
const grpcWebAnswer = "\x00\x00\x00\x00\x03\x0a\x01\x61" + "\x80\x00\x00\x00\x10grpc-status: 0\r\n"

// streamEvents sends one event, and another one a second later.
func streamEvents(conn net.Conn) {
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: "+
		"no\r\nConnection: close\r\n\r\ndata: first\n\n")
	time.Sleep(time.Second)
	_, _ = io.WriteString(conn, "data: second\n\n") // the client may have gone
}
