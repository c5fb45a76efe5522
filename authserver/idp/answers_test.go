// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hang answers nothing until the client is gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // else nobody notices
	<-r.Context().Done()
}

// drip sends the beginning of an answer, and then a byte now and then.
func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	for r.Context().Err() == nil {
		_, _ = w.Write([]byte(" "))
		_ = http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
	}
}

const asked = "/.well-known/openid-configuration /jwks /token /userinfo"

// TestSlowOrLong: THREATS G18 and F19: each of the four addresses.
func TestSlowOrLong(t *testing.T) {
	for path := range strings.FieldsSeq(asked) {
		for name, c := range map[string]struct {
			answer http.HandlerFunc
			kind   error
		}{
			"hangs": {hang, ErrUnavailable},
			"drips": {drip, ErrUnavailable},
			"ends at once": {func(w http.ResponseWriter, _ *http.Request) {
				conn, _, _ := http.NewResponseController(w).Hijack()
				_ = conn.Close()
			}, ErrUnavailable},
			"is no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
				conn, _, _ := http.NewResponseController(w).Hijack()
				_, _ = conn.Write([]byte("\x00\x01SMTP ready\r\n\r\n"))
				_ = conn.Close()
			}, ErrUnavailable},
			"is down":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, ErrUnavailable},
			"is limited": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, ErrUnavailable},
			"is HTML": {func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "<html>\n<script>alert(1)</script>")
			}, ErrRejected},
			"is null":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "null") }, ErrRejected},
			"is a list": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }, ErrRejected},
			"is empty":  {func(http.ResponseWriter, *http.Request) {}, ErrRejected},
			"redirects for ever": {func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
			}, ErrRejected},
			"redirects to a file": {func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "file:///etc/passwd")
				w.WriteHeader(http.StatusFound)
			}, ErrRejected},
			"redirects to https": {func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, strings.Replace("http://"+r.Host, "http", "https", 1), http.StatusFound)
			}, ErrRejected},
		} {
			l := newLiar(t)
			l.claims = map[string]any{"groups": nil}
			l.over[path] = c.answer
			started := time.Now()
			who, err := exchange(t, l.provider(func(_ *Config, o *Options) { o.Timeout = 300 * time.Millisecond }))
			wantFailure(t, path+" "+name, who, err, c.kind, "")
			if d := time.Since(started); d > 3*time.Second {
				t.Errorf("%s %s: it took %s", path, name, d)
			}
			if n := l.count(path); n > 3+1 {
				t.Errorf("%s %s: it was asked %d times", path, name, n)
			}
			l.CloseClientConnections()
		}
	}
}

// TestHuge: 1 GB, said or not, packed or not.
func TestHuge(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.CopyN(z, blanks{}, 20<<20)
	_ = z.Close()
	for path := range strings.FieldsSeq(asked) {
		for name, declared := range map[string]bool{"declared": true, "endless": false, "packed": false} {
			l := newLiar(t)
			l.claims = map[string]any{"groups": nil}
			var sent atomic.Int64
			l.over[path] = func(w http.ResponseWriter, _ *http.Request) {
				if name == "packed" {
					w.Header().Set("Content-Encoding", "gzip")
					_, _ = w.Write(bomb.Bytes())
					return
				}
				if declared {
					w.Header().Set("Content-Length", "1000000000")
				}
				n, _ := io.CopyN(w, blanks{}, 1e9)
				sent.Add(n)
			}
			who, err := exchange(t, l.provider(nil))
			wantFailure(t, path+" "+name, who, err, ErrUnavailable, "longer than")
			l.Close() // waits for the handlers
			if n := sent.Load(); n > 20<<20 {
				t.Errorf("%s %s: %d bytes were taken", path, name, n)
			}
		}
	}
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestMetadata: what a provider says about itself.
func TestMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		meta map[string]any
		want string
	}{
		"another issuer":     {map[string]any{"issuer": "https://evil.example"}, "configured as"},
		"a slash more":       {map[string]any{"issuer": "SELF/"}, "slashes included"},
		"no issuer":          {map[string]any{"issuer": nil}, "configured as"},
		"no token endpoint":  {map[string]any{"token_endpoint": nil}, "token_endpoint"},
		"no keys":            {map[string]any{"jwks_uri": ""}, "jwks_uri"},
		"keys in a file":     {map[string]any{"jwks_uri": "file:///etc/passwd"}, "jwks_uri"},
		"script as address":  {map[string]any{"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"},
		"address of nothing": {map[string]any{"userinfo_endpoint": "//x"}, "userinfo_endpoint"},
		"with a password":    {map[string]any{"userinfo_endpoint": "http://a:b@127.0.0.1/"}, "userinfo_endpoint"},
		"endpoint a list":    {map[string]any{"token_endpoint": []string{"x"}}, "form"},
		"iss is promised":    {map[string]any{"authorization_response_iss_parameter_supported": true}, "of which issuer"},
	} {
		l := newLiar(t)
		l.meta = c.meta
		if c.meta["issuer"] == "SELF/" {
			c.meta["issuer"] = l.URL + "/"
		}
		p := l.provider(nil)
		who, err := exchange(t, p)
		wantFailure(t, name, who, err, ErrRejected, c.want)
		if l.count("/token") != 0 {
			t.Errorf("%s: the code was sent", name)
		}
		to, err := p.AuthCodeURL(t.Context(), start())
		if (name == "iss is promised") != (err == nil) || (to == "") != (err != nil) {
			t.Errorf("%s: %q, %v", name, to, err)
		}
	}
}

