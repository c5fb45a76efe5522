// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ostiary/ostiary/authserver/telemetry"
)

// A stranger asks for what nobody has: hosts, paths, origins, methods and addresses at random.
type stranger struct {
	*rand.Rand
	authz  fasthttp.RequestHandler
	public http.Handler
}

func (s stranger) word(alphabet string, n int) string {
	out := make([]byte, 1+s.IntN(n))
	for i := range out {
		out[i] = alphabet[s.IntN(len(alphabet))]
	}
	return string(out)
}

// ask asks once: an application for the most part, and else the team host's listener.
func (s stranger) ask() {
	const small, large = "abcdefghijklmnopqrstuvwxyz0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	method, host, path := s.word(large, 8), s.word(small, 8)+".example.com", "/r"+s.word(small+"%./;\\é", 300)
	headers := map[string]string{"Origin": "https://" + s.word(small, 100), "X-Request-Id": s.word(small, 40),
		"X-Forwarded-For": netip.AddrFrom4([4]byte{198, 51, byte(s.IntN(256)), byte(s.IntN(256))}).String()}
	if s.IntN(4) > 0 {
		var ctx fasthttp.RequestCtx
		ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
		ctx.Request.Header.SetRequestURI("/authz/v1/" + [...]string{"nginx/", "nginx-pass/", "url/"}[s.IntN(3)] + method + "/" + host + path)
		for name, value := range headers {
			ctx.Request.Header.Set(name, value)
		}
		s.authz(&ctx)
		return
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil) //nolint:noctx // 50 000 of them
	r.Method, r.Host, r.RequestURI, r.RemoteAddr = method, host, path, "127.0.0.1:9"
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	s.public.ServeHTTP(httptest.NewRecorder(), r)
}

// TestFlood: under a load of refused requests, all at random, there is a constant number of
// series, the log grows by so many bytes a second and no more, each line is in it or counted,
// and what is no request is in it all the same.
func TestFlood(t *testing.T) {
	asked := 200_000
	if testing.Short() {
		asked = 10_000
	}
	seed := rand.Uint64()
	var out bytes.Buffer
	log := telemetry.NewLogWriter(&out, telemetry.WriterOptions{Rate: telemetry.MinLogRate})
	w := newWorld(t, func(c *Config) {
		c.Log = slog.New(telemetry.NewHandler(log, telemetry.HandlerOptions{}))
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	s := stranger{rand.New(rand.NewPCG(seed, 0)), w.Authz().Handler, w.Public()}
	began := time.Now()
	for i := range asked {
		if s.ask(); i == asked/2 {
			w.Log.Info("sign-in failed", "outcome", "wrong-password")
			w.Log.Error("something else")
		}
	}
	took := time.Since(began)
	log.Close()
	if n := w.series(t); n > 40 {
		t.Errorf("seed %d: %d series", seed, n)
	}
	there, leftOut, seen := 0, 0, map[string]int{}
	for line := range bytes.Lines(out.Bytes()) {
		var l struct {
			Msg, Kind string
			Lines     int
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		seen[l.Msg]++
		leftOut += l.Lines
		if l.Lines > 0 && l.Kind != "requests" {
			t.Errorf("%s", line)
		}
	}
	there = seen["decision"] + seen["refused"] + seen["page"] + seen["shown"]
	slow := took > time.Second*time.Duration(asked)/500 // so few lines a second may all be there
	if there+leftOut != asked || leftOut == 0 && !slow || uint64(leftOut) != log.LeftOut() || log.Dropped() > 0 {
		t.Errorf("seed %d: of %d lines %d are there, and %d are counted: %v", seed, asked, there, leftOut, seen)
	}
	if seen["sign-in failed"] != 1 || seen["something else"] != 1 {
		t.Errorf("seed %d: other lines are lost: %v", seed, seen)
	}
	const other = 4 << 10 // those of other kinds, and what was left out, each second
	bound := float64(telemetry.MinLogRate)*(10+took.Seconds()) + other*(2+took.Seconds())
	t.Logf("%d requests in %s: %d series, %d bytes of log, %d lines left out", asked, took, w.series(t), out.Len(), leftOut)
	if float64(out.Len()) > bound {
		t.Errorf("seed %d: %d bytes of log in %s, at most %.0f", seed, out.Len(), took, bound)
	}
}
