// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestBypassStandsAlone: preflight: Bypass goes along with no other field of CORS.
func TestBypassStandsAlone(t *testing.T) {
	if (&CORS{}).hasOther() || (&CORS{BypassPreflight: true}).hasOther() {
		t.Error("Bypass alone is more than that")
	}
	kind := reflect.TypeFor[CORS]()
	for i := range kind.NumField() {
		name := kind.Field(i).Name
		if name == "BypassPreflight" {
			continue
		}
		c := &CORS{BypassPreflight: true}
		switch f := reflect.ValueOf(c).Elem().Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int:
			f.SetInt(1)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"x"}))
		default:
			t.Fatalf("%s is a %s", name, f.Kind())
		}
		p := app2(c)
		issues := Validate(&p)
		want := "[{shop/app2 spec.cors Invalid " + string(codeBypassAlone) +
			" preflight: Bypass leaves all of CORS to the application, so no other field may be set}]"
		if got := fmt.Sprint(issues); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestSchemes: of every byte, whether a scheme can begin with it, and whether it can go on with it.
func TestSchemes(t *testing.T) {
	for c := range 256 {
		b := string([]byte{byte(c)})
		first, later := strings.Contains(letters, b), strings.Contains(letters+digits+"+-.", b)
		if isScheme(b) != first || isScheme(b+"a") != first || isScheme("a"+b) != later || isScheme("a"+b+"a") != later {
			t.Errorf("%q: first %v, later %v", b, isScheme(b), isScheme("a"+b))
		}
	}
	if isScheme("") || isToken("") {
		t.Error("nothing is a name")
	}
}

// TestNamesOfCORS: what is said of a name as long as it may be, longer by one, or of another kind.
func TestNamesOfCORS(t *testing.T) {
	const (
		method = "not a method (RFC 9110 token of at most 64 characters)"
		header = "not a header name (RFC 9110 token of at most 128 characters)"
	)
	n := func(c string, n int) string { return strings.Repeat(c, n) }
	long := func(length int) string {
		labels := "https://" + n(n("a", 60)+".", 8)
		return labels + n("b", length-len(labels))
	}
	for _, tc := range []struct {
		check    func(string) problem
		in, want string
	}{
		{checkMethod, "", method}, {checkMethod, n("M", maxMethod), ""}, {checkMethod, n("M", maxMethod+1), method},
		{checkMethod, "track", "browsers never send it (forbidden method of the Fetch standard)"},
		{checkMethod, "*", "for every method, set allowAllMethods"}, {checkMethod, "patch", "methods are case-sensitive; write PATCH"},
		{checkRequestHeader, "", header}, {checkRequestHeader, n("h", 128), ""}, {checkRequestHeader, n("h", 129), header},
		{checkRequestHeader, "*", "for every header, set allowAllHeaders"},
		{checkRequestHeader, "Sec-X", "scripts cannot set it (forbidden request-header of the Fetch standard)"},
		{checkExposedHeader, "", header}, {checkExposedHeader, n("h", 128), ""}, {checkExposedHeader, n("h", 129), header},
		{checkExposedHeader, "*", "list the names; \"*\" is a literal name on requests with credentials"},
		{checkExposedHeader, "Set-Cookie", "scripts cannot read it (forbidden response-header name of the Fetch standard)"},
		// Longer than a host can be, and not longer than an origin.
		{checkOrigin, long(maxOrigin), "the host is not a DNS name or an address"}, {checkOrigin, long(maxOrigin + 1), "too long"},
		// Nothing stands before the port.
		{checkOrigin, "http://:80", "remove :80, the default port; browsers never send it"},
		{checkOrigin, "http://:*", "the host is not a DNS name or an address"},
		{checkOrigin, "http://:8080", "the host is not a DNS name or an address"},
		{checkOrigin, "http://:0", "the port is not a number from 1 to 65535"},
	} {
		if got := tc.check(tc.in).text; got != tc.want {
			t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
		}
	}
}
