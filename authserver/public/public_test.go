// SPDX-License-Identifier: Apache-2.0

package public

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// newSite returns a site, and what it logs.
func newSite(t *testing.T, team string, table *policy.Table) (*Site, *bytes.Buffer) {
	t.Helper()
	u, err := url.Parse(team)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := credential.NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	log := new(bytes.Buffer)
	return &Site{
		Table: func() *policy.Table { return table }, Ring: func() *credential.Ring { return ring }, TeamURL: u, PathPrefix: contract.DefaultPathPrefix,
		SessionDuration: time.Hour, Log: slog.New(slog.NewTextHandler(log, nil)), Now: func() time.Time { return now }, SignsIn: true,
	}, log
}

func build(t *testing.T) *policy.Table {
	t.Helper()
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{{Source: policy.Source{Namespace: "shop", Name: "app"}, Hosts: []string{"app.example.com"},
		Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}}}})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return table
}

// A router answers for one address with what it is.
type router func(*Exchange)

func (f router) Route(_, path string) func(*Exchange) {
	if path != "/.access/x" {
		return nil
	}
	return f
}

func TestHostOf(t *testing.T) {
	s, _ := newSite(t, "https://login.example.com:8443", nil)
	for origin, want := range map[string]string{
		"https://app.example.com:8443":   "app.example.com",
		"https://app.example.com":        "",
		"https://app.example.com:443":    "",
		"http://app.example.com:8443":    "",
		"https://app.example.com:8443/":  "",
		"https://APP.example.com:8443":   "",
		"https://a@app.example.com:8443": "",
		"https://:8443":                  "",
		"":                               "",
	} {
		if got, ok := s.HostOf(origin); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", origin, got, ok)
		}
	}
	if got := s.Own("app.example.com", "login", url.Values{"rd": {"/x?y"}}); got != "https://app.example.com:8443/.access/login?rd=%2Fx%3Fy" {
		t.Error(got)
	}
}

// TestServe: what comes before any answer.
func TestServe(t *testing.T) {
	for name, c := range map[string]struct {
		method, target string
		header         string
		table          *policy.Table
		status         int // 0: not answered
	}{
		"good":            {http.MethodGet, "https://app.example.com/.access/x?a=1", "", build(t), 204},
		"another address": {http.MethodGet, "https://app.example.com/.access/y", "", build(t), 0},
		"odd host":        {http.MethodGet, "https://app_._example.com:x/.access/x", "", build(t), 0},
		"damaged":         {http.MethodGet, "https://app.example.com/.access/x?a=%zz", "", build(t), 400},
		"no table":        {http.MethodGet, "https://app.example.com/.access/x", "", nil, 503},
		"own form":        {http.MethodPost, "https://app.example.com/.access/x", "same-origin", build(t), 204},
		"another's form":  {http.MethodPost, "https://app.example.com/.access/x", "cross-site", build(t), 403},
		"a form of none":  {http.MethodPost, "https://app.example.com/.access/x", "", build(t), 403},
	} {
		s, log := newSite(t, "https://login.example.com", c.table)
		host, rest, _ := strings.Cut(strings.TrimPrefix(c.target, "https://"), "/")
		r := httptest.NewRequest(c.method, "/", nil)
		r.Host, r.RequestURI = host, "/"+rest
		r.Header.Set("Sec-Fetch-Site", c.header)
		w := httptest.NewRecorder()
		answered := s.Serve(w, r, "id-1", router(func(x *Exchange) { x.W.WriteHeader(http.StatusNoContent) }))
		if answered != (c.status != 0) || answered && w.Code != c.status {
			t.Errorf("%s: %v, %d", name, answered, w.Code)
		}
		if c.status >= 400 && (!strings.Contains(log.String(), "id-1") || !strings.Contains(w.Body.String(), "id-1") || w.Header().Get(contract.ReasonHeader) == "") {
			t.Errorf("%s: the id leads nowhere: %s", name, log)
		}
		if strings.Contains(log.String(), "zz") {
			t.Errorf("%s: the query is in the log", name)
		}
	}
}

// TestRedirect: a page stands in for what no proxy's buffer holds.
func TestRedirect(t *testing.T) {
	for length, status := range map[int]int{10: 302, 8000: 200} {
		s, _ := newSite(t, "https://login.example.com", build(t))
		w := httptest.NewRecorder()
		x := &Exchange{W: w, R: httptest.NewRequest(http.MethodGet, "https://app.example.com/.access/x", nil), ID: "id-1", Host: "app.example.com"}
		to := "https://app.example.com/" + strings.Repeat("x", length)
		s.Redirect(x, to)
		if w.Code != status || status == 200 && !strings.Contains(w.Body.String(), to) || status == 302 && w.Header().Get("Location") != to {
			t.Errorf("%d: %d %v", length, w.Code, w.Header())
		}
		if headerSize(w.Code, w.Header()) > MaxHeader {
			t.Error("it is too large")
		}
	}
}

func TestLimit(t *testing.T) {
	l := NewLimit(3, time.Second)
	for i, want := range []bool{true, true, true, false} {
		if l.Allow("ann", now) != want {
			t.Errorf("%d: not %v", i, want)
		}
	}
	if !l.Allow("ann", now.Add(time.Second)) || l.Allow("ann", now.Add(time.Second)) {
		t.Error("one a second")
	}
}

// TestQuiet: what nothing answers for need not be in the log.
func TestQuiet(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		s, log := newSite(t, "https://login.example.com", build(t))
		s.Quiet = quiet
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "https://app.example.com/nothing?secret", nil)
		r.RequestURI = "/nothing?secret"
		s.Handler(func(*http.Request) string { return "id-1" }, func(http.ResponseWriter, *http.Request, string) bool { return false }).ServeHTTP(w, r)
		if w.Code != 404 || (log.Len() == 0) != quiet || strings.Contains(log.String(), "secret") || !strings.Contains(w.Body.String(), "https://app.example.com/") {
			t.Errorf("%v: %d, %q", quiet, w.Code, log)
		}
	}
}

// TestDocs: what a script or a person is refused links to what that means.
func TestDocs(t *testing.T) {
	for docs, want := range map[web.Docs]string{"": "", "https://docs.example.com/r": "https://docs.example.com/r#no-session"} {
		s, _ := newSite(t, "https://login.example.com", build(t))
		s.Docs = docs
		w := httptest.NewRecorder()
		s.RefuseJSON(&Exchange{W: w, R: httptest.NewRequest(http.MethodGet, "/", nil), ID: "id-1", Host: "app.example.com"}, http.StatusUnauthorized, "no-session")
		var answer map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer["docs"] != want || len(answer) != 3+min(1, len(want)) {
			t.Errorf("%q: %v, %s", docs, err, w.Body)
		}
		w = httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPut, "https://login.example.com/x", nil)
		s.Handler(func(*http.Request) string { return "id-1" }, func(http.ResponseWriter, *http.Request, string) bool { return false }).ServeHTTP(w, r)
		if linked := strings.Contains(w.Body.String(), `href="https://docs.example.com/r#method-not-allowed"`); linked != (docs != "") {
			t.Errorf("%q: %s", docs, w.Body)
		}
	}
}
