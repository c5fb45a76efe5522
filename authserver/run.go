// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Addresses are where the listeners listen. Empty: not at all.
type Addresses struct {
	Authz, Public, Render, Preflight, GRPC, Metrics, Probes string
}

// drainTime bounds how long requests under way may take once a stop is asked for.
const drainTime = 20 * time.Second

// A listener is one address, and what serves on it.
type listener struct {
	flag, addr string
	serve      func(net.Listener) error
	shutdown   func(context.Context) error
}

// Run opens every listener, or none, and serves until ctx is done; then it
// lets the requests under way finish. metrics is served as it is.
func (s *Server) Run(ctx context.Context, a Addresses, metrics http.Handler) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // most of the heap are tables and caches that stay, and deciding allocates next to nothing
	}
	var stopping atomic.Bool
	defer context.AfterFunc(ctx, func() { stopping.Store(true) })()
	authz := s.Authz()
	listeners := []listener{
		{"authz-bind-address", a.Authz, authz.Serve, authz.ShutdownWithContext},
		s.publicListener(a.Public),
		s.httpListener("render-bind-address", a.Render, s.Render()),
		s.httpListener("preflight-bind-address", a.Preflight, s.Preflight()),
		s.grpcListener("grpc-bind-address", a.GRPC),
		s.httpListener("metrics-bind-address", a.Metrics, metrics),
		s.httpListener("health-probe-bind-address", a.Probes, s.probes(&stopping)),
	}
	sockets := make([]net.Listener, len(listeners))
	for i, l := range listeners {
		if l.addr == "" || l.addr == "0" { // "0" is how controller-runtime spells "off"
			continue
		}
		socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.addr)
		if err != nil {
			closeAll(sockets)
			return fmt.Errorf("--%s %s: %w", l.flag, l.addr, err)
		}
		sockets[i] = socket
		s.Log.Info("listening", "listener", l.flag, "address", socket.Addr().String())
	}
	return serveAll(ctx, listeners, sockets)
}

func (s *Server) httpListener(flag, addr string, h http.Handler) listener {
	srv := NewHTTPServer(h, s.Log)
	return listener{flag, addr, srv.Serve, srv.Shutdown}
}

// publicListener is that of the public listener. Who watches denials is not waited for.
func (s *Server) publicListener(addr string) listener {
	srv := NewHTTPServer(s.Public(), s.Log)
	srv.RegisterOnShutdown(s.denials.Close)
	return listener{"public-bind-address", addr, srv.Serve, srv.Shutdown}
}

func closeAll(sockets []net.Listener) {
	for _, l := range sockets {
		if l != nil {
			_ = l.Close() // nothing was served on it
		}
	}
}

func serveAll(ctx context.Context, listeners []listener, sockets []net.Listener) error {
	failed := make(chan error, len(listeners))
	for i, l := range listeners {
		if sockets[i] == nil {
			continue
		}
		go func() {
			if err := l.serve(sockets[i]); err != nil && !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("--%s: %w", l.flag, err)
			}
		}()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	done := make(chan error, len(listeners))
	for i, l := range listeners {
		if sockets[i] == nil {
			done <- nil
			continue
		}
		go func() { done <- l.shutdown(drain) }()
	}
	for range listeners {
		err = errors.Join(err, <-done)
	}
	return err
}
