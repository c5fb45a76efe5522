// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// FuzzAuthorize: whatever is asked, nobody is sent anywhere, and a question is shown only where
// each part of what was asked is as it must be.
func FuzzAuthorize(f *testing.F) {
	s := newSite(f)
	ann := s.person("ann")
	first, _ := url.Parse(authorizeURL())
	f.Add(first.RawQuery)
	for _, more := range []string{"&state=x", "&resource=https://other.example.com/", "&redirect_uri=" + redirect, "&done=1", "&%", "#",
		"&prompt=none;x=y", "&client_id"} {
		f.Add(first.RawQuery + more)
	}
	f.Add(strings.Replace(first.RawQuery, "agent.example.net%2Fcallback", "evil.example.org", 1))
	f.Add(strings.Replace(first.RawQuery, "S256", "plain", 1))
	f.Fuzz(func(t *testing.T, query string) {
		if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) {
			return // no request line holds it
		}
		u, err := url.Parse(teamOrigin + "/.access/oauth/authorize?" + query)
		if err != nil || u.RawQuery != query {
			return
		}
		w := ann.do(http.MethodGet, u.String(), nil)
		if to := w.Header().Get("Location"); to != "" {
			if back, err := url.Parse(to); err != nil || back.Host != "localhost" && !strings.HasPrefix(back.Host, "localhost:") {
				t.Fatalf("%s leads to %s", query, to) // that of the one client that an operator answers for
			}
		}
		if w.Code >= http.StatusInternalServerError {
			t.Fatalf("%s: %d", query, w.Code)
		}
		if !strings.Contains(main(w), `name="question"`) {
			return
		}
		q := u.Query()
		for _, name := range []string{"client_id", "redirect_uri", "code_challenge", "code_challenge_method", "resource", "response_type"} {
			if len(q[name]) != 1 {
				t.Fatalf("%s: a question, with %d of %s", query, len(q[name]), name)
			}
		}
		document := q.Get("client_id") == clientID && slices.Contains([]string{redirect}, q.Get("redirect_uri"))
		if !document && !strings.HasPrefix(q.Get("redirect_uri"), "http://127.0.0.1") && !strings.HasPrefix(q.Get("redirect_uri"),
			"http://localhost") {
			t.Fatalf("%s: a question for an answer that goes to %s", query, q.Get("redirect_uri"))
		}
		if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
			t.Fatalf("%s: a question", query)
		}
	})
}

// FuzzToken: whatever is sent, no token comes of it but by the code, its verifier and its client.
func FuzzToken(f *testing.F) {
	s := newSite(f)
	ann := s.person("ann")
	c := ann.code()
	spent, nobody := s.fetch(ann.code()), s.person("")
	f.Add("grant_type=authorization_code&client_id=" + url.QueryEscape(clientID) + "&code=" + c + "&code_verifier=x")
	f.Add("grant_type=refresh_token&client_id=cli&refresh_token=" + spent.Refresh)
	f.Add("grant_type=refresh_token&client_id=" + url.QueryEscape(clientID) + "&refresh_token=" + c)
	f.Add("grant_type=refresh_token&client_id=" + url.QueryEscape(clientID) + "&refresh_token=" + spent.Access)
	f.Add("grant_type=authorization_code&grant_type=refresh_token")
	f.Add("%")
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, spent.Refresh) && strings.Contains(body, url.QueryEscape(clientID)) || strings.Contains(body, verifier) {
			return // that is a good one
		}
		form, _ := url.ParseQuery(body)
		w := nobody.do(http.MethodPost, teamOrigin+"/.access/oauth/token", form, "Sec-Fetch-Site", "cross-site")
		if w.Code == http.StatusOK || w.Code >= http.StatusInternalServerError || strings.Contains(w.Body.String(), "access_token") {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%q: it is kept", body)
		}
	})
}

// FuzzClientDocument: a document that is taken is of its own address, and has nothing but redirect URIs
// that people may be sent to.
func FuzzClientDocument(f *testing.F) {
	f.Add(clientID, documentText(nil))
	f.Add("https://a.example.com/x", `{"client_id":"https://a.example.com/x","redirect_uris":["http://[::1]:1/"]}`)
	f.Add("https://a.example.com/x", `{"client_id":"https://a.example.com/x","redirect_uris":["com.example.app:/"],"Client_ID":"x"}`)
	f.Fuzz(func(t *testing.T, id, text string) {
		u, err := documentAddress(id)
		if err == nil && (u.String() != id || u.Scheme != "https" || u.Port() != "" || !strings.Contains(u.Host, ".")) {
			t.Fatalf("%q is %q", id, u)
		}
		c, err := parseDocument(id, []byte(text))
		if err != nil {
			return
		}
		if c.ID != id || c.Registered || len(c.RedirectURIs) == 0 || strings.ContainsAny(c.Name, "\r\n\u202e\u0000") {
			t.Fatalf("%q: %+v", text, c)
		}
		for _, uri := range c.RedirectURIs {
			to, err := url.Parse(uri)
			if err != nil || !c.mayReturnTo(uri) || to.Scheme == "javascript" || to.Scheme == "data" || to.User != nil {
				t.Fatalf("%q: %q", text, uri)
			}
			if to.Scheme == "http" && !policy.IsOwnMachine(to.Hostname()) {
				t.Fatalf("%q: %q", text, uri)
			}
		}
	})
}
