// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A punctualListener accepts connections on which nothing is said once a time limit
// for reading has passed. net/http takes what came until then for a whole line, and
// would answer 400 to what nobody has asked.
type punctualListener struct{ net.Listener }

func (l punctualListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &punctualConn{Conn: c}, nil
}

type punctualConn struct {
	net.Conn
	limit atomic.Int64 // when reading ends, in nanoseconds
	late  atomic.Bool
}

func (c *punctualConn) SetReadDeadline(t time.Time) error {
	c.limit.Store(t.UnixNano())
	return c.Conn.SetReadDeadline(t)
}

func (c *punctualConn) SetDeadline(t time.Time) error {
	c.limit.Store(t.UnixNano())
	return c.Conn.SetDeadline(t)
}

// longAgo: net/http ends a read under way by a time limit of 1970.
var longAgo = time.Unix(1e6, 0).UnixNano()

func (c *punctualConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && c.limit.Load() > longAgo {
		c.late.Store(true)
	}
	return n, err
}

// CloseWrite lets an answer that ends a connection arrive before its end.
func (c *punctualConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *punctualConn) Write(p []byte) (int, error) {
	if c.late.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// A quietListener accepts connections on which nothing is said before the other side
// has spoken. An HTTP/2 server may begin with its settings, and gRPC's does: to a
// client of another protocol they look like an answer to a question that it never
// asked. A client of HTTP/2 speaks first (RFC 9113 §3.4).
type quietListener struct{ net.Listener }

func (l quietListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &quietConn{Conn: c}, nil
}

type quietConn struct {
	net.Conn
	mu     sync.Mutex
	spoken bool
	held   []byte // until then
}

func (c *quietConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if !c.spoken {
		defer c.mu.Unlock()
		c.held = append(c.held, p...)
		return len(p), nil
	}
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *quietConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.spoken { // one goroutine reads
		if werr := c.speak(); werr != nil {
			return n, werr
		}
	}
	return n, err
}

// speak sends what was held back.
func (c *quietConn) speak() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.Conn.Write(c.held)
	c.spoken, c.held = true, nil
	return err
}
