// SPDX-License-Identifier: Apache-2.0

package login

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Config is what a Handler is made of. All of it must be set, but for ReturnHosts and
// Revoke.
type Config struct {
	// Table returns the table in force, Ring the keys; nil before there is one.
	Table func() *policy.Table
	Ring  func() *credential.Ring
	// Subject verifies the cookies of a request, as the decision endpoints do.
	Subject Subject
	// Providers are the identity providers in force.
	Providers *idp.Set
	// TeamURL is the team host. Its scheme and port are those of the
	// applications, too: a port in a request could be anybody's.
	TeamURL *url.URL
	// PathPrefix is ours on every host, such as "/.access".
	PathPrefix string
	// ReturnHosts are hosts that every application may send people to after they
	// signed in or out, beside those of its own namespace; "*." is one label.
	ReturnHosts []string
	// SessionDuration is how long a session at the team host lasts, and one at
	// an application whose policy says nothing.
	SessionDuration time.Duration
	// Revoke voids all that was issued to a user of a provider before a time, on every
	// replica.
	// Nil: signing out everywhere is not possible.
	Revoke Revoke
	// Address returns the address of the client, as far as it is known.
	Address func(*http.Request) netip.Addr
	Log     *slog.Logger
	Now     func() time.Time
}

// A Subject says who sent a request, of which it is given the Cookie and
// Authorization fields.
type Subject = func(at policy.Place, cookie, authorization string, now time.Time) policy.Presented

// A Handler answers for the team host, and for the path prefix on every host of
// an application. Make one with New.
type Handler struct {
	Config
	limits *limits
	// states and tickets are those that were used; slot is where the next browser's
	// key goes.
	states, tickets spent
	slot            atomic.Uint32
	port            string // of every host of ours, with its colon; empty: the scheme's own
}

// New returns a Handler.
func New(c Config) *Handler {
	port := ""
	if p := c.TeamURL.Port(); p != "" {
		port = ":" + p
	}
	h := &Handler{Config: c, limits: newLimits(), port: port}
	h.slot.Store(rand.Uint32()) //nolint:gosec // not a secret: replicas should not all begin with the same
	return h
}

// An exchange is one request and what is known about it.
type exchange struct {
	w     http.ResponseWriter
	r     *http.Request
	id    string // of the request, for people and logs
	host  string // canonical, without a port
	query url.Values
	table *policy.Table
	ring  *credential.Ring
	now   time.Time
	dest  string // where the person wants to go in the end, once it is known
}

// ServeHTTP answers if the request is for it, and otherwise reports false and
// has written nothing. id is the request's, for people and logs.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, id string) bool {
	path, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	target, err := policy.NewTarget(r.Host, "/")
	if err != nil {
		return false
	}
	x := &exchange{w: w, r: r, id: id, host: target.Host(), table: h.Table(), ring: h.Ring(), now: h.Now()}
	serve := h.route(x.host, path)
	if serve == nil {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	if x.query, err = url.ParseQuery(rawQuery); err != nil {
		h.fail(x, http.StatusBadRequest, "bad-request", "This address is damaged", "A part of it cannot be read. Open the application again.")
		return true
	}
	if x.table == nil || x.ring == nil {
		h.fail(x, http.StatusServiceUnavailable, "not-ready", "Not ready yet", "The access rules are still being read. Try again in a moment.")
		return true
	}
	if x.r.Method == http.MethodPost && !SameOrigin(x.r) {
		h.fail(x, http.StatusForbidden, "cross-site", "Refused", "This form was sent by another site.")
		return true
	}
	serve(x)
	return true
}

// route finds what answers for a path: exact paths, and what a proxy might clean
// or decode is not one of them.
func (h *Handler) route(host, path string) func(*exchange) {
	own, ours := strings.CutPrefix(path, h.PathPrefix+"/")
	if host == strings.ToLower(h.TeamURL.Hostname()) {
		switch {
		case path == "/":
			return h.home
		case !ours:
			return nil
		case own == "logout":
			return h.teamLogout
		case own == "get-identity":
			return h.identityOf
		case strings.HasPrefix(own, "login/"):
			return func(x *exchange) { h.teamLogin(x, own[len("login/"):]) }
		case strings.HasPrefix(own, "idp/") && strings.HasSuffix(own, "/callback"):
			return func(x *exchange) { h.callback(x, own[len("idp/"):len(own)-len("/callback")]) }
		}
		return nil
	}
	if !ours {
		return nil
	}
	return map[string]func(*exchange){
		"login": h.appLogin, "authorized": h.authorized, "logout": h.appLogout, "done": h.done,
		"get-identity": h.getIdentity, "token": h.token, "client.js": h.script, "client.d.ts": h.scriptTypes,
	}[own]
}

// origin returns the origin of an application, as browsers write it.
func (h *Handler) origin(host string) string { return h.TeamURL.Scheme + "://" + host + h.port }

// own returns an address below our prefix on a host.
func (h *Handler) own(host, path string, query url.Values) string {
	u := h.origin(host) + h.PathPrefix + "/" + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// teamHost is the team host without a port.
func (h *Handler) teamHost() string { return strings.ToLower(h.TeamURL.Hostname()) }

// issuer names the team host in tokens.
func (h *Handler) issuer() string { return strings.TrimSuffix(h.TeamURL.String(), "/") }

// get reports whether the request is a GET or a HEAD, and refuses it otherwise.
func (h *Handler) get(x *exchange) bool {
	if x.r.Method == http.MethodGet || x.r.Method == http.MethodHead {
		return true
	}
	x.w.Header().Set("Allow", "GET, HEAD")
	h.fail(x, http.StatusMethodNotAllowed, "method-not-allowed", "Not here", "This address answers GET only.")
	return false
}

// visit reports whether the request is a GET, and refuses it otherwise: it will
// change something, which no HEAD does (RFC 9110 §9.2.1).
func (h *Handler) visit(x *exchange) bool {
	if x.r.Method == http.MethodGet {
		return true
	}
	x.w.Header().Set("Allow", "GET")
	h.fail(x, http.StatusMethodNotAllowed, "method-not-allowed", "Not here", "This address answers GET only.")
	return false
}

func (h *Handler) root(host string) policy.Target {
	t, _ := policy.NewTarget(host, "/") // the host was read from one
	return t
}

// cookies are all of the request. HTTP/2 may have them in several lines (RFC 9113 §8.2.3).
func (x *exchange) cookies() string { return strings.Join(x.r.Header["Cookie"], "; ") }
