// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/collector"
)

// A told is what one way of telling says of a decision.
type told struct{ Verdict, Reason, Policy, Rule string }

// A question is a request that is asked through nginx, and of explain.
type question struct {
	id, method, url, host, path string
	lines                       []string // what a client sends, but for a session
	session                     string   // of which policy; empty: none
	answer                      *answer
}

// TestToldAlike: through a real nginx, which asks and then has refusals rendered, each of many
// random requests is logged once, counted once and traced once; and log, header, body, page,
// metric, span, what a collector gets of the log, and explain say the same verdict and reason
// of it, by the same policy and rule.
func TestToldAlike(t *testing.T) {
	a := ask(t, nil)
	a.ostiary.Stop()
	a.ostiary.Metrics = lab.FreeAddress()
	c := collector.New(t)
	if err := a.ostiary.Serve([]string{"OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BLRP_SCHEDULE_DELAY=100"}, "--policies", a.policyDir(),
		"--keys", a.keys(), "--team-url", teamURL, "--decision-log", "all", "--tracing-endpoint", c.GRPC, "--log-otlp-endpoint", c.GRPC,
		"--tracing-sampling-ratio", "0", "--tracing-sampling-limit", "100000"); err != nil {
		t.Fatal(err)
	}
	if err := a.ostiary.WaitReady(); err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{"render", "global", "route", "canary", "own"} {
		t.Run(way, func(t *testing.T) { a.toldAlike(t, way, c) })
	}
}

func (a *asking) toldAlike(t *testing.T, way string, c *collector.Collector) {
	before := a.counted(t)
	rng := rand.New(rand.NewPCG(5, uint64(len(way))))
	var asked []*question
	for i := range 400 {
		q := anyQuestion(rng, fmt.Sprintf("%s-%04d-0123456789", way, i))
		lines := append([]string{"X-Request-ID: " + q.id, q.traceParent()}, q.lines...)
		if q.session != "" {
			lines = append(lines, a.session(q.session))
		}
		a.apps.Take()
		q.answer = exchange(clientAddress, a.ways[way].Addr, request(q.method, q.path, q.host, lines...))
		q.answer.hits = a.apps.Take()
		asked = append(asked, q)
	}
	log := a.loggedOnce(t, asked)
	a.tracedAlike(t, c, asked, log)
	want := map[told]int{}
	reasons, pages := map[string]bool{}, 0
	for i, q := range asked {
		if strings.HasPrefix(q.answer.Body, "<!") {
			pages++
		}
		said := log[q.id]
		want[told{Verdict: said.Verdict, Reason: said.Reason}]++
		reasons[said.Reason] = true
		q.answered(t, said, a.ways[way].Own)
		if i%8 == 0 && said.Reason != "wrong-audience" { // explain has no session of another application
			if by := a.explained(t, q); by != said {
				t.Errorf("%s %s %q: explain says %+v, the log %+v", q.method, q.url, q.lines, by, said)
			}
		}
	}
	for d, n := range a.counted(t) {
		if got := n - before[d]; got != want[d] {
			t.Errorf("%+v was counted %d times, and decided %d times", d, got, want[d])
		}
		delete(want, d)
	}
	t.Logf("%d requests, %d reasons, %d pages", len(asked), len(reasons), pages)
	if len(want) > 0 || len(reasons) < 7 || pages == 0 {
		t.Errorf("never counted: %v; reasons: %v; %d pages", want, reasons, pages)
	}
}

func anyQuestion(rng *rand.Rand, id string) *question {
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	q := &question{id: id, method: pick("GET", "GET", "POST", "OPTIONS"), host: pick("app1.site.com", "app2.site.com", "app.example.com",
		"public.example.com", "open.example.com", "null.example.com", "strict.example.com", "staff.example.com", "x.apps.example.com"),
		path: pick("/", "/p?x=1", "/public/x", "/api/x")}
	q.url = "https://" + q.host + q.path
	if origin := pick("", "https://spa.example.com", seedOrigin, "null"); origin != "" {
		q.lines = append(q.lines, "Origin: "+origin)
	}
	switch q.method {
	case "OPTIONS":
		if method := pick("", "GET", "PUT"); method != "" {
			q.lines = append(q.lines, "Access-Control-Request-Method: "+method)
		}
	default:
		q.lines = append(q.lines, pick(fetch, navigate))
		q.session = pick("", "", "app1", "app2", "app")
	}
	if q.method == "POST" {
		q.lines = append(q.lines, "Content-Length: 0")
	}
	return q
}

