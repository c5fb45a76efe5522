// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// hostile is what somebody may put into a path, a name or a header.
const hostile = `/<script>alert(1)</script>"'><img src=x onerror=alert(1)>` + "\u202e"

var eve = person{&policy.Subject{ID: "eve", Email: "eve@example.com", Provider: "people", SignedInAt: now.Add(-time.Hour),
	IssuedAt:  now.Add(-time.Hour),
	ExpiresAt: now.Add(time.Hour)}}

// withOperators makes ann an operator, and app.example.com an application that is not for eve.
func withOperators(t *testing.T, p person, also ...policy.Policy) *Handler {
	t.Helper()
	h := newConsole(t, p)
	allow := func(name string, include ...policy.Selector) []policy.Rule {
		return []policy.Rule{{Name: name, Action: policy.Allow, Include: include}}
	}
	table, issues := policy.Build(policy.Input{
		Terms: policy.Terms{TeamHost: "login.example.com", PathPrefix: "/.access", AnyConsole: true},
		Policies: policy.CompileAll(append(also,
			policy.Policy{Source: policy.Source{Namespace: "ops", Name: "operators"}, Hosts: []string{"login.example.com"},
				Paths: []policy.Path{{Value: "/.access/console"}}, Rules: allow("platform", policy.Selector{Property: policy.Email,
					Value: "ann@example.com"})},
			policy.Policy{Source: policy.Source{Namespace: "shop", Name: "app"}, Hosts: []string{"app.example.com"},
				Rules:  allow("secret-rule", policy.Selector{Property: policy.IdPGroup, Value: "secret-group"}),
				Denied: policy.Denied{Message: "Ask in #shop.", URL: "https://help.example.com/"}},
		))})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	h.Table = func() *policy.Table { return table }
	return h
}

// denied is a request of somebody that the table denies.
func denied(t *testing.T, h *Handler, uri, id string, s *policy.Subject) (*dialect.Ask, *policy.Decision) {
	t.Helper()
	target, err := policy.NewTarget("app.example.com", uri)
	if err != nil {
		t.Fatal(err)
	}
	q := &dialect.Ask{Request: policy.Request{Target: target, Method: "GET", Now: now, Origin: "https://other.example.com",
		Address: netip.MustParseAddr("192.0.2.7")},
		URI: uri, RequestID: id}
	if s != nil {
		as := *s
		as.Audience, as.Groups = []string{h.Table().Audience(target)}, []string{"other-group"}
		q.Subject = &as
	}
	d := h.Table().Decide(q.Request)
	if s == nil { // as an application that asks nobody to sign in
		d.Verdict, d.Reason = policy.Deny, policy.NoRuleMatched
	}
	if d.Verdict != policy.Deny {
		t.Fatalf("%s: %s %s", uri, d.Verdict, d.Reason)
	}
	h.Denials.Saw(q, &d, h.Table())
	return q, &d
}

const base = "https://login.example.com/.access/"

// TestOperatorPages: each page is for operators, and tells everybody else nothing that it knows.
func TestOperatorPages(t *testing.T) {
	for _, page := range []string{"console", "console/denials", "console/denials/events", "console/test", "console/policies"} {
		for name, c := range map[string]struct {
			who    person
			status int
		}{"nobody": {person{}, 401}, "an ordinary user": {eve, 403}} {
			h := withOperators(t, c.who)
			denied(t, h, "/of-eve", "request-of-eve", eve.subject)
			w := ask(h, http.MethodGet, base+page)
			if w.Code != c.status {
				t.Errorf("%s, %s: %d", page, name, w.Code)
			}
			for _, secret := range []string{"of-eve", "shop", "app.example.com", "secret", h.Table().Revision()} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("%s tells %s of %s", page, name, secret)
				}
			}
			if w = ask(h, http.MethodPost, base+page, "Sec-Fetch-Site", "same-origin"); w.Code != c.status {
				t.Errorf("POST %s, %s: %d", page, name, w.Code)
			}
		}
	}
	h := withOperators(t, ann)
	for page, want := range map[string]int{"console": 302, "console/denials": 200, "console/test": 200, "console/policies": 200,
		"console/": 0, "console/x": 0} {
		got := 0
		if w := ask(h, http.MethodGet, base+page); w != nil {
			got = w.Code
		}
		if got != want {
			t.Errorf("%s, an operator: %d, want %d", page, got, want)
		}
	}
	for _, other := range []string{"https://app.example.com/.access/console/denials", "https://app.example.com/.access/why"} {
		if w := ask(h, http.MethodGet, other); w != nil {
			t.Errorf("%s: %d", other, w.Code)
		}
	}
}

