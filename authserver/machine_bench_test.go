// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// benchSecret is as long as a real one.
const benchSecret = "ostiary_st_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// hot is a proxy's question about one page, with the headers of a client, by somebody whom
// we have seen before: a person with a session, or a machine with a service token.
func hot(t testing.TB, who string) func() {
	t.Helper()
	now := time.Now()
	ring, err := credential.NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	verifier := credential.NewVerifier(ring, "https://auth.example.com", 1000)
	w := newWorld(t, func(c *Config) {
		c.DecisionLog, c.Log = telemetry.LogOff, slog.New(slog.DiscardHandler)
		c.Subject, c.Assertion, c.Linked, c.Uses = verifier.Subject, verifier.Assertion, verifier.Linked, &policy.Uses{}
	})
	w.rebuild(func(in *policy.Input) {
		in.Tokens = []policy.ServiceToken{{Source: policy.Source{Namespace: "ns", Name: "ci"}, ClientID: "0123456789abcdef0123456789abcdef.access",
			Secrets: []policy.TokenSecret{{Sum: policy.SecretSum(benchSecret)}}, ExpiresAt: now.Add(48 * time.Hour)}}
		in.Policies = append(in.Policies, policy.CompileAll([]policy.Policy{{Source: policy.Source{Namespace: "ns", Name: "robots"},
			Hosts: []string{"robots.example.com"}, Rules: []policy.Rule{
				{Action: policy.ServiceAuth, Include: []policy.Selector{{Property: policy.Token, Value: "ns/ci"}}},
				{Action: policy.ServiceAuth, Include: []policy.Selector{{Property: policy.LinkedApp, Value: "ns/desk"}}},
				{Action: policy.Allow, Include: []policy.Selector{{Property: policy.EmailDomain, Value: "example.com"}}}}},
			{Source: policy.Source{Namespace: "ns", Name: "desk"}, Hosts: []string{"desk.example.com"}, Rules: []policy.Rule{
				{Action: policy.Allow, Include: []policy.Selector{{Property: policy.EmailDomain, Value: "example.com"}}}}}})...)
	})
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	ctx.Request.Header.SetRequestURI("/authz/v1/nginx/GET/robots.example.com/api/v1/things?page=2")
	ctx.Request.Header.SetHost("robots.example.com")
	fields := [][2]string{{"User-Agent", "curl/8.5.0"}, {"Accept", "*/*"}, {"X-Request-Id", "0123456789abcdef"}, {"X-Forwarded-For", "192.0.2.7"},
		{"X-Forwarded-Proto", "https"}, {"X-Real-Ip", "192.0.2.7"}}
	session := func(name string) string {
		token, err := ring.Mint(credential.Claims{Issuer: "https://auth.example.com", Audience: []string{"ns/" + name},
			Host: name + ".example.com", ID: "00u1", Email: "ann@example.com", Groups: []string{"staff", "ops"}, Lifetime: time.Hour}, now)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	switch who {
	case "session":
		fields = append(fields, [2]string{"Cookie", "__Host-ostiary=" + session("robots")})
	case "linked":
		fields = append(fields, [2]string{"X-Access-Token", session("desk")})
	default:
		fields = append(fields, [2]string{"X-Access-Client-Id", "0123456789abcdef0123456789abcdef.access"}, [2]string{"X-Access-Client-Secret", benchSecret})
	}
	for _, f := range fields {
		ctx.Request.Header.Set(f[0], f[1])
	}
	h := w.Authz().Handler
	ask := func() {
		ctx.Response.Reset()
		h(ctx)
	}
	ask()
	if got := string(ctx.Response.Header.Peek("X-Access-User")); ctx.Response.StatusCode() != 200 || got == "" ||
		len(ctx.Response.Header.Peek("X-Access-Jwt-Assertion")) == 0 {
		t.Fatalf("%d, %q", ctx.Response.StatusCode(), got)
	}
	return ask
}

// BenchmarkHot is a question to its answer, without the network: of a person whose session
// is known, and of a machine with a service token. A token is to cost at most 1.2 times as
// much as a session: "ratio" takes turns, and compares the fastest of both, as a machine
// that does much else slows down the one or the other.
func BenchmarkHot(b *testing.B) {
	for _, who := range []string{"session", "service-token", "linked"} {
		b.Run(who, func(b *testing.B) {
			ask := hot(b, who)
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
	b.Run("ratio", func(b *testing.B) {
		asks := [2]func(){hot(b, "session"), hot(b, "service-token")}
		fastest := [2]time.Duration{time.Hour, time.Hour}
		for b.Loop() {
			for i, ask := range asks {
				began := time.Now()
				for range 20 {
					ask()
				}
				fastest[i] = min(fastest[i], time.Since(began)/20)
			}
		}
		b.ReportMetric(float64(fastest[0].Nanoseconds()), "ns-session")
		b.ReportMetric(float64(fastest[1].Nanoseconds()), "ns-token")
		b.ReportMetric(float64(fastest[1])/float64(fastest[0]), "ratio")
	})
}

// TestHotTokenAllocatesNothing: a service token, or the session of a linked application,
// that was seen before costs no allocation, from the question to the answer. (Of a session's cookie, fasthttp makes a copy.)
func TestHotTokenAllocatesNothing(t *testing.T) {
	for _, who := range []string{"service-token", "linked"} {
		if n := testing.AllocsPerRun(500, hot(t, who)); n != 0 {
			t.Errorf("%s: %v allocations", who, n)
		}
	}
}