func start() Start {
	return Start{State: "s", Nonce: "n", Verifier: "v", RedirectURI: "https://auth.example.com/cb"}
}

// TestTokenErrors: the code of an error is shown, if it is one, and nothing else.
func TestTokenErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		kind   error
		want   string
	}{
		"refused":         {400, `{"error":"invalid_grant","error_description":"secret words"}`, ErrRejected, "says invalid_grant"},
		"script":          {400, `{"error":"<script>","error_description":"x"}`, ErrRejected, "status 400"},
		"refused as 200":  {200, `{"error":"bad_verification_code"}`, ErrRejected, "says bad_verification_code"},
		"its own problem": {500, `{"error":"server_error"}`, ErrUnavailable, "status 500"},
		"not a word":      {502, `<html>`, ErrUnavailable, "status 502"},
		"limited":         {429, ``, ErrUnavailable, "status 429"},
		"no access token": {200, `{"id_token":"x"}`, ErrRejected, "no tokens"},
		"no ID token":     {200, `{"access_token":"x"}`, ErrRejected, "openid"},
		"ID token a list": {200, `{"access_token":"x","id_token":["a"]}`, ErrRejected, "openid"},
	} {
		l := newLiar(t)
		l.over["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}
		who, err := exchange(t, l.provider(nil))
		wantFailure(t, name, who, err, c.kind, c.want)
		if strings.Contains(err.Error(), "words") || strings.Contains(err.Error(), "script") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTokenRedirect: nobody is sent the code and the secret by a redirect.
func TestTokenRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		l := newLiar(t)
		l.over["/token"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, l.URL+"/elsewhere", status) }
		who, err := exchange(t, l.provider(nil))
		wantFailure(t, fmt.Sprint(status), who, err, ErrRejected, "elsewhere")
		if l.count("/elsewhere") != 0 {
			t.Errorf("%d: it was followed", status)
		}
	}
}

