// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// httpRequest is the request that Envoy would ask about over HTTP. It is written apart
// from checkView; what the map form joined has been one line.
func httpRequest(h *authv3.AttributeContext_HttpRequest) httpView {
	header := http.Header{}
	for name, value := range h.GetHeaders() {
		header.Add(name, value)
	}
	for _, f := range h.GetHeaderMap().GetHeaders() {
		value := f.GetValue()
		if len(f.GetRawValue()) > 0 {
			value = string(f.GetRawValue())
		}
		header.Add(f.GetKey(), value)
	}
	return httpView{&http.Request{Method: h.GetMethod(), RequestURI: contract.EnvoyPrefix + h.GetPath(), Host: h.GetHost(), Header: header}}
}

// overHTTP is what Envoy is told of the same request over HTTP; nil after a panic.
func (w *world) overHTTP(v dialect.View) *dialect.Answer {
	x := &exchange{}
	defer func() { _ = recover() }() // the defect in Subject
	w.handle(&w.envoy, v, netip.Addr{}, x)
	return &x.answer
}

// FuzzCheck: whatever comes, it is answered, in a form that can be sent; nobody
// without a session gets past /public; and nobody gets past Envoy who would not if it
// asked over HTTP, nor as somebody else.
func FuzzCheck(f *testing.F) {
	seed := func(r *authv3.CheckRequest) {
		b, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	seed(checkRequest("GET /public/x?y", false, spaOrigin, pageLoad))
	seed(checkRequest("OPTIONS /x", true, spaOrigin, asksPut))
	seed(checkRequest("OPTIONS /public", true, spaOrigin, "access-control-request-method:"))
	seed(checkRequest("GET /x", true, goodOne, "x-original-url: /public", "origin: a,b"))
	seed(checkRequest("GET /x?y", false, goodOne))
	seed(checkRequest("GET /public/..%2fx", true, "x-forwarded-for: 10.0.0.1", "x-request-id: \xff\xfe567890"))
	seed(&authv3.CheckRequest{})
	w := newWorld(f, func(c *Config) { c.DecisionLog, c.Log = telemetry.LogOff, slog.New(slog.DiscardHandler) })
	f.Fuzz(func(t *testing.T, b []byte) {
		var r authv3.CheckRequest
		if proto.Unmarshal(b, &r) != nil {
			return
		}
		o := w.check(t, &r)
		h := r.GetAttributes().GetRequest().GetHttp()
		path, _, _ := strings.Cut(h.GetPath(), "?")
		host, _, _ := strings.Cut(strings.TrimSuffix(strings.ToLower(h.GetHost()), "."), ":")
		open := (path == "/public" || strings.HasPrefix(path, "/public/")) && strings.TrimSuffix(host, ".") == "app.example.com"
		signedIn := strings.Contains(string(b), "__Host-ostiary=good")
		if o.allowed && !open && !signedIn {
			t.Fatalf("let through: %+v", h)
		}
		a := w.overHTTP(httpRequest(h))
		if o.allowed && (a == nil || a.Status != 200) {
			t.Fatalf("let through, and not over HTTP: %+v", h)
		}
		if !o.allowed {
			a = &dialect.Answer{}
		}
		for _, f := range a.Fields() {
			if contract.IsIdentity(f.Name) && o.set[strings.ToLower(f.Name)] != f.Value {
				t.Fatalf("%s is %q, %q over HTTP: %+v", f.Name, o.set[strings.ToLower(f.Name)], f.Value, h)
			}
		}
		if !o.allowed && o.status < 300 && !strings.EqualFold(o.set["access-control-allow-origin"], "https://spa.example.com") {
			t.Fatalf("%+v: %+v", h, o)
		}
	})
}
