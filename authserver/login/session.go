// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

// maxPaths bounds for how many parts of a host a sign-out removes the cookie: its
// answer has to fit a proxy's buffer. The others no longer count, see dropSession.
const maxPaths = 4

// bind returns what tells this browser's sessions for parts of the host from those
// that another host planted, and keeps it there. It is no secret and lets nobody in.
func (x *exchange) bind(partitioned bool) string {
	bind := x.cookie(credential.BindCookieName)
	if !isID(bind) {
		bind = randomID()
	}
	x.setBind(bind, partitioned)
	return bind
}

// setBind lets it go along wherever a session may, whatever its SameSite.
func (x *exchange) setBind(bind string, partitioned bool) {
	http.SetCookie(x.w, &http.Cookie{Name: credential.BindCookieName, Value: bind, Path: "/", MaxAge: int(deviceTime / time.Second), //nolint:gosec // no secret
		Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode, Partitioned: partitioned})
}

// dropOther removes what would stand beside a session's cookie, and could not be told
// from it: one of the same name in the other jar. It comes first, as browsers that know
// of one jar only would take it for the same.
func (h *Handler) dropOther(x *exchange, c *http.Cookie) {
	other := droppedCookie(c.Name, c.Path, !c.Partitioned)
	if _, err := x.r.Cookie(c.Name); err == nil && c.Name == credential.CookieName && h.fits(x, c, other) {
		http.SetCookie(x.w, other)
	}
}

// dropSession removes the session from the browser, whatever the policy made of its
// cookie: under each name, from each jar, at each path that has one. Those of paths
// that no policy has any more, or that do not fit here, are bound to another browser
// from now on, and so is what another host planted.
func (h *Handler) dropSession(x *exchange) {
	h.keepHops(x, hops{Spent: h.spentHere(x)}) // whoever signs out goes round in no circle
	x.dropKeys()
	paths := x.table.CookiePaths(x.host)
	for _, partitioned := range []bool{false, true} {
		dropSessionCookie(x, credential.CookieName, "/", partitioned)
		dropSessionCookie(x, credential.PathCookieName, "/", partitioned)
		for _, path := range paths[:min(len(paths), maxPaths)] {
			dropSessionCookie(x, credential.PathCookieName, path, partitioned)
		}
	}
	bind := randomID()
	if _, err := x.r.Cookie(credential.BindCookieName); err == nil || len(paths) > 0 {
		x.setBind(bind, false)
		x.setBind(bind, true)
	}
}

func dropSessionCookie(x *exchange, name, path string, partitioned bool) {
	http.SetCookie(x.w, droppedCookie(name, path, partitioned))
}

func droppedCookie(name, path string, partitioned bool) *http.Cookie {
	return &http.Cookie{Name: name, Path: path, MaxAge: -1, Secure: true, HttpOnly: true, //nolint:gosec // of whatever SameSite it was
		SameSite: http.SameSiteNoneMode, Partitioned: partitioned}
}
