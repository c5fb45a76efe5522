// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	app1    = "https://app1.example.com"
	app2URL = "https://app2.example.com/api/x"
)

// app2 is the seed's protected application, with a CORS configuration.
func app2(c *CORS) Policy {
	return Policy{Source: Source{Namespace: "shop", Name: "app2"}, Since: birth, Hosts: []string{"app2.example.com"}, CORS: c, Rules: does(Allow)}
}

// basic allows app1 to GET.
func basic(changes ...func(*CORS)) *CORS {
	c := &CORS{AllowedOrigins: []string{app1}, AllowedMethods: []string{"GET"}}
	for _, change := range changes {
		change(c)
	}
	return c
}

// cp is CP(o,m,h) of CORS.md: it words what a preflight gets.
func cp(t *testing.T, table *Table, origin, method, headers string) string {
	t.Helper()
	return worded(t, table.Decide(preflight(t, app2URL, origin, method, headers)))
}

// worded is "200 origin=… credentials=…", or the reason of a refusal.
func worded(t *testing.T, d Decision) string {
	t.Helper()
	if d.Verdict != AnswerPreflight {
		if d.CORS != (CORSHeaders{}) && d.Verdict == Deny && d.Reason >= PreflightNotConfigured && d.Reason <= HeaderNotAllowed {
			t.Errorf("a refusal with CORS headers: %+v", d)
		}
		return d.Reason.String()
	}
	out := []string{"200"}
	add := func(name, value string) {
		if value != "" {
			out = append(out, name+"="+value)
		}
	}
	add("origin", d.CORS.AllowOrigin)
	if d.CORS.AllowCredentials {
		add("credentials", "true")
	}
	add("methods", d.CORS.AllowMethods)
	add("headers", d.CORS.AllowHeaders)
	add("max-age", d.CORS.MaxAge)
	add("expose", d.CORS.ExposeHeaders)
	if d.CORS.AllowPrivateNetwork {
		add("private", "true")
	}
	return strings.Join(out, " ")
}

type cpRow struct {
	id                      string
	cors                    *CORS
	origin, method, headers string
	want                    string
}

const (
	okApp1 = "200 origin=" + app1 + " methods=GET"
	noO    = "origin-not-allowed"
	noM    = "method-not-allowed"
	noH    = "header-not-allowed"
)

func runRows(t *testing.T, rows []cpRow) {
	for _, r := range rows {
		t.Run(fmt.Sprintf("%s %.40s %.20s %.40s", r.id, r.origin, r.method, r.headers), func(t *testing.T) {
			if got := cp(t, mustBuild(t, app2(r.cors)), r.origin, r.method, r.headers); got != r.want {
				t.Errorf("CP(%.80s, %.80s, %.80s): %s, want %s", r.origin, r.method, r.headers, got, r.want)
			}
		})
	}
}

