// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// A wire stands between a replica and the API server, and can be cut.
type wire struct {
	t      *testing.T
	addr   string
	target string
	mu     sync.Mutex
	l      net.Listener
	conns  map[net.Conn]bool
}

func newWire(t *testing.T) *wire {
	t.Helper()
	u, err := url.Parse(server.Config(t).Host)
	if err != nil || u.Host == "" {
		u = &url.URL{Host: server.Config(t).Host}
	}
	w := &wire{t: t, addr: "127.0.0.1:0", target: u.Host, conns: map[net.Conn]bool{}}
	w.mend()
	t.Cleanup(w.cut)
	return w
}

// mend lets connections through, at the same address as before.
func (w *wire) mend() {
	w.t.Helper()
	var l net.Listener
	fixture.Eventually(w.t, "listening again", func() (err error) {
		l, err = net.Listen("tcp", w.addr)
		return err
	})
	w.addr = l.Addr().String()
	w.mu.Lock()
	w.l = l
	w.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.join(l, c)
		}
	}()
}

func (w *wire) join(l net.Listener, c net.Conn) {
	up, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = c.Close()
		return
	}
	w.mu.Lock()
	if w.l != l { // cut meanwhile
		_, _ = c.Close(), up.Close()
		w.mu.Unlock()
		return
	}
	w.conns[c], w.conns[up] = true, true
	w.mu.Unlock()
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = to.Close(), from.Close()
	}
	go pipe(up, c)
	pipe(c, up)
	w.mu.Lock()
	delete(w.conns, c)
	delete(w.conns, up)
	w.mu.Unlock()
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.l != nil {
		_ = w.l.Close()
		w.l = nil
	}
	for c := range w.conns {
		_ = c.Close()
	}
}

// through makes a replica use the wire.
func (w *wire) through(o *Options) { o.Config.Host = "https://" + w.addr }
