// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestClaims: THREATS F7 and its neighbours, all well signed.
func TestClaims(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	v := NewVerifier(fixedRing(t, k), issuer, 0)
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	now := start.Unix()
	const good, bad, over = policy.NoReason, policy.BadSignature, policy.SessionExpired
	for _, c := range []struct {
		name  string
		claim string
		value any
		want  policy.Reason
	}{
		{"exp ahead", "exp", now + 1, good},
		{"exp now", "exp", now, bad}, // not after iat
		{"exp zero", "exp", 0, bad},
		{"exp negative", "exp", -1, bad},
		{"exp missing", "exp", nil, bad},
		{"exp null", "exp", raw("null"), bad},
		{"exp float", "exp", raw("1893456000.5"), bad},
		{"exp whole float", "exp", raw("1893456000.0"), bad},
		{"exp exponent", "exp", raw("1e99"), bad},
		{"exp small exponent", "exp", raw("2e9"), bad},
		{"exp string", "exp", "1893456000", bad},
		{"exp true", "exp", true, bad},
		{"exp list", "exp", []int64{now + 60}, bad},
		{"exp object", "exp", raw("{}"), bad},
		{"exp year 9999", "exp", int64(lastSecond), good},
		{"exp year 10000", "exp", int64(lastSecond) + 1, bad},
		{"exp largest", "exp", raw("9223372036854775807"), bad},
		{"exp larger", "exp", raw("9223372036854775808"), bad},
		{"exp 2^64 and a bit", "exp", raw("18446744075603007616"), bad},
		{"nbf within leeway", "nbf", now + 30, good},
		{"nbf ahead", "nbf", now + 31, bad},
		{"nbf missing", "nbf", nil, good},
		{"nbf negative", "nbf", -1, bad},
		{"nbf float", "nbf", raw("1.5"), bad},
		{"nbf string", "nbf", "1", bad},
		{"nbf largest", "nbf", raw("9223372036854775807"), bad},
		{"iat within leeway", "iat", now + 30, good},
		{"iat ahead", "iat", now + 31, bad},
		{"iat missing", "iat", nil, bad},
		{"iat zero", "iat", 0, bad},
		{"iat negative", "iat", -5, bad},
		{"iat string", "iat", "5", bad},
		{"iat smallest", "iat", raw("-9223372036854775808"), bad},
		{"iat long ago", "iat", 1, good}, // too old for a policy, not for a token
		{"iss other", "iss", "https://evil.example", bad},
		{"iss slash", "iss", issuer + "/", bad},
		{"iss case", "iss", strings.ToUpper(issuer), bad},
		{"iss missing", "iss", nil, bad},
		{"iss empty", "iss", "", bad},
		{"iss list", "iss", []string{issuer}, bad},
		{"aud string", "aud", "wiki/wiki", good},
		{"aud one", "aud", []string{"wiki/wiki"}, good},
		{"aud two", "aud", []string{"wiki/wiki", "pay/pay"}, good},
		{"aud most", "aud", audiences(MaxAudience), good},
		{"aud too many", "aud", audiences(MaxAudience + 1), bad},
		{"aud and nothing", "aud", []string{"wiki/wiki", ""}, bad},
		{"aud and null", "aud", raw(`["wiki/wiki",null]`), bad},
		{"aud line end", "aud", []string{"wiki/wiki", "a\nb"}, bad},
		{"aud and blank", "aud", []string{"wiki/wiki", "wiki/wiki "}, bad},
		{"aud and number", "aud", raw(`["wiki/wiki",1]`), bad},
		{"aud same twice", "aud", []string{"wiki/wiki", "wiki/wiki"}, bad},
		{"aud none", "aud", []string{}, bad},
		{"aud empty", "aud", "", bad},
		{"aud of empty", "aud", []string{""}, bad},
		{"aud missing", "aud", nil, bad},
		{"aud null", "aud", raw("null"), bad},
		{"aud list of null", "aud", raw("[null]"), bad},
		{"aud number", "aud", 1, bad},
		{"aud nested", "aud", raw(`[["wiki/wiki"]]`), bad},
		{"aud object", "aud", raw(`{"a":"wiki/wiki"}`), bad},
		{"sub missing", "sub", nil, bad},
		{"sub empty", "sub", "", bad},
		{"sub number", "sub", 7, bad},
		{"sub line end", "sub", "ada\r\nX: y", bad},
		{"sub blank", "sub", "ada ", bad},
		{"email missing", "email", nil, good},
		{"email list", "email", []string{"a@b"}, bad},
		{"email line end", "email", "a@b\n", bad},
		{"groups", "groups", []string{"a", "b"}, good},
		{"groups missing", "groups", nil, good},
		{"groups null", "groups", raw("null"), good},
		{"groups string", "groups", "admins", bad},
		{"groups nested", "groups", raw(`[["admins"]]`), bad},
		{"groups number", "groups", raw(`[1]`), bad},
		{"groups null within", "groups", raw(`[null]`), bad},
		{"groups line end", "groups", []string{"a\nb"}, bad},
		{"amr", "amr", []string{"pwd", "otp"}, good},
		{"amr string", "amr", "pwd", bad},
		{"amr nested", "amr", raw(`[["pwd"]]`), bad},
		{"amr of empty", "amr", []string{""}, bad},
		{"amr line end", "amr", []string{"a\nb"}, bad},
		{"idp", "idp", "corp", good},
		{"idp empty", "idp", "", good},
		{"idp list", "idp", []string{"corp"}, bad},
		{"idp line end", "idp", "corp\n", bad},
		{"azp list", "azp", []string{"https://a"}, bad},
		{"azp line end", "azp", "https://a\n", bad},
		{"azp", "azp", "https://a", good},
		{"country number", "country", 44, bad},
		{"country NUL", "country", "\x00", bad},
		{"nonce list", "identity_nonce", []string{"a"}, bad},
		{"nonce line end", "identity_nonce", "a\r", bad},
		{"auth_time long ago", "auth_time", 1, good},
		{"auth_time now", "auth_time", now, good},
		{"auth_time within leeway", "auth_time", now + 30, good},
		{"auth_time after iat", "auth_time", now + 31, bad},
		{"auth_time negative", "auth_time", -1, bad},
		{"auth_time float", "auth_time", raw("1.5"), bad},
		{"auth_time exponent", "auth_time", raw("1e9"), bad},
		{"auth_time 1e99", "auth_time", raw("1e99"), bad},
		{"auth_time string", "auth_time", "1", bad},
		{"auth_time largest", "auth_time", raw("9223372036854775807"), bad},
		{"auth_time list", "auth_time", []int64{1}, bad},
		{"type of a team token", "type", "org", bad},
		{"type missing", "type", nil, bad},
		{"type other", "type", "login", bad},
		{"type case", "type", "App", bad},
		{"unknown claim", "nonce", "x", good}, // of a coming version
		{"case twice", "EXP", now + 60, bad},
		{"odd name", "ſub", "x", bad},
		{"no name", "", "x", bad},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := claiming(t, k, with(map[string]any{c.claim: c.value}))
			if c.want == good {
				wantSubject(t, v, token, start)
			} else {
				wantRefused(t, v, token, start, c.want)
			}
		})
	}
	past := claiming(t, k, with(map[string]any{"iat": now - 60, "exp": now}))
	wantRefused(t, v, past, start, over)
	wantRefused(t, v, past, start.Add(time.Hour), over)
}

