// SPDX-License-Identifier: Apache-2.0

package evaluation

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
)

// The question is Cloudflare's, and says no more than it has to of whose it is.
func TestAsk(t *testing.T) {
	b := newBench(t)
	b.service.says = func(claims map[string]any) map[string]any {
		who, _ := claims["identity"].(map[string]any)
		now := time.Now().Unix()
		return map[string]any{"success": who["email"] == "ann@example.com", "iat": now, "exp": now + 60, "nonce": claims["nonce"]}
	}
	if got := b.outcome(t, "ann@example.com"); got != policy.Approved {
		t.Errorf("ann: %c", got)
	}
	if got := b.outcome(t, "bob@example.com"); got != policy.Rejected {
		t.Errorf("bob: %c", got)
	}
	q := b.service.asked[0]
	who, _ := q["identity"].(map[string]any)
	if got := slices.Sorted(maps.Keys(q)); !slices.Equal(got, []string{"aud", "exp", "iat", "identity", "iss", "nonce", "type"}) {
		t.Errorf("claims: %v", got)
	}
	if q["aud"] != b.service.URL+"/staff?x=1" || q["iss"] != "https://auth.example.com" || q["exp"].(float64)-q["iat"].(float64) != 60 {
		t.Errorf("%v", q)
	}
	if got := slices.Sorted(maps.Keys(who)); !slices.Equal(got, []string{"auth_time", "email", "exp", "geo", "groups", "iat", "idp",
		"ip", "sub", "user_uuid"}) {
		t.Errorf("identity: %v", got)
	}
	if who["email"] != "ann@example.com" || who["user_uuid"] != "u1" || who["ip"] != "192.0.2.7" || fmt.Sprint(who["geo"], who["idp"],
		who["groups"]) !=
		"map[country:NL] map[id:corp type:oidc] [staff]" {
		t.Errorf("identity: %v", who)
	}
	if q["nonce"] == b.service.asked[1]["nonce"] || len(q["nonce"].(string)) < 22 {
		t.Error("a nonce is no nonce")
	}
	if b.log.Len() > 0 {
		t.Errorf("the log: %s", b.log.String())
	}
	if n := testutil.ToFloat64(b.counted("true")); n != 1 {
		t.Errorf("%v counted", n)
	}
}

func (b *bench) counted(result string) prometheus.Counter {
	return b.asked.WithLabelValues(b.service.URL, result)
}

// A question is no session: none of our own verifiers takes it.
func TestQuestionIsNoSession(t *testing.T) {
	b := newBench(t)
	token, _, err := b.ring.MintInquiry("https://auth.example.com", "shop/orders", b.inquiry("ann@example.com").Identity, b.now())
	if err != nil {
		t.Fatal(err)
	}
	if s, why := credential.NewVerifier(b.ring, "https://auth.example.com", 10).Verify(token, b.now()); s != nil ||
		why != policy.BadSignature {
		t.Errorf("%+v, %s", s, why)
	}
	if s, why := b.ring.OpenTeam(token, "https://auth.example.com", b.now()); s != nil || why != policy.BadSignature {
		t.Errorf("%+v, %s", s, why)
	}
}

// An answer about somebody counts for nobody else, and not twice.
func TestReplayedAnswer(t *testing.T) {
	b := newBench(t)
	var kept string
	b.service.signs = func(p []byte) string {
		if kept == "" {
			kept = b.service.sign(p)
		}
		return kept
	}
	if got := b.outcome(t, "ann@example.com"); got != policy.Approved {
		t.Fatalf("ann: %c", got)
	}
	for _, who := range []string{"bob@example.com", "ann@example.com"} {
		if got := b.outcome(t, who); got != policy.Untold {
			t.Errorf("%s: %c", who, got)
		}
	}
}

// What one service says counts for its address and its keys alone.
func TestOutcomesAreApart(t *testing.T) {
	b := newBench(t)
	a := b.asking()
	seen := map[string]bool{}
	for _, e := range []policy.Evaluation{*a.Evaluation, {URL: a.URL + "2", KeysURL: a.KeysURL}, {URL: a.URL, KeysURL: a.KeysURL + "2"},
		{URL: a.KeysURL, KeysURL: a.URL}, {URL: a.URL + a.KeysURL}} {
		seen[e.Outcome(policy.Approved)] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d of 5 are apart", len(seen))
	}
}

