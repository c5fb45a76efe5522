// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ostiary/ostiary/authserver/telemetry"
)

// bytesOut sends bytes as they are, and reads messages.
type bytesOut struct{}

func (bytesOut) Name() string { return "proto" }

func (bytesOut) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesOut) Unmarshal(data mem.BufferSlice, v any) error {
	return proto.Unmarshal(data.Materialize(), v.(proto.Message))
}

// checkBytes asks with any bytes at all.
func checkBytes(t testing.TB, c *grpc.ClientConn, b []byte) (*authv3.CheckResponse, error) {
	t.Helper()
	var out authv3.CheckResponse
	err := c.Invoke(soon(t), authv3.Authorization_Check_FullMethodName, &b, &out, grpc.ForceCodecV2(bytesOut{}))
	return &out, err
}

// with is the question about a path, with bytes in it that no message may hold.
func with(t testing.TB, line, mark, instead string, headers ...string) []byte {
	t.Helper()
	b, err := proto.Marshal(checkRequest(line, false, headers...))
	if err != nil || len(mark) != len(instead) || !bytes.Contains(b, []byte(mark)) {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(b, []byte(mark), []byte(instead))
}

// TestGRPCUnreadable: what cannot be read is answered with a no, never with an error,
// which failure_mode_allow makes a yes. attack: a byte that is not UTF-8 in the path.
func TestGRPCUnreadable(t *testing.T) {
	w := newWorld(t, nil)
	_, addr := w.grpcServe(t)
	c := dial(t, addr)
	good := with(t, "GET /public/x", "x", "x")
	for name, b := range map[string][]byte{
		"path":             with(t, "GET /public/QQQ", "QQQ", "a\xffb"),
		"query":            with(t, "GET /public/?QQQ", "QQQ", "\xc3\x28\x80"),
		"method":           with(t, "QQQ /public/", "QQQ", "G\xffT"),
		"a header":         with(t, "GET /public/x", "QQQ", "\xe9\xe9\xe9", "user-agent: QQQ"),
		"a header's name":  with(t, "GET /public/x", "qqq", "q\xffq", "qqq: x"),
		"session":          with(t, "GET /x", "QQQ", "\xed\xa0\x80", goodOne, "x-a: QQQ"),
		"cut off":          good[:len(good)-3],
		"not a message":    []byte("GET / HTTP/1.1\r\n\r\n"),
		"a group's end":    {0x0c},
		"endless varint":   bytes.Repeat([]byte{0xff}, 20),
		"length too large": {0x0a, 0xff, 0xff, 0xff, 0xff, 0x07},
		"nothing":          {},
		"unknown fields":   {0x7a, 0x01, 'x'},
		"deep":             bytes.Repeat([]byte{0x0a, 0x7f}, 30000),
	} {
		resp, err := checkBytes(t, c, b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if o := read(t, resp); o.allowed || o.status != 403 && o.status != 400 || o.set["x-access-reason"] != "bad-request" {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if resp, err := checkBytes(t, c, good); err != nil || !read(t, resp).allowed {
		t.Errorf("the connection did not go on: %v %v", resp, err)
	}
	if l := w.log.lines(t, "refused"); len(l) == 0 || !strings.Contains(w.log.String(), "not UTF-8") {
		t.Errorf("the log does not say it: %v", l)
	}
}

// TestGRPCSizes: as much as Envoy can be set up to send is judged.
func TestGRPCSizes(t *testing.T) {
	_, addr := newWorld(t, nil).grpcServe(t)
	c := dial(t, addr)
	for _, kib := range []int{60, 255, 257, 300, 1 << 10, 8 << 10, 15 << 10} {
		pad := strings.Repeat("b", kib<<10)
		r := checkRequest("GET /public/x", false)
		r.Attributes.Request.Http.Body = pad
		for name, r := range map[string]*authv3.CheckRequest{"a body": r, "a header": checkRequest("GET /public/x", true, "x-a: "+pad)} {
			b, err := proto.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := checkBytes(t, c, b); err != nil || !read(t, resp).allowed {
				t.Errorf("%s of %d KiB: %v", name, kib, err)
			}
		}
		b, err := proto.Marshal(checkRequest("GET /public/"+pad, false))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := checkBytes(t, c, b); err != nil || read(t, resp).status != 403 {
			t.Errorf("a path of %d KiB: %v", kib, err)
		}
	}
	if _, err := checkBytes(t, c, make([]byte, maxCheck+1)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("there is no bound: %v", err)
	}
}

// FuzzCheckBytes: any bytes on a connection are answered as a question, and as Check
// answers them, which FuzzCheck holds against HTTP.
func FuzzCheckBytes(f *testing.F) {
	w := newWorld(f, func(c *Config) { c.DecisionLog, c.Log = telemetry.LogOff, slog.New(slog.DiscardHandler) })
	_, addr := w.grpcServe(f)
	c := dial(f, addr)
	f.Add(with(f, "GET /public/x", "x", "x"))
	f.Add(with(f, "GET /public/x", "x", "\xff"))
	f.Add(with(f, "GET /x", "x", "x", goodOne))
	f.Add([]byte{0x0a, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		resp, err := checkBytes(t, c, b)
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, resp)
		var r authv3.CheckRequest
		if proto.Unmarshal(b, &r) != nil {
			if got.allowed || got.status < 400 {
				t.Fatalf("unreadable, and %+v", got)
			}
			return
		}
		direct, _ := authorization{w.Server}.Check(context.Background(), &r)
		if want := read(t, direct); got.allowed != want.allowed || got.status != want.status {
			t.Fatalf("%+v, and directly %+v", got, want)
		}
	})
}
