// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/ostiary/ostiary/authserver/telemetry"
)

// A journal is a log that is read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

// lines are those of a message; "" is any.
func (j *journal) lines(t testing.TB, message string) (raw []string, read []map[string]any) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		if message == "" || fields["msg"] == message {
			raw, read = append(raw, strings.TrimSuffix(line, "\n")), append(read, fields)
		}
	}
	return raw, read
}

// watched is a site whose log and metrics are looked at.
func watched(t testing.TB) (*site, *journal, *prometheus.Registry) {
	t.Helper()
	s, j, metrics := newSite(t, nil), &journal{}, prometheus.NewRegistry()
	for _, r := range s.replicas {
		r.Log, r.SignIns = slog.New(slog.NewJSONHandler(j, nil)), telemetry.NewSignIns(metrics)
	}
	return s, j, metrics
}

// TestSignInsAreTold: what became of each sign-in is counted and has one line, which says
// who it was and from where.
func TestSignInsAreTold(t *testing.T) {
	s, log, metrics := watched(t)
	b := s.browser()
	form := b.get(s.url("app1.example.com", "/"))
	b.signIn(form, "ann", "wrong")
	b.signIn(form, "hunter2-typed-as-a-name", "wrong")
	b.want(b.signIn(form, "ann", password), 200, "for ann")
	b.get(s.url("app3.example.org", "/"))
	b.do(http.MethodPost, s.url("auth.example.com", "/.access/logout"), url.Values{})
	for message, want := range map[string][]map[string]any{
		"sign-in failed":    {{"user": "ann", "outcome": "wrong-password"}, {"unknownUser": true, "outcome": "wrong-password"}},
		"sign-in succeeded": {{"user": "ann", "email": "ann@example.com", "outcome": "succeeded", "host": "app1.example.com"}},
		"signed in":         {{"user": "ann", "email": "ann@example.com", "policy": "shop/app1"}},
		"access denied": {{"user": "ann", "email": "ann@example.com", "outcome": "not-permitted", "policy": "shop/app3",
			"reason": "no-rule-matched"}},
		"signed out everywhere": {{"user": "ann", "email": "ann@example.com"}},
	} {
		_, lines := log.lines(t, message)
		if len(lines) != len(want) {
			t.Errorf("%s: %d lines, want %d:\n%s", message, len(lines), len(want), log.text.String())
			continue
		}
		for i := range want {
			want[i]["address"], want[i]["provider"] = "192.0.2.7", "people"
			if path, _ := lines[i]["path"].(string); !strings.HasPrefix(path, "/.access/") || strings.ContainsAny(path, "?#") {
				t.Errorf("%s, line %d: of %q", message, i, path)
			}
			for key, value := range want[i] {
				if lines[i][key] != value {
					t.Errorf("%s, line %d: %s is %v, want %v", message, i, key, lines[i][key], value)
				}
			}
		}
	}
	if strings.Contains(log.text.String(), "hunter2") {
		t.Error("what is nobody's name is in the log")
	}
	got := counted(t, metrics)
	for _, want := range []string{`ostiary_sign_ins_total wrong-password people 2`, `ostiary_sign_ins_total succeeded people 1`,
		`ostiary_sign_ins_total not-permitted people 1`, `ostiary_sign_outs_total everywhere 1`, `ostiary_revocations_total done 1`,
		`ostiary_provider_request_duration_seconds people 3`, `ostiary_sign_in_duration_seconds people 1`} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not counted:\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// TestQuietSignIns: where no decisions are logged, no line says who signed in, and all is counted.
func TestQuietSignIns(t *testing.T) {
	s, log, metrics := watched(t)
	for _, r := range s.replicas {
		r.Quiet = true
	}
	b := s.browser()
	form := b.get(s.url("app1.example.com", "/"))
	b.signIn(form, "ann", "wrong")
	b.want(b.signIn(form, "ann", password), 200, "for ann")
	b.get(s.url("app3.example.org", "/"))
	b.do(http.MethodPost, s.url("auth.example.com", "/.access/logout"), url.Values{})
	if _, lines := log.lines(t, ""); slices.ContainsFunc(lines, func(l map[string]any) bool { return l["msg"] != "page" }) {
		t.Error(log.text.String())
	}
	if got := counted(t, metrics); !slices.Contains(got, `ostiary_sign_ins_total wrong-password people 1`) ||
		!slices.Contains(got, `ostiary_revocations_total done 1`) {
		t.Error(got)
	}
}

// counted lists counters, and how often histograms were told something.
func counted(t testing.TB, r *prometheus.Registry) []string {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			words := f.GetName()
			for _, l := range m.GetLabel() {
				words += " " + l.GetValue()
			}
			out = append(out, fmt.Sprintf("%s %d", words, int(m.GetCounter().GetValue())+int(m.GetHistogram().GetSampleCount())))
		}
	}
	return out
}

// TestBanGuessers: the examples of the documentation find failed sign-ins, and nothing else,
// in lines that were really written, whatever is typed.
func TestBanGuessers(t *testing.T) {
	text, err := os.ReadFile("../../docs/tasks/ban-guessers.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^failregex = (.*)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the documentation has no failregex")
	}
	for _, block := range regexp.MustCompile("(?s)```yml\n(# /etc/crowdsec/[ps].*?)```").FindAllSubmatch(text, -1) {
		var what struct{ Name, Filter string }
		if err := yaml.Unmarshal(block[1], &what); err != nil || what.Name == "" || what.Filter == "" {
			t.Errorf("%v: %s", err, block[1])
		}
	}
	// What fail2ban has in place of <HOST>, for addresses.
	filter := regexp.MustCompile(strings.Replace(string(found[1]), "<HOST>", `(?P<host>[0-9a-fA-F.:]+)`, 1))
	s, log, _ := watched(t)
	b := s.browser()
	form := b.get(s.url("app1.example.com", "/"))
	addresses := []string{"192.0.2.7", "2001:db8::7", "192.0.2.8", "192.0.2.9", "192.0.2.10"}
	forged := `x","address":"203.0.113.9","requestID":"1"}`
	for i, name := range []string{"ann", "nobody", forged, "\u202e\x1b[31m", strings.Repeat("long", 2000)} {
		s.address = netip.MustParseAddr(addresses[i])
		b.signIn(form, name, "wrong")
	}
	for b.signIn(form, "bob", "wrong").status != http.StatusTooManyRequests {
		continue
	}
	b.want(b.signIn(form, "ann", password), 200, "for ann")
	lines, read := log.lines(t, "")
	guesses := 0
	for i, line := range lines {
		fields := read[i]
		guess := fields["outcome"] == "wrong-password" || fields["outcome"] == "rate-limited"
		m := filter.FindStringSubmatch(line)
		if (m != nil) != guess || m != nil && m[filter.SubexpIndex("host")] != fields["address"] {
			t.Errorf("%v: %s", m, line)
		}
		if !guess {
			continue
		}
		guesses++
		for _, key := range regexp.MustCompile(`evt\.Unmarshaled\.ostiary\.(\w+)`).FindAllSubmatch(text, -1) {
			if fields[string(key[1])] == nil {
				t.Errorf("the parser for CrowdSec reads %s, which is not in %s", key[1], line)
			}
		}
	}
	if guesses < 8 {
		t.Errorf("%d lines:\n%s", guesses, strings.Join(lines, "\n"))
	}
	if file := os.Getenv("OSTIARY_KEEP_LOG"); file != "" { // for fail2ban-regex
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
