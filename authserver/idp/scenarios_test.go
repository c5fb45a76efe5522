// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var update = flag.Bool("update", false, "write what the scenarios show into docs/providers.md")

// What becomes of a sign-in.
const (
	signedIn = "signed in"
	refused  = "refused"
)

// A scenario is a test of the OpenID Foundation's suite for relying parties, by its name there.
type scenario struct {
	name string
	does string // what the provider does, or asks of its clients
	want string // signedIn, or a part of why it is refused
	lie  func(*liar)
	more func(t *testing.T, l *liar, p *Provider, who Identity) // what else must hold
}

func (l *liar) useRSA(kids ...string) {
	l.keys = nil
	for _, kid := range kids {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			l.t.Fatal(err)
		}
		l.keys = append(l.keys, jose.JSONWebKey{Key: k, KeyID: kid, Algorithm: "RS256", Use: "sig"})
	}
}

// damaged has the signature of a token be wrong.
func (l *liar) damaged(k jose.JSONWebKey) {
	l.sign = func(payload []byte) string {
		head, signature, _ := cutLast(signWith(l.t, k, payload))
		raw, _ := base64.RawURLEncoding.DecodeString(signature)
		raw[len(raw)/2] ^= 1
		return head + "." + base64.RawURLEncoding.EncodeToString(raw)
	}
}

func cutLast(token string) (before, after string, ok bool) {
	at := strings.LastIndexByte(token, '.')
	return token[:at], token[at+1:], at > 0
}

// says has the ID token say something, or leave it out.
func says(name string, value any) func(*liar) {
	return func(l *liar) { l.claims[name] = value }
}

func groupsAre(want string) func(*testing.T, *liar, *Provider, Identity) {
	return func(t *testing.T, _ *liar, _ *Provider, who Identity) {
		if got := strings.Join(who.Groups, " "); got != want {
			t.Errorf("groups are %q, want %q", got, want)
		}
	}
}

