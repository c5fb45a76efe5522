// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// TestTokenAnswers: what providers in use answer at their token endpoint, which no RFC has like
// that, keeps nobody out: only the two tokens matter.
func TestTokenAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"expires_in is text":       `{"access_token":"at","token_type":"Bearer","expires_in":"3600","id_token":"%s"}`,
		"expires_in is null":       `{"access_token":"at","token_type":"Bearer","expires_in":null,"id_token":"%s"}`,
		"no token_type":            `{"access_token":"at","expires_in":60,"id_token":"%s"}`,
		"token_type in lower case": `{"access_token":"at","token_type":"bearer","id_token":"%s"}`,
		"scope is a list":          `{"access_token":"at","token_type":"Bearer","scope":["openid"],"id_token":"%s"}`,
		"more than was asked for":  `{"access_token":"at","token_type":"Bearer","id_token":"%s","refresh_token":"r","x":[null]}`,
	} {
		for _, kind := range []string{"application/json", "text/html; charset=utf-8", ""} {
			l := newLiar(t)
			l.over["/token"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{kind}
				_, _ = fmt.Fprintf(w, answer, l.idToken())
			}
			if who, err := exchange(t, l.provider(nil)); err != nil || who.ID != "ann" {
				t.Errorf("%s as %q: %+v %v", name, kind, who, err)
			}
		}
	}
}

// TestClientSecrets: any secret reaches the provider whole, in the encoding of RFC 6749 §2.3.1.
func TestClientSecrets(t *testing.T) {
	for _, secret := range []string{"a+b/c==:d%25e f&g=h", "ümläut-%C3%BC", `"quoted"\`, "plain-of-ascii_1.2~3"} {
		l := newLiar(t)
		p := l.provider(func(c *Config, _ *Options) { c.ClientSecret = secret })
		if who, err := exchange(t, p); err != nil || who.ID != "ann" {
			t.Fatalf("%q: %+v %v", secret, who, err)
		}
		if want := "client:" + url.QueryEscape(secret); l.form["basic"] != want {
			t.Errorf("%q: %q is sent, want %q", secret, l.form["basic"], want)
		}
	}
}

// TestHeadersOfIDTokens: RFC 8725 §3.11, RFC 7515 §4.1.11. A token that says that it is another kind of
// token is no ID token, nor one whose header asks for what nobody here does. What else is in a header is no matter.
func TestHeadersOfIDTokens(t *testing.T) {
	for name, c := range map[string]struct {
		header map[jose.HeaderKey]any
		ok     bool
	}{
		"nothing":           {nil, true},
		"JWT":               {map[jose.HeaderKey]any{"typ": "JWT"}, true},
		"jwt":               {map[jose.HeaderKey]any{"typ": "jwt"}, true},
		"numbers and links": {map[jose.HeaderKey]any{"x5t": "a", "jku": "https://evil.example/jwks", "x": 7}, true},
		"an access token":   {map[jose.HeaderKey]any{"typ": "at+jwt"}, false},
		"spelled out":       {map[jose.HeaderKey]any{"typ": "application/AT+JWT"}, false},
		"a logout token":    {map[jose.HeaderKey]any{"typ": "logout+jwt"}, false},
		"an event":          {map[jose.HeaderKey]any{"typ": "secevent+jwt"}, false},
		"a proof":           {map[jose.HeaderKey]any{"typ": "dpop+jwt"}, false},
		"crit, b64 alone":   {map[jose.HeaderKey]any{"crit": []string{"b64"}}, false},
		"crit, b64":         {map[jose.HeaderKey]any{"crit": []string{"b64"}, "b64": true}, false},
		"crit, unknown":     {map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}, false},
		"crit, none":        {map[jose.HeaderKey]any{"crit": []string{}}, false},
	} {
		l := newLiar(t)
		l.sign = func(payload []byte) string {
			k := l.keys[0]
			s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k}, &jose.SignerOptions{ExtraHeaders: c.header})
			if err != nil {
				t.Fatal(err)
			}
			jws, err := s.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			text, err := jws.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		who, err := exchange(t, l.provider(nil))
		if c.ok != (err == nil) || c.ok != (who.ID == "ann") {
			header, _ := json.Marshal(c.header)
			t.Errorf("%s: %s: %+v %v", name, header, who, err)
		}
	}
}