func TestCORSStatements(t *testing.T) {
	all := func(c *CORS) { c.AllowAllOrigins, c.AllowedOrigins = true, nil }
	null := func(c *CORS) { c.AllowedOrigins = []string{"null"} }
	credentials := func(c *CORS) { c.AllowCredentials = true }
	anyMethod := func(c *CORS) { c.AllowAllMethods, c.AllowedMethods = true, nil }
	anyHeader := func(c *CORS) { c.AllowAllHeaders = true }
	several := func(c *CORS) {
		c.AllowedOrigins = []string{app1, "HTTPS://App3.Example.COM", "http://localhost:3000", "https://*.preview.example.com"}
	}
	starred := func(c *CORS) {
		c.AllowedOrigins = []string{"https://preview-*.example.com", "http://localhost:*"}
	}
	methods := func(c *CORS) { c.AllowedMethods = []string{"GET", "PATCH"} }
	headers := func(c *CORS) { c.AllowedHeaders = []string{"X-A", "content-type"} }
	maxAge := func(n int) func(*CORS) { return func(c *CORS) { c.MaxAge = n } }
	runRows(t, []cpRow{
		{"S2", nil, app1, "GET", "", "preflight-not-configured"},
		{"S9", basic(), "https://app3.example.com", "GET", "", noO},
		{"S13", basic(), "null", "GET", "", noO},
		{"S15", basic(), "null", "GET", "", noO},
		{"S17", basic(all), "null", "GET", "", "200 origin=* methods=GET"},
		{"S17", basic(all), "https://x.example", "GET", "", "200 origin=* methods=GET"},
		{"S17", basic(all), strings.Repeat("a", 64<<10), "GET", "", noO},
		{"S18", basic(null), "null", "GET", "", "200 origin=null methods=GET"},
		{"S18", basic(null, credentials), "null", "GET", "", "200 origin=null credentials=true methods=GET"},
		{"S18", basic(null), "https://null", "GET", "", noO},
		{"S18", basic(null), "NULL", "GET", "", noO},
		{"S18", basic(null), "Null", "GET", "", noO},
		{"S18", basic(null), "null ", "GET", "", noO},
		{"S19", basic(credentials), app1, "GET", "", "200 origin=" + app1 + " credentials=true methods=GET"},
		{"S19", basic(), app1, "GET", "", okApp1},
		{"S20", basic(maxAge(600)), app1, "GET", "", okApp1 + " max-age=600"},
		{"S20", basic(maxAge(86400)), app1, "GET", "", okApp1 + " max-age=86400"},
		{"S20", basic(maxAge(0)), app1, "GET", "", okApp1},
		{"S20", basic(maxAge(-1)), app1, "GET", "", okApp1 + " max-age=0"},
		{"S21", basic(several), app1, "GET", "", okApp1},
		{"S21", basic(several), "https://app3.example.com", "GET", "", "200 origin=https://app3.example.com methods=GET"},
		{"S21", basic(several), "http://localhost:3000", "GET", "", "200 origin=http://localhost:3000 methods=GET"},
		{"S21", basic(several), "http://localhost", "GET", "", noO},
		{"S21", basic(several), "http://localhost:30000", "GET", "", noO},
		{"S21", basic(several), "http://app1.example.com", "GET", "", noO},
		{"S21", basic(several), app1 + ":8443", "GET", "", noO},
		{"S21", basic(several), "https://evil-app1.example.com", "GET", "", noO},
		{"S21", basic(several), "https.preview://a.example.com", "GET", "", noO},
		{"S21", basic(several), "http://a.preview.example.com", "GET", "", noO},
		{"S21", basic(several), app1 + ".evil.example", "GET", "", noO},
		{"S21", basic(several), "https://evil.example/" + app1, "GET", "", noO},
		{"S21", basic(several), app1 + "/", "GET", "", noO},
		{"S21", basic(several), app1 + ".", "GET", "", noO},
		{"S21", basic(several), "https://app1xexample.com", "GET", "", noO},
		{"S21", basic(several), "https://pr-1.preview.example.com", "GET", "", "200 origin=https://pr-1.preview.example.com methods=GET"},
		{"S21", basic(several), "http://pr-1.preview.example.com", "GET", "", noO},
		{"S21", basic(several), "https://.preview.example.com", "GET", "", noO},
		{"S21", basic(several), "https://*.preview.example.com", "GET", "", noO},
		{"S21", basic(several), "https://evil.example/.preview.example.com", "GET", "", noO},
		{"S21", basic(several), "https://evil.example#.preview.example.com", "GET", "", noO},
		{"S21", basic(several), "https://a@b.preview.example.com", "GET", "", noO},
		{"S21", basic(several), "https://" + strings.Repeat("a", 64) + ".preview.example.com", "GET", "", noO},
		{"S21", basic(several), "https://a.preview.example.com:443", "GET", "", noO},
		{"S21", basic(starred), "https://preview-1.example.com", "GET", "", "200 origin=https://preview-1.example.com methods=GET"},
		{"S21", basic(starred), "https://preview-.example.com", "GET", "", noO},
		{"S21", basic(starred), "https://preview-a.b.example.com", "GET", "", noO},
		{"S21", basic(starred), "https://x.preview-1.example.com", "GET", "", noO},
		{"S21", basic(starred), "http://localhost:5173", "GET", "", "200 origin=http://localhost:5173 methods=GET"},
		{"S21", basic(starred), "http://localhost:80", "GET", "", noO},
		{"S21", basic(starred), "http://app.localhost:5173", "GET", "", noO},
		{"S22", basic(methods), app1, "PATCH", "", "200 origin=" + app1 + " methods=PATCH"},
		{"S22", basic(methods), app1, "patch", "", noM},
		{"S22", basic(methods), app1, "DELETE", "", noM},
		{"S22", basic(methods), app1, "GET, PATCH", "", noM},
		{"S22", basic(methods), app1, "*", "", noM},
		{"S22", basic(anyMethod), app1, "PURGE", "", "200 origin=" + app1 + " methods=PURGE"},
		{"S22", basic(anyMethod), app1, "TRACE", "", noM},
		{"S22", basic(anyMethod), app1, "GET\r\nX: y", "", noM},
		{"S22", basic(anyMethod), app1, strings.Repeat("A", 65), "", noM},
		{"S23", basic(headers), app1, "GET", "x-a, content-type", okApp1 + " headers=x-a, content-type"},
		{"S23", basic(headers), app1, "GET", "X-a,CONTENT-TYPE", okApp1 + " headers=X-a,CONTENT-TYPE"},
		{"S23", basic(headers), app1, "GET", "x-a,x-b", noH},
		{"S23", basic(headers), app1, "GET", "x-a x-b", noH},
		{"S23", basic(headers), app1, "GET", "*", noH},
		{"S23", basic(headers), app1, "GET", "", okApp1},
		{"S23", basic(), app1, "GET", "x-a", noH},
		{"S23", basic(anyHeader), app1, "GET", "authorization,x-b", okApp1 + " headers=authorization,x-b"},
		{"S23", basic(anyHeader), app1, "GET", "x-a\r\nset-cookie: a", noH},
		{"S23", basic(anyHeader, credentials), app1, "GET", "x-b", "200 origin=" + app1 + " credentials=true methods=GET headers=x-b"},
		{"S24", basic(headers), "https://evil.example", "GET", "x-a", noO},
		{"S24", basic(headers), app1, "PUT", "x-a", noM},
		{"S29", basic(credentials), app1, "GET", "", "200 origin=" + app1 + " credentials=true methods=GET"},
	})
}

