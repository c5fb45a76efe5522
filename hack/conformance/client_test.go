// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An answer is what the client got, and what the applications saw meanwhile. A
// connection that was closed without one has status 0.
type answer struct {
	request string
	proto   string
	status  int
	header  header
	body    string
	hits    []hit
	err     error
}

// dump shows the exchange, for failures.
func (a *answer) dump() string {
	hits := "nothing reached an application"
	if len(a.hits) > 0 {
		var all []string
		for _, h := range a.hits {
			all = append(all, h.String())
		}
		hits = "reached " + strings.Join(all, "; ")
	}
	return fmt.Sprintf("\n--- sent\n%.500s--- got\n%s %d %v\n%.900s\n\n%.400s\n--- %s", a.request, a.proto, a.status, a.err, strings.Join(a.header, "\n"), a.body, hits)
}

// request writes a request of HTTP/1.1 with exactly these lines.
func request(method, target, host string, lines ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("Connection: close\r\n\r\n")
	return b.String()
}

// withBody adds one, whose length is told.
func withBody(method, target, host, body string, lines ...string) string {
	return request(method, target, host, append(slices.Clip(lines), fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

// dial connects as a client that has the address from.
func dial(from, addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(20 * time.Second))
}

// exchange sends bytes and reads one answer.
func exchange(from, addr, raw string) *answer {
	a := &answer{request: raw}
	conn, err := dial(from, addr)
	if err != nil {
		a.err = err
		return a
	}
	defer conn.Close()           //nolint:errcheck // the exchange is over
	go io.WriteString(conn, raw) //nolint:errcheck // proxies answer without reading all, now and then
	a.read(bufio.NewReader(conn))
	return a
}

// read reads an answer, and skips those that only announce one.
func (a *answer) read(in *bufio.Reader) {
	for {
		head, err := readHead(in)
		if err != nil {
			a.err = err
			return
		}
		words := strings.SplitN(head[0], " ", 3)
		if len(words) < 2 {
			a.err = fmt.Errorf("not an answer: %q", head[0])
			return
		}
		a.proto, a.header = words[0], head[1:]
		if a.status, a.err = strconv.Atoi(words[1]); a.err != nil {
			return
		}
		if a.status/100 != 1 || a.status == 101 {
			break
		}
	}
	if a.status == 101 || a.status == 204 || a.status == 304 || strings.HasPrefix(a.request, "HEAD ") {
		return
	}
	if a.header.has("Content-Length") || a.header.has("Transfer-Encoding") {
		a.body, a.err = readBody(in, a.header)
		return
	}
	rest, err := io.ReadAll(in)
	a.body, a.err = string(rest), err
	if errors.Is(err, io.EOF) {
		a.err = nil
	}
}

// list splits a field into its members, in lower case and sorted.
func (a *answer) list(name string) []string {
	var out []string
	for _, v := range a.header.all(name) {
		for member := range strings.SplitSeq(v, ",") {
			out = append(out, strings.ToLower(strings.TrimSpace(member)))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// cp is a CORS preflight, as CORS.md writes it.
func cp(origin, method string, more ...string) []string {
	return append([]string{"Origin: " + origin, "Access-Control-Request-Method: " + method}, more...)
}

const (
	navigate = "Sec-Fetch-Mode: navigate"
	html     = "Accept: text/html,application/xhtml+xml"
	fetch    = "Sec-Fetch-Mode: cors"
	spa      = "Origin: https://spa.example.com"
)
