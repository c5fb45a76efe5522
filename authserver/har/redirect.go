// SPDX-License-Identifier: Apache-2.0

package har

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
)

// loginLoop is how often a host may send a browser to sign in before that is a loop.
const loginLoop = 3

// ofRedirect: an answer sent the browser elsewhere.
func (d *diagnosis) ofRedirect(i int, e *Entry) (Cause, string) {
	if !e.redirects() {
		return "", ""
	}
	to, detail := e.Redirect, status(e.Status)+" to "+e.Redirect.String()
	if e.mode() == "navigate" {
		return d.ofNavigation(e)
	}
	ours := e.reason() != "" || strings.Contains(to.Path+"/", contract.DefaultPathPrefix+"/login/")
	switch {
	case ours && isLogin(to):
		return ToLogin, detail
	case isLogin(to) && to.Origin() != e.origin():
		return ToOtherLogin, detail
	case !e.isCross():
		return "", ""
	}
	if cause, why := corsCheck(e.Response, e.Request.Get("origin"), e.hasCredentials()); cause != "" {
		return RedirectNoCORS, detail + ": " + why
	}
	if next := d.next(i, e); next != nil && next.becameNull(e) {
		return NullAfter, detail + ", and then Origin: null"
	}
	return "", ""
}

// becameNull: a redirect took a request's origin from it, and its answer is not for that.
func (e *Entry) becameNull(after *Entry) bool {
	if e.Request.Get("origin") != "null" || after.Request.Get("origin") == "null" {
		return false
	}
	cause, _ := corsCheck(e.Response, "null", e.hasCredentials())
	return cause != ""
}

// ofNavigation counts how often a host sent the browser to sign in. What a login does on its
// own host is no more of it.
func (d *diagnosis) ofNavigation(e *Entry) (Cause, string) {
	if !isLogin(e.Redirect) || isLogin(e.URL) {
		return "", ""
	}
	if d.signIns[e.URL.Host]++; d.signIns[e.URL.Host] != loginLoop {
		return "", ""
	}
	return LoginLoop, fmt.Sprintf("%s sent the browser to sign in %d times", e.URL.Host, loginLoop)
}

// next is the request that follows where a redirect leads; nil: none does.
func (d *diagnosis) next(i int, of *Entry) *Entry {
	if !of.redirects() {
		return nil
	}
	places := d.byKey[of.to]
	at, _ := slices.BinarySearch(places, i+1)
	for _, j := range places[at:] {
		if e := d.log.Entries[j]; !e.isPreflight() {
			return e
		}
	}
	return nil
}
