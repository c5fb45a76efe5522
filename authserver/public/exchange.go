// SPDX-License-Identifier: Apache-2.0

package public

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// An Exchange is one request and what is known about it.
type Exchange struct {
	W     http.ResponseWriter
	R     *http.Request
	ID    string // of the request, for people and logs
	Host  string // canonical, without a port
	Port  string // of the host, with its colon, as Site.PortOf says
	Query url.Values
	Table *policy.Table
	Ring  *credential.Ring
	Now   time.Time
	Dest  string // where the person wants to go in the end, once it is known
}

// Get reports whether the request is a GET or a HEAD, and refuses it otherwise.
func (s *Site) Get(x *Exchange) bool {
	if x.R.Method == http.MethodGet || x.R.Method == http.MethodHead {
		return true
	}
	x.W.Header().Set("Allow", "GET, HEAD")
	s.Fail(x, web.GetOnly)
	return false
}

// Visit reports whether the request is a GET, and refuses it otherwise: it will
// change something, which no HEAD does (RFC 9110 §9.2.1).
func (s *Site) Visit(x *Exchange) bool {
	if x.R.Method == http.MethodGet {
		return true
	}
	x.W.Header().Set("Allow", "GET")
	s.Fail(x, web.GetOnly)
	return false
}

// MaxForm bounds the body of a form, in bytes.
const MaxForm = 16 << 10

// ReadForm reads the form of a POST, of a bounded size, and refuses what is none.
func (s *Site) ReadForm(x *Exchange) bool {
	x.R.Body = http.MaxBytesReader(x.W, x.R.Body, MaxForm)
	if err := x.R.ParseForm(); err != nil {
		s.Fail(x, web.DamagedForm)
		return false
	}
	return true
}

// Form reads the form of a POST to an application's host into the query, and lets the page
// of the team host that sent it read the answer. What a script of another site sends is
// refused: no cookie that comes of it would be kept.
func (s *Site) Form(x *Exchange) bool {
	if s.FromTeam(x.R) {
		h := x.W.Header()
		h.Set("Access-Control-Allow-Origin", s.Origin(s.TeamHost()))
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Vary", "Origin")
	}
	if x.ByScript() && x.R.Header.Get("Sec-Fetch-Site") == "cross-site" {
		s.RefuseJSON(x, http.StatusForbidden, "cross-site")
		return false
	}
	if !s.ReadForm(x) {
		return false
	}
	for name, values := range x.R.PostForm {
		x.Query[name] = values
	}
	return true
}

// ByScript reports whether a script sent a form, and reads the answer as JSON.
func (x *Exchange) ByScript() bool {
	return x.R.Method == http.MethodPost && x.R.Header.Get("Accept") == "application/json" &&
		x.R.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// SetCookie sets a cookie of our own: for this host, top-level navigations and no
// script.
func (x *Exchange) SetCookie(name, value string, age time.Duration) {
	http.SetCookie(x.W, NewCookie(name, value, age))
}

// NewCookie returns one that SetCookie sets.
func NewCookie(name, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(age / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// DropCookie removes a cookie of our own.
func (x *Exchange) DropCookie(name string) {
	http.SetCookie(x.W, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// Cookie returns the value of the only cookie of a name: of two, one is
// somebody else's, and which one cannot be told.
func (x *Exchange) Cookie(name string) string {
	value, n := "", 0
	for _, c := range x.R.Cookies() {
		if c.Name == name {
			value = c.Value
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return value
}

// Cookies are all of the request. HTTP/2 may have them in several lines (RFC 9113 §8.2.3).
func (x *Exchange) Cookies() string { return strings.Join(x.R.Header["Cookie"], "; ") }
