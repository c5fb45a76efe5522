// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/valyala/fasthttp"

	"github.com/ostiary/ostiary/authserver/telemetry"
)

// browser is what one sends with every request.
var browser = []string{
	"accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "accept-encoding: gzip, deflate, br, zstd",
	"accept-language: en-GB,en;q=0.7,nl;q=0.3", "sec-fetch-dest: document", "sec-fetch-mode: navigate", "sec-fetch-site: same-origin",
	"user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "x-forwarded-for: 192.0.2.7", "x-request-id: 2c1ee1fd-9e6d-4b4f-8d9c-1f8ce0c9ad40",
}

func benchWorld(b *testing.B) *world {
	return newWorld(b, func(c *Config) { c.DecisionLog = telemetry.LogOff })
}

var benchQuestions = []struct {
	name, line, cookie string
	status             int
}{
	{"signed in", "GET /x?page=2", "__Host-ostiary=good", 200}, {"bypass", "GET /public/logo.png", "", 200}, {"redirected", "GET /x?page=2", "", 302},
}

// BenchmarkCheck is what a question costs besides gRPC.
func BenchmarkCheck(b *testing.B) {
	a := authorization{benchWorld(b).Server}
	for _, q := range benchQuestions {
		r := checkRequest(q.line, false, browser...)
		if q.cookie != "" {
			r.Attributes.Request.Http.Headers["cookie"] = q.cookie
		}
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Check(context.Background(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkGRPC is a question from client to server and back over loopback, both in
// this process: its allocations are those of both.
func BenchmarkGRPC(b *testing.B) {
	_, addr := benchWorld(b).grpcServe(b)
	for _, q := range benchQuestions {
		r := checkRequest(q.line, false, browser...)
		if q.cookie != "" {
			r.Attributes.Request.Http.Headers["cookie"] = q.cookie
		}
		ask := func(b *testing.B, client authv3.AuthorizationClient) {
			if resp, err := client.Check(context.Background(), r); err != nil || (resp.GetStatus().GetCode() == 0) != (q.status == 200) {
				b.Errorf("%v %v", resp, err)
			}
		}
		b.Run(q.name, func(b *testing.B) {
			client := authv3.NewAuthorizationClient(dial(b, addr))
			b.ReportAllocs()
			for b.Loop() {
				ask(b, client)
			}
		})
		b.Run(q.name+", 64 at a time", func(b *testing.B) {
			client := authv3.NewAuthorizationClient(dial(b, addr))
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ask(b, client)
				}
			})
		})
	}
}

// BenchmarkEnvoyHTTP is the same question over HTTP.
func BenchmarkEnvoyHTTP(b *testing.B) {
	addr := benchWorld(b).authz(b)
	for _, q := range benchQuestions {
		http := checkRequest(q.line, false, browser...).GetAttributes().GetRequest().GetHttp()
		ask := func(b *testing.B, client *fasthttp.HostClient, req *fasthttp.Request, resp *fasthttp.Response) {
			if err := client.Do(req, resp); err != nil || resp.StatusCode() != q.status {
				b.Errorf("%d %v", resp.StatusCode(), err)
			}
		}
		request := func() *fasthttp.Request {
			var req fasthttp.Request
			for name, value := range http.GetHeaders() {
				if name[0] != ':' && name != "x-forwarded-proto" {
					req.Header.Set(name, value)
				}
			}
			if q.cookie != "" {
				req.Header.Set("Cookie", q.cookie)
			}
			req.SetRequestURI("http://app.example.com/authz/v1/envoy" + http.GetPath())
			return &req
		}
		b.Run(q.name, func(b *testing.B) {
			client, req, resp := &fasthttp.HostClient{Addr: addr}, request(), &fasthttp.Response{}
			b.ReportAllocs()
			for b.Loop() {
				ask(b, client, req, resp)
			}
		})
		b.Run(q.name+", 64 at a time", func(b *testing.B) {
			client := &fasthttp.HostClient{Addr: addr, MaxConns: 1000}
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				req, resp := request(), &fasthttp.Response{}
				for pb.Next() {
					ask(b, client, req, resp)
				}
			})
		})
	}
}
