// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// lastPort is the one that FreeAddress gave last: it gives none twice. They stay
// below those that the system hands out for connections.
var (
	portMu   sync.Mutex
	lastPort = 10000 + rand.IntN(15000) //nolint:gosec // any will do
)

// FreeAddress returns an address of loopback that nobody listens at.
func FreeAddress() string {
	portMu.Lock()
	defer portMu.Unlock()
	for {
		lastPort++
		addr := fmt.Sprintf("127.0.0.1:%d", lastPort)
		l, err := net.Listen("tcp", addr)
		if err == nil {
			_ = l.Close() // it was only tried
			return addr
		}
	}
}

// Accepts tells whether somebody listens at an address.
func Accepts(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}

// Serve has a function serve each connection to a new address, until the process ends.
func Serve(each func(net.Conn)) (addr string, err error) {
	l, err := net.Listen("tcp", FreeAddress())
	if err != nil {
		return "", err
	}
	go ServeOn(l, each)
	return l.Addr().String(), nil
}

// ServeOn has a function serve each connection of a listener, until it is closed.
func ServeOn(l net.Listener, each func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close() //nolint:errcheck // the exchange is over
			each(conn)
		}()
	}
}

// Relay passes what is sent either way, until one side goes.
func Relay(a, b net.Conn) {
	go func() {
		_, _ = io.Copy(a, b)
		_ = a.Close()
	}()
	_, _ = io.Copy(b, a)
	_ = b.Close()
}