func TestClaimsText(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	v := NewVerifier(fixedRing(t, k), issuer, 0)
	good := with(nil)
	wantSubject(t, v, claiming(t, k, good), start)
	wantSubject(t, v, claiming(t, k, " "+good+" "), start) // ours, if odd
	for name, text := range map[string]string{
		"sub twice":          strings.Replace(good, "{", `{"sub":"root",`, 1),
		"exp twice":          strings.Replace(good, "}", `,"exp":4000000000}`, 1),
		"escaped twice":      strings.Replace(good, "{", `{"s\u0075b":"root",`, 1),
		"other case twice":   strings.Replace(good, "{", `{"Sub":"root",`, 1),
		"other case":         strings.Replace(good, `"sub"`, `"Sub"`, 1),
		"long s":             strings.Replace(good, `"sub"`, `"ſub"`, 1),
		"unknown twice":      strings.Replace(good, "{", `{"x":1,"x":1,`, 1),
		"null":               "null",
		"list":               "[" + good + "]",
		"text":               `"` + issuer + `"`,
		"number":             "1",
		"empty object":       "{}",
		"nothing":            "",
		"cut short":          good[:len(good)-1],
		"more after":         good + good,
		"bytes after":        good + "x",
		"NUL after":          good + "\x00",
		"deep":               strings.Replace(good, "{", `{"x":`+strings.Repeat("[", 900)+strings.Repeat("]", 900)+`,"sub":[],`, 1),
		"comment":            strings.Replace(good, "{", "{/**/", 1),
		"UTF-16":             "\xff\xfe{\x00}\x00",
		"byte order mark":    "\ufeff" + good,
		"not UTF-8 in names": strings.Replace(good, "{", "{\"\xff\":1,", 1),
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, v, claiming(t, k, text), start, policy.BadSignature)
		})
	}
	payload := seg(good)
	for name, text := range map[string]string{
		"padded": payload + "=", "standard alphabet": payload + "+/", "line end": payload[:8] + "\n" + payload[8:], "other bits": "e31",
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, v, signed(t, k, k.header(text), text), start, policy.BadSignature)
		})
	}
}
