// SPDX-License-Identifier: Apache-2.0

package har

// ofCORS: the page may not read the answer.
func (d *diagnosis) ofCORS(_ int, e *Entry) (Cause, string) {
	if !e.answered() || !e.isCross() || e.redirects() || e.Worker { // a worker's own answer can be read
		return "", ""
	}
	switch e.mode() {
	case "no-cors":
		if e.isScripted() {
			return ModeNoCORS, "answered " + status(e.Status) + ", which the page cannot see"
		}
	case "cors":
		return e.unreadable()
	}
	return "", ""
}

// unreadable says why a page may not read an answer.
func (e *Entry) unreadable() (Cause, string) {
	origin := e.Request.Get("origin")
	if origin == "" {
		origin = e.origin()
	}
	cause, detail := corsCheck(e.Response, origin, e.hasCredentials())
	if cause != AllowOriginMissing && cause != AllowOriginDiffers {
		return cause, detail
	}
	if origin == "null" {
		return NullOrigin, "the page sent Origin: null; " + detail
	}
	return special(cause, e, detail)
}
