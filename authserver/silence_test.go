// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// A patience is how long the listeners of these tests wait for anything.
const patience = 120 * time.Millisecond

// A spot is a listener, a request that it answers, and how.
type spot struct {
	addr, request string
	status        int
}

// impatient serves every listener of Run, each with short time limits.
func (w *world) impatient(t testing.TB) map[string]spot {
	t.Helper()
	authz, l := w.Authz(), listen(t)
	authz.ReadTimeout, authz.IdleTimeout = patience, patience
	go authz.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = authz.Shutdown() })
	const host = " HTTP/1.1\r\nHost: app.example.com\r\n"
	spots := map[string]spot{
		"authz":       {l.Addr().String(), authzGET + "/public" + host + "\r\n", 200},
		"authz, body": {l.Addr().String(), "POST /authz/v1/envoy/public" + host + "Content-Length: 5\r\n\r\nhello", 200},
	}
	add := func(name string, h http.Handler, request string, status int) {
		s, l := NewHTTPServer(h, w.Log), listen(t)
		s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout = patience, patience, patience
		go s.Serve(l) //nolint:errcheck // it ends with the test
		t.Cleanup(func() { _ = s.Close() })
		spots[name] = spot{l.Addr().String(), request + "\r\n", status}
	}
	add("render", w.Render(), "GET /"+host+"X-Code: 401\r\nX-Original-Uri: /x\r\n", 401)
	add("preflight", w.Preflight(), "OPTIONS /x"+host+"Origin: https://spa.example.com\r\nAccess-Control-Request-Method: PUT\r\n", 200)
	add("public", w.Public(), "GET /.access/certs"+host, 200)
	var stopping atomic.Bool
	add("probes", w.probes(&stopping), "GET /healthz"+host, 200)
	add("metrics", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }), "GET /metrics"+host, 200)
	return spots
}

// client is a connection of which every byte is looked at.
type client struct {
	net.Conn
	r *bufio.Reader
}

func connect(t testing.TB, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{c, bufio.NewReader(c)}
}

// answer reads an answer: 0 is the end of the connection before any byte of one.
func (c *client) answer() (status int, err error) {
	if _, err := c.r.Peek(1); err != nil {
		if ne, ok := err.(net.Error); ok && ne.Timeout() { //nolint:errorlint // as net returns it
			return 0, err
		}
		return 0, nil //nolint:nilerr // the end is what may come
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// ask sends a request, and reports an answer that is not its own.
func (c *client) ask(t testing.TB, what string, s spot) bool {
	_, _ = io.WriteString(c, s.request) // the server may have gone
	status, err := c.answer()
	if err != nil || status != 0 && status != s.status {
		t.Errorf("%s: %d %v, want %d or the end of the connection", what, status, err, s.status)
	}
	return status != 0
}

// TestNobodyIsAnsweredUnasked: on every listener, whoever asks gets the answer to what
// was asked, or the end of the connection, at every moment around every time limit; and
// who says nothing, or not all, gets no byte. Proxies keep connections ready: what comes
// unasked is taken for the answer to the next request.
func TestNobodyIsAnsweredUnasked(t *testing.T) {
	var all sync.WaitGroup
	var answered, ended atomic.Int64
	for name, s := range newWorld(t, nil).impatient(t) {
		for ms := -25; ms <= 25; ms++ {
			at := patience + time.Duration(ms)*time.Millisecond
			all.Go(func() { // a new connection, silent until then
				if c := connect(t, s.addr); c != nil {
					defer c.Close() //nolint:errcheck // it was read to its end
					time.Sleep(at)
					count(c.ask(t, name+", first request after "+at.String(), s), &answered, &ended)
				}
			})
			all.Go(func() { // one that was used, and was idle until then
				if c := connect(t, s.addr); c != nil {
					defer c.Close() //nolint:errcheck // it was read to its end
					if !c.ask(t, name+", at once", s) {
						return
					}
					time.Sleep(at)
					count(c.ask(t, name+", idle for "+at.String(), s), &answered, &ended)
				}
			})
		}
		head := strings.Index(s.request, "\r\n\r\n") + len("\r\n\r\n")
		for _, part := range []int{0, 1, 3, 10, head / 2, head - 2, head - 1, head, len(s.request) - 1} {
			if part >= len(s.request) || part >= head && !strings.HasPrefix(name, "authz") {
				continue
			}
			for _, used := range []bool{false, true} {
				all.Go(func() { // the rest never comes
					c := connect(t, s.addr)
					if c == nil || used && !c.ask(t, name+", at once", s) {
						return
					}
					defer c.Close() //nolint:errcheck // it was read to its end
					_, _ = io.WriteString(c, s.request[:part])
					if status, err := c.answer(); status != 0 || err != nil {
						t.Errorf("%s: %d bytes of a request (used: %t) are answered: %d %v", name, part, used, status, err)
					}
				})
			}
		}
	}
	all.Wait()
	if answered.Load() == 0 || ended.Load() == 0 {
		t.Errorf("the test proves nothing: %d were answered, %d came too late", answered.Load(), ended.Load())
	}
}

func count(was bool, yes, no *atomic.Int64) {
	if was {
		yes.Add(1)
	} else {
		no.Add(1)
	}
}

// gRPC says nothing either to who says nothing, or nothing of HTTP/2.
func TestGRPCIsNotFirst(t *testing.T) {
	w := newWorld(t, nil)
	l, g := listen(t), w.newGRPC(grpc.ConnectionTimeout(patience))
	go g.serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = g.shutdown(ctx)
	})
	c := connect(t, l.Addr().String())
	defer c.Close() //nolint:errcheck // it was read to its end
	if b, err := io.ReadAll(c); len(b) > 0 || err != nil {
		t.Errorf("%q %v", b, err)
	}
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	c = connect(t, l.Addr().String())
	defer c.Close() //nolint:errcheck // it was read to its end
	_, _ = io.WriteString(c, preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	var settings [9]byte
	if _, err := io.ReadFull(c, settings[:]); err != nil || settings[3] != 4 {
		t.Errorf("its settings did not come: %q %v", settings, err)
	}
}

// Too much to read is said to be too much, or the connection ends: it is never judged.
func TestTooManyHeaders(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	for _, kib := range []int{60, 63, 65, 70, 100, 1000} {
		for name, pad := range map[string]string{
			"one":  "X-A: " + strings.Repeat("a", kib<<10) + "\r\n",
			"many": strings.Repeat("X-A: "+strings.Repeat("a", 93)+"\r\n", kib*1024/100),
		} {
			got := statuses(raw(t, addr, authzGET+"/public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+pad+"\r\n"))
			if kib <= 63 && fmt.Sprint(got) != "[200]" {
				t.Errorf("%s, %d KiB: %v", name, kib, got)
			}
			if kib > 63 && fmt.Sprint(got) != "[431]" && len(got) != 0 {
				t.Errorf("%s, %d KiB: %v", name, kib, got)
			}
		}
	}
	if l := w.log.lines(t, "refused"); len(l) == 0 || !strings.Contains(fmt.Sprint(l[0]["why"]), "64 KiB") {
		t.Errorf("the log does not say it: %v", l)
	}
}
