// SPDX-License-Identifier: Apache-2.0

// Package scale measures the real binary against a real API server that holds
// ten thousand policies: how long until it is ready, how long until an edit is
// enforced, and what memory that takes.
//
//	make scale
//
// It takes some minutes, and says most on an idle machine:
// the API server, its etcd and the clients share it with what is measured.
package scale

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/apiserver"
)

var (
	policies = flag.Int("policies", 10_000, "how many policies there are")
	edits    = flag.Int("edits", 250, "how many edits are timed, once while statuses are written and once after")
	keep     = flag.String("log", "", "where the binary's log goes; default: a temporary file")
)

// BenchmarkChangeToEnforced is one run, whatever b.N: what it finds are the
// metrics it reports.
func BenchmarkChangeToEnforced(b *testing.B) {
	c := api.Client(b, scheme(b))
	took := timed(func() { populate(b, c, *policies) })
	b.Logf("created %d policies in %s", *policies, took.Round(time.Millisecond))

	s := serve(b)
	b.ReportMetric(s.ready.Seconds(), "s-to-ready")
	s.report(b, "at-ready")

	busy := s.edit(b, c, *edits)
	busy.report(b, "statuses-under-way")
	b.Logf("then %d of %d policies had their status", written(b, c), *policies)

	took = timed(func() {
		for deadline := time.Now().Add(10 * time.Minute); written(b, c) < *policies; time.Sleep(time.Second) {
			if time.Now().After(deadline) {
				b.Fatal("the statuses are not written in time")
			}
		}
	})
	b.Logf("all statuses were written %s later", took.Round(time.Second))
	s.report(b, "statuses-written")

	quiet := s.edit(b, c, *edits)
	quiet.report(b, "quiet")
	time.Sleep(5 * time.Second)
	s.report(b, "in-the-end")
	s.builds(b)
	b.ReportMetric(0, "ns/op") // says nothing
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func scheme(b *testing.B) *runtime.Scheme {
	b.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		b.Fatal(err)
	}
	return s
}

// api is the API server, with our custom resources in it.
var api apiserver.Server

func TestMain(m *testing.M) { api.Main(m) }

// A server is the binary, running.
type server struct {
	*lab.Ostiary
	url   string
	ready time.Duration
	http  *http.Client
	next  int
}

func serve(b *testing.B) *server {
	b.Helper()
	dir := b.TempDir()
	binary, err := lab.Binary(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := api.Kubeconfig(kubeconfig, "scale", "system:masters"); err != nil {
		b.Fatal(err)
	}
	log := filepath.Join(dir, "log")
	if *keep != "" {
		log = *keep
	}
	s := &server{Ostiary: lab.NewOstiary(binary, log), http: &http.Client{Timeout: 10 * time.Second}}
	s.Public, s.Render, s.Preflight = "0", "0", "0"
	s.url = "http://" + s.Authz + "/authz/v1/nginx/GET/"
	b.Cleanup(s.Stop)
	started := time.Now()
	if err := s.Serve([]string{"POD_NAMESPACE=default"}, "--kubeconfig", kubeconfig, "--leader-elect", "--decision-log", "off",
		"--ingress-opt-in=false"); err != nil {
		b.Fatal(err)
	}
	for s.Ready() != http.StatusOK {
		if time.Since(started) > 5*time.Minute {
			b.Fatal("the binary is not ready in time")
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.ready = time.Since(started)
	return s
}

// get returns the status, or 0 while nothing listens.
func (s *server) get(b *testing.B, url string) int {
	b.Helper()
	res, err := s.http.Get(url)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// latencies are those of edits: from the moment they were sent, and from the
// moment the API server had taken them.
type latencies struct{ sent, stored []time.Duration }

// edit opens and closes policies, one after another, and times how long it
// takes until the proxy would be told so.
func (s *server) edit(b *testing.B, c client.Client, n int) *latencies {
	b.Helper()
	var l latencies
	for range n {
		i := s.next * 7919 % *policies // all over the place
		s.next++
		ap := app(i)
		url := s.url + string(ap.Spec.Hosts[0]) + "/api/x"
		if status := s.get(b, url); status != http.StatusUnauthorized {
			b.Fatalf("%s: %d before the edit", url, status)
		}
		// First the rule that nobody but staff passes, then one that all do.
		patch := []byte(`[{"op":"replace","path":"/spec/rules/2","value":{"name":"all","action":"Bypass","include":[{"everyone":{}}]}}]`)
		sent := time.Now()
		stored := make(chan time.Time, 1)
		go func() {
			if err := c.Patch(context.WithoutCancel(b.Context()), ap, client.RawPatch(types.JSONPatchType, patch)); err != nil {
				b.Error(err)
			}
			stored <- time.Now()
		}()
		for s.get(b, url) != http.StatusOK {
			if time.Since(sent) > time.Minute {
				b.Fatalf("%s: the edit is not enforced", url)
			}
			time.Sleep(500 * time.Microsecond)
		}
		enforced := time.Now()
		l.sent = append(l.sent, enforced.Sub(sent))
		l.stored = append(l.stored, max(0, enforced.Sub(<-stored)))
		if err := c.Patch(b.Context(), ap, client.RawPatch(types.JSONPatchType,
			bytes.ReplaceAll(patch, []byte("Bypass"), []byte("Block")))); err != nil {
			b.Fatal(err)
		}
		for s.get(b, url) == http.StatusOK {
			time.Sleep(time.Millisecond)
		}
	}
	return &l
}

func percentile(d []time.Duration, p int) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*p/100)]
}

func (l *latencies) report(b *testing.B, phase string) {
	b.Helper()
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(percentile(l.sent, p).Microseconds())/1000, fmt.Sprintf("ms-p%d-%s", p, phase))
	}
	b.Logf("%s: of %d edits, sent to enforced: p50 %s, p99 %s, worst %s; stored to enforced: p50 %s, p99 %s", phase, len(l.sent),
		percentile(l.sent, 50), percentile(l.sent, 99), percentile(l.sent, 100), percentile(l.stored, 50), percentile(l.stored, 99))
}

// report reads what memory the process takes (Linux only).
func (s *server) report(b *testing.B, phase string) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		b.Logf("no memory figures: %v", err)
		return
	}
	kib := func(field string) float64 {
		_, rest, _ := strings.Cut(string(status), field+":")
		n, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		return n
	}
	b.ReportMetric(kib("VmRSS")/1024, "MiB-"+phase)
	b.Logf("%s: VmRSS %.0f MiB, VmHWM %.0f MiB", phase, kib("VmRSS")/1024, kib("VmHWM")/1024)
}

// builds reads from the log how long tables took to build.
func (s *server) builds(b *testing.B) {
	b.Helper()
	f, err := os.Open(s.Ostiary.Log)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var took []time.Duration
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct{ Level, Msg, Took string }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		if line.Level == "ERROR" {
			b.Errorf("the binary said: %s", lines.Text())
		}
		if d, err := time.ParseDuration(line.Took); err == nil && line.Msg == "table in force" {
			took = append(took, d)
		}
	}
	if len(took) == 0 {
		b.Fatal("no table was built")
	}
	first := took[0]
	b.ReportMetric(float64(percentile(took, 50).Microseconds())/1000, "ms-build-p50")
	b.ReportMetric(float64(percentile(took, 99).Microseconds())/1000, "ms-build-p99")
	b.Logf("%d tables: the first took %s, then p50 %s, p99 %s", len(took), first, percentile(took, 50), percentile(took, 99))
}