func TestUserInfo(t *testing.T) {
	for name, c := range map[string]struct {
		claims, info map[string]any
		email        string
		groups       string
		asked        int
		want         string // a rejection
	}{
		"groups from there":        {claims: map[string]any{"groups": nil}, info: map[string]any{"sub": "ann", "groups": []string{"a", "b"}}, email: "ann@example.com", groups: "a b", asked: 1},
		"email from there":         {claims: map[string]any{"email": nil}, info: map[string]any{"sub": "ann", "email": "a@b.example", "email_verified": "true", "groups": "x"}, email: "a@b.example", groups: "staff", asked: 1},
		"none there either":        {claims: map[string]any{"groups": nil, "email": nil}, info: map[string]any{"sub": "ann"}, asked: 1},
		"flag of another place":    {claims: map[string]any{"email_verified": nil}, info: map[string]any{"sub": "ann", "email_verified": true}, groups: "staff", asked: 1},
		"flag and email there":     {claims: map[string]any{"email_verified": nil}, info: map[string]any{"sub": "ann", "email": "x@b.example", "email_verified": true}, email: "x@b.example", groups: "staff", asked: 1},
		"unverified is settled":    {claims: map[string]any{"email_verified": false}, info: map[string]any{"sub": "ann", "email_verified": true, "email": "root@example.com"}, groups: "staff"},
		"about somebody else":      {claims: map[string]any{"groups": nil}, info: map[string]any{"sub": "bob", "groups": "root"}, asked: 1, want: "another user"},
		"about nobody":             {claims: map[string]any{"groups": nil}, info: map[string]any{"groups": "root"}, asked: 1, want: "another user"},
		"sub misspelled":           {claims: map[string]any{"groups": nil}, info: map[string]any{"Sub": "ann", "groups": "root"}, asked: 1, want: "another user"},
		"it refuses":               {claims: map[string]any{"groups": nil}, asked: 1, want: "status 401"},
		"groups are null":          {claims: map[string]any{"groups": nil}, info: map[string]any{"sub": "ann", "groups": nil}, email: "ann@example.com", asked: 1},
		"the ID token goes before": {claims: map[string]any{"email": nil}, info: map[string]any{"sub": "ann", "groups": "root"}, groups: "staff", asked: 1},
	} {
		l := newLiar(t)
		l.claims, l.info = c.claims, c.info
		who, err := exchange(t, l.provider(nil))
		if n := l.count("/userinfo"); n != c.asked {
			t.Errorf("%s: asked %d times", name, n)
		}
		if c.want != "" {
			wantFailure(t, name, who, err, ErrRejected, c.want)
			continue
		}
		if err != nil || who.Email != c.email || strings.Join(who.Groups, " ") != c.groups {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

// TestUserInfoFails: what the ID token says is enough to know somebody, and what is
// missing is said to be. Who is known by what is missing cannot be known.
func TestUserInfoFails(t *testing.T) {
	for name, c := range map[string]struct {
		claims        map[string]any
		edit          func(*Config)
		email, groups bool // unsaid
		fails         bool
	}{
		"address unverified":               {claims: map[string]any{"email_verified": nil}, email: true},
		"no groups":                        {claims: map[string]any{"groups": nil}, groups: true},
		"neither":                          {claims: map[string]any{"groups": nil, "email": nil}, email: true, groups: true},
		"all is said":                      {},
		"known by a claim that is missing": {claims: map[string]any{"upn": nil}, edit: func(c *Config) { c.UserClaim = "upn" }, fails: true},
		"known by an address that is not verified": {claims: map[string]any{"email_verified": nil}, edit: func(c *Config) { c.UserClaim = "email" }, fails: true},
	} {
		for _, status := range []int{401, 403, 404, 500, 503} {
			l := newLiar(t)
			l.claims = c.claims
			l.over["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
			who, err := exchange(t, l.provider(func(config *Config, _ *Options) {
				if c.edit != nil {
					c.edit(config)
				}
			}))
			if (err != nil) != c.fails || !c.fails && (who.ID != "ann" || who.Unsaid.Email != c.email || who.Unsaid.Groups != c.groups || (who.Unsaid.Err != nil) != (c.email || c.groups) || c.email && who.Email != "") {
				t.Errorf("%s, %d: %+v, %v", name, status, who, err)
			}
		}
	}
}

func TestReauthentication(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		at      any
		started time.Time
		ok      bool
	}{
		"not said":        {nil, now, true},
		"just now":        {now.Unix(), now.Add(-time.Second), true},
		"within the skew": {now.Unix() - 30, now, true},
		"before":          {now.Unix() - 300, now.Add(-time.Minute), false},
		"a minute ago":    {now.Unix() - 60, time.Time{}, true},
		"an hour ago":     {now.Unix() - 3600, time.Time{}, false},
		"no time":         {"now", time.Time{}, false},
	} {
		l := newLiar(t)
		l.claims = map[string]any{"auth_time": c.at}
		p := l.provider(func(c *Config, _ *Options) {
			c.AuthParams = map[string]string{"prompt": "select_account", "hd": "example.com", "max_age": "60"}
		})
		s := start()
		s.Reauthenticate = true
		to, err := p.AuthCodeURL(t.Context(), s)
		if err != nil || !strings.Contains(to, "prompt=login") || !strings.Contains(to, "max_age=0") || !strings.Contains(to, "hd=example.com") || strings.Contains(to, "select_account") {
			t.Fatal(to, err)
		}
		who, err := p.Exchange(t.Context(), Callback{Code: "c", Nonce: "n", Verifier: "v", RedirectURI: s.RedirectURI, Reauthenticate: true, Started: c.started})
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if _, err := exchange(t, p); err != nil {
			t.Errorf("%s: it matters to those who were not to sign in again: %v", name, err)
		}
	}
}

// TestParameters: an authorization request that nobody may change lacks nothing.
func TestParameters(t *testing.T) {
	p := newLiar(t).provider(nil)
	for _, drop := range []func(*Start){
		func(s *Start) { s.State = "" }, func(s *Start) { s.Nonce = "" }, func(s *Start) { s.Verifier = "" }, func(s *Start) { s.RedirectURI = "" },
	} {
		s := start()
		drop(&s)
		if to, err := p.AuthCodeURL(t.Context(), s); to != "" || !errors.Is(err, ErrRejected) {
			t.Errorf("%+v: %s, %v", s, to, err)
		}
	}
	for _, c := range []Callback{{}, {Code: "c", Nonce: "n", RedirectURI: "x"}, {Code: "c", Verifier: "v", RedirectURI: "x"}, {Nonce: "n", Verifier: "v", RedirectURI: "x"}, {Code: "c", Nonce: "n", Verifier: "v"}} {
		who, err := p.Exchange(t.Context(), c)
		wantFailure(t, fmt.Sprint(c), who, err, ErrRejected, "without")
	}
}
