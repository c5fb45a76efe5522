// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

// eventually waits for what happens in the background.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// TestDiscovery: keys are fetched ahead, and by discovery or jwksURL.
func TestDiscovery(t *testing.T) {
	k := ecKey(t, "one")
	for _, direct := range []bool{false, true} {
		p := newProvider(t, k)
		i := remote("ci", p)
		if direct {
			i.JWKSURL, i.Issuer = p.URL+"/jwks", iss
		}
		w := newWorld(t, i)
		eventually(t, "keys are not fetched ahead", func() bool { s, ok := w.set.State("ci"); return ok && s.Keys == 1 && s.Err == nil })
		if s, _ := w.set.State("ci"); !s.Fetched.Equal(now) {
			t.Errorf("fetched %s", s.Fetched)
		}
		for range 3 {
			if b, why := w.verify(t, k.sign(t, claims(i.Issuer))); b == nil {
				t.Fatalf("direct %v: %s", direct, why)
			}
		}
		if n := p.fetched.Load(); n != 1 {
			t.Errorf("asked %d times for keys", n)
		}
		if p.other.Load() != 0 {
			t.Error("asked where nobody should")
		}
	}
}

// TestUnknownKeys: made-up key IDs become one request in ten seconds, and a new key is
// found by it. (THREATS F19)
func TestUnknownKeys(t *testing.T) {
	k, next := ecKey(t, "one"), ecKey(t, "two")
	p := newProvider(t, k)
	w := newWorld(t, remote("ci", p))
	old := k.sign(t, claims(p.URL))
	if b, why := w.verify(t, old); b == nil {
		t.Fatal(why)
	}
	for n := range 50 {
		made := next
		made.id = fmt.Sprint("made-up-", n)
		if b, why := w.verify(t, made.sign(t, claims(p.URL))); b != nil || why != policy.TokenInvalid {
			t.Fatal(b, why)
		}
	}
	if n := p.fetched.Load(); n != 1 {
		t.Fatalf("made-up keys became %d requests within the interval", n-1)
	}
	p.set(func() { p.keys = jwks(t, next) })
	w.clock.Store(11)
	if b, why := w.verify(t, next.sign(t, claims(p.URL))); b == nil {
		t.Fatalf("a new key: %s", why)
	}
	if n := p.fetched.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
	// What the dropped key signed is forgotten with it, however often it was verified.
	if b, why := w.verify(t, old); b != nil || why != policy.TokenInvalid {
		t.Errorf("of a key that is gone: %v, %s", b, why)
	}
}

// TestStale: an issuer that is down keeps its last good keys, which are asked for again in
// the background. (THREATS F19)
func TestStale(t *testing.T) {
	k := ecKey(t, "one")
	p := newProvider(t, k)
	w := newWorld(t, remote("ci", p))
	if b, why := w.verify(t, k.sign(t, claims(p.URL))); b == nil {
		t.Fatal(why)
	}
	p.set(func() { p.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) } })
	w.clock.Store(3 * 3600)
	fresh := func() string {
		return k.sign(t, claims(p.URL, map[string]any{"exp": w.now().Add(time.Minute).Unix(), "jti": fmt.Sprint(p.fetched.Load())}))
	}
	if b, why := w.verify(t, fresh()); b == nil {
		t.Fatal(why)
	}
	eventually(t, "it is not asked again", func() bool { s, _ := w.set.State("ci"); return s.Err != nil && s.Keys == 1 })
	if b, why := w.verify(t, fresh()); b == nil {
		t.Fatal(why)
	}
}