// S6: CORS belongs to the policy, and so to its host and path.
func TestS6CORSOfThePathAlone(t *testing.T) {
	api, root := app2(basic()), app2(nil)
	api.Source.Name, api.Paths = "api", prefixes("/api")
	table := mustBuild(t, api, root)
	for path, want := range map[string]string{"/api": okApp1, "/api/x": okApp1, "/": "preflight-not-configured", "/apix": "preflight-not-configured", "/api/../x": "ambiguous-path", "/x//..": "preflight-not-configured"} {
		if got := worded(t, table.Decide(preflight(t, "https://app2.example.com"+path, app1, "GET", ""))); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// S17, S18, S20: what admission must refuse or warn of.
func TestS17S18S20Validation(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*CORS)
		want   string
	}{
		"S17 all and credentials": {func(c *CORS) { c.AllowAllOrigins, c.AllowedOrigins, c.AllowCredentials = true, nil, true }, "spec.cors Invalid"},
		"S17 all and a list":      {func(c *CORS) { c.AllowAllOrigins = true }, "spec.cors Invalid"},
		"S18 null":                {func(c *CORS) { c.AllowedOrigins = []string{"null"} }, ""},
		"S18 null, credentials":   {func(c *CORS) { c.AllowedOrigins, c.AllowCredentials = []string{"null"}, true }, "spec.cors.allowedOrigins Unwise"},
		"S20 86401":               {func(c *CORS) { c.MaxAge = 86401 }, "spec.cors.maxAge Invalid"},
		"S20 -2":                  {func(c *CORS) { c.MaxAge = -2 }, "spec.cors.maxAge Invalid"},
		"D21 ten years":           {func(c *CORS) { c.MaxAge = 315360000 }, "spec.cors.maxAge Invalid"},
		"no origin":               {func(c *CORS) { c.AllowedOrigins = nil }, "spec.cors Invalid"},
		"no method":               {func(c *CORS) { c.AllowedMethods = nil }, "spec.cors Invalid"},
		"bypass and more":         {func(c *CORS) { c.BypassPreflight = true }, "spec.cors Invalid"},
		"a star":                  {func(c *CORS) { c.AllowedOrigins = []string{"*"} }, "spec.cors.allowedOrigins[0] Invalid"},
		"default port":            {func(c *CORS) { c.AllowedOrigins = []string{app1, app1 + ":443"} }, "spec.cors.allowedOrigins[1] Invalid"},
		"two brackets":            {func(c *CORS) { c.AllowedOrigins = []string{"https://[[::1]]"} }, "spec.cors.allowedOrigins[0] Invalid"},
		"zone":                    {func(c *CORS) { c.AllowedOrigins = []string{"https://[fe80::1%25eth0]"} }, "spec.cors.allowedOrigins[0] Invalid"},
		"long IPv6":               {func(c *CORS) { c.AllowedOrigins = []string{"https://[0:0:0:0:0:0:0:1]"} }, "spec.cors.allowedOrigins[0] Invalid"},
		"IPv6":                    {func(c *CORS) { c.AllowedOrigins = []string{"https://[::1]:8443"} }, ""},
		"whole top-level domain":  {func(c *CORS) { c.AllowedOrigins = []string{"https://*.com"} }, "spec.cors.allowedOrigins[0] Invalid"},
		"lower-case method":       {func(c *CORS) { c.AllowedMethods = []string{"patch"} }, "spec.cors.allowedMethods[0] Invalid"},
		"header injection":        {func(c *CORS) { c.AllowedHeaders = []string{"a\r\nb"} }, "spec.cors.allowedHeaders[0] Invalid"},
		"exposed injection":       {func(c *CORS) { c.ExposedHeaders = []string{"a,b"} }, "spec.cors.exposedHeaders[0] Invalid"},
	} {
		_, issues := build([]Policy{app2(basic(tc.change))})
		want := []string{}
		if tc.want != "" {
			want = append(want, "shop/app2 "+tc.want)
		}
		if got := told(issues); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// D12: even were it let through, credentials and "*" are never sent together.
func TestD12NeverStarWithCredentials(t *testing.T) {
	c := compileCORS(&CORS{AllowAllOrigins: true, AllowCredentials: true, AllowAllMethods: true})
	h, why := c.preflight(app1, &Preflight{Method: "GET"})
	if why != NoReason || h.AllowOrigin != "*" || h.AllowCredentials || c.readable(app1).AllowCredentials {
		t.Errorf("%+v %s", h, why)
	}
}

// S28, D13, D14: what is no preflight is judged as any request.
func TestS28ThreePrerequisites(t *testing.T) {
	open := app2(basic())
	open.Rules = []Rule{{Action: Allow, Include: everyone()}}
	table := mustBuild(t, open)
	base := preflight(t, app2URL, app1, "GET", "")
	for name, tc := range map[string]struct {
		change func(*Request)
		want   string
	}{
		"all three":                {func(*Request) {}, "answer-preflight preflight-answered app2"},
		"S28 no OPTIONS":           {func(r *Request) { r.Method = "GET" }, "challenge no-session app2"},
		"S28 no Origin":            {func(r *Request) { r.Origin = "" }, "deny no-session app2"},
		"S28 no ACRM":              {func(r *Request) { r.Preflight.Method = "" }, "deny no-session app2"},
		"D13 plain OPTIONS":        {func(r *Request) { r.Origin, r.Preflight = "", Preflight{} }, "deny no-session app2"},
		"D14 POST":                 {func(r *Request) { r.Method = "POST" }, "challenge no-session app2"},
		"C3 lower-case method":     {func(r *Request) { r.Method = "options" }, "challenge no-session app2"},
		"D22 OPTIONS for WebDAV":   {func(r *Request) { r.Origin, r.Preflight, r.Subject = "", Preflight{}, session("shop/app2") }, "allow signed-in app2"},
		"S2 OPTIONS, no ACRM":      {func(r *Request) { r.Preflight, r.Subject = Preflight{}, session("shop/app2") }, "allow signed-in app2"},
		"D23 with a session":       {func(r *Request) { r.Subject = session("shop/app2") }, "answer-preflight preflight-answered app2"},
		"D23 with a bad session":   {func(r *Request) { r.Refused = BadSignature }, "answer-preflight preflight-answered app2"},
		"S30 nobody is identified": {func(r *Request) { r.Subject = session("shop/app2") }, "answer-preflight preflight-answered app2"},
	} {
		r := base
		tc.change(&r)
		d := table.Decide(r)
		if got := brief(d); got != tc.want || d.Verdict == AnswerPreflight && d.Identified || r.Method == "OPTIONS" && d.Verdict != AnswerPreflight && d.CORS != (CORSHeaders{}) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// S31: a configured preflight never reaches the application, whatever the rules.
func TestS31AnsweredForEveryRule(t *testing.T) {
	for action := Block; action <= ServiceAuth; action++ {
		p := app2(basic())
		p.Rules = does(action)
		table := mustBuild(t, p)
		if got := cp(t, table, app1, "GET", ""); got != okApp1 {
			t.Errorf("%s: %s", action, got)
		}
		if d := table.Decide(preflight(t, app2URL, "https://evil.example", "GET", "")); d.Verdict != Deny {
			t.Errorf("%s: %s", action, brief(d))
		}
		p.CORS = nil // S2: not even a Bypass lets a preflight through unasked
		if d := mustBuild(t, p).Decide(preflight(t, app2URL, app1, "GET", "")); d.Verdict != Deny || d.Reason != PreflightNotConfigured {
			t.Errorf("%s without CORS: %s", action, brief(d))
		}
	}
	bypass := mustBuild(t, app2(&CORS{BypassPreflight: true}))
	if d := bypass.Decide(preflight(t, app2URL, "https://any.example", "PUT", "x")); d.Verdict != Admit || d.Reason != PreflightBypassed || d.CORS != (CORSHeaders{}) {
		t.Errorf("%+v", d)
	}
	if d := bypass.Decide(preflight(t, app2URL+"//y", "https://any.example", "PUT", "x")); d.Verdict != Deny || d.Reason != AmbiguousPath {
		t.Errorf("%+v", d)
	}
}

func TestThreatsCORS(t *testing.T) {
	const spaURL = "https://spa.example.com"
	granted := "200 origin=%s credentials=true methods=%s"
	long := strings.Repeat("x-csrf,", 292)
	private := spa()
	private.AllowPrivateNetwork = true
	var rows []cpRow
	for _, o := range []string{
		"null", spaURL + ".evil.com", spaURL + "evil.com", "https://evilspa.example.com", "https://xdev.example.com", "https://dev.example.com",
		"https://a.b.dev.example.com", "http://spa.example.com", spaURL + ":8443", spaURL + ":443", "https://a, " + spaURL, spaURL + ", https://a", "*",
		spaURL + strings.Repeat("a", 64<<10), spaURL + " ", " " + spaURL, spaURL + "\x00", "spa.example.com", "//spa.example.com", "https:spa.example.com",
	} {
		rows = append(rows, cpRow{"D2-D11", spa(), o, "GET", "", noO})
	}
	rows = append(rows,
		cpRow{"D1", spa(), spaURL, "PATCH", "content-type,x-csrf", fmt.Sprintf(granted, spaURL, "PATCH") + " headers=content-type,x-csrf"},
		cpRow{"D5", spa(), "https://a.dev.example.com", "GET", "", fmt.Sprintf(granted, "https://a.dev.example.com", "GET")},
		cpRow{"D16", spa(), spaURL, "GET", " X-CSRF ,\tContent-Type, ", fmt.Sprintf(granted, spaURL, "GET") + " headers=X-CSRF ,\tContent-Type"},
		cpRow{"D16", spa(), spaURL, "GET", ",,x-csrf,,", fmt.Sprintf(granted, spaURL, "GET") + " headers=x-csrf"},
		cpRow{"D16", spa(), spaURL, "GET", "*", noH},
		cpRow{"D16", spa(), spaURL, "GET", "x-csrf,authorization", noH},
		cpRow{"D16", spa(), spaURL, "GET", long, fmt.Sprintf(granted, spaURL, "GET") + " headers=" + strings.TrimSuffix(long, ",")},
		cpRow{"D16", spa(), spaURL, "GET", strings.Repeat("x-csrf,", 1000), noH},
		cpRow{"D16", spa(), spaURL, "GET", strings.Repeat("a", 100<<10), noH},
	)
	runRows(t, rows)
	for c, want := range map[*CORS]bool{spa(): false, private: true} {
		r := preflight(t, app2URL, spaURL, "GET", "")
		for _, r.Preflight.PrivateNetwork = range []bool{false, true} {
			if d := mustBuild(t, app2(c)).Decide(r); d.CORS.AllowPrivateNetwork != (want && r.Preflight.PrivateNetwork) {
				t.Errorf("D17: %+v", d)
			}
		}
	}
}

// D19, D20: a page of an allowed origin may read why it was refused.
func TestD19Readable(t *testing.T) {
	c := spa()
	c.ExposedHeaders = []string{"X-Request-Id", "x-b"}
	table := mustBuild(t, app2(c))
	expired := session("shop/app2")
	expired.ExpiresAt = now.Add(-time.Second)
	for origin, want := range map[string]CORSHeaders{
		"https://spa.example.com":  {AllowOrigin: "https://spa.example.com", AllowCredentials: true, ExposeHeaders: "X-Request-Id, x-b"},
		"https://evil.example.com": {}, "null": {}, "": {},
	} {
		for _, s := range []*Subject{nil, expired, session("shop/app2")} {
			d := table.Decide(Request{Target: mustTarget(t, app2URL), Method: "GET", Origin: origin, Subject: s, Now: now})
			if d.CORS != want || d.ManageResponses {
				t.Errorf("%q: %+v", origin, d)
			}
		}
	}
}
