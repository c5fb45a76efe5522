// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/command"
)

// installation answers as one does that is well, but for what a test breaks.
func installation(t *testing.T, broken map[string]func(http.ResponseWriter)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := "preflight listener"
		switch {
		case strings.HasPrefix(r.URL.Path, "/authz/v1/nginx/OPTIONS/"):
			what = "preflight"
		case strings.HasPrefix(r.URL.Path, "/authz/"):
			what = "authz"
		case r.URL.Path == "/.access/certs" && r.Host == "auth.example.com":
			what = "keys"
		}
		if f := broken[what]; f != nil {
			f(w)
			return
		}
		switch what {
		case "keys":
			fmt.Fprint(w, `{"keys":[{"kty":"OKP"}]}`)
		case "preflight listener":
			w.WriteHeader(http.StatusMisdirectedRequest)
		default:
			if what == "preflight" && r.Header.Get("Access-Control-Request-Method") == "" {
				t.Error("no preflight")
			}
			w.Header().Set("X-Access-Reason", "no-policy")
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func run(t *testing.T, at string, more ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	args := []string{"probe", "--authz-url", at, "--public-url", at, "--preflight-url", at, "--team-url", "https://auth.example.com",
		"--patience", "1ms"}
	code := command.Execute(t.Context(), command.Root("ostiary", "a test", "", Command()), append(args, more...), &out, &out)
	return code, out.String()
}

func TestProbe(t *testing.T) {
	if code, out := run(t, installation(t, nil)); code != 0 || strings.Count(out, "ok  ") != 4 {
		t.Errorf("%d:\n%s", code, out)
	}
	answer := func(status int, reason string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("X-Access-Reason", reason)
			w.WriteHeader(status)
		}
	}
	for name, tc := range map[string]struct {
		what   string
		broken func(http.ResponseWriter)
		want   string
	}{
		"not ready":            {"authz", answer(503, "not-ready"), "no policy has been read yet"},
		"open":                 {"authz", answer(200, ""), "200 with X-Access-Reason"},
		"something else":       {"authz", answer(403, ""), "not Ostiary's authz listener"},
		"open to preflights":   {"preflight", answer(200, ""), "200 with X-Access-Reason"},
		"answers anything":     {"preflight listener", answer(200, ""), "200, and not 421"},
		"no keys":              {"keys", func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[]}`) }, "no set of keys"},
		"a page, and not keys": {"keys", func(w http.ResponseWriter) { fmt.Fprint(w, `<html>`) }, "no set of keys"},
	} {
		code, out := run(t, installation(t, map[string]func(http.ResponseWriter){tc.what: tc.broken}))
		if code != 1 || !strings.Contains(out, "FAILED") || !strings.Contains(out, tc.want) || strings.Count(out, "ok  ") != 3 {
			t.Errorf("%s: %d:\n%s", name, code, out)
		}
	}
}

func TestProbeOfNobody(t *testing.T) {
	if code, out := run(t, "http://127.0.0.1:1"); code != 1 || strings.Count(out, "FAILED") != 4 || !strings.Contains(out, "NetworkPolicy") {
		t.Errorf("%d:\n%s", code, out)
	}
}

func TestProbeUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing": nil, "an argument": {"x", "--authz-url", "http://a:1"}, "no scheme": {"--authz-url", "a:1"},
		"a path": {"--authz-url", "http://a:1/x"}, "a flag": {"--autz", "x"}, "a host for a URL": {"--public-url", "http://a:1", "--team-url",
			"auth.example.com"},
	} {
		var out bytes.Buffer
		if code := command.Execute(t.Context(), command.Root("ostiary", "a test", "", Command()), append([]string{"probe"}, args...), &out,
			&out); code != 2 || out.Len() == 0 {
			t.Errorf("%s: %d %s", name, code, out.String())
		}
	}
}
