// SPDX-License-Identifier: Apache-2.0

package har

import (
	"strings"
	"time"
)

// An Entry is a request and what was answered, as far as that can tell why it failed.
type Entry struct {
	Index    int // in the file, from 0
	Method   string
	URL      Address
	Page     Address // that of the page, as far as the export tells
	Type     string  // Chrome's: fetch, xhr, document, preflight...; empty: not told
	Status   int     // 0: there was no answer
	Error    string  // what the browser says, such as net::ERR_FAILED
	Cached   bool
	Worker   bool // a service worker answered
	Redirect Address
	Remote   string // the address of the server

	Request, Response Headers
	// Cookies are the names of those that were sent; Set are those of the answer.
	Cookies    []string
	Set        []SetCookie
	extension  bool // it was an extension
	csp        csp  // of a page
	began      time.Time
	key, to    uint64 // of the whole URL, and of that of Redirect, which are not kept
	authorized bool   // there was an Authorization header
}

// Headers are values by names in lower case. A header whose value may be a secret has an
// empty one.
type Headers map[string][]string

// Get returns the value of a header as fetch does: several are one list.
func (h Headers) Get(name string) string { return strings.Join(h[name], ", ") }

// Has reports whether there is one.
func (h Headers) Has(name string) bool { return len(h[name]) > 0 }

// List returns the members of a header that is a list, without blanks.
func (h Headers) List(name string) []string {
	return strings.FieldsFunc(h.Get(name), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// A SetCookie is a cookie that an answer sets, without its value.
type SetCookie struct {
	Name, Domain, Path, SameSite string
	Secure, Partitioned          bool
	Size                         int           // bytes of name and value
	MaxAge                       time.Duration // 0: as long as the browser runs

	at time.Time // when it was set
}

// A Log is an export.
type Log struct {
	Creator string
	Entries []*Entry
	// Unread is how many entries could not be read.
	Unread int
	// Full: there were more than are looked at.
	Full bool
	// Sanitized: no request has a cookie and no answer sets one, as in what Chrome exports
	// unless it is told to include sensitive data.
	Sanitized bool
}

// origin is that of the page that made the request; empty: not known.
func (e *Entry) origin() string {
	if origin := e.Request.Get("origin"); origin != "" && origin != "null" {
		return origin
	}
	return e.Page.Origin()
}

// isCross reports whether the request leaves the page's origin. Browsers tell by Origin: a
// request that has none goes to its own, or is no request of CORS.
func (e *Entry) isCross() bool {
	if e.Request.Get("origin") == "null" || e.Page.isOpaque() {
		return true
	}
	origin := e.origin()
	return origin != "" && origin != e.URL.Origin()
}

// isCrossSite reports whether cookies with SameSite are held back.
func (e *Entry) isCrossSite() bool {
	switch e.Request.Get("sec-fetch-site") {
	case "cross-site":
		return true
	case "same-site", "same-origin", "none":
		return false
	}
	from := parseAddress(e.origin())
	return from.Host != "" && from.site() != e.URL.site()
}

// isPreflight: Fetch standard §4.8.
func (e *Entry) isPreflight() bool {
	return e.Method == "OPTIONS" && e.Request.Has("origin") && e.Request.Has("access-control-request-method")
}

// mode is the request's (Fetch standard §2.2.5), said by the browser or told by its kind.
func (e *Entry) mode() string {
	if mode := e.Request.Get("sec-fetch-mode"); mode != "" {
		return mode
	}
	switch {
	case e.Type == "websocket" || strings.HasPrefix(e.URL.Scheme, "ws"):
		return "websocket"
	case e.Type == "document":
		return "navigate"
	case e.Request.Has("origin") || e.isScripted():
		return "cors"
	}
	return ""
}

// isScripted: a script asked, by fetch, XMLHttpRequest or EventSource.
func (e *Entry) isScripted() bool {
	return e.Type == "fetch" || e.Type == "xhr" || e.Type == "eventsource"
}

// reason is why Ostiary refused; empty: it did not.
func (e *Entry) reason() string { return e.Response.Get(reasonHeader) }

// answered reports whether anything came back.
func (e *Entry) answered() bool { return e.Status > 0 }

// redirects reports whether the answer sends the browser elsewhere.
func (e *Entry) redirects() bool {
	switch e.Status {
	case 301, 302, 303, 307, 308:
		return e.Redirect.Host != ""
	}
	return false
}