// TestNoOperators: without a policy nobody is an operator, and the page says how to make one.
func TestNoOperators(t *testing.T) {
	for _, page := range []string{"console", "console/denials", "console/test", "console/policies"} {
		w := ask(newConsole(t, ann), http.MethodGet, base+page)
		if body := w.Body.String(); w.Code != 403 || !strings.Contains(body, "kind: AccessPolicy") || !strings.Contains(body,
			"hosts: [login.example.com]") ||
			!strings.Contains(body, "path: /.access/console") {
			t.Errorf("%s: %d %s", page, w.Code, body)
		}
	}
	// A table that was built for another team host has applications on this one.
	h := newConsole(t, ann)
	h.TeamURL = &url.URL{Scheme: "https", Host: "app.example.com"}
	if w := ask(h, http.MethodGet, "https://app.example.com/.access/console/denials"); w.Code != 403 {
		t.Errorf("an application's policy makes an operator: %d", w.Code)
	}
}

// linkOf is the address of a denial's page, for the team host alone.
func linkOf(t *testing.T, h *Handler, q *dialect.Ask, d *policy.Decision) string {
	t.Helper()
	link := h.WhyURL(q, d)
	if u, err := url.Parse(link); err != nil || u.Host != "login.example.com" || u.Path != "/.access/why" || len(link) > 2000 {
		t.Fatalf("%q", link)
	}
	return link
}

// TestWhy: who was denied sees what is safe, an operator sees all, and nobody else anything.
func TestWhy(t *testing.T) {
	h := withOperators(t, eve)
	q, d := denied(t, h, "/pages?secret=query", "request-of-eve", eve.subject)
	link := linkOf(t, h, q, d)
	as := func(p person) *httptest.ResponseRecorder {
		h.Sessions = p
		return ask(h, http.MethodGet, link)
	}
	w := as(eve)
	for _, want := range []string{"app.example.com", "2026-01-31 12:00 UTC", "access to this part", "Ask in #shop.",
		`href="https://help.example.com/"`, "request-of-eve",
		"no-rule-matched"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the person is not told %q", want)
		}
	}
	for _, secret := range []string{"secret", "shop/app", "rules[0]", "other-group", "/pages", h.Table().Revision()} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("the person is told %q", secret)
		}
	}
	h.Where = func(policy string) string { return "policies/" + policy + ".yaml:7" }
	w = as(ann)
	for _, want := range []string{"policies/shop/app.yaml:7", "/pages", "eve@example.com", "people", "other-group", "192.0.2.7",
		"https://other.example.com",
		"shop/app", "idpGroup secret-group",
		"include[0]", "DENIED", h.Table().Revision()} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("an operator is not told %q: %s", want, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "query") || strings.Contains(w.Body.String(), "have changed since") {
		t.Error("the query, or a change that there was not")
	}
	other := eve
	other.subject = &policy.Subject{ID: "eve", Email: "eve@example.com", Provider: "guests"}
	for name, c := range map[string]struct {
		who    person
		status int
	}{"nobody": {person{}, 401}, "another provider's": {other, 403}} {
		w := as(c.who)
		if w.Code != c.status {
			t.Errorf("%s: %d", name, w.Code)
		}
		for _, secret := range []string{"app.example.com", "no-rule-matched", "#shop", "12:00"} {
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("%s is told %q", name, secret)
			}
		}
	}
	if w := as(person{}); !strings.Contains(w.Body.String(), "/.access/login?rd=%2F.access%2Fwhy%3F") {
		t.Errorf("nobody is led back here: %s", w.Body)
	}
}

