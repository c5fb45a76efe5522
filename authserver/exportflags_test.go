// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/hack/lab/collector"
)

// TestCollectorIsAway: decisions go on as fast as they did, what is lost is counted, and
// the log has a line of it. THREATS H12.
func TestCollectorIsAway(t *testing.T) {
	nobody := listen(t)  // accepts, and says nothing
	defer nobody.Close() //nolint:errcheck // the test is over
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	t.Setenv("OTEL_BLRP_SCHEDULE_DELAY", "10")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100")
	var flags Flags
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.Add(set)
	at := "http://" + nobody.Addr().String()
	if err := set.Parse([]string{"--team-url", "https://auth.example.com", "--decision-log", "all",
		"--tracing-endpoint", at, "--log-otlp-endpoint", at,
		"--tracing-sampling-ratio", "1", "--tracing-sampling-limit", "100000"}); err != nil {
		t.Fatal(err)
	}
	config, err := flags.Config()
	if err != nil {
		t.Fatal(err)
	}
	metrics, log := prometheus.NewRegistry(), &journal{}
	config.Metrics = metrics
	exports, err := flags.OpenExports(&config, "1.2.3", log)
	if err != nil {
		t.Fatal(err)
	}
	defer exports.Close() //nolint:errcheck // it never fails
	w := newWorld(t, func(c *Config) {
		c.DecisionLog, c.Tracer, c.Log = config.DecisionLog, config.Tracer, flags.logger(log)
	})
	began, answers := time.Now(), 0
	for range 6000 {
		if w.answer(t, "/authz/v1/nginx/GET/app.example.com/public") == 200 {
			answers++
		}
	}
	took := time.Since(began)
	if answers != 6000 || took > time.Minute { // ten, if each waited for the collector
		t.Errorf("%d answers in %s", answers, took)
	}
	for _, name := range []string{"ostiary_spans_dropped_total", "ostiary_log_records_dropped_total"} {
		if n := value(t, metrics, name); n < 6000-2048 {
			t.Errorf("%s: %v", name, n)
		}
	}
	const complaint = "the collector does not take all that it should get; what is lost is counted"
	for end := time.Now().Add(10 * time.Second); len(log.lines(t, complaint)) < 2; {
		if time.Now().After(end) {
			t.Fatalf("no line for each: %.3000s", log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := len(log.lines(t, "decision")); n != 6000 {
		t.Errorf("%d lines", n)
	}
}

// value is that of a metric without labels.
func value(t testing.TB, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestSpansNameAsTheLogDoes: whoever is in a span, and in a line at the collector, is named as
// in the log, by --log-identity.
func TestSpansNameAsTheLogDoes(t *testing.T) {
	for _, mode := range []string{"plain", "hash", "none"} {
		at, log := collector.New(t), &journal{}
		var flags Flags
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.Add(set)
		if err := set.Parse([]string{"--team-url", "https://auth.example.com", "--decision-log", "all", "--log-identity", mode,
			"--tracing-endpoint", at.GRPC, "--log-otlp-endpoint", at.GRPC, "--tracing-sampling-ratio", "1"}); err != nil {
			t.Fatal(err)
		}
		config, err := flags.Config()
		if err != nil {
			t.Fatal(err)
		}
		exports, err := flags.OpenExports(&config, "1.2.3", log)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, func(c *Config) { c.DecisionLog, c.Tracer, c.Log = config.DecisionLog, config.Tracer, flags.logger(log) })
		w.ask(t, "/authz/v1/nginx/GET/app.example.com/x", "Cookie", "__Host-ostiary=good")
		_ = exports.Close()
		written, spans, lines := log.lines(t, "decision"), at.Spans(), at.Lines()
		if len(written) != 1 || len(spans) != 1 || len(lines) != 1 {
			t.Fatalf("%v\n%+v\n%+v", written, spans, lines)
		}
		who := written[0]["user"]
		if who != spans[0].Says["user.id"] || who != lines[0].Says["user"] || written[0]["email"] != lines[0].Says["email"] ||
			(who == "u1") != (mode == "plain") || (who == nil) != (mode == "none") {
			t.Errorf("%s: %v\n%+v\n%+v", mode, written, spans, lines)
		}
		if text := fmt.Sprint(spans); strings.Contains(text, "ann@") {
			t.Errorf("%s: %s", mode, text)
		}
	}
}

// TestTracingFlags: what is wrong with a flag is said, whatever else is.
func TestTracingFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                                     "",
		"--tracing-endpoint=http://c:4317":     "",
		"--tracing-endpoint=c:4317":            "--tracing-endpoint",
		"--tracing-endpoint=https://u:p@c/":    "--tracing-endpoint",
		"--log-otlp-endpoint=https://c/?key=1": "--log-otlp-endpoint",
		"--tracing-sampling-ratio=1.01":        "--tracing-sampling-ratio",
		"--tracing-sampling-ratio=-0.1":        "--tracing-sampling-ratio",
		"--tracing-sampling-ratio=NaN":         "--tracing-sampling-ratio",
		"--tracing-sampling-limit=0":           "--tracing-sampling-limit",
		"--tracing-sampling-limit=NaN":         "--tracing-sampling-limit",
		"--tracing-sampling-limit=1e6":         "--tracing-sampling-limit",
		"--otlp-protocol=http":                 "--otlp-protocol",
		"--otlp-protocol=http/protobuf":        "",
	} {
		var flags Flags
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.Add(set)
		if err := set.Parse(append([]string{"--team-url", "https://auth.example.com"}, strings.Fields(args)...)); err != nil {
			t.Fatal(err)
		}
		_, err := flags.Config()
		if (err == nil) != (want == "") || err != nil && (!strings.HasPrefix(err.Error(), want+": ") || strings.Contains(err.Error(), "u:p@")) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
