// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"
)

// TestBackoff: an issuer that is down is asked less and less, but for ever.
func TestBackoff(t *testing.T) {
	now, asked := time.Unix(1e9, 0), 0
	d := document[int]{now: func() time.Time { return now }, timeout: time.Second, fresh: time.Minute,
		fetch: func(context.Context) (int, error) {
			if asked++; asked == 12 {
				return 7, nil
			}
			return 0, Fail(ErrUnavailable, "attempt %d", asked)
		}}
	var at []int
	for range 300 {
		before := asked
		v, err := d.get(t.Context())
		if asked != before {
			at = append(at, int(now.Unix()-1e9))
		}
		if (v == 7) != (err == nil) {
			t.Fatal(v, err)
		}
		if v == 7 {
			break
		}
		now = now.Add(time.Second)
	}
	if want := "[0 1 3 7 15 31 61 91 121 151 181 211]"; fmt.Sprint(at) != want {
		t.Errorf("asked after %v seconds, want %s", at, want)
	}
}

// TestGuard: where an issuer sends us to.
func TestGuard(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://sso.example.com/keys":    true,
		"https://keys.example.net:8443/":  true,
		"https://10.0.0.7/keys":           true, // in the same network, by a certificate
		"http://sso.example.com/keys":     false,
		"https://localhost/keys":          false,
		"https://LOCALHOST./keys":         false,
		"https://a.localhost:8080/keys":   false,
		"https://127.0.0.1/keys":          false,
		"https://127.1/keys":              false,
		"https://0x7f000001/keys":         false,
		"https://2130706433/keys":         false,
		"https://[::1]/keys":              false,
		"https://[::ffff:127.0.0.1]/keys": false,
		"https://0.0.0.0/keys":            false,
		"https:///keys":                   false,
		"file:///etc/passwd":              false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := (&guard{scheme: "https"}).check(u); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}