func scenarios() []scenario {
	return []scenario{
		{name: "oidcc-client-test", does: "is as it should be", want: signedIn, more: groupsAre("staff")},
		{name: "oidcc-client-test-nonce-invalid", does: "repeats another nonce", want: "(nonce)", lie: says("nonce", "other")},
		{name: "oidcc-client-test-client-secret-basic", does: "takes the client's secret in Authorization alone", want: signedIn,
			lie: func(l *liar) { l.meta["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"} },
			more: func(t *testing.T, l *liar, _ *Provider, _ Identity) {
				if l.form["secret"] != "" || !strings.HasPrefix(l.form["basic"], "client:") {
					t.Errorf("the secret went as %v", l.form)
				}
			}},
		{name: "oidcc-client-test-scope-userinfo-claims", does: "says groups and address at its userinfo endpoint alone", want: signedIn,
			lie: func(l *liar) {
				l.claims["groups"], l.claims["email"] = nil, nil
				l.info = map[string]any{"sub": "ann", "groups": []string{"ops"}, "email": "ann@example.com", "email_verified": true}
			}, more: groupsAre("ops")},
		{name: "oidcc-client-test-kid-absent-single-jwks", does: "has one key, without an ID", want: signedIn,
			lie: func(l *liar) { l.useRSA("") }},
		{name: "oidcc-client-test-kid-absent-multiple-jwks", does: "has several keys, and does not say which it signed with",
			want: signedIn,
			lie: func(l *liar) {
				l.useRSA("one", "two", "three")
				k := l.keys[1]
				k.KeyID = ""
				l.sign = func(payload []byte) string { return signWith(l.t, k, payload) }
			}},
		{name: "oidcc-client-test-missing-iat", does: "does not say when the ID token was issued", want: "iat", lie: says("iat", nil)},
		{name: "oidcc-client-test-missing-aud", does: "does not say for whom the ID token is", want: "audience", lie: says("aud", nil)},
		{name: "oidcc-client-test-invalid-aud", does: "issues the ID token to another client", want: "audience",
			lie: says("aud", "other")},
		{name: "oidcc-client-test-missing-sub", does: "does not say who it is", want: "(sub)", lie: says("sub", nil)},
		{name: "oidcc-client-test-invalid-iss", does: "issues the ID token as another issuer", want: "different provider",
			lie: says("iss", "https://other.example.com")},
		{name: "oidcc-client-test-idtoken-sig-none", does: "does not sign the ID token", want: `algorithm "none"`, lie: func(l *liar) {
			l.sign = func(payload []byte) string {
				encode := base64.RawURLEncoding.EncodeToString
				return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
			}
		}},
		{name: "oidcc-client-test-idtoken-sig-rs256", does: "signs with RS256", want: signedIn, lie: func(l *liar) { l.useRSA("one") }},
		{name: "oidcc-client-test-invalid-sig-rs256", does: "sends a signature by RS256 that is wrong", want: "none of its keys",
			lie: func(l *liar) {
				l.useRSA("one")
				l.damaged(l.keys[0])
			}},
		{name: "oidcc-client-test-invalid-sig-es256", does: "sends a signature by ES256 that is wrong", want: "none of its keys",
			lie: func(l *liar) { l.damaged(l.keys[0]) }},
		{name: "oidcc-client-test-invalid-sig-hs256", does: "sends a signature by HS256 that is wrong; a right one is refused as well",
			want: `algorithm "HS256"`, lie: func(l *liar) {
				l.damaged(jose.JSONWebKey{Key: []byte(clientSecret), Algorithm: "HS256"})
			}},
		{name: "oidcc-client-test-userinfo-invalid-sub", does: "names somebody else at its userinfo endpoint", want: "names another user",
			lie: func(l *liar) {
				l.claims["groups"], l.info = nil, map[string]any{"sub": "bob", "groups": []string{"admins"}}
			}},
		{name: "oidcc-client-test-userinfo-bearer-header", does: "takes the access token in Authorization", want: signedIn,
			lie: func(l *liar) {
				l.claims["groups"], l.info = nil, map[string]any{"sub": "ann", "groups": []string{"ops"}}
			},
			more: groupsAre("ops")},
		{name: "oidcc-client-test-userinfo-bearer-body",
			does: "takes the access token in a form alone, which is not done: what userinfo says is missing",
			want: signedIn, lie: func(l *liar) {
				l.claims["groups"] = nil
				l.over["/userinfo"] = func(w http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodPost {
						w.WriteHeader(http.StatusMethodNotAllowed)
					}
				}
			}, more: func(t *testing.T, _ *liar, _ *Provider, who Identity) {
				if !who.Unsaid.Groups || len(who.Groups) > 0 {
					t.Errorf("%+v", who)
				}
			}},
		{name: "oidcc-client-test-discovery-openid-config", does: "publishes its metadata", want: signedIn,
			more: func(t *testing.T, l *liar, _ *Provider, _ Identity) {
				if l.count("/.well-known/openid-configuration") != 1 {
					t.Error("the metadata was not read once")
				}
			}},
		{name: "oidcc-client-test-discovery-jwks-uri-keys", does: "has its keys where its metadata says", want: signedIn, lie: func(l *liar) {
			l.meta["jwks_uri"] = l.URL + "/keys/elsewhere"
			l.over["/keys/elsewhere"] = func(w http.ResponseWriter, r *http.Request) {
				r.URL.Path = "/jwks"
				l.ServeHTTP(w, r)
			}
		}, more: func(t *testing.T, l *liar, _ *Provider, _ Identity) {
			if l.count("/keys/elsewhere") != 1 {
				t.Error("the keys were not read there")
			}
		}},
		{name: "oidcc-client-test-discovery-issuer-mismatch", does: "publishes the metadata of another issuer", want: "must be the same",
			lie: func(l *liar) { l.meta["issuer"] = "https://other.example.com" }},
		{name: "oidcc-client-test-signing-key-rotation", does: "has another key at the second sign-in", want: signedIn,
			more: func(t *testing.T, l *liar, p *Provider, _ Identity) {
				l.set(func() { l.keys = []jose.JSONWebKey{ecKey(t, "two")} })
				l.wait(time.Minute)
				if who, err := exchange(t, p); err != nil || who.ID != "ann" {
					t.Errorf("with the new key: %+v, %v", who, err)
				}
			}},
		{name: "oidcc-client-test-signing-key-rotation-just-before-signing", does: "has another key since its keys were read",
			want: signedIn,
			more: func(t *testing.T, l *liar, p *Provider, _ Identity) {
				before := l.count("/jwks")
				l.wait(time.Minute)
				l.set(func() { l.keys = append(l.keys[:0:0], ecKey(t, "one")) }) // of the same name
				if who, err := exchange(t, p); err != nil || who.ID != "ann" || l.count("/jwks") != before+1 {
					t.Errorf("with the new key: %+v, %v", who, err)
				}
			}},
		{name: "oidcc-client-test-aggregated-claims", does: "sends claims that another signed, which are not read: they are missing",
			want: signedIn,
			lie:  func(l *liar) { l.apart(map[string]any{"JWT": "e30.e30.e30"}) }, more: groupsAre("")},
		{name: "oidcc-client-test-distributed-claims", does: "has claims elsewhere, where nobody goes: they are missing", want: signedIn,
			lie: func(l *liar) { l.apart(map[string]any{"endpoint": l.URL + "/elsewhere", "access_token": "x"}) },
			more: func(t *testing.T, l *liar, p *Provider, who Identity) {
				groupsAre("")(t, l, p, who)
				if l.count("/elsewhere") != 0 {
					t.Error("an address was asked that a token named")
				}
			}},
	}
}