// TestWhyOfNobody: of whom nothing is known, whoever has the link sees what is safe.
func TestWhyOfNobody(t *testing.T) {
	h := withOperators(t, person{})
	q, d := denied(t, h, "/", "request-of-none", nil)
	if w := ask(h, http.MethodGet, linkOf(t, h, q, d)); w.Code != 200 || !strings.Contains(w.Body.String(), "app.example.com") ||
		strings.Contains(w.Body.String(), "shop/app") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestWhyUnknown: what is not known, forged or over is a page that says so.
func TestWhyUnknown(t *testing.T) {
	h := withOperators(t, ann)
	q, d := denied(t, h, "/", "request-of-eve", eve.subject)
	link := linkOf(t, h, q, d)
	sealed := func(u string) string { return strings.SplitN(u, "what=", 2)[1] }
	for name, c := range map[string]struct {
		who    person
		query  string
		status int
	}{
		"an operator, by number":          {ann, "id=request-of-eve", 200},
		"an operator, another number":     {ann, "id=request-of-bob", 404},
		"an operator, nothing":            {ann, "", 404},
		"the person, by number":           {eve, "id=request-of-eve", 404},
		"nobody, by number":               {person{}, "id=request-of-eve", 404},
		"forged":                          {ann, "what=" + strings.Repeat("A", 200), 404},
		"cut":                             {ann, "what=" + sealed(link)[:100], 404},
		"of another purpose":              {ann, "what=" + mustSeal(t, h), 404},
		"the seal counts, not the number": {ann, "id=another-request&what=" + sealed(link), 200},
	} {
		h.Sessions = c.who
		w := ask(h, http.MethodGet, base+"why?"+c.query)
		if w.Code != c.status || c.status == 404 && strings.Contains(w.Body.String(), "app.example.com") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	h.Sessions = eve
	h.Now = func() time.Time { return now.Add(linkTime) }
	if w := ask(h, http.MethodGet, link); w.Code != 404 || !strings.Contains(w.Body.String(), "expired") {
		t.Errorf("after a day: %d", w.Code)
	}
}

func mustSeal(t *testing.T, h *Handler) string {
	t.Helper()
	s, err := h.Ring().Seal("another purpose", Denial{ID: "x", Host: "app.example.com"}, now.Add(time.Hour), now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhySaysThatPoliciesChanged: the walk is of now, and says so.
func TestWhySaysThatPoliciesChanged(t *testing.T) {
	h := withOperators(t, ann)
	q, d := denied(t, h, "/", "request-of-eve", eve.subject)
	old := h.Table().Revision()
	link := linkOf(t, h, q, d)
	open := policy.Policy{Source: policy.Source{Namespace: "shop", Name: "open"}, Hosts: []string{"app.example.com"},
		Paths: []policy.Path{{Value: "/", Exact: true}},
		Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}}}
	h.Table = withOperators(t, ann, open).Table
	body := ask(h, http.MethodGet, link).Body.String()
	for _, want := range []string{"decided by table " + old, "ALLOWED", "signed-in in place of no-rule-matched"} {
		if !strings.Contains(body, want) {
			t.Errorf("not said: %q", want)
		}
	}
}

// TestHostilePages: nothing that a client or a manifest says is markup, on any page, and every
// answer is bounded.
func TestHostilePages(t *testing.T) {
	h := withOperators(t, ann)
	long := strings.Repeat("<b>&", 500)
	s := *eve.subject
	s.ID, s.Email = hostile+long, hostile+long
	q, d := denied(t, h, "/"+url.PathEscape((hostile + long)[1:]), "request-of-eve", &s)
	q.Origin, d.Rule = hostile+long, hostile+long
	h.Denials.Saw(q, d, h.Table())
	link := linkOf(t, h, q, d)
	form := url.Values{"url": {"https://app.example.com" + hostile}, "method": {hostile}, "origin": {hostile},
		"as": {"a@b" + hostile}, "groups": {hostile}, "yaml": {"</textarea>" + hostile}}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"why": ask(h, http.MethodGet, link), "denials": ask(h, http.MethodGet, base+"console/denials?host=app"),
		"filter": ask(h, http.MethodGet, base+"console/denials?host="+url.QueryEscape(hostile)), "policies": ask(h, http.MethodGet,
			base+"console/policies?host="+url.QueryEscape(hostile)),
		"tester": post(h, "console/test", form),
	} {
		body := w.Body.String()
		for _, bad := range []string{"<script>alert", "<img", "<b>", "</textarea>/", "\u202e"} {
			if strings.Contains(body, bad) && !(bad == "\u202e" && (name == "filter" || name == "policies" ||
				name == "tester")) { // shown in the field that it was typed into
				t.Errorf("%s has %q", name, bad)
			}
		}
		if len(body) > 256<<10 {
			t.Errorf("%s: %d bytes", name, len(body))
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") ||
			strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", name, csp)
		}
	}
}

func post(h *Handler, own string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, base+own, strings.NewReader(form.Encode()))
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	h.Serve(w, r, "test-request", h)
	return w
}

var scriptRE = regexp.MustCompile(`<script`)

// TestOneScript: the page of denials has the one script, and its policy names that alone.
func TestOneScript(t *testing.T) {
	h := withOperators(t, ann)
	w := ask(h, http.MethodGet, base+"console/denials")
	if n := len(scriptRE.FindAllString(w.Body.String(), -1)); n != 1 ||
		!strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src 'sha256-") {
		t.Errorf("%d scripts, %s", n, w.Header().Get("Content-Security-Policy"))
	}
	for _, page := range []string{"console/test", "console/policies", "why"} {
		w := ask(h, http.MethodGet, base+page)
		if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "script-src") || scriptRE.MatchString(w.Body.String()) {
			t.Errorf("%s has a script, or may: %s", page, csp)
		}
	}
}