// TestHostileKeySets: no key set holds a request up, fills the memory, or leads elsewhere;
// without keys no token counts, and that is said. (THREATS F8, F19, G18)
func TestHostileKeySets(t *testing.T) {
	k := ecKey(t, "one")
	elsewhere := newProvider(t, k)
	hang := make(chan struct{})
	defer close(hang)
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		meta   func(p *provider) map[string]any
		err    string
	}{
		"hangs": {answer: func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}},
		"drips": {answer: func(w http.ResponseWriter, r *http.Request) {
			for range 100 {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				select {
				case <-hang:
					return
				case <-r.Context().Done():
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		}},
		"10 MB": {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte(" "), 10<<20)) }, err: "longer than"},
		"redirects": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/jwks", http.StatusFound)
		}, err: "redirects are not followed"},
		"redirects home": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/jwks2", http.StatusTemporaryRedirect)
		}, err: "redirects are not followed"},
		"no JSON": {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, err: "no JSON"},
		"null":    {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("null")) }, err: "no key"},
		"no keys": {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) }, err: "no key"},
		"a secret": {answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[{"kty":"oct","k":"AAAA","alg":"HS256"}]}`))
		}, err: "no key"},
		"status": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, err: "status 403"},
		"keys of another host": {meta: func(p *provider) map[string]any {
			return map[string]any{"issuer": p.URL, "jwks_uri": elsewhere.URL + "/jwks"}
		}, err: "write their address as jwksURL"},
		"metadata of another issuer": {meta: func(p *provider) map[string]any {
			return map[string]any{"issuer": elsewhere.URL, "jwks_uri": p.URL + "/jwks"}
		}, err: "they must be the same"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, k)
			p.answer = tc.answer
			if tc.meta != nil {
				p.meta = func() map[string]any { return tc.meta(p) }
			}
			var log bytes.Buffer
			w := &world{}
			registry := prometheus.NewRegistry()
			w.set = New(Options{Now: w.now, Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: registry})
			w.update(t, remote("ci", p))
			start := time.Now()
			if b, why := w.verify(t, k.sign(t, claims(p.URL))); b != nil || why != policy.TokenUnverified {
				t.Errorf("%v, %s", b, why)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			if !strings.Contains(log.String(), "why=no-keys") || !strings.Contains(log.String(), "issuer=ci") {
				t.Errorf("log: %s", &log)
			}
			if n := counted(t, w.set, "ci", "no-keys"); n != 1 {
				t.Errorf("counted %v", n)
			}
			if tc.err != "" {
				eventually(
					t,
					"no error is told",
					func() bool { s, _ := w.set.State("ci"); return s.Err != nil && strings.Contains(s.Err.Error(), tc.err) },
				)
			}
			if elsewhere.fetched.Load() != 0 {
				t.Error("it was led elsewhere")
			}
		})
	}
}

// TestManyKeys: of 10 000 keys, the first ones count; the rest is not kept.
func TestManyKeys(t *testing.T) {
	first, last := ecKey(t, "first"), ecKey(t, "last")
	one := strings.TrimSuffix(strings.TrimPrefix(jwks(t, last), `{"keys":[`), `]}`)
	text := strings.TrimSuffix(jwks(t, first), `]}`) + strings.Repeat(`,{"kty":"x"}`, 10_000) + "," + one + `]}`
	p := newProvider(t, first)
	p.keys = text
	w := newWorld(t, remote("ci", p))
	if b, why := w.verify(t, first.sign(t, claims(p.URL))); b == nil {
		t.Error(why)
	}
	if b, _ := w.verify(t, last.sign(t, claims(p.URL))); b != nil {
		t.Error("a key beyond the bound counts")
	}
}

// TestIssuersDoNotMix: what was verified for one issuer, audience or description is no
// answer for another: not by the signature, and not out of the memory. (THREATS F6)
func TestIssuersDoNotMix(t *testing.T) {
	k, l := ecKey(t, "one"), ecKey(t, "one")
	a, b := trusted(t, "a", iss, k), trusted(t, "b", "https://other.example.com", l)
	b.Audiences = []string{"other"}
	w := newWorld(t, a, b)
	ofA, ofB := k.sign(t, claims(iss)), l.sign(t, claims(b.Issuer, map[string]any{"aud": "other"}))
	for range 2 { // the second time out of the memory
		if got, _ := w.verify(t, ofA); got == nil || got.Name != "a" || got.Issuer != iss {
			t.Fatalf("%+v", got)
		}
		if got, _ := w.verify(t, ofB); got == nil || got.Name != "b" || got.Issuer != b.Issuer {
			t.Fatalf("%+v", got)
		}
	}
	for name, token := range map[string]string{
		"a's issuer, b's key":      l.sign(t, claims(iss)),
		"b's issuer, a's key":      k.sign(t, claims(b.Issuer, map[string]any{"aud": "other"})),
		"a's issuer, b's audience": k.sign(t, claims(iss, map[string]any{"aud": "other"})),
		"b's issuer, a's audience": l.sign(t, claims(b.Issuer)),
	} {
		for range 2 {
			if got, why := w.verify(t, token); got != nil || why != policy.TokenInvalid {
				t.Errorf("%s: %+v, %s", name, got, why)
			}
		}
	}
	// The very token is remembered, and does not count any more once anything else is said
	// of its issuer.
	for name, change := range map[string]func(*config.Issuer){
		"audiences":  func(i *config.Issuer) { i.Audiences = []string{"other"} },
		"keys":       func(i *config.Issuer) { i.JWKS = jwks(t, l) },
		"algorithms": func(i *config.Issuer) { i.Algorithms = []string{"RS256"} },
		"issuer":     func(i *config.Issuer) { i.Issuer += "/" },
	} {
		w := newWorld(t, a)
		if got, _ := w.verify(t, ofA); got == nil {
			t.Fatal(name)
		}
		c := a
		change(&c)
		w.update(t, c)
		if got, _ := w.verify(t, ofA); got != nil {
			t.Errorf("%s changed, and it counts: %+v", name, got)
		}
		w.update(t, a)
		if got, _ := w.verify(t, ofA); got == nil {
			t.Errorf("%s: changed back", name)
		}
	}
	// Nor where its name now is another's.
	w = newWorld(t, a)
	w.verify(t, ofA)
	b.Name = "a"
	w.update(t, b)
	if got, _ := w.verify(t, ofA); got != nil {
		t.Errorf("%+v", got)
	}
}

// TestOnlyWhereRulesLook: a namespace cannot have a token looked at, or anything fetched,
// that is not the affair of its rules, or not of an issuer that it may name. (THREATS F8)
func TestOnlyWhereRulesLook(t *testing.T) {
	k := ecKey(t, "one")
	p := newProvider(t, k)
	i := trusted(t, "ci", iss, k)
	w := newWorld(t, i)
	for name, token := range map[string]string{
		"an issuer that nobody names": k.sign(t, claims(p.URL)),
		"metadata of our machine":     k.sign(t, claims("http://169.254.169.254/latest")),
	} {
		if b, why := w.verify(t, token); b != nil || why != policy.NoReason {
			t.Errorf("%s: %v, %s", name, b, why)
		}
	}
	if p.fetched.Load()+p.other.Load() != 0 {
		t.Error("asked an issuer that no TokenIssuer names")
	}
	i.Namespaces = []string{"others"}
	w.set.Update([]config.Issuer{i})
	rule := policy.Rule{
		Action:  policy.ServiceAuth,
		Include: []policy.Selector{{Property: policy.JWT, JWT: &policy.TokenMatch{Issuer: "ci", Audience: "app"}}},
	}
	w.table, _ = policy.Build(policy.Input{TokenIssuers: config.Known([]config.Issuer{i}), Policies: policy.CompileAll([]policy.Policy{
		{Source: policy.Source{Namespace: "shop", Name: "app"}, Hosts: []string{"a.x"}, Rules: []policy.Rule{rule}}})})
	if b, why := w.verify(t, k.sign(t, claims(iss))); b != nil || why != policy.NoReason {
		t.Errorf("of a namespace that may not name it: %v, %s", b, why)
	}
}

// TestOurOwnIssuer: what our own tokens mean, no TokenIssuer says.
func TestOurOwnIssuer(t *testing.T) {
	k := ecKey(t, "one")
	w := &world{}
	w.set = New(Options{Now: w.now, Own: iss})
	w.update(t, trusted(t, "ci", iss, k))
	if b, _ := w.verify(t, k.sign(t, claims(iss))); b != nil {
		t.Error("it counts")
	}
	if _, there := w.set.State("ci"); there {
		t.Error("it is in use")
	}
}

// TestRemembered: a token is verified once, until it is over; of many at once, and of
// different ones, each is told as itself. (THREATS F6)
func TestRemembered(t *testing.T) {
	k := ecKey(t, "one")
	w := newWorld(t, trusted(t, "ci", iss, k))
	registry := prometheus.NewRegistry()
	w.set.Metrics = registry
	token := k.sign(t, claims(iss))
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			mine := k.sign(t, claims(iss, map[string]any{"sub": fmt.Sprint("job-", n)}))
			for range 50 {
				if b, why := w.verify(t, mine); b == nil || b.Subject != fmt.Sprint("job-", n) {
					t.Errorf("%+v, %s", b, why)
				}
			}
		}()
	}
	wait.Wait()
	first, _ := w.verify(t, token)
	before := counted(t, w.set, "ci", "verified")
	second, _ := w.verify(t, token)
	if first == nil || first != second || counted(t, w.set, "ci", "verified") != before {
		t.Errorf("it was verified again")
	}
	// Within the leeway it is good, and not a second longer.
	w.clock.Store(5*60 + 29)
	if b, why := w.verify(t, token); b == nil {
		t.Error(why)
	}
	w.clock.Store(5*60 + 30)
	if b, why := w.verify(t, token); b != nil || why != policy.TokenExpired {
		t.Errorf("over: %v, %s", b, why)
	}
}

// TestRemoteTLS: the certificates of the description, and no others.
func TestRemoteTLS(t *testing.T) {
	k := ecKey(t, "one")
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(jwks(t, k))) }))
	defer s.Close()
	s.Config.ErrorLog = nil
	i := config.Issuer{Name: "ci", Issuer: iss, JWKSURL: s.URL, Audiences: []string{"app"}, Namespaces: []string{"*"}}
	w := newWorld(t, i)
	if b, why := w.verify(t, k.sign(t, claims(iss))); b != nil || why != policy.TokenUnverified {
		t.Errorf("by the system's roots: %v, %s", b, why)
	}
	i.CABundle = pemOf(s.Certificate().Raw)
	w.update(t, i)
	if b, why := w.verify(t, k.sign(t, claims(iss))); b == nil {
		t.Error(why)
	}
}
