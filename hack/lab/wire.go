// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Answer is what a client got. A connection that was closed without one has
// status 0.
type Answer struct {
	Request string
	Proto   string
	Status  int
	Header  Header
	Body    string
	Err     error
}

// String shows the exchange, for failures.
func (a *Answer) String() string {
	return fmt.Sprintf("\n--- sent\n%.500s--- got\n%s %d %v\n%.900s\n\n%.400s\n", a.Request, a.Proto, a.Status, a.Err,
		strings.Join(a.Header, "\n"), a.Body)
}

// Request writes a request of HTTP/1.1 with exactly these lines.
func Request(method, target, host string, lines ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("Connection: close\r\n\r\n")
	return b.String()
}

// Dial connects as a client that has the address from; "" leaves that to the system.
func Dial(from, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(20 * time.Second))
}

// Exchange sends bytes and reads one answer.
func Exchange(from, addr, raw string) *Answer {
	a := &Answer{Request: raw}
	conn, err := Dial(from, addr)
	if err != nil {
		a.Err = err
		return a
	}
	defer conn.Close()           //nolint:errcheck // the exchange is over
	go io.WriteString(conn, raw) //nolint:errcheck // proxies answer without reading all, now and then
	a.Read(bufio.NewReader(conn))
	return a
}

// Read reads an answer, and skips those that only announce one.
func (a *Answer) Read(in *bufio.Reader) {
	for a.Status/100 <= 1 && a.Status != 101 {
		if a.Err = a.readHead(in); a.Err != nil {
			return
		}
	}
	switch {
	case a.Status == 101, a.Status == 204, a.Status == 304, strings.HasPrefix(a.Request, "HEAD "): // no body
	case a.Header.Has("Content-Length"), a.Header.Has("Transfer-Encoding"):
		a.Body, a.Err = ReadBody(in, a.Header)
	default:
		rest, err := io.ReadAll(in)
		a.Body, a.Err = string(rest), err
	}
}

func (a *Answer) readHead(in *bufio.Reader) error {
	head, err := ReadHead(in)
	if err != nil {
		return err
	}
	words := strings.SplitN(head[0], " ", 3)
	if len(words) < 2 {
		return fmt.Errorf("not an answer: %q", head[0])
	}
	a.Proto, a.Header = words[0], head[1:]
	a.Status, err = strconv.Atoi(words[1])
	return err
}

// List splits a field into its members, in lower case and sorted.
func (a *Answer) List(name string) []string {
	var out []string
	for _, v := range a.Header.All(name) {
		for member := range strings.SplitSeq(v, ",") {
			out = append(out, strings.ToLower(strings.TrimSpace(member)))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ReadHead returns the lines of a head, without line ends and the empty line.
func ReadHead(in *bufio.Reader) ([]string, error) {
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

// ReadBody reads what the head says that follows it.
func ReadBody(in *bufio.Reader, h Header) (string, error) {
	if strings.EqualFold(h.Get("Transfer-Encoding"), "chunked") {
		return readChunks(in)
	}
	length, _ := strconv.ParseInt(h.Get("Content-Length"), 10, 64) // absent: 0
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

// A Header is the lines of a header section, as they came.
type Header []string

// All returns the values of every line of a field.
func (h Header) All(name string) []string {
	var out []string
	for _, line := range h {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

// Get returns the value of a field that came once; of several, all at once, so
// that no comparison overlooks the second.
func (h Header) Get(name string) string { return strings.Join(h.All(name), " AND ") }

// Has tells whether a field came.
func (h Header) Has(name string) bool { return len(h.All(name)) > 0 }

// With returns the lines whose name has the prefix, the name in lower case, sorted.
func (h Header) With(prefix string) []string {
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
