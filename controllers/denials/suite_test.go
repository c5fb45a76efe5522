// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab/apiserver"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// server is the API server that the tests of this package share.
var server apiserver.Server

func TestMain(m *testing.M) { server.Main(m) }

// A kubelet is asked by the API server for the logs of Pods, as that of a node is.
type kubelet struct {
	t    *testing.T
	c    client.Client
	node string

	mu      sync.Mutex
	changed *sync.Cond
	logs    map[string]*podLog // by the name of the Pod
	asked   []url.Values
}

// A podLog is what a container wrote.
type podLog struct {
	lines    []stamped
	previous []stamped
	ended    bool
	broken   bool // it cannot be read
}

type stamped struct {
	at   time.Time
	text string
}

// newKubelet makes a node that has one.
func newKubelet(t *testing.T, c client.Client) *kubelet {
	t.Helper()
	k := &kubelet{t: t, c: c, logs: map[string]*podLog{}}
	k.changed = sync.NewCond(&k.mu)
	s := httptest.NewTLSServer(k)
	t.Cleanup(func() {
		k.change("", func(*podLog) {}) // none is followed any more
		s.CloseClientConnections()
		s.Close()
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseInt(u.Port(), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}
	fixture.Create(t, c, node)
	fixture.Gone(t, c, node)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: u.Hostname()}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	if err := c.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	k.node = node.Name
	return k
}

// pod starts one whose container has been started that often before.
func (k *kubelet) pod(ns, name string, restarts int32, labels map[string]string, containers ...string) *corev1.Pod {
	k.t.Helper()
	none := int64(0)
	o := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: labels},
		Spec: corev1.PodSpec{NodeName: k.node, TerminationGracePeriodSeconds: &none}}
	for _, c := range containers {
		o.Spec.Containers = append(o.Spec.Containers, corev1.Container{Name: c, Image: "example.com/" + c})
		o.Status.ContainerStatuses = append(o.Status.ContainerStatuses, corev1.ContainerStatus{Name: c, RestartCount: restarts})
	}
	statuses := o.Status.ContainerStatuses
	k.change(name, func(*podLog) {})
	fixture.Create(k.t, k.c, o)
	o.Status.Phase, o.Status.ContainerStatuses = corev1.PodRunning, statuses
	if err := k.c.Status().Update(k.t.Context(), o); err != nil {
		k.t.Fatal(err)
	}
	return o
}

// change changes what a Pod wrote, and tells those who follow.
func (k *kubelet) change(pod string, f func(*podLog)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.logs[pod] == nil {
		k.logs[pod] = &podLog{}
	}
	if f(k.logs[pod]); pod == "" {
		for _, l := range k.logs {
			l.ended = true
		}
	}
	k.changed.Broadcast()
}

// writes has a Pod write lines now.
func (k *kubelet) writes(pod string, lines ...string) {
	k.change(pod, func(l *podLog) {
		for _, line := range lines {
			l.lines = append(l.lines, stamped{time.Now(), line})
		}
	})
}

// ServeHTTP is GET /containerLogs/NAMESPACE/POD/CONTAINER.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(r.URL.Path, "/")
	if len(part) != 5 || part[1] != "containerLogs" {
		http.NotFound(w, r)
		return
	}
	q := r.URL.Query()
	since, _ := time.Parse(time.RFC3339, q.Get("sinceTime")) // none: all
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, q)
	l := k.logs[part[3]]
	if l == nil || l.broken || part[4] != podContainer {
		http.Error(w, "no such log", http.StatusInternalServerError)
		return
	}
	if q.Get("previous") == "true" {
		if l.previous == nil {
			http.Error(w, "previous terminated container not found", http.StatusBadRequest)
			return
		}
		writeLines(w, l.previous, since)
		return
	}
	written := 0
	for {
		writeLines(w, l.lines[written:], since)
		written = len(l.lines)
		if q.Get("follow") != "true" || l.ended {
			return
		}
		_ = http.NewResponseController(w).Flush() // it ends with the connection
		k.changed.Wait()
	}
}

func writeLines(w http.ResponseWriter, lines []stamped, since time.Time) {
	for _, l := range lines {
		if !l.at.Before(since) {
			fmt.Fprintf(w, "%s %s\n", l.at.UTC().Format(time.RFC3339Nano), l.text)
		}
	}
}

// askedFor reports whether it was asked for a log so.
func (k *kubelet) askedFor(key, value string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.asked, func(q url.Values) bool { return q.Get(key) == value })
}

// ours are the labels of Ostiary's Pods.
var ours = map[string]string{"app.kubernetes.io/name": "ostiary", "app.kubernetes.io/instance": "auth"}

// denied is the line of a request with an ID that was denied so many seconds ago.
func denied(ago int, id string, more ...string) string {
	fields := map[string]string{"verdict": "deny", "reason": "no-rule-matched", "method": "GET", "host": "app.example.com", "path": "/",
		"policy": "shop/app", "requestID": id}
	for i := 0; i+1 < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"time":%q,"level":"INFO","msg":"decision"`, start.Add(-time.Duration(ago)*time.Second).Format(time.RFC3339Nano))
	for _, key := range strings.Fields("verdict reason method host path policy field rule origin dryRun would user email clientID requestID") {
		if fields[key] != "" {
			fmt.Fprintf(&b, `,%q:%q`, key, fields[key])
		}
	}
	status := 403
	if fields["verdict"] == "allow" {
		status = 200
	}
	fmt.Fprintf(&b, `,"status":%d}`, status)
	return b.String()
}

var start = time.Now()