// answered compares what the visitor and the application got with what was logged.
func (q *question) answered(t *testing.T, said told, own bool) {
	t.Helper()
	got := q.answer
	passed := said.Verdict == "allow" || said.Verdict == "answer-preflight" && own
	if passed != (len(got.hits) == 1) || len(got.hits) > 1 {
		t.Errorf("%s %s: %+v, and %d requests reached an application", q.method, q.url, said, len(got.hits))
	}
	if passed {
		return
	}
	if header := got.Header.Get("X-Access-Reason"); got.Status >= 400 && header != said.Reason {
		t.Errorf("%s %s %q: X-Access-Reason is %q, and %+v in the log%s", q.method, q.url, q.lines, header, said, got.dump())
	}
	if strings.HasPrefix(got.Body, "<!") && (!strings.Contains(got.Body, q.id) || !strings.Contains(got.Body, "<dd>"+said.Reason+"</dd>")) {
		t.Errorf("%s %s %q: %+v in the log, and the page does not say so:%s", q.method, q.url, q.lines, said, got.dump())
	}
	if strings.HasPrefix(got.Body, "{") {
		var body struct {
			Reason string
			ID     string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil || body.Reason != said.Reason || body.ID != q.id {
			t.Errorf("%s %s: %v: %s, and %+v in the log", q.method, q.url, err, got.Body, said)
		}
	}
}

// loggedOnce waits for the lines of all questions, and fails if one has more than one.
func (a *asking) loggedOnce(t *testing.T, asked []*question) map[string]told {
	t.Helper()
	out, ids, twice := map[string]told{}, map[string]bool{}, ""
	for _, q := range asked {
		ids[q.id] = true
	}
	if err := a.ostiary.Wait("a line in the log for each request", func() bool {
		clear(out)
		twice = ""
		for l := range strings.Lines(a.ostiary.Text()) {
			var line struct{ Msg, RequestID, Verdict, Reason, Policy, Field string }
			if json.Unmarshal([]byte(l), &line) != nil || line.Msg != "decision" || !ids[line.RequestID] {
				continue
			}
			if _, is := out[line.RequestID]; is {
				twice += l
			}
			out[line.RequestID] = told{line.Verdict, line.Reason, line.Policy, line.Field}
		}
		return len(out) == len(asked)
	}); err != nil {
		t.Errorf("%d of %d requests were logged: %v", len(out), len(asked), err)
	}
	if twice != "" {
		t.Errorf("logged more than once:\n%s", twice)
	}
	return out
}

var series = regexp.MustCompile(`(?m)^ostiary_decisions_total\{(.*)\} (\d+)$`)

// counted is what /metrics says, by verdict and reason.
func (a *asking) counted(t *testing.T) map[told]int {
	t.Helper()
	resp, err := http.Get("http://" + a.ostiary.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is read to the end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[told]int{}
	for _, m := range series.FindAllStringSubmatch(string(text), -1) {
		label := func(name string) string {
			_, rest, _ := strings.Cut(","+m[1], ","+name+`="`)
			value, _, _ := strings.Cut(rest, `"`)
			return value
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		out[told{Verdict: label("verdict"), Reason: label("reason")}] += n
	}
	return out
}

// explained is what the command says of the same request.
func (a *asking) explained(t *testing.T, q *question) told {
	t.Helper()
	args := []string{"explain", q.method, q.url, "--policies", a.policyDir(), "--team-url", teamURL, "-o", "json"}
	for _, l := range q.lines {
		args = append(args, "-H", l)
	}
	if q.session != "" {
		args = append(args, "--as", "ann@example.com,staff,ops")
	}
	out, err := exec.CommandContext(t.Context(), a.ostiary.Binary, args...).Output()
	var report struct {
		Verdict, Reason string
		Source          struct{ Namespace, Name, Field string }
	}
	if json.Unmarshal(out, &report) != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	by := told{report.Verdict, report.Reason, "", report.Source.Field}
	if report.Source.Name != "" {
		by.Policy = report.Source.Namespace + "/" + report.Source.Name
	}
	return by
}
