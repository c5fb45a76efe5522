// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// TestDenialsAreBounded: the newest are kept, the oldest go, and what comes faster than it can
// be kept is counted.
func TestDenialsAreBounded(t *testing.T) {
	var l Denials
	for i := range kept + 50 {
		l.add(now.Add(time.Duration(i)*time.Second), func() *Denial { return &Denial{ID: fmt.Sprint(i)} })
	}
	all, missed := l.last(filter{}, 2*kept)
	if len(all) != kept || all[0].ID != fmt.Sprint(kept+49) || all[kept-1].ID != "50" || missed != 0 {
		t.Errorf("%d from %s to %s, %d missed", len(all), all[0].ID, all[len(all)-1].ID, missed)
	}
	if l.Find("49") != nil || l.Find("50") == nil || l.Find("") != nil {
		t.Error("what is found by its number")
	}
	built := 0
	for range 10 * kept { // at once
		l.add(now.Add(time.Hour), func() *Denial { built++; return new(Denial) })
	}
	if _, missed := l.last(filter{}, 1); missed != uint64(10*kept-built) || built > kept {
		t.Errorf("%d copied, %d missed", built, missed)
	}
}

// TestFilter: by host, reason and user, each alone.
func TestFilter(t *testing.T) {
	n := &Denial{ID: "1", Host: "app.example.com", Reason: "blocked", User: "u-17", Email: "Eve@example.com"}
	for f, want := range map[filter]bool{
		{}: true, {host: "APP"}: true, {host: "b.example"}: false, {reason: "blocked"}: true, {reason: "block"}: false,
		{user: "eve"}: true, {user: "u-17"}: true, {user: "bob"}: false, {host: "app", user: "bob"}: false, {id: "1"}: true, {id: "2"}: false,
	} {
		if f.takes(n) != want {
			t.Errorf("%+v: %v", f, !want)
		}
	}
}

// TestWhatIsDenied: who is only asked to sign in is no denial.
func TestWhatIsDenied(t *testing.T) {
	h := withOperators(t, ann)
	q, _ := denied(t, h, "/", "request-of-eve", eve.subject)
	for d, want := range map[policy.Decision]int{
		{Verdict: policy.Deny, Reason: policy.Blocked}: 1, {Verdict: policy.Challenge, Reason: policy.NoSession}: 0,
		{Verdict: policy.Challenge, Reason: policy.WrongProvider}: 1, {Verdict: policy.Admit, Reason: policy.SignedIn}: 0,
		{Verdict: policy.AnswerPreflight}: 0, {Reason: policy.NotReady}: 0,
	} {
		var l Denials
		l.Saw(q, &d, h.Table())
		if all, _ := l.last(filter{}, 10); len(all) != want {
			t.Errorf("%s %s: %d", d.Verdict, d.Reason, len(all))
		}
	}
}

// A stream is the page of new denials, as it is read.
type stream struct {
	*bufio.Scanner
	end func()
}

// watching opens a stream to a server of the console.
func watching(t *testing.T, h *Handler, query string) (*stream, *http.Response) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "login.example.com"
		h.Serve(w, r, "test-request", h)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/.access/console/denials/events"+query, nil)
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	end := func() { once.Do(func() { cancel(); _ = resp.Body.Close(); server.Close() }) }
	t.Cleanup(end)
	return &stream{bufio.NewScanner(resp.Body), end}, resp
}

// next returns the next event's data.
func (s *stream) next(t *testing.T) string {
	t.Helper()
	for s.Scan() {
		if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
			return data
		}
	}
	t.Fatalf("the stream ended: %v", s.Err())
	return ""
}

// TestLive: an operator sees new denials as they come, as rows that are escaped, and those that
// the filter takes alone.
func TestLive(t *testing.T) {
	h := withOperators(t, ann)
	s, resp := watching(t, h, "?user=eve")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" ||
		resp.Header.Get("X-Accel-Buffering") != "no" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	bob := *eve.subject
	bob.ID, bob.Email = "bob", "bob@example.com"
	denied(t, h, "/by-bob", "request-of-bob", &bob)
	denied(t, h, "/%3Cscript%3E", "request-of-eve", eve.subject)
	row := s.next(t)
	if strings.Contains(row, "bob") || strings.Contains(row, "<script>") || !strings.Contains(row, "&lt;script&gt;") ||
		!strings.Contains(row, "/.access/why?id=request-of-eve&amp;what=") {
		t.Errorf("%s", row)
	}
}

// TestLiveEnds: when the server shuts down, and when there are too many streams.
func TestLiveEnds(t *testing.T) {
	h := withOperators(t, ann)
	s, _ := watching(t, h, "")
	for range maxWatchers {
		h.Denials.watch()
	}
	if w := ask(h, http.MethodGet, base+"console/denials/events"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("too many: %d", w.Code)
	}
	h.Denials.Close()
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "data:") {
			t.Errorf("%s", s.Text())
		}
	}
	if s.Err() != nil {
		t.Errorf("the stream ended with %v", s.Err())
	}
	if w := ask(h, http.MethodGet, base+"console/denials/events"); w.Code != 429 {
		t.Errorf("after the end: %d", w.Code)
	}
}

// TestStillOperates: whoever is no operator any more does not go on watching.
func TestStillOperates(t *testing.T) {
	h := withOperators(t, ann)
	q := httptest.NewRequest(http.MethodGet, base+"console/denials/events", nil)
	x := exchange(h, q)
	if !h.stillOperates(x) {
		t.Error("an operator is cut off")
	}
	h.Sessions = eve
	if h.stillOperates(x) {
		t.Error("somebody else goes on")
	}
	h.Sessions, h.Table = ann, newConsole(t, ann).Table
	if h.stillOperates(x) {
		t.Error("the policy is gone, and the stream goes on")
	}
}

func exchange(h *Handler, r *http.Request) *public.Exchange {
	return &public.Exchange{W: httptest.NewRecorder(), R: r, ID: "test-request", Host: "login.example.com", Table: h.Table(),
		Ring: h.Ring(), Now: now}
}
