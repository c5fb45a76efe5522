// SPDX-License-Identifier: Apache-2.0

package evaluation

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ostiary/ostiary/authserver/policy"
)

// THREATS F8. Whatever a service does wrong tells nothing, in time, and says why.
func TestHostileServices(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := func(c map[string]any) map[string]any {
		now := time.Now().Unix()
		return map[string]any{"success": true, "iat": now, "exp": now + 60, "nonce": c["nonce"]}
	}
	with := func(name string, value any) func(f *fake) {
		return func(f *fake) {
			f.says = func(c map[string]any) map[string]any {
				a := good(c)
				if a[name] = value; value == nil {
					delete(a, name)
				}
				return a
			}
		}
	}
	writes := func(do func(w http.ResponseWriter, r *http.Request)) func(f *fake) {
		return func(f *fake) {
			f.writes = func(w http.ResponseWriter, r *http.Request) bool {
				body, _ := io.ReadAll(r.Body) // else the server does not notice that the client is gone
				r.Body = io.NopCloser(bytes.NewReader(body))
				do(w, r)
				return true
			}
		}
	}
	part := jsonPart
	var reached bool
	metadata := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer metadata.Close()
	now := time.Now().Unix()
	for _, tc := range []struct {
		name, why, result string
		edit              func(f *fake)
	}{
		{"another nonce", "another nonce", "invalid", with("nonce", "9J2E9Xg6wYj8tlnA5MV4Zgp6t8rzmS0Q")},
		{"no nonce", "another nonce", "invalid", with("nonce", nil)},
		{"a nonce in a list", "another nonce", "invalid", func(f *fake) {
			f.says = func(c map[string]any) map[string]any { a := good(c); a["nonce"] = []any{c["nonce"]}; return a }
		}},
		{"over", "is over", "invalid", with("exp", now-61)},
		{"never over", "no exp", "invalid", with("exp", nil)},
		{"exp is text", "no exp", "invalid", with("exp", "2999999999")},
		{"of the future", "of the future", "invalid", with("iat", now+90)},
		{"iat is text", "of the future", "invalid", with("iat", "1")},
		{"success is text", "does not say success", "invalid", with("success", "true")},
		{"success is 1", "does not say success", "invalid", with("success", 1)},
		{"no success", "does not say success", "invalid", with("success", nil)},
		{"Success", "does not say success", "invalid", func(f *fake) {
			f.says = func(c map[string]any) map[string]any {
				a := good(c)
				delete(a, "success")
				a["Success"] = true
				return a
			}
		}},
		{"a list", "holds no object", "invalid", func(f *fake) {
			f.signs = func([]byte) string { return signWith(f.t, f.alg, f.key, "one", []byte(`[true]`)) }
		}},
		{"another key", "none of its keys", "invalid", func(f *fake) {
			f.signs = func(p []byte) string { return signWith(f.t, jose.RS256, other, "one", p) }
		}},
		{"another key of no name", "none of its keys", "invalid", func(f *fake) {
			f.signs = func(p []byte) string { return signWith(f.t, jose.RS256, other, "", p) }
		}},
		{"the public key as a secret", "no signed token", "invalid", func(f *fake) {
			f.signs = func(p []byte) string {
				return signWith(f.t, jose.HS256, f.key.Public().(*rsa.PublicKey).N.Bytes(), "one", p)
			}
		}},
		{"unsigned", "no signed token", "invalid", func(f *fake) {
			f.signs = func(p []byte) string { return part(`{"alg":"none"}`) + "." + part(string(p)) + "." }
		}},
		{"no signature", "none of its keys", "invalid", func(f *fake) {
			f.signs = func(p []byte) string { return part(`{"alg":"RS256","kid":"one"}`) + "." + part(string(p)) + "." }
		}},
		{"our own question", "none of its keys", "invalid", writes(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		})},
		{"plain JSON", "is not {", "invalid", writes(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"success": true}`)
		})},
		{"a page", "is not {", "invalid", writes(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>success`) })},
		{"nothing", "is not {", "invalid", writes(func(http.ResponseWriter, *http.Request) {})},
		{"500", "status 500", "unavailable", writes(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })},
		{"403, as Cloudflare's example", "status 403", "invalid", writes(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"success":false}`, http.StatusForbidden)
		})},
		{"204", "status 204", "unavailable", writes(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })},
		{"elsewhere", "redirects are not followed", "invalid", writes(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, metadata.URL+"/latest/meta-data/", http.StatusTemporaryRedirect)
		})},
		{"huge", "longer than 65536 bytes", "unavailable", writes(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 65537))
		})},
		{"without end", "longer than 65536 bytes", "unavailable", writes(func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 1000)); err != nil {
					return
				}
				w.(http.Flusher).Flush()
			}
		})},
		{"compressed", "longer than 65536 bytes", "unavailable", writes(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(bytes.Repeat([]byte(" "), 1<<20))
			_ = z.Close()
		})},
		{"slow", "takes too long", "unavailable", writes(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })},
		{"by drops", "takes too long", "unavailable", writes(func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		})},
		{"hangs up", "the service", "unavailable", writes(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })},
		{"keys: 404", "status 404", "unavailable", keysDo(func(w http.ResponseWriter) { w.WriteHeader(404) })},
		{"keys: none", "no key that can sign", "invalid", keysDo(func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"keys":[]}`) })},
		{"keys: a secret", "no key that can sign", "invalid", keysDo(func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"keys":[{"kty":"oct","kid":"one","k":"c2VjcmV0"}]}`)
		})},
		{"keys: elsewhere", "redirects are not followed", "invalid", keysDo(func(w http.ResponseWriter) {
			w.Header().Set("Location", metadata.URL)
			w.WriteHeader(302)
		})},
		{"keys: huge", "longer than 65536 bytes", "unavailable", keysDo(func(w http.ResponseWriter) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 65537))
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			tc.edit(b.service)
			if tc.why == "takes too long" { // the others have a minute
				b.timeout = time.Second
			}
			got := b.outcome(t, "ann@example.com")
			var line struct{ Policy, URL, Error, RequestID string }
			if err := json.Unmarshal(b.log.Bytes(), &line); err != nil {
				t.Fatalf("the log: %v: %q", err, b.log.String())
			}
			if got != policy.Untold || line.Policy != "shop/orders" || line.URL != b.service.URL+"/staff?x=1" || line.RequestID != "r1" ||
				!strings.Contains(line.Error, tc.why) || strings.Contains(line.Error, "identity provider") || len(line.Error) > 350 {
				t.Errorf("%c, %+v; want %q", got, line, tc.why)
			}
			if n := testutil.ToFloat64(b.counted(tc.result)); n != 1 {
				t.Errorf("%v counted as %s", n, tc.result)
			}
		})
	}
	if reached {
		t.Error("a redirect was followed")
	}
}

func jsonPart(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func keysDo(do func(w http.ResponseWriter)) func(f *fake) {
	return func(f *fake) {
		f.keys = func(w http.ResponseWriter) bool { do(w); return true }
	}
}
