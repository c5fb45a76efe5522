// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ostiary/ostiary/authserver/har"
)

const (
	put      = `{method: "PUT"}`
	included = `{credentials: "include"}`
	cors     = "Access-Control-Allow-Origin: {origin}\nVary: Origin"
	permit   = "Access-Control-Allow-Origin: {origin}\nAccess-Control-Allow-Methods: PUT\nAccess-Control-Allow-Headers: x-csrf"
)

// refused is a preflight that an application answers with a status.
func refused(status int, headers string) string {
	return answer{preflight: status, preflightHeaders: headers}.at(bare)
}

var harPreflights = []harCase{
	{cause: har.NoPreflightMethod, enter: []string{app1 + "/"}, page: "-", run: func(t *tab) {
		t.forget(app1)
		t.fetch("fetch", "/data", `{method: "OPTIONS", headers: {"x-csrf": "1"}}`)
	}},
	{cause: har.PreflightOrigin, call: api + "/data", init: put},
	{cause: har.PreflightMethod, enter: []string{app1 + "/loose"}, page: "-", call: api + "/data", init: `{method: "DELETE"}`},
	{cause: har.PreflightHeader, enter: []string{app1 + "/loose"}, page: "-", call: api + "/data", init: `{headers: {"x-other": "1"}}`},
	{cause: har.PreflightNoCORS, call: app3 + "/data", init: put},
	{cause: har.PreflightNoPolicy, call: none + "/data", init: put},
	{cause: har.PreflightOtherReason, call: area + "/x%2f..%2fadmin", init: put},
	{cause: har.PreflightToLogin, call: refused(302, "Location: "+evil+"/oauth2/start?rd=secret"), init: put},
	{cause: har.PreflightToHTTPS, page: "-", run: func(t *tab) {
		there := strings.Replace(plainApps(), "localhost", "127.0.0.1", 1)
		t.open(plainApps() + "/loose")
		t.fetch("fetch", answer{preflight: 308, preflightHeaders: "Location: " + strings.Replace(there, "http:", "https:", 1)}.at(there), put)
	}},
	{cause: har.PreflightSlash, call: refused(301, "Location: /answer/"), init: put},
	{cause: har.PreflightRedirected, call: refused(307, "Location: "+evil+"/v2"), init: put},
	{cause: har.PreflightUnauthorize, call: refused(401, "WWW-Authenticate: Basic"), init: put},
	{cause: har.PreflightUnknown, call: refused(405, "Allow: GET"), init: put},
	{cause: har.PreflightServerError, call: refused(500, ""), init: put},
	{cause: har.PreflightStatus, call: refused(400, permit), init: put},
	{cause: har.MethodNotListed, call: refused(204, "Access-Control-Allow-Origin: *"), init: put},
	{cause: har.HeaderNotListed, call: refused(204, permit), init: `{headers: {"x-other": "1"}}`},
}

// says is an application's answer to a simple request.
func says(status int, headers string) string {
	return answer{status: status, headers: headers}.at(bare)
}

var harAnswers = []harCase{
	{cause: har.AllowOriginMissing, call: says(200, "")},
	{cause: har.RefusalUnreadable, call: api + "/data"},
	{cause: har.ProxyErrorUnreadable, call: says(502, "")},
	{cause: har.AllowOriginDiffers, call: says(200, "Access-Control-Allow-Origin: "+app1)},
	{cause: har.AllowOriginSlash, call: says(200, "Access-Control-Allow-Origin: "+free+"/")},
	{cause: har.AllowOriginTwice, call: says(200, "Access-Control-Allow-Origin: *\nAccess-Control-Allow-Origin: "+free)},
	{cause: har.WildcardCredentials, run: func(t *tab) {
		t.open(says(200, "Set-Cookie: a=b; SameSite=None; Secure"))
		t.open(free + "/loose")
		t.fetch("fetch", says(200, "Access-Control-Allow-Origin: *"), included)
	}},
	{cause: har.CredentialsNotAllowed, run: func(t *tab) {
		t.open(says(200, "Set-Cookie: a=b; SameSite=None; Secure"))
		t.open(free + "/loose")
		t.fetch("fetch", says(200, cors), included)
	}},
	{cause: har.CachedForOther, page: "-", run: func(t *tab) {
		cached := says(200, "Access-Control-Allow-Origin: {origin}\nCache-Control: max-age=600")
		t.open(free + "/loose")
		t.fetch("fetch", cached, "{}")
		t.open(alto + "/loose")
		t.fetch("fetch", cached, "{}")
	}},
	{cause: har.CachedWithout, run: func(t *tab) {
		cached := says(200, "Cache-Control: max-age=600\nContent-Type: image/svg+xml")
		t.eval(`new Promise(r => { const i = new Image(); i.onload = i.onerror = () => r(true); i.src = "`+cached+`"; document.body.append(i) })`, nil)
		t.fetch("fetch", cached, "{}")
	}},
	{cause: har.ModeNoCORS, call: says(403, ""), init: `{mode: "no-cors"}`},
	{cause: har.ToLogin, enter: []string{app1 + "/loose"}, page: "-", call: send + "/data", init: included},
	{cause: har.ToOtherLogin, call: says(302, cors+"\nLocation: "+evil+"/oauth2/authorize?state=secret")},
	{cause: har.RedirectNoCORS, call: says(302, "Location: "+free+"/data")},
	{cause: har.NullAfter, call: says(302, cors+"\nLocation: "+answer{headers: "Access-Control-Allow-Origin: " + free}.at(evil))},
	{cause: har.NullOrigin, page: "-", run: func(t *tab) {
		t.open("data:text/html,<title>null</title>")
		t.fetch("fetch", api+"/data", "{}")
	}},
	{cause: har.RedirectLoop, page: bare + "/loose", call: says(302, "Location: {self}")},
	{cause: har.LoginLoop, page: "-", run: func(t *tab) {
		for range 3 {
			t.open(says(302, "Location: "+free+"/loose/oauth2/start"))
		}
	}},
	{cause: har.RateLimited, call: says(429, cors+"\nRetry-After: 5")},
	{cause: har.TooLarge, call: says(413, cors)},
	{cause: har.HeaderTooLarge, call: says(431, cors)},
	{cause: har.ProxyError, call: says(503, cors)},
	{cause: har.AppRefused, call: says(403, cors)},
	{cause: har.AppFailed, call: says(500, cors)},
}

