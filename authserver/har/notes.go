// SPDX-License-Identifier: Apache-2.0

package har

import (
	"slices"
	"strings"
)

// repeats is how many preflights for one address are worth a note.
const repeats = 5

// wanted are headers that pages do read, and see only if they are exposed (Fetch standard,
// CORS-safelisted response-header name).
var wanted = []string{
	"content-disposition", "etag", "link", "location", "retry-after", "www-authenticate", "x-request-id", "x-total-count",
}

// notes are about requests that worked.
func (d *diagnosis) notes() {
	preflights, failed := map[string]int{}, map[int]bool{}
	for _, f := range d.found {
		for _, at := range f.Entries {
			failed[at] = true
		}
	}
	for _, e := range d.log.Entries {
		switch {
		case e.Status < 200 || e.Status > 299:
		case e.isPreflight():
			key := e.Request.Get("origin") + " " + e.URL.String() + " " + e.Request.Get("access-control-request-method")
			if preflights[key]++; preflights[key] == repeats {
				d.add(e, NotCached, "the export has the same preflight 5 times or more; Access-Control-Max-Age is "+
					quote(e.Response.Get("access-control-max-age")))
			}
		case e.isCross() && e.mode() == "cors" && !failed[e.Index]:
			d.note(e)
		}
	}
}

func (d *diagnosis) note(e *Entry) {
	if p := d.pairs[e]; p != nil && e.authorized {
		list := p.Response.List("access-control-allow-headers")
		if listed(list, "*") && !listed(list, "authorization") {
			d.add(e, WildcardAuthorization, "the preflight's answer: Access-Control-Allow-Headers is "+quote(strings.Join(list, ", ")))
		}
	}
	if hidden := e.unexposed(); len(hidden) > 0 {
		d.add(e, ExposeHeaders, "not exposed: "+these(hidden))
	}
	value, vary := e.Response.Get("access-control-allow-origin"), e.Response.List("vary")
	if value != "*" && !listed(vary, "origin") && !listed(vary, "*") && !strings.Contains(e.Response.Get("cache-control"), "no-store") {
		d.add(e, VaryMissing, "Access-Control-Allow-Origin is "+quote(value)+", and Vary does not name Origin")
	}
	if e.isCrossSite() && slices.ContainsFunc(e.Cookies, sessionCookie) {
		d.add(e, ThirdPartySoon, "a session's cookie was sent to another site")
	}
}

// unexposed are headers that pages read, and this one cannot.
func (e *Entry) unexposed() []string {
	exposed := e.Response.List("access-control-expose-headers")
	return slices.DeleteFunc(slices.Clone(wanted), func(name string) bool {
		return !e.Response.Has(name) || listed(exposed, name) || listed(exposed, "*") && !e.hasCredentials()
	})
}

// listed: names of headers have no case.
func listed(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}
