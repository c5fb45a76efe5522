// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/otlp"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
	"github.com/ostiary/ostiary/hack/lab/collector"
)

// traced has every replica of a site export its spans, of which that part is kept; flush has
// all of them there.
func traced(t testing.TB, s *site, ratio float64) (c *collector.Collector, flush func()) {
	t.Helper()
	c = collector.New(t)
	exports, err := otlp.New(t.Context(), otlp.Options{Protocol: otlp.HTTP, Traces: c.HTTP, Ratio: ratio, PerSecond: 1e5,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.replicas {
		s.replicas[i].Tracer = span.New(span.Options{Provider: exports.Traces(), Hide: func(who string) string { return "hidden:" + who[:1] }})
	}
	return c, func() { _ = exports.Close() }
}

// TestSpansOfASignIn: each step of a sign-in has its span, what is done for it lies within,
// whoever is asked gets the trace along, and no span holds a secret or who it is about.
func TestSpansOfASignIn(t *testing.T) {
	s, p := newSite(t, nil), newOpenIDProvider(t)
	p.claims = nil // so that userinfo is asked
	p.userinfo = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"sub": "carol", "email": "carol@example.com", "email_verified": true,
			"groups": []string{"staff"}})
	}
	p.use(s)
	r := newRoster(t, s, "carol")
	policies := standard(s.port)
	policies[0].Rules = allow([]policy.Selector{r.approves("app1")})
	s.publish(policies)
	c, flush := traced(t, s, 1)
	b := s.browser()
	got, _ := b.through(p, s.url("app1.example.com", "/x?q=hush"))
	b.want(got, 200, "/x?q=hush for carol")
	flush()

	one := map[string]collector.Span{}
	for _, span := range c.Spans() {
		if _, twice := one[span.Name]; twice && strings.HasPrefix(span.Name, "sign-in") && span.Name != "sign-in team" {
			t.Errorf("%s came twice", span.Name)
		}
		one[span.Name] = span
		text := fmt.Sprint(span)
		for _, secret := range []string{"hush", "code-", "attempt", "ticket=", "carol", "secret", b.session("app1.example.com")} {
			if strings.Contains(text, secret) {
				t.Errorf("a span holds %q: %s", secret, text)
			}
		}
	}
	for within, outer := range map[string]string{"sign-in exchange": "sign-in callback", "sign-in ticket": "sign-in team",
		"sign-in evaluation": "sign-in team",
		"POST /token":        "sign-in exchange", "GET /jwks": "sign-in exchange", "GET /userinfo": "sign-in exchange",
		"POST /app1": "sign-in evaluation"} {
		i := one[within]
		if !slices.ContainsFunc(c.Named(outer), func(o collector.Span) bool { return i.Parent == o.ID && i.Trace == o.Trace }) {
			t.Errorf("%s is not within %s: %+v\n%+v", within, outer, i, c.Named(outer))
		}
	}
	for _, name := range []string{"sign-in begin", "sign-in team", "sign-in callback", "sign-in authorized"} {
		if one[name].Kind != "SPAN_KIND_SERVER" || one[name].Says["ostiary.request_id"] != "test-request" {
			t.Errorf("%s: %+v", name, one[name])
		}
	}
	if said := one["sign-in callback"].Says; said["ostiary.outcome"] != "succeeded" ||
		said["ostiary.provider"] != "corp" || said["user.id"] != "hidden:c" {
		t.Errorf("the callback: %v", said)
	}
	for path, name := range map[string]string{"/token": "POST /token", "/userinfo": "GET /userinfo", "/jwks": "GET /jwks"} {
		if want := "00-" + one[name].Trace + "-" + one[name].ID + "-01"; p.trace(path) != want || one[name].Kind != "SPAN_KIND_CLIENT" {
			t.Errorf("%s was asked with %q, want %q: %+v", path, p.trace(path), want, one[name])
		}
	}
}

// TestSpansOfAFailedSignIn: what a provider refuses is told by the spans of the step and of
// the request.
func TestSpansOfAFailedSignIn(t *testing.T) {
	s, p := newSite(t, nil), newOpenIDProvider(t)
	p.use(s)
	c, flush := traced(t, s, 1)
	b := s.browser()
	b.follow = false
	at := b.get(s.url("app1.example.com", "/x"))
	for !strings.HasPrefix(at.location, p.server.URL) {
		at = b.get(at.location)
	}
	back := strings.Replace(p.finish(at.location), "code=code-", "code=other-", 1)
	b.get(back)
	flush()
	callback, asked := c.Named("sign-in callback"), c.Named("POST /token")
	if len(callback) != 1 || callback[0].Says["ostiary.outcome"] != "answer-rejected" ||
		callback[0].Says["ostiary.reason"] == nil {
		t.Errorf("%+v", callback)
	}
	if len(asked) != 1 || !asked[0].Failed || asked[0].Says["error.type"] != "400" ||
		asked[0].Says["http.response.status_code"] != int64(400) {
		t.Errorf("%+v", asked)
	}
}

// TestUnsampledSignIn: nothing is exported, and providers are told that nothing is.
func TestUnsampledSignIn(t *testing.T) {
	s, p := newSite(t, nil), newOpenIDProvider(t)
	p.use(s)
	c, flush := traced(t, s, 0)
	b := s.browser()
	got, _ := b.through(p, s.url("app1.example.com", "/x"))
	b.want(got, 200, "/x for carol")
	flush()
	if spans := c.Spans(); len(spans) > 0 || !strings.HasSuffix(p.trace("/token"), "-00") {
		t.Errorf("%q: %+v", p.trace("/token"), spans)
	}
}

// TestUntracedSignIn: who wants no traces sends none to providers.
func TestUntracedSignIn(t *testing.T) {
	s, p := newSite(t, nil), newOpenIDProvider(t)
	p.use(s)
	b := s.browser()
	got, _ := b.through(p, s.url("app1.example.com", "/x"))
	b.want(got, 200, "/x for carol")
	if p.asked() != 1 || p.trace("/token") != "" {
		t.Errorf("asked %d times, with %q", p.asked(), p.trace("/token"))
	}
}
