// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestProven: an acr of the ID token says what it stands for, and nothing else does: not one of
// the userinfo endpoint, which is asked with a token that others may have, nor part of one.
func TestProven(t *testing.T) {
	m := newMapping(&Config{StepUp: []StepUp{{Method: "mfa", ACRValues: []string{"gold", "1"}},
		{Method: "hwk", ACRValues: []string{"gold"}}, {Method: "otp"}}})
	for name, c := range map[string]struct {
		id, info claims
		want     []string
	}{
		"both":           {claims{"acr": "gold"}, nil, []string{"mfa", "hwk"}},
		"one":            {claims{"acr": "1"}, nil, []string{"mfa"}},
		"beside amr":     {claims{"acr": "1", "amr": []any{"pwd"}}, nil, []string{"pwd", "mfa"}},
		"said already":   {claims{"acr": "1", "amr": []any{"mfa"}}, nil, []string{"mfa"}},
		"another":        {claims{"acr": "bronze"}, nil, nil},
		"other capitals": {claims{"acr": "Gold"}, nil, nil},
		"a list":         {claims{"acr": []any{"gold"}}, nil, nil},
		"a number":       {claims{"acr": 1}, nil, nil},
		"empty":          {claims{"acr": ""}, nil, nil},
		"none":           {claims{}, nil, nil},
		"said elsewhere": {claims{}, claims{"acr": "gold"}, nil},
	} {
		c.id["sub"] = "carol"
		sources := []claims{c.id}
		if c.info != nil {
			sources = append(sources, c.info)
		}
		who, _, err := m.identity(sources)
		if err != nil || !slices.Equal(who.AMR, c.want) {
			t.Errorf("%s: %q, %v", name, who.AMR, err)
		}
	}
}

// TestMaxAge: an ID token has to say that somebody signed in lately who was to have, as the
// browser could have dropped what the provider was asked.
func TestMaxAge(t *testing.T) {
	started := time.Unix(1_800_000_000, 0)
	at := func(d time.Duration) claims {
		return claims{"auth_time": json.Number(strconv.FormatInt(started.Add(d).Unix(), 10))}
	}
	for name, c := range map[string]struct {
		id      claims
		started time.Time
		ok      bool
	}{
		"since":                 {at(time.Second), started, true},
		"as long ago as may be": {at(-5 * time.Minute), started, true},
		"and clocks differ":     {at(-6 * time.Minute), started, true},
		"longer ago":            {at(-6*time.Minute - time.Second), started, false},
		"nothing said":          {claims{}, started, false},
		"no number":             {claims{"auth_time": "now"}, started, false},
		"never asked":           {at(0), time.Time{}, false},
	} {
		if err := checkAge(c.id, c.started, 5*time.Minute); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStepsUp: only a provider that is there, in use and told how can be asked.
func TestStepsUp(t *testing.T) {
	c := Config{Name: "corp", Type: TypeOIDC, Issuer: "https://sso.example.com", ClientID: "ostiary",
		StepUp: []StepUp{{Method: "mfa", Login: true}, {Method: "otp", ACRValues: []string{"otp"}}}}
	s := New(Options{})
	s.Update([]Config{c})
	for method, want := range map[string][2]bool{"mfa": {true, true}, "otp": {true, false}, "hwk": {}, "": {}} {
		if can, anew := s.Find("corp").StepsUp(method); [2]bool{can, anew} != want {
			t.Errorf("%q: %v %v", method, can, anew)
		}
	}
	c.ClientID = ""
	s.Update([]Config{c})
	if can, _ := s.Find("corp").StepsUp("mfa"); can {
		t.Error("one that is not in use is asked")
	}
	var none *Provider
	if can, _ := none.StepsUp("mfa"); can {
		t.Error("none is asked")
	}
}