// apart has the groups be somewhere else (OpenID Connect Core 1.0 §5.6.2).
func (l *liar) apart(source map[string]any) {
	l.claims["groups"], l.claims["_claim_names"] = nil, map[string]any{"groups": "src1"}
	l.claims["_claim_sources"] = map[string]any{"src1": source}
	l.info = map[string]any{"sub": "ann"}
}

// TestScenarios: the scenarios of the OpenID Foundation's suite, named as there. What becomes
// of each is in docs/providers.md.
func TestScenarios(t *testing.T) {
	var rows strings.Builder
	seen := map[string]bool{}
	for _, s := range scenarios() {
		result := refused
		t.Run(s.name, func(t *testing.T) {
			l := newLiar(t)
			if s.lie != nil {
				s.lie(l)
			}
			p := l.provider(nil)
			who, err := exchange(t, p)
			switch {
			case s.want == signedIn && (err != nil || who.ID != "ann"):
				t.Fatalf("%+v, %v", who, err)
			case s.want == signedIn:
				result = signedIn
			case !errors.Is(err, ErrRejected) || who.ID != "" || !strings.Contains(err.Error(), s.want):
				t.Fatalf("%+v, %v; want: %s", who, err, s.want)
			}
			if s.more != nil {
				s.more(t, l, p, who)
			}
		})
		if seen[s.name] {
			t.Errorf("%s stands twice", s.name)
		}
		seen[s.name] = true
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", s.name, s.does, result)
	}
	if len(seen) < 25 {
		t.Errorf("%d scenarios", len(seen))
	}
	publish(t, rows.String())
}

// publish compares the rows of the page, or writes them.
func publish(t *testing.T, rows string) {
	t.Helper()
	page := filepath.Join("..", "..", "docs", "providers.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| scenario | the provider | result |\n|---|---|---|\n"
	before, rest, ok := strings.Cut(string(text), head)
	_, after, end := strings.Cut(rest, "\n\n")
	if !ok || !end {
		t.Fatal("docs/providers.md has no table of scenarios")
	}
	if want := before + head + rows + "\n" + after; want != string(text) {
		if !*update {
			t.Error("docs/providers.md says otherwise: run go test ./authserver/idp -run TestScenarios -update")
		} else if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