var harSessions = []harCase{
	{cause: har.NotSignedIn, enter: []string{app1 + "/loose"}, page: "-", call: api + "/data", init: included},
	{cause: har.SessionUnknown, enter: []string{app1 + "/loose"}, page: "-", call: api + "/data", init: included, sanitized: true},
	{cause: har.CredentialsOmitted, enter: []string{app1 + "/loose"}, page: "-", run: func(t *tab) {
		t.open(api + "/loose")
		t.open(app1 + "/loose")
		t.fetch("fetch", api+"/data", "{}")
	}},
	{cause: har.CookieSameSite, enter: []string{app1 + "/loose"}, page: "-", run: func(t *tab) {
		t.open(laxa + "/loose")
		t.open(app1 + "/loose")
		t.fetch("fetch", laxa+"/data", included)
	}},
	{cause: har.CookieThirdParty, profile: blocked, enter: []string{app1 + "/loose"}, page: "-", run: func(t *tab) {
		t.open(app2 + "/loose")
		t.open(app1 + "/loose")
		t.fetch("fetch", app2+"/data", included)
	}},
	{cause: har.CookiePartition, enter: []string{app1 + "/loose"}, page: "-", run: func(t *tab) {
		t.open(part + "/loose")
		t.open(app1 + "/loose")
		t.fetch("fetch", part+"/data", included)
	}},
	{cause: har.CookieRejected, page: "-", run: func(t *tab) {
		t.open(says(200, "Set-Cookie: __Host-ostiary=abc; Path=/; SameSite=None"))
		t.open(free + "/loose")
		t.fetch("fetch", says(401, cors+"\nAccess-Control-Allow-Credentials: true\nX-Access-Reason: no-session"), included)
	}},
	{cause: har.SessionOver, enter: []string{app1 + "/loose"}, page: "-", run: func(t *tab) {
		t.open(quik + "/loose")
		t.open(app1 + "/loose")
		time.Sleep(quickSession*time.Second + time.Second)
		t.fetch("fetch", quik+"/data", included)
	}},
	{cause: har.SubresourceNoCookie, enter: []string{app1 + "/loose"}, page: "-", run: func(t *tab) {
		t.open(api + "/loose")
		t.open(app1 + "/loose")
		t.eval(`new Promise(r => { const s = document.createElement("script"); s.crossOrigin = "anonymous"; s.onload = s.onerror = () => r(true); s.src = "`+
			api+`/script.js"; document.head.append(s) })`, nil)
	}},
	{cause: har.NotPermitted, enter: []string{area + "/loose"}, page: "-", call: "/admin/data"},
	{cause: har.OtherSite, enter: []string{api + "/loose"}, page: "-", run: func(t *tab) {
		t.open(free + "/loose")
		t.after(chromedp.Evaluate(`const f = document.createElement("form"); f.method = "post"; f.action = "`+api+`/save"; document.body.append(f); f.submit()`, nil))
	}},
	{cause: har.TokenRefused, enter: []string{app1 + "/loose"}, page: "-", call: "/data",
		init: `{headers: {"x-access-client-id": "nobody", "x-access-client-secret": "ostiary_x"}}`},
	{cause: har.WebSocketRefused, run: func(t *tab) {
		t.eval(`new Promise(r => { const s = new WebSocket("wss://api.site.test/ws"); s.onerror = s.onopen = () => r(true) })`, nil)
	}},
	{cause: har.Refused, page: none + "/"},
}

var harNotes = []harCase{
	{cause: har.ExposeHeaders, call: says(200, cors+"\nX-Total-Count: 12")},
	{cause: har.WildcardAuthorization, init: `{headers: {authorization: "Bearer x"}}`,
		call: answer{preflightHeaders: "Access-Control-Allow-Origin: *\nAccess-Control-Allow-Headers: *", headers: cors}.at(bare)},
	{cause: har.VaryMissing, call: says(200, "Access-Control-Allow-Origin: {origin}")},
	{cause: har.NotCached, run: func(t *tab) {
		for range 5 {
			t.fetch("fetch", answer{preflightHeaders: permit + "\nAccess-Control-Max-Age: 0", headers: cors}.at(bare), put)
		}
	}},
	{cause: har.ThirdPartySoon, enter: []string{app1 + "/loose"}, page: "-", run: func(t *tab) {
		t.open(app2 + "/loose")
		t.open(app1 + "/loose")
		t.fetch("fetch", app2+"/data", included)
	}},
}
