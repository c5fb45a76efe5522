// SPDX-License-Identifier: Apache-2.0

package har

import "strings"

// manyCookies is how many make the headers of a request large.
const manyCookies = 20

// statuses are those that proxies answer themselves, and so have a cause of their own.
var statuses = map[int]Cause{
	413: TooLarge, 414: HeaderTooLarge, 431: HeaderTooLarge, 494: HeaderTooLarge, 429: RateLimited,
	502: ProxyError, 503: ProxyError, 504: ProxyError,
}

// ofStatus: somebody else refused or failed.
func (d *diagnosis) ofStatus(_ int, e *Entry) (Cause, string) {
	detail := "answered " + status(e.Status) + by(e)
	cause, known := statuses[e.Status]
	switch {
	case e.Status < 400:
		return "", ""
	case e.Worker:
		return ServiceWorker, "a service worker " + detail
	case known:
		return cause, detail
	case e.Status == 400 && strings.HasPrefix(e.Response.Get("server"), "nginx") && len(e.Cookies) > manyCookies:
		return HeaderTooLarge, detail + ": nginx says so of headers that are too large, too"
	case e.Status >= 500:
		return AppFailed, detail
	case e.isCross() || e.Status == 401 || e.Status == 403:
		return AppRefused, detail
	}
	return "", ""
}
