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
