// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/idp/config"
)

// TestNonce: an ID token without a nonce is refused, unless its provider may leave it out;
// one of another sign-in is refused in any case.
func TestNonce(t *testing.T) {
	for name, c := range map[string]struct {
		nonce              any
		required, optional bool
	}{
		"the same": {"n", true, true}, "none": {nil, false, true}, "another": {"m", false, false}, "empty": {"", false, false},
		"a number": {7, false, false}, "a list": {[]string{"n"}, false, false}, "longer": {"n ", false, false},
	} {
		for optional, want := range map[bool]bool{false: c.required, true: c.optional} {
			l := newLiar(t)
			l.claims["nonce"] = c.nonce
			who, err := exchange(t, l.provider(func(c *Config, _ *Options) { c.NonceOptional = optional }))
			if taken := err == nil && who.ID == "ann"; taken != want || !want && !errors.Is(err, ErrRejected) {
				t.Errorf("%s, optional %v: %+v, %v", name, optional, who, err)
			}
			if l.form["verifier"] != "v" {
				t.Errorf("%s: without PKCE", name)
			}
		}
	}
}

// TestDiscoveryURL: the metadata is read there, whose host is the one that is asked; whose
// it is, it has to say all the same, and so have ID tokens.
func TestDiscoveryURL(t *testing.T) {
	const public, authorize = "https://sso.example.com", "authorization_endpoint"
	for name, c := range map[string]struct {
		edit func(*liar)
		want string // of the error; empty: they are signed in
	}{
		"as it should":               {func(*liar) {}, ""},
		"metadata of another issuer": {func(l *liar) { l.meta["issuer"] = l.URL }, "its metadata is that of the issuer"},
		"a slash more":               {func(l *liar) { l.meta["issuer"] = public + "/" }, "its metadata is that of the issuer"},
		"a token of another issuer":  {func(l *liar) { l.claims["iss"] = l.URL }, "issued by a different provider"},
		"people are sent in clear":   {func(l *liar) { l.meta[authorize] = "http://sso.example.com/auth" }, authorize},
		"people are sent to us":      {func(l *liar) { l.meta[authorize] = "https://localhost/auth" }, authorize},
		"tokens over another scheme": {func(l *liar) { l.meta["token_endpoint"] = public + "/token" }, "token_endpoint"},
	} {
		l := newLiar(t)
		l.meta["issuer"], l.claims["iss"], l.meta[authorize] = public, public, public+"/auth"
		c.edit(l)
		l.over["/in/cluster"] = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "p=policy" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			r.URL.Path = "/.well-known/openid-configuration"
			l.ServeHTTP(w, r)
		}
		p := l.provider(func(o *Config, _ *Options) { o.Issuer, o.DiscoveryURL = public, l.URL+"/in/cluster?p=policy" })
		who, err := exchange(t, p)
		refused := errors.Is(err, ErrRejected) && strings.Contains(err.Error(), c.want)
		if c.want == "" && (err != nil || who.ID != "ann") || c.want != "" && !refused {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if l.count("/in/cluster") == 0 {
			t.Errorf("%s: it was not asked there", name)
		}
		to, err := p.AuthCodeURL(t.Context(), Start{State: "s", Nonce: "n", Verifier: "v", RedirectURI: "https://a.example/cb"})
		if c.want == "" && (err != nil || !strings.HasPrefix(to, public+"/auth?")) {
			t.Errorf("people are sent to %s, %v", to, err)
		}
	}
}