// Other keys and algorithms, a clock that is off, and no iat are all right.
func TestGoodServices(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(b *bench){
		"ES256": func(b *bench) { b.service.key, b.service.alg = ec, jose.ES256 },
		"RS256": func(b *bench) { // as an evaluator of Cloudflare Access wants to be asked
			text, _, err := credential.RotateBytes(nil, time.Now(), credential.Schedule{Algorithm: "RS256"})
			if err == nil {
				b.ring, err = credential.ParseRing(text)
			}
			if err != nil {
				panic(err)
			}
			b.service.keySet = b.ring.JWKS
		},
		"ahead":        func(b *bench) { b.skew = 50 * time.Second },
		"behind":       func(b *bench) { b.skew = -50 * time.Second },
		"no iat":       func(b *bench) { b.service.says = without("iat") },
		"more members": func(b *bench) { b.service.says = without("") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			edit(b)
			if got := b.outcome(t, "ann@example.com"); got != policy.Approved {
				t.Errorf("%c: %s", got, b.log.String())
			}
		})
	}
}

func without(name string) func(map[string]any) map[string]any {
	return func(c map[string]any) map[string]any {
		now := time.Now().Unix()
		a := map[string]any{"success": true, "iat": now, "exp": now + 60, "nonce": c["nonce"], "reason": "on duty"}
		delete(a, name)
		return a
	}
}

// Many are asked at once: the slowest tells how long it takes, and one that hangs takes
// nothing from the others.
func TestAsksAtOnce(t *testing.T) {
	b := newBench(t)
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hang.Close()
	all := []policy.Asking{b.asking()}
	for i := range policy.MaxEvaluations - 1 {
		all = append(all, policy.Asking{Evaluation: &policy.Evaluation{URL: fmt.Sprintf("%s/%d", hang.URL, i), KeysURL: hang.URL}})
	}
	b.timeout = 4 * time.Second
	began := time.Now()
	out := b.Ask(t.Context(), b.inquiry("ann@example.com"), all)
	if took := time.Since(began); took >= 2*b.timeout {
		t.Errorf("one waited for another: it took %s", took)
	}
	if out[0] != all[0].Outcome(policy.Approved) {
		t.Errorf("%q", out[0])
	}
	for i := range out[1:] {
		if out[i+1] != all[i+1].Outcome(policy.Untold) {
			t.Errorf("%d: %q", i+1, out[i+1])
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out := b.Ask(ctx, b.inquiry("ann@example.com"), all[:1]); out[0] != all[0].Outcome(policy.Untold) {
		t.Errorf("given up, and %q", out[0])
	}
	var none *Set
	if out := none.Ask(t.Context(), b.inquiry("ann@example.com"), all[:1]); out[0] != all[0].Outcome(policy.Untold) {
		t.Errorf("nobody asked, and %q", out[0])
	}
}

// What is remembered of services is bounded: whoever writes policies chooses addresses.
func TestRemembersFew(t *testing.T) {
	b := newBench(t)
	for i := range maxServices + 10 {
		if _, err := b.Set.service(&policy.Evaluation{URL: fmt.Sprintf("https://eval.example.com/%d", i),
			KeysURL: "https://eval.example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.services); n != maxServices {
		t.Errorf("%d are remembered", n)
	}
	if _, err := b.Set.service(&policy.Evaluation{URL: "https://", KeysURL: "https://eval.example.com"}); err == nil {
		t.Error("no host, and no error")
	}
}

// Keys that change are found, and a service that is down for its keys keeps the old ones.
func TestKeysChange(t *testing.T) {
	b := newBench(t)
	if got := b.outcome(t, "ann@example.com"); got != policy.Approved {
		t.Fatalf("%c", got)
	}
	b.service.mu.Lock()
	b.service.keys = func(w http.ResponseWriter) bool { w.WriteHeader(500); return true }
	b.service.mu.Unlock()
	b.skew = 2 * time.Minute
	b.service.mu.Lock()
	b.service.says = func(c map[string]any) map[string]any {
		return map[string]any{"success": true, "exp": b.now().Unix() + 60, "nonce": c["nonce"]}
	}
	b.service.mu.Unlock()
	if got := b.outcome(t, "ann@example.com"); got != policy.Approved {
		t.Errorf("without keys: %c: %s", got, b.log.String())
	}
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b.service.mu.Lock()
	b.service.key, b.service.keys = next, nil
	b.service.mu.Unlock()
	b.skew += time.Minute
	if got := b.outcome(t, "ann@example.com"); got != policy.Approved {
		t.Errorf("another key: %c: %s", got, b.log.String())
	}
}
