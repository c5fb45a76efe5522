// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// grpcServe serves the gRPC listener, and returns its address.
func (w *world) grpcServe(t testing.TB) (*grpcServer, string) {
	t.Helper()
	l, g := listen(t), w.newGRPC()
	served := make(chan error, 1)
	go func() { served <- g.serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = g.shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("it did not end well: %v", err)
		}
	})
	return g, l.Addr().String()
}

func dial(t testing.TB, addr string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient("passthrough:///"+addr, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestGRPC asks with Envoy's own generated client.
func TestGRPC(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.DecisionLog, c.TrustedProxies = telemetry.LogAll, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	_, addr := w.grpcServe(t)
	client := authv3.NewAuthorizationClient(dial(t, addr))
	for _, c := range []struct {
		line    string
		headers []string
		status  int
	}{
		{"GET /public/x", nil, 0},
		{"GET /x", []string{goodOne}, 0},
		{"GET /x", nil, 401},
		{"GET /x", []string{pageLoad}, 302},
		{"OPTIONS /x", []string{spaOrigin, asksPut}, 200},
		{"OPTIONS /x", []string{"origin: https://evil.example", asksPut}, 403},
		{"OPTIONS /x", []string{spaOrigin, spaOrigin, asksPut}, 403},
		{"GET /public", []string{"x-original-url: https://app.example.com/public"}, 403},
		{"GET /x", []string{"cookie: __Host-ostiary=panic"}, 500},
		{"POST /x", []string{callsGRPC}, 401},
		{"GET /office", []string{"x-forwarded-for: 6.6.6.6, 192.0.2.7"}, 0},
		{"GET /office", []string{"x-forwarded-for: 192.0.2.7, 6.6.6.6"}, 403},
		{"GET /office", []string{"x-forwarded-for: 192.0.2.7", "x-forwarded-for: 6.6.6.6"}, 403},
		{"GET /office", []string{"x-real-ip: 192.0.2.7"}, 403},
		{"GET /public", []string{"x-big: " + strings.Repeat("b", 64<<10)}, 0},
		{"GET /x", []string{"cookie: __Host-ostiary=" + strings.Repeat("b", 64<<10)}, 401},
		{"GET /x", []string{"x-request-id: caf\xe9caf\xe9", spaOrigin}, 401},
		{"GET /x?\u00e9%ff", []string{pageLoad}, 302},
		{"GET /x%ff", []string{pageLoad}, 403},
	} {
		for _, raw := range []bool{false, true} {
			if !raw && slices.ContainsFunc(c.headers, func(h string) bool { return strings.Contains(h, "\xe9") }) {
				continue // Envoy replaces what is not UTF-8
			}
			resp, err := client.Check(soon(t), checkRequest(c.line, raw, c.headers...))
			if err != nil {
				t.Errorf("%s %.60q: %v", c.line, c.headers, err)
				continue
			}
			if o := read(t, resp); o.status != c.status || o.allowed != (c.status == 0) {
				t.Errorf("%s %.60q (raw: %t): %+v", c.line, c.headers, raw, o)
			}
		}
	}
	for _, l := range w.log.lines(t, "decision") {
		if l["dialect"] != "grpc" || l["revision"] != w.live.Table().Revision() {
			t.Fatalf("%v", l)
		}
	}
	if got := w.counts(t); !slices.Contains(got, "grpc preflight-answered answer-preflight 2") || !slices.Contains(got, "grpc signed-in allow 2") {
		t.Errorf("%q", got)
	}
}

// TestGRPCBounds: a question that is large, and services that are not there.
func TestGRPCBounds(t *testing.T) {
	w := newWorld(t, nil)
	_, addr := w.grpcServe(t)
	conn := dial(t, addr)
	client := authv3.NewAuthorizationClient(conn)
	for range 3 { // C19: 200 headers of 8 KB
		resp, err := client.Check(soon(t), checkRequest("GET /x", false, "x-big: "+strings.Repeat("b", 200*8<<10)))
		if err != nil || read(t, resp).status != 401 {
			t.Errorf("%v %v", resp, err)
		}
	}
	if _, err := client.Check(soon(t), checkRequest("GET /public", false)); err != nil {
		t.Errorf("the connection did not survive it: %v", err)
	}
	for _, method := range []string{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/envoy.service.auth.v2.Authorization/Check", "/x/y"} {
		if err := conn.Invoke(soon(t), method, &authv3.CheckRequest{}, &authv3.CheckResponse{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// TestGRPCPings: an Envoy that pings its connections keeps them; a flood of pings ends.
func TestGRPCPings(t *testing.T) {
	t.Parallel()
	_, addr := newWorld(t, nil).grpcServe(t)
	for every, kept := range map[time.Duration]bool{5100 * time.Millisecond: true, time.Millisecond: false} {
		t.Run(every.String(), func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close() //nolint:errcheck // the server may have
			_, _ = io.WriteString(c, http2.ClientPreface)
			f := http2.NewFramer(c, c)
			_ = f.WriteSettings()
			for i := range 4 { // the third that comes too soon is one too many
				time.Sleep(every)
				_ = f.WritePing(false, [8]byte{byte(i)})
			}
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			for acks := 0; acks < 4 || !kept; {
				frame, err := f.ReadFrame()
				goAway, is := frame.(*http2.GoAwayFrame)
				switch {
				case is && !kept && goAway.ErrCode == http2.ErrCodeEnhanceYourCalm:
					return
				case err != nil || is:
					t.Fatalf("after %d answers: %v, %v", acks, err, goAway)
				case frame.Header().Type == http2.FramePing:
					acks++
				}
			}
		})
	}
}

// TestGRPCParallel: no answer is another's, while tables change. It is for -race.
func TestGRPCParallel(t *testing.T) {
	w := newWorld(t, nil)
	_, addr := w.grpcServe(t)
	table := w.live.Table()
	w.rebuild(func(in *policy.Input) { in.Bindings = []policy.Binding{{Ingress: "ns/i", Policy: "ns/rest"}} })
	bound := w.live.Table()
	done := make(chan struct{})
	var publisher, askers sync.WaitGroup
	publisher.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				w.live.Publish([]*policy.Table{table, bound}[i%2])
			}
		}
	})
	for i := range 16 {
		askers.Go(func() {
			client := authv3.NewAuthorizationClient(dial(t, addr))
			for j := range 50 {
				line, want, headers := "GET /x", "ann@example.com", []string{goodOne}
				if (i+j)%2 == 0 {
					line, want, headers = "GET /public", "", nil
				}
				resp, err := client.Check(soon(t), checkRequest(line, j%3 == 0, headers...))
				if err != nil {
					t.Error(err)
					return
				}
				if o := read(t, resp); !o.allowed || o.set["x-access-email"] != want {
					t.Errorf("%s: %+v", line, o)
				}
			}
		})
	}
	askers.Wait()
	close(done)
	publisher.Wait()
}

// TestGRPCNoise: what is not HTTP/2 is hung up on, and costs nobody else a thing.
func TestGRPCNoise(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, addr := w.grpcServe(t)
	for _, noise := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, noise)
		_ = c.SetReadDeadline(time.Now().Add(15 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%.20q is kept: %v", noise, err)
		}
		_ = c.Close()
	}
	if _, err := authv3.NewAuthorizationClient(dial(t, addr)).Check(soon(t), checkRequest("GET /public", false)); err != nil {
		t.Error(err)
	}
}
