// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// run is the command line, until it ends.
func run(ctx context.Context, t *testing.T, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs fixture.LogBuffer
	root := command.Root("ostiary", "x", "", Command())
	root.SetIn(stdin)
	code = command.Execute(ctx, root, append([]string{"denials"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// ids are the request IDs of lines of JSON, in their order.
func ids(t *testing.T, out string) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(out) {
		var e struct{ RequestID string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e.RequestID)
	}
	return strings.Join(all, " ")
}

// admin is the kubeconfig of somebody who may do everything.
func admin(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := server.Kubeconfig(path, "admin", "system:masters"); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReplicas: the lines of all replicas come by time, what a container wrote before it was
// started again among them, and nothing of Pods of others.
func TestReplicas(t *testing.T) {
	c := server.Client(t, nil)
	ns := server.Namespace(t, c)
	k := newKubelet(t, c)
	k.pod(ns, "a", 0, ours, "sidecar", "ostiary")
	k.pod(ns, "b", 1, ours, "ostiary")
	k.pod(ns, "c", 1, ours, "ostiary") // what it wrote before is gone
	k.pod(ns, "other", 0, map[string]string{"app.kubernetes.io/name": "shop"}, "ostiary")
	pending := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pending", Labels: ours},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "ostiary", Image: "x"}}}}
	fixture.Create(t, c, pending)
	k.writes("a", denied(50, "3"), denied(30, "5"), `{"time":"2026-01-01T00:00:00Z","msg":"table in force","policy":7}`, "panic: x",
		denied(1, "8"))
	k.writes("b", denied(40, "4"), denied(20, "6", "verdict", "allow"), denied(10, "7"))
	k.change("b", func(l *podLog) { l.previous = []stamped{{start.Add(-time.Minute), denied(60, "2")}} })
	k.writes("c", denied(7200, "1"), denied(0, "9"))
	k.writes("other", denied(5, "x"))
	kubeconfig := admin(t)
	settings := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: installation.SettingsName, Labels: installation.SettingsLabels},
		Data:       map[string]string{installation.SettingsKey: `{"log-level":["debug"]}`}}
	fixture.Create(t, c, settings)
	fixture.Gone(t, c, settings)

	for args, want := range map[string]string{"": "2 3 4 5 7 8 9", "--since=3h": "1 2 3 4 5 7 8 9",
		"--installation=" + ns: "2 3 4 5 7 8 9", "--host=x.example.com": ""} {
		line := append([]string{"--kubeconfig", kubeconfig, "-o", "json"}, strings.Fields(args)...)
		code, stdout, stderr := run(t.Context(), t, nil, line...)
		if got := ids(t, stdout); got != want || code != 0 {
			t.Errorf("%s: exit code %d, %q, want %q\n%s", args, code, got, want, stderr)
		}
		if !strings.Contains(stderr, "not JSON: 1 line;") || strings.Contains(stderr, "nothing was refused") != (want == "") {
			t.Errorf("%s: %s", args, stderr)
		}
	}
	k.change("c", func(l *podLog) { l.broken = true })
	code, stdout, stderr := run(t.Context(), t, nil, "--kubeconfig", kubeconfig, "-o", "json")
	if got := ids(t, stdout); got != "2 3 4 5 7 8" || code != 1 || !strings.Contains(stderr, "note: Pod c cannot be read: ") {
		t.Errorf("exit code %d, %q\n%s", code, got, stderr)
	}
}

// TestFollow: each line comes once, whatever Pods come, go, and start again.
func TestFollow(t *testing.T) {
	c := server.Client(t, nil)
	ns := server.Namespace(t, c)
	k := newKubelet(t, c)
	k.pod(ns, "a", 0, ours, "ostiary")
	gone := k.pod(ns, "b", 0, ours, "ostiary")
	k.writes("a", denied(10, "1"), denied(8, "3"))
	k.writes("b", denied(9, "2"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs fixture.LogBuffer
	root := command.Root("ostiary", "x", "", Command())
	var done sync.WaitGroup
	code := -1
	done.Go(func() {
		code = command.Execute(ctx, root, []string{"denials", "-f", "-o", "json", "--kubeconfig", admin(t), "--installation", ns}, &out, &errs)
	})
	want := ""
	expect := func(more string) {
		t.Helper()
		want = strings.TrimSpace(want + " " + more)
		fixture.Eventually(t, want, func() error {
			if got := ids(t, out.String()); got != want {
				return fmt.Errorf("%q\n%s", got, errs.String())
			}
			return nil
		})
	}
	expect("1 2 3")
	k.writes("b", denied(-2, "5")) // of a moment after the one that comes next
	k.writes("a", denied(-1, "4"))
	expect("4 5")
	k.change("a", func(l *podLog) { l.ended = true }) // its container ends
	fixture.Remove(t, c, gone)
	k.change("b", func(l *podLog) { l.ended = true })
	k.pod(ns, "new", 0, ours, "ostiary")
	k.writes("new", denied(-3, "6"))
	expect("6")
	k.change("a", func(l *podLog) { l.ended = false })
	k.writes("a", denied(-4, "7"))
	expect("7")
	cancel()
	done.Wait()
	if got := ids(t, out.String()); got != want || code != 0 {
		t.Errorf("exit code %d, %q\n%s", code, got, errs.String())
	}
	if !k.askedFor("follow", "true") || !k.askedFor("timestamps", "true") {
		t.Error("no log is followed")
	}
}

// TestWhereIsNotKnown: it is said what is missing.
func TestWhereIsNotKnown(t *testing.T) {
	c := server.Client(t, nil)
	ns := server.Namespace(t, c)
	nothing := fixture.Kubeconfig(t, c, server.Config(t), ns, "nothing")
	pods := fixture.Kubeconfig(t, c, server.Config(t), ns, "pods", fixture.MayList("", "pods"))
	k := newKubelet(t, c)
	for _, tc := range []struct {
		kubeconfig string
		args       []string
		code       int
		want       string
	}{
		{nothing, nil, 1, "Name the namespace, by --installation NAMESPACE"},
		{nothing, []string{"--installation", ns}, 2, "it takes the rights to list pods and to get pods/log there"},
		{pods, []string{"--installation", ns}, 2, "no Pod of Ostiary runs in namespace " + ns},
		{"nowhere", nil, 2, "for files in place of a cluster: --log FILE"},
	} {
		code, stdout, stderr := run(t.Context(), t, nil, append([]string{"--kubeconfig", tc.kubeconfig}, tc.args...)...)
		if code != tc.code || stdout != "" || !strings.Contains(stderr, tc.want) {
			t.Errorf("%s: exit code %d\n%s%s", tc.want, code, stdout, stderr)
		}
	}
	k.pod(ns, "a", 0, ours, "ostiary")
	k.writes("a", denied(1, "1"))
	if code, _, stderr := run(t.Context(), t, nil, "--kubeconfig", pods, "--installation", ns); code != 1 ||
		!strings.Contains(stderr, "Pod a cannot be read: ") || !strings.Contains(stderr, "pods/log") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	logs := fixture.Kubeconfig(t, c, server.Config(t), ns, "logs", fixture.MayList("", "pods"),
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}})
	code, stdout, stderr := run(t.Context(), t, nil, "--kubeconfig", logs, "--installation", ns)
	if code != 0 || !strings.Contains(stdout, "no-rule-matched") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

var errFull = errors.New("the disk is full")

// full is where nothing can be written.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestFind: of all lines with an ID the decision's counts, in whichever replica's log.
func TestFind(t *testing.T) {
	c := server.Client(t, nil)
	ns := server.Namespace(t, c)
	k := newKubelet(t, c)
	k.pod(ns, "a", 0, ours, "ostiary")
	k.pod(ns, "b", 0, ours, "ostiary")
	k.writes("a", denied(9, "other"), `{"time":"2026-01-01T00:00:00Z","msg":"shown","requestID":"r1"}`, `{"msg":"shown","requestID":"r2"}`)
	k.writes("b", denied(7200, "r1", "reason", "blocked"))
	h := &History{Source: &feed.Source{}}
	f := pflag.NewFlagSet("explain", pflag.ContinueOnError)
	h.Add(f)
	h.Source.Add(f)
	if err := f.Parse([]string{"--kubeconfig", admin(t), "--installation", ns}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"r1": decisionlog.Decision, "r2": decisionlog.Shown, "r": ""} {
		e, where, err := h.Find(t.Context(), id, nil, t.Output())
		if err != nil || !strings.HasPrefix(where, "the logs of the Pods in namespace "+ns+" (") {
			t.Fatal(where, err)
		}
		e = cmp.Or(e, &decisionlog.Entry{})
		if e.Kind != want || (e.Reason == "blocked") != (id == "r1") {
			t.Errorf("%s: %+v, want %q", id, e, want)
		}
	}
}
