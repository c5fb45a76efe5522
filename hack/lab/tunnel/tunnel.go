// SPDX-License-Identifier: Apache-2.0

// Package tunnel speaks HTTP/2 inside of connections of HTTP/1.1 that somebody has been
// talked into changing: the two ends of h2c smuggling.
package tunnel

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ostiary/ostiary/hack/lab"
)

// A Request is a request that came through a tunnel of HTTP/2, or, with the method
// TUNNEL, that anything did.
type Request struct {
	Method, Host, Target string
	Header               lab.Header
}

// Serve serves HTTP/2 on a connection that an application has been talked into,
// and tells of each request in it.
func Serve(conn io.Writer, in *bufio.Reader, hit func(Request)) {
	if _, err := in.Peek(1); err != nil {
		return
	}
	hit(Request{Method: "TUNNEL", Target: "/"})
	if _, err := in.Discard(len(http2.ClientPreface)); err != nil {
		return
	}
	f := http2.NewFramer(conn, in)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = f.WriteSettings() // the client may have gone
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		h, ok := frame.(*http2.MetaHeadersFrame)
		if !ok {
			continue
		}
		r := Request{Method: h.PseudoValue("method"), Host: h.PseudoValue("authority"), Target: h.PseudoValue("path")}
		for _, field := range h.RegularFields() {
			r.Header = append(r.Header, field.Name+": "+field.Value)
		}
		hit(r)
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, BlockFragment: block([2]string{":status", "200"}), EndHeaders: true,
			EndStream: true})
	}
}

// Frames are what a client of HTTP/2 begins with: a request for what it may not see.
func Frames(host, target string) []byte {
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&out, nil)
	_ = f.WriteSettings() // into memory
	fields := block([2]string{":method", "GET"}, [2]string{":scheme", "http"}, [2]string{":authority", host}, [2]string{":path", target},
		[2]string{"x-access-email", "root@example.com"})
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: fields, EndHeaders: true, EndStream: true})
	return out.Bytes()
}

func block(fields ...[2]string) []byte {
	var out bytes.Buffer
	e := hpack.NewEncoder(&out)
	for _, f := range fields {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // into memory
	}
	return out.Bytes()
}
