// SPDX-License-Identifier: Apache-2.0

package public

import (
	"net/http"
	"strconv"

	"github.com/ostiary/ostiary/authserver/web"
)

// MaxHeader is the length, in bytes, of the longest header section that the public
// listener sends: nginx, and so ingress-nginx, answers 502 in place of a longer one
// (proxy_buffer_size, 4k).
const MaxHeader = 4096

// headerSize returns the length of an answer's header section on the wire, with
// what net/http adds to it.
func headerSize(status int, header http.Header) int {
	const added = len("Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n") + len("Transfer-Encoding: chunked\r\n") +
		len("Connection: keep-alive\r\n") + len("\r\n")
	n := added
	if header.Get("Content-Type") == "" {
		n += 64 // it finds out
	}
	n += len("HTTP/1.1 ") + len(strconv.Itoa(status)) + len(" ") + len(http.StatusText(status)) + len("\r\n")
	for name, values := range header {
		for _, v := range values {
			n += len(name) + len(": ") + len(v) + len("\r\n")
		}
	}
	return n
}

// bound returns a ResponseWriter that sends no header section above MaxHeader.
// refuse answers in its place, with a header of its own and no cookie but those
// that end one.
func bound(w http.ResponseWriter, refuse func(http.ResponseWriter)) http.ResponseWriter {
	return &bounded{ResponseWriter: w, refuse: refuse}
}

type bounded struct {
	http.ResponseWriter
	refuse  func(http.ResponseWriter)
	wrote   bool
	refused bool
}

func (b *bounded) WriteHeader(status int) {
	if b.wrote {
		b.ResponseWriter.WriteHeader(status)
		return
	}
	b.wrote = true
	if headerSize(status, b.Header()) <= MaxHeader {
		b.ResponseWriter.WriteHeader(status)
		return
	}
	b.refused = true
	clear(b.Header())
	b.refuse(b.ResponseWriter)
}

func (b *bounded) Write(p []byte) (int, error) {
	if !b.wrote {
		b.WriteHeader(http.StatusOK)
	}
	if b.refused { // the answer that this belongs to is not sent
		return len(p), nil
	}
	return b.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (b *bounded) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// Redirect sends the browser on: by its Location, or where that would be more
// than a proxy's buffer holds by a page, which has room.
func (s *Site) Redirect(x *Exchange, location string) {
	x.W.Header().Set("Location", location)
	// 303, as what it follows may have been a form (RFC 9110 §15.4.4).
	status := http.StatusFound
	if x.R.Method != http.MethodGet && x.R.Method != http.MethodHead {
		status = http.StatusSeeOther
	}
	if headerSize(status, x.W.Header()) > MaxHeader {
		x.W.Header().Del("Location")
		s.MoveOn(x, location)
		return
	}
	x.W.WriteHeader(status)
}

// GoTo is Redirect, and tells a script where that leads.
func (s *Site) GoTo(x *Exchange, location string) {
	if x.ByScript() {
		s.JSON(x, http.StatusOK, map[string]string{"to": location})
		return
	}
	s.Redirect(x, location)
}

// MoveOn sends the browser on by a page.
func (s *Site) MoveOn(x *Exchange, to string) {
	x.W.Header().Set("Referrer-Policy", "no-referrer") // this page's address may hold a ticket
	s.Page(x, http.StatusOK, "moving on", web.Continue(web.ContinueView{URL: to}))
}

// Fits reports whether cookies can be set besides what there is, by an answer that
// is a page.
func (s *Site) Fits(x *Exchange, cookies ...*http.Cookie) bool {
	header := x.W.Header().Clone()
	s.pageHeader(header)
	header.Set("Referrer-Policy", "no-referrer")
	for _, c := range cookies {
		header.Add("Set-Cookie", c.String())
	}
	return headerSize(http.StatusInternalServerError, header) <= MaxHeader
}
