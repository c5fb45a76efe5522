// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

func machineClaims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", token)
	}
	payload, err := base64url.DecodeString(parts[1])
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(payload, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAssertion: it says who, for which application and until when; it is made once, and
// anew for another application, another credential, and when half of it is over; and it
// is no session. (THREATS F4)
func TestAssertion(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ring, err := NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	v := NewVerifier(ring, "https://auth.example.com", 0)
	m := &policy.Machine{Name: "service:shop/ci", ID: "abc.access", ExpiresAt: now.Add(24 * time.Hour)}
	app, elsewhere := policy.Source{Namespace: "shop", Name: "app"}, policy.Source{Namespace: "shop", Name: "other"}
	first := v.Assertion(m, app, now)
	c := machineClaims(t, first)
	if c["type"] != "service" || c["sub"] != "service:shop/ci" || c["common_name"] != "abc.access" || c["iss"] != "https://auth.example.com" ||
		c["exp"].(float64) != float64(now.Add(time.Hour).Unix()) {
		t.Errorf("%v", c)
	}
	if s, why := v.Verify(first, now); s != nil || why != policy.BadSignature {
		t.Errorf("as a session: %v %s", s, why)
	}
	if s := v.Subject(policy.Place{}, "__Host-ostiary="+first, "Bearer "+first, now); s.Subject != nil {
		t.Errorf("as a cookie or a bearer token: %+v", s.Subject)
	}
	if v.Assertion(m, app, now.Add(29*time.Minute)) != first {
		t.Error("made again")
	}
	if v.Assertion(m, app, now.Add(30*time.Minute)) == first {
		t.Error("handed out with less than half of its time left")
	}
	if other := v.Assertion(m, elsewhere, now); machineClaims(t, other)["sub"] != "service:shop/ci" || other == first {
		t.Error("one for two applications")
	}
	ends := &policy.Machine{Name: m.Name, ID: m.ID, ExpiresAt: now.Add(10 * time.Minute)}
	if c := machineClaims(t, v.Assertion(ends, app, now)); c["exp"].(float64) != float64(now.Add(10*time.Minute).Unix()) {
		t.Errorf("it outlives the credential: %v", c)
	}
	if c["aud"] != "shop/app" && !reflect.DeepEqual(c["aud"], []any{"shop/app"}) {
		t.Errorf("it is for %v", c["aud"])
	}
	last := v.Assertion(ends, app, now)
	if v.Assertion(ends, app, now.Add(10*time.Minute-1)) != last { // to sign one for each request would cost more than all the rest
		t.Error("one that cannot last longer is made again")
	}
	if v.Assertion(ends, app, now.Add(10*time.Minute)) != "" {
		t.Error("it is handed out after the credential's end")
	}
	if n := testing.AllocsPerRun(100, func() { v.Assertion(m, app, now) }); n != 0 {
		t.Errorf("%v allocations for one that is known", n)
	}
	var none *Verifier
	over := &policy.Machine{Name: m.Name, ExpiresAt: now}
	if none.Assertion(m, app, now) != "" || v.Assertion(nil, app, now) != "" || v.Assertion(over, app, now) != "" {
		t.Error("out of nothing")
	}
}

// TestAssertionsAreBounded: whoever can make machines cannot make us remember them all.
func TestAssertionsAreBounded(t *testing.T) {
	var a assertions
	for i := range 3 * maxAssertions {
		a.put(asserted{id: time.Duration(i).String()}, assertion{})
		if len(a.signed) > maxAssertions {
			t.Fatal(len(a.signed))
		}
	}
}
