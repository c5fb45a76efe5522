// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"log/slog"
	"net"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/ostiary/ostiary/authserver/telemetry"
)

// BenchmarkAuthz is a question with the headers of a browser, without the network.
func BenchmarkAuthz(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.DecisionLog, c.Log = telemetry.LogOff, slog.New(slog.DiscardHandler) })
	h := w.Authz().Handler
	for name, target := range map[string]string{"nginx": "/authz/v1/nginx/GET/app.example.com/public/x?y=1", "envoy": "/authz/v1/envoy/public/x?y=1"} {
		b.Run(name, func(b *testing.B) {
			var ctx fasthttp.RequestCtx
			ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
			ctx.Request.Header.SetRequestURI(target)
			ctx.Request.Header.SetHost("app.example.com")
			for _, f := range [][2]string{
				{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}, {"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"},
				{"Accept-Language", "en"}, {"Accept-Encoding", "gzip, br"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Dest", "document"},
				{"X-Request-Id", "0123456789abcdef"}, {"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Proto", "https"}, {"X-Real-Ip", "192.0.2.7"}, {"Cookie", "a=b; c=d"},
			} {
				ctx.Request.Header.Set(f[0], f[1])
			}
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				h(&ctx)
			}
			if ctx.Response.StatusCode() != 200 {
				b.Fatal(ctx.Response.StatusCode())
			}
		})
	}
}
