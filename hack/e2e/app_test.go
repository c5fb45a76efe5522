// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A hit is a request that reached an application.
type hit struct {
	app    string // whose backend nginx chose
	method string
	target string // the second word of the request line, untouched
	header header
}

func (h hit) String() string { return fmt.Sprintf("%s: %s %s", h.app, h.method, h.target) }

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
// refuse some of those that nginx lets through, and nobody would count them.
func startApp(name string, r *recorder) (addr string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
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

func serveApp(name string, r *recorder, conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the exchange is over
	in := bufio.NewReader(conn)
	for {
		head, err := readHead(in)
		if err != nil {
			return
		}
		words := strings.SplitN(head[0], " ", 3)
		h := hit{app: name, method: words[0], header: head[1:]}
		if len(words) > 1 {
			h.target = words[1]
		}
		r.add(h)
		length, _ := strconv.ParseInt(h.header.get("Content-Length"), 10, 64) // absent: 0
		if _, err := io.CopyN(io.Discard, in, length); err != nil {
			return
		}
		if _, err := io.WriteString(conn, h.answer()); err != nil {
			return
		}
		if h.header.get("Upgrade") != "" {
			_, _ = io.Copy(conn, in) // what comes is sent back, until the client goes
			return
		}
	}
}

// answer plays several applications, by the query: one with CORS headers of its
// own, one with a login of its own, one that speaks WebSocket.
func (h hit) answer() string {
	_, query, _ := strings.Cut(h.target, "?")
	status, extra := "200 OK", ""
	switch {
	case h.header.get("Upgrade") != "":
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
	case query == "app=cors" && h.method == "OPTIONS":
		status = "204 No Content"
		extra = "Access-Control-Allow-Origin: https://chosen-by.app\r\nAccess-Control-Allow-Methods: FROB\r\n"
	case query == "app=cors":
		extra = "Access-Control-Allow-Origin: https://chosen-by.app\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"
	case query == "app=401":
		status, extra = "401 Unauthorized", "WWW-Authenticate: Basic realm=\"the app's own\"\r\nX-Access-Reason: the app's own\r\n"
	case query == "app=403":
		status, extra = "403 Forbidden", "X-Own: yes\r\n"
	}
	body := h.String() + "\n"
	if status == "204 No Content" {
		return "HTTP/1.1 " + status + "\r\n" + extra + "X-App: " + h.app + "\r\n\r\n"
	}
	head := fmt.Sprintf("HTTP/1.1 %s\r\n%sX-App: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", status, extra, h.app, len(body))
	if h.method == "HEAD" {
		return head
	}
	return head + body
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

// with returns the lines whose name has the prefix, in lower case, sorted.
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