// TestGroupsFormat: each form is read as it is configured, and what is in another one is
// nobody's group: the log names the claim.
func TestGroupsFormat(t *testing.T) {
	for _, c := range []struct {
		format, claim string
		want          string // separated by |
		odd           bool
	}{
		{"", `["a","b"]`, "a|b", false}, {"", `"a, b"`, "a, b", false}, {"", `""`, "", true}, {"", `{"a":1}`, "", true},
		{"", `["a",7]`, "a", true},
		{"", `[]`, "", false}, {"", `null`, "", false}, {"", `true`, "", true}, {"", `["a\nb","c"]`, "c", true},
		{config.List, `[["a"]]`, "", true},
		{config.Comma, `"a, b c ,,d"`, "a|b c|d", false}, {config.Comma, `""`, "", false}, {config.Comma, `["a,b"]`, "", true},
		{config.Comma, `"a\tb,c"`, "c", true}, {config.Comma, `7`, "", true},
		{config.Space, `"a b  c"`, "a|b|c", false}, {config.Space, `"a,b"`, "a,b", false}, {config.Space, `{}`, "", true},
		{config.JSON, `"[\"a\",\"b\"]"`, "a|b", false}, {config.JSON, `"[]"`, "", false}, {config.JSON, `"[\"a\",1]"`, "a", true},
		{config.JSON, `"null"`, "", true}, {config.JSON, `"{}"`, "", true}, {config.JSON, `"[\"a\"] x"`, "", true},
		{config.JSON, `["a"]`, "", true},
		{config.Keys, `{"b":{"1":"x"},"a":null}`, "a|b", false}, {config.Keys, `{}`, "", false}, {config.Keys, `["a"]`, "", true},
		{config.Keys, `{"":1,"a":1}`, "a", true},
		{config.DN, `["CN=Staff,OU=Groups,DC=example,DC=com","cn=ops,dc=x"]`, "Staff|ops", false}, {config.DN, `"cn=one"`, "one", false},
		{config.DN, `"cn=a\\, b,ou=x"`, "a, b", false}, {config.DN, `"cn=a\\2Cb,ou=x"`, "a,b", false},
		{config.DN, `"cn=\\C3\\B6,ou=x"`, "ö", false},
		{config.DN, `"cn=a+ou=b,dc=x"`, "", true}, {config.DN, `"staff"`, "", true}, {config.DN, `"=staff,ou=x"`, "", true},
		{config.DN, `"cn=#04024869,ou=x"`, "", true}, {config.DN, `"cn=a\\"`, "", true}, {config.DN, `"cn=a\\zz,ou=b"`, "", true},
		{config.DN, `"cn=a,b"`, "", true}, {config.DN, `"cn=a\"b,ou=c"`, "", true}, {config.DN, `["cn=a,ou=b",1]`, "a", true},
		{config.DN, `"cn=,ou=b"`, "", true},
	} {
		s, err := decodeClaims("test", []byte(`{"sub":"ann","memberOf":`+c.claim+`}`))
		if err != nil {
			t.Fatal(err)
		}
		m := newMapping(&Config{GroupsClaim: "memberOf", GroupsFormat: c.format})
		who, _, err := m.identity([]claims{s})
		if got := strings.Join(who.Groups, "|"); err != nil || got != c.want {
			t.Errorf("%s of %s: %q, %v; want %q", c.claim, c.format, got, err, c.want)
		}
		unread := m.unread([]claims{s})
		if odd := len(unread) == 1 && strings.HasPrefix(unread[0], "memberOf: "); odd != c.odd || len(unread) > 1 {
			t.Errorf("%s of %s: %q", c.claim, c.format, unread)
		}
	}
	for _, f := range config.GroupsFormats() {
		if _, whole := groupTexts(f, nil); !whole {
			t.Errorf("%s: no groups at all are odd", f)
		}
	}
}

// TestUnreadClaims: whatever claim cannot be read is named in the log, and nothing that can
// be read is.
func TestUnreadClaims(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		odd   bool
	}{
		{"groups", "staff", false}, {"groups", map[string]any{"a": 1}, true}, {"groups", []any{"staff", 1}, true}, {"groups", nil, false},
		{"email", "ann@example.com", false}, {"email", "Ann <ann@example.com>", true}, {"email", []string{"ann@example.com"}, true},
		{"email", nil, false},
		{"email_verified", true, false}, {"email_verified", "true", false}, {"email_verified", "yes", true}, {"email_verified", 1, true},
		{"email_verified", nil, false}, {"amr", []string{"pwd"}, false}, {"amr", "pwd", false}, {"amr", map[string]any{}, true},
		{"amr", nil, false},
	} {
		l := newLiar(t)
		l.claims[c.name] = c.value
		l.meta["userinfo_endpoint"] = ""
		var log bytes.Buffer
		who, err := exchange(t, l.provider(func(_ *Config, o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }))
		if err != nil || who.ID != "ann" {
			t.Errorf("%s %v: %+v, %v", c.name, c.value, who, err)
		}
		if warned := strings.Contains(log.String(), "could not be read") && strings.Contains(log.String(), c.name+": "); warned != c.odd {
			t.Errorf("%s %v: the log says %q", c.name, c.value, log.String())
		}
	}
}
