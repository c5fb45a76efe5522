// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"net"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
)

// maxCheck bounds a question: what is larger is an error of gRPC's, before we see it,
// and Envoy can be told to take errors for a yes. So it is more than Envoy can be set up
// to send of a request's headers: 8 MiB at most (max_request_headers_kb), which it may put
// in twice, and as much again for a body (with_request_body). Envoy holds all of a
// question before it asks, so a visitor needs as much memory there as here.
const maxCheck = 32 << 20

// A grpcServer serves Envoy's ext_authz over gRPC, and gRPC's health service. No
// reflection: whoever may ask knows what.
type grpcServer struct {
	*grpc.Server
	health   *grpcHealth
	stopping context.CancelFunc
}

func (s *Server) newGRPC(more ...grpc.ServerOption) *grpcServer {
	stopped, stopping := context.WithCancel(context.Background())
	g := &grpcServer{
		Server: grpc.NewServer(append([]grpc.ServerOption{
			grpc.ForceServerCodecV2(tolerantCodec{encoding.GetCodecV2(protocodec.Name)}),
			grpc.MaxRecvMsgSize(maxCheck),
			grpc.MaxHeaderListSize(16 << 10),
			grpc.MaxConcurrentStreams(1000), // of one connection; Envoy opens more
			grpc.ConnectionTimeout(10 * time.Second),
			// Envoys ping as often as they are told to. Too often is an end, by default
			// from every five minutes on.
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
			grpc.KeepaliveParams(keepalive.ServerParameters{
				Time: time.Minute, Timeout: 20 * time.Second, // finds proxies that are gone
				MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: time.Minute, // or a new replica would be asked nothing
			}),
		}, more...)...),
		health:   &grpcHealth{Server: health.NewServer(), stopped: stopped, ready: func() bool { return s.Ready() && s.Table() != nil }},
		stopping: stopping,
	}
	authv3.RegisterAuthorizationServer(g, authorization{s})
	healthpb.RegisterHealthServer(g, g.health)
	return g
}

func (s *Server) grpcListener(flag, addr string) listener {
	g := s.newGRPC()
	return listener{flag, addr, g.serve, g.shutdown}
}

func (g *grpcServer) serve(l net.Listener) error {
	go g.health.follow()
	return g.Serve(quietListener{l})
}

// shutdown lets the questions under way be answered, for as long as ctx allows.
func (g *grpcServer) shutdown(ctx context.Context) error {
	g.health.Shutdown()
	g.stopping()
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		g.Stop()
		<-done
		return ctx.Err()
	}
}

// grpcHealth is gRPC's health service: it serves, as /readyz does, once there is a table
// and a key to check sessions with.
type grpcHealth struct {
	*health.Server
	ready   func() bool
	stopped context.Context //nolint:containedctx // it is the server's lifetime
}

// follow keeps whoever watches up to date.
func (p *grpcHealth) follow() {
	for t := time.NewTicker(time.Second); ; {
		p.refresh()
		select {
		case <-t.C:
		case <-p.stopped.Done():
			t.Stop()
			return
		}
	}
}

func (p *grpcHealth) refresh() {
	now := healthpb.HealthCheckResponse_NOT_SERVING
	if p.ready() {
		now = healthpb.HealthCheckResponse_SERVING
	}
	p.SetServingStatus("", now)
	p.SetServingStatus(authv3.Authorization_ServiceDesc.ServiceName, now)
}

// Check says how it is now.
func (p *grpcHealth) Check(ctx context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	p.refresh()
	return p.Server.Check(ctx, r)
}

// Watch ends when the server stops, which would otherwise wait for it.
func (p *grpcHealth) Watch(r *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(p.stopped, cancel)()
	p.refresh()
	return p.Server.Watch(r, watching{stream, ctx})
}

type watching struct {
	healthpb.Health_WatchServer
	ctx context.Context //nolint:containedctx // it takes the place of the stream's
}

func (w watching) Context() context.Context { return w.ctx }
