// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"testing"
	"time"
)

// TestCodesOfRFC6238 has the test vectors of its appendix B, of which apps show the last six digits.
func TestCodesOfRFC6238(t *testing.T) {
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		one := &TOTP{Secret: []byte("12345678901234567890"), Step: -1}
		if !one.Use(code, time.Unix(at, 0)) {
			t.Errorf("%s is not good at %d", code, at)
		}
		if one.Use(code, time.Unix(at, 0)) {
			t.Errorf("%s is good twice at %d", code, at)
		}
		for _, typed := range []string{code[:3] + " " + code[3:], " " + code + " "} {
			if other := (&TOTP{Secret: one.Secret}); !other.Use(typed, time.Unix(at, 0)) {
				t.Errorf("%q is not good at %d", typed, at)
			}
		}
	}
}

// TestCodesInTime: a code is good for one step more, either way, and what was before a code that
// was used is good no more.
func TestCodesInTime(t *testing.T) {
	const code, made = "050471", 1111111111 / period // its step
	for step, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		at := time.Unix((made+step)*period, 0)
		if got := (&TOTP{Secret: []byte("12345678901234567890")}).Use(code, at); got != want {
			t.Errorf("%d steps from its own: %v", step, got)
		}
		if (&TOTP{Secret: []byte("12345678901234567890"), Step: made + 1}).Use(code, at) {
			t.Errorf("%d steps from its own, after a later one was used: good", step)
		}
		if (&TOTP{Secret: []byte("12345678901234567899")}).Use(code, at) {
			t.Errorf("%d steps from its own: somebody else's is good", step)
		}
	}
	one := &TOTP{Secret: []byte("12345678901234567890")}
	for _, typed := range []string{"", "050471x", "50471", "0504711", "٠٥٠٤٧١", "050471\n", "+50471", "0x0471", "050 471 0"} {
		if one.Use(typed, time.Unix(1111111111, 0)) {
			t.Errorf("%q is good", typed)
		}
	}
	if one.Step != 0 {
		t.Error("a wrong code used something up")
	}
}

func FuzzUse(f *testing.F) {
	f.Add("050471")
	f.Add("٠٥٠٤٧١")
	f.Fuzz(func(t *testing.T, typed string) {
		one := &TOTP{Secret: []byte("12345678901234567890")}
		at := time.Unix(1111111111, 0)
		first := one.Use(typed, at)
		if second := one.Use(typed, at); first && second {
			t.Fatalf("%q is good twice", typed)
		}
		e := full()
		if e.UseRecovery(typed) {
			t.Fatalf("%q is a code that nobody made", typed)
		}
	})
}
