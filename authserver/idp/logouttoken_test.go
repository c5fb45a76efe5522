// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// FuzzLogoutToken: what is read of any text that a stranger sends is about a logout, for this client, by this
// issuer, and now; by a reading of its own.
func FuzzLogoutToken(f *testing.F) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	o := &openID{config: &Config{Issuer: "https://sso.example.com", ClientID: "ostiary"}, now: func() time.Time { return now }}
	b64 := base64.RawURLEncoding.EncodeToString
	good := `{"iss":"https://sso.example.com","aud":["ostiary"],"sub":"carol","iat":1769860800,"exp":1769860900,"jti":"1",` +
		`"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`
	f.Add(`{"typ":"logout+jwt"}`, good)
	f.Add(`{}`, strings.Replace(good, `"sub"`, `"nonce":null,"sub"`, 1))
	f.Add(`{"typ":"at+jwt"}`, good)
	f.Add(`{"typ":7}`, good+good)
	f.Fuzz(func(t *testing.T, header, payload string) {
		c, err := unverified(b64([]byte(header)) + "." + b64([]byte(payload)) + ".AA")
		if err != nil {
			return
		}
		l, err := o.readLogout(c)
		if err != nil {
			return
		}
		var read map[string]json.RawMessage
		if err := json.Unmarshal([]byte(payload), &read); err != nil {
			t.Fatalf("no object: %s", payload)
		}
		var events map[string]map[string]any
		_ = json.Unmarshal(read["events"], &events)
		if _, has := read["nonce"]; has || events[logoutEvent] == nil ||
			string(read["iss"]) != `"https://sso.example.com"` && !strings.Contains(string(read["iss"]), `\`) {
			t.Errorf("taken: %s", payload)
		}
		if l.ID == "" || len(l.ID) > 255 || l.Token == "" || len(l.Token) > 255 || l.Until.After(now) || strings.ContainsAny(l.ID, "\x00\r\n") {
			t.Errorf("%+v of %s", l, payload)
		}
		if len(payload) > MaxLogoutToken {
			t.Errorf("%d bytes", len(payload))
		}
	})
}

// TestLogoutTokenIsRead: the seed of the fuzzer is one that is taken.
func TestLogoutTokenIsRead(t *testing.T) {
	now := time.Unix(1769860800, 0)
	o := &openID{config: &Config{Issuer: "https://sso.example.com", ClientID: "ostiary"}, now: func() time.Time { return now }}
	c, err := decodeClaims("x", []byte(`{"iss":"https://sso.example.com","aud":"ostiary","sub":"carol",
		"iat":1769860790,"exp":1769860900,"jti":"1",
		"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	l, err := o.readLogout(c)
	if err != nil || l.ID != "carol" || l.Token != "1" || !l.Until.Equal(now) {
		t.Errorf("%+v %v", l, err)
	}
	if (*Provider)(nil).LogsOut() || (&Provider{}).LogsOut() || !(&Provider{site: o}).LogsOut() {
		t.Error("who can say that sessions are over")
	}
}
