// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/ostiary/ostiary/authserver/policy"
)

// slow makes Subject wait, and says when it does.
func slow(c *Config) (reached, release chan struct{}) {
	reached, release = make(chan struct{}, 10), make(chan struct{})
	inner := c.Subject
	c.Subject = func(at policy.Place, cookie, authorization string, now time.Time) policy.Presented {
		if strings.HasPrefix(cookie, "slow") {
			reached <- struct{}{}
			<-release
		}
		return inner(at, "", authorization, now)
	}
	return reached, release
}

// TestGRPCCancel: whoever goes away is not waited for, and does no harm.
func TestGRPCCancel(t *testing.T) {
	var reached, release chan struct{}
	w := newWorld(t, func(c *Config) { reached, release = slow(c) })
	_, addr := w.grpcServe(t)
	client := authv3.NewAuthorizationClient(dial(t, addr))
	ctx, cancel := context.WithCancel(soon(t))
	failed := make(chan error, 1)
	go func() {
		_, err := client.Check(ctx, checkRequest("GET /public", false, "cookie: slow"))
		failed <- err
	}()
	<-reached
	cancel()
	if err := <-failed; status.Code(err) != codes.Canceled {
		t.Errorf("%v", err)
	}
	resp, err := client.Check(soon(t), checkRequest("GET /x", false))
	if err != nil || read(t, resp).status != 401 {
		t.Errorf("%v %v", resp, err)
	}
	close(release)
}

// TestGRPCDrain: what is under way is answered, what comes after is not taken, and
// who watches does not hold it up.
func TestGRPCDrain(t *testing.T) {
	var reached, release chan struct{}
	w := newWorld(t, func(c *Config) { reached, release = slow(c) })
	g, addr := w.grpcServe(t)
	conn := dial(t, addr)
	client := authv3.NewAuthorizationClient(conn)
	watch, err := healthpb.NewHealthClient(conn).Watch(soon(t), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := watch.Recv(); err != nil || r.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("%v %v", r, err)
	}
	answered := make(chan *authv3.CheckResponse, 1)
	go func() {
		resp, err := client.Check(soon(t), checkRequest("GET /public", false, "cookie: slow"))
		if err != nil {
			t.Errorf("cut off: %v", err)
		}
		answered <- resp
	}()
	<-reached
	stopped := make(chan error, 1)
	go func() { stopped <- g.shutdown(soon(t)) }()
	for { // until it says so, or ends
		if r, err := watch.Recv(); err != nil || r.GetStatus() == healthpb.HealthCheckResponse_NOT_SERVING {
			break
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if _, err := authv3.NewAuthorizationClient(dial(t, addr)).Check(soon(t), checkRequest("GET /public", false)); status.Code(err) != codes.Unavailable {
		t.Errorf("new ones are taken: %v", err)
	}
	close(release)
	if !read(t, <-answered).allowed {
		t.Error("refused")
	}
	if err := <-stopped; err != nil {
		t.Errorf("%v", err)
	}
}

// TestGRPCStop: what takes too long is cut off, which Envoy takes for a failure.
func TestGRPCStop(t *testing.T) {
	var reached, release chan struct{}
	w := newWorld(t, func(c *Config) { reached, release = slow(c) })
	g, addr := w.grpcServe(t)
	client := authv3.NewAuthorizationClient(dial(t, addr))
	failed := make(chan error, 1)
	go func() {
		_, err := client.Check(soon(t), checkRequest("GET /public", false, "cookie: slow"))
		failed <- err
	}()
	<-reached
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	time.AfterFunc(500*time.Millisecond, func() { close(release) }) // Stop waits for what it has called
	if err := g.shutdown(ctx); err != context.DeadlineExceeded {    //nolint:errorlint // never wrapped
		t.Errorf("%v", err)
	}
	if err := <-failed; status.Code(err) != codes.Unavailable {
		t.Errorf("%v", err)
	}
}

// TestGRPCHealth is /readyz for those who speak gRPC.
func TestGRPCHealth(t *testing.T) {
	var ready atomic.Bool
	w := newWorld(t, func(c *Config) { c.Ready = ready.Load })
	g, addr := w.grpcServe(t)
	client := healthpb.NewHealthClient(dial(t, addr))
	watch, err := client.Watch(soon(t), &healthpb.HealthCheckRequest{Service: "envoy.service.auth.v3.Authorization"})
	if err != nil {
		t.Fatal(err)
	}
	seen := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if r, err := watch.Recv(); err != nil || r.GetStatus() != want {
			t.Fatalf("watching: %v %v, want %v", r, err, want)
		}
		for _, service := range []string{"", "envoy.service.auth.v3.Authorization"} {
			if r, err := client.Check(soon(t), &healthpb.HealthCheckRequest{Service: service}); err != nil || r.GetStatus() != want {
				t.Errorf("%q: %v %v, want %v", service, r, err, want)
			}
		}
	}
	seen(healthpb.HealthCheckResponse_NOT_SERVING)
	ready.Store(true)
	seen(healthpb.HealthCheckResponse_SERVING)
	w.live.Publish(nil)
	seen(healthpb.HealthCheckResponse_NOT_SERVING)
	if _, err := client.Check(soon(t), &healthpb.HealthCheckRequest{Service: "x"}); status.Code(err) != codes.NotFound {
		t.Errorf("%v", err)
	}
	g.health.Shutdown()
	w.live.Publish(newWorld(t, nil).live.Table())
	if r, err := client.Check(soon(t), &healthpb.HealthCheckRequest{}); err != nil || r.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("it comes back to life: %v %v", r, err)
	}
}

// TestRunGRPC: it is one of the listeners, and ends with them; "0" is none.
func TestRunGRPC(t *testing.T) {
	w := newWorld(t, nil)
	l := listen(t)
	addr := l.Addr().String()
	_ = l.Close()
	off := Addresses{Authz: "0", Public: "0", Render: "0", Preflight: "0", GRPC: "0", Metrics: "0", Probes: "0"}
	on := off
	on.GRPC = addr
	for name, a := range map[string]Addresses{"on": on, "off": off} {
		ctx, cancel := context.WithCancel(soon(t))
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx, a, http.NotFoundHandler()) }()
		conn := dial(t, addr)
		_, err := authv3.NewAuthorizationClient(conn).Check(soon(t), checkRequest("GET /public", false), grpc.WaitForReady(name == "on"))
		if (err == nil) != (name == "on") {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	taken := listen(t)
	defer taken.Close() //nolint:errcheck // nothing was written
	on.GRPC = taken.Addr().String()
	if err := w.Run(soon(t), on, http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "--grpc-bind-address") {
		t.Errorf("%v", err)
	}
}
