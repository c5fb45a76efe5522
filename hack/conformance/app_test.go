// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
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
	return fmt.Sprintf("%s: %s %.200s (Host: %.200s)", h.app, h.method, h.target, h.header.get("Host"))
}

// A recorder collects the hits on all applications.
type recorder struct {
	mu   sync.Mutex
	hits []hit
}

func (r *recorder) add(h hit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hits = append(r.hits, h)
}

// take returns the hits since it was last called.
func (r *recorder) take() []hit {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.hits
	r.hits = nil
	return out
}

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
			if matches(r.host, hostName(h.get("Host"))) {
				return r.name
			}
		}
		return "none"
	})
}

func serveApps(r *recorder, name func(header) string) (addr string, err error) {
	l, err := net.Listen("tcp", freeAddress())
	if err != nil {
		return "", err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveApp(name, r, conn)
		}
	}()
	return l.Addr().String(), nil
}

func serveApp(name func(header) string, r *recorder, conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the exchange is over
	in := bufio.NewReader(conn)
	for {
		head, err := readHead(in)
		if err != nil {
			return
		}
		words := strings.SplitN(head[0], " ", 3)
		h := hit{app: name(head[1:]), method: words[0], header: head[1:]}
		if len(words) > 1 {
			h.target = words[1]
		}
		if h.header.get("Upgrade") == "" || h.method != "GET" {
			if h.body, err = readBody(in, h.header); err != nil {
				return
			}
		}
		r.add(h)
		if _, query, _ := strings.Cut(h.target, "?"); query == "app=events" {
			streamEvents(conn)
			return
		}
		if _, err := io.WriteString(conn, h.answer()); err != nil {
			return
		}
		switch upgrade := strings.ToLower(h.header.get("Upgrade")); {
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
	case strings.EqualFold(h.header.get("Upgrade"), "websocket"):
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	case h.header.has("Upgrade"): // to HTTP/2, whatever Connection says, as hypercorn does
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
	case query == "app=cors" && h.method == "OPTIONS":
		return "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://chosen-by.app\r\nAccess-Control-Allow-Methods: FROB\r\nX-App: " + h.app + "\r\n\r\n"
	case query == "app=cors":
		extra = "Access-Control-Allow-Origin: https://chosen-by.app\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"
	case query == "app=401":
		status, extra, body = "401 Unauthorized", "WWW-Authenticate: Basic realm=\"the app's own\"\r\nX-Access-Reason: the app's own\r\n", "the app's own 401"
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
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\ndata: first\n\n")
	time.Sleep(time.Second)
	_, _ = io.WriteString(conn, "data: second\n\n") // the client may have gone
}

// readHead returns the lines of a head, without line ends and the empty line.
func readHead(in *bufio.Reader) ([]string, error) {
	var lines []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return lines, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" && len(lines) > 0 {
			return lines, nil
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
}

// readBody reads what the head says that follows it.
func readBody(in *bufio.Reader, h header) (string, error) {
	if strings.EqualFold(h.get("Transfer-Encoding"), "chunked") {
		return readChunks(in)
	}
	length, _ := strconv.ParseInt(h.get("Content-Length"), 10, 64) // absent: 0
	body, err := io.ReadAll(io.LimitReader(in, length))
	if err == nil && int64(len(body)) < length {
		err = io.ErrUnexpectedEOF
	}
	return string(body), err
}

// readChunks leaves what follows the last chunk, as httputil's reader does not.
func readChunks(in *bufio.Reader) (string, error) {
	var body strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return body.String(), err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil {
			return body.String(), fmt.Errorf("chunk: %w", err)
		}
		if n > 0 {
			if _, err := io.CopyN(&body, in, n); err != nil {
				return body.String(), err
			}
		}
		if _, err := in.ReadString('\n'); err != nil || n == 0 {
			return body.String(), err
		}
	}
}

// A header is the lines of a header section, as they came.
type header []string

// all returns the values of every line of a field.
func (h header) all(name string) []string {
	var out []string
	for _, line := range h {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

// get returns the value of a field that came once; of several, all at once, so
// that no comparison overlooks the second.
func (h header) get(name string) string { return strings.Join(h.all(name), " AND ") }

func (h header) has(name string) bool { return len(h.all(name)) > 0 }

// with returns the lines whose name has the prefix, the name in lower case, sorted.
func (h header) with(prefix string) []string {
	var out []string
	for _, line := range h {
		n, v, _ := strings.Cut(line, ":")
		if n = strings.ToLower(n); strings.HasPrefix(n, prefix) {
			out = append(out, n+": "+strings.TrimSpace(v))
		}
	}
	slices.Sort(out)
	return out
}
