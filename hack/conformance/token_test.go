// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/controllers/tokens"
	"github.com/ostiary/ostiary/hack/lab"
)

const (
	robotsHost   = "robots.site.com"
	robotsPolicy = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: robots, namespace: shop}
spec:
  hosts: [robots.site.com]
  rules:
  - {name: ci, action: ServiceAuth, include: [{serviceToken: ci}]}
  - {name: staff, action: Allow, include: [{emailDomain: example.com}]}
`
)

// A machine room is a service token in use, with an nginx and a Traefik in front of each of two
// replicas.
type machineRoom struct {
	*window
	fronts map[string]string // name → address
	id     string
	hits   int // requests that reached the application
}

// TestServiceTokenInForce: whatever happens to a service token, it is in force at every
// replica and behind every proxy, in this order: what is said of a token holds from its
// first answer on, and never goes back. The application sees neither ID nor secret. Two
// processes, a real API server, and nginx and Traefik as `ostiary config` prints them.
func TestServiceTokenInForce(t *testing.T) {
	m := openMachineRoom(t)
	began := time.Now()
	m.must(m.cluster.apply("people", "{apiVersion: access.ostiary.dev/v1alpha1, kind: ServiceToken, metadata: {name: ci, namespace: shop}}"))
	first := m.issued("")
	m.holds("created", began, first, 200)
	m.all("with a wrong secret", first[:len(first)-1], 401)
	m.inOneHeader(first)

	began = m.change(`{"rotation":1,"gracePeriod":"1h"}`)
	second := m.issued(first)
	m.holds("rotated, the new secret", began, second, 200)
	m.all("the old secret in its grace period", first, 200)

	began = m.change(`{"rotation":2,"gracePeriod":"5s"}`)
	third := m.issued(second)
	m.holds("rotated again, the first secret refused", began, first, 401)
	m.all("the new secret", third, 200)
	m.holds("the grace period over, the second secret refused", m.until(), second, 401)
	m.all("the new secret", third, 200)

	m.holds("disabled", m.change(`{"disabled":true}`), third, 401)
	m.holds("enabled again", m.change(`{"disabled":false}`), third, 200)

	m.change(`{"duration":"1h"}`)
	end := m.endsIn(4 * time.Second)
	m.all("before it ends", third, 200)
	m.holds("over", end, third, 401)
	began = m.change(`{"rotation":3,"gracePeriod":"1h"}`)
	fourth := m.issued(third)
	m.holds("renewed", began, fourth, 200)
	m.all("a secret that was over", third, 401)

	began = time.Now()
	m.must(m.cluster.client.Delete(t.Context(), m.object()))
	m.holds("deleted", began, fourth, 401)

	if m.hits < 100 {
		t.Errorf("hardly any request reached the application: %d", m.hits)
	}
	figures(t, "a service token in force, after the write that says so (two replicas, real nginx and Traefik, real API server)", m.cases)
}

func openMachineRoom(t *testing.T) *machineRoom {
	t.Helper()
	s := &setup{world: shared, addr: lab.FreeAddress()}
	shared.ostiary.Stop()
	m := &machineRoom{window: &window{setup: s, t: t}, fronts: map[string]string{}}
	t.Cleanup(func() {
		for _, p := range m.replicas {
			p.Stop()
		}
		s.close()
	})
	dir := filepath.Join(shared.dir, "window")
	m.must(m.prepare(dir))
	m.must(m.cluster.apply("people", robotsPolicy))
	m.must(m.startBoth())
	for i, r := range m.replicas {
		m.must(r.WaitReady())
		for _, proxy := range []string{"nginx", "traefik"} {
			m.front(filepath.Join(dir, fmt.Sprintf("%s%d", proxy, i)), proxy, i, r)
		}
	}
	m.apps.Take() // what the tests before this one sent, in whichever order they run
	m.all("before it was made", "ostiary_st_none", 401)
	return m
}

// front puts a proxy before a replica, as `ostiary config` prints it.
func (m *machineRoom) front(folder, proxy string, i int, r *lab.Ostiary) {
	m.t.Helper()
	front := &setup{world: shared, addr: lab.FreeAddress()}
	m.t.Cleanup(front.close)
	o := m.options(apps[0])
	o.Hosts, o.Policy, o.Listen = []string{robotsHost}, "robots", front.addr
	o.Authz, o.Public, o.Render, o.Preflight = r.Authz, r.Public, r.Render, r.Preflight
	if proxy == "traefik" { // it listens where its command line says
		o.Listen = ""
	}
	var b bytes.Buffer
	m.must(proxyconfig.Render(&b, proxy, o))
	file := filepath.Join(folder, map[string]string{"nginx": "robots.conf", "traefik": "robots.yaml"}[proxy])
	m.must(os.MkdirAll(folder, 0o700))
	m.must(os.WriteFile(file, b.Bytes(), 0o600))
	if proxy == "nginx" {
		m.must(front.nginx(folder, "daemon off; master_process off; pid nginx.pid; events {} http { access_log off; client_body_temp_path body; "+
			"proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include robots.conf; }"))
	} else {
		m.must(front.traefik(folder, nil, "--providers.file.filename="+file))
		m.must(front.processes[0].Wait("the first route", func() bool {
			return exchange(clientAddress, front.addr, request("GET", "/.access/certs", robotsHost)).Status == 200
		}))
	}
	m.fronts[fmt.Sprintf("%s, replica %d", proxy, i)] = front.addr
}

func (*machineRoom) object() *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("access.ostiary.dev/v1alpha1")
	u.SetKind("ServiceToken")
	u.SetNamespace("shop")
	u.SetName("ci")
	return u
}

// change edits the spec of the token, and returns when that began.
func (m *machineRoom) change(spec string) time.Time {
	m.t.Helper()
	began := time.Now()
	m.must(m.cluster.client.Patch(m.t.Context(), m.object(), client.RawPatch(types.MergePatchType, []byte(`{"spec":`+spec+`}`))))
	return began
}

// endsIn has the token end then, and returns when that is: as if it had been made long ago.
func (m *machineRoom) endsIn(left time.Duration) time.Time {
	m.t.Helper()
	made := time.Now().Add(left - time.Hour).UTC().Truncate(time.Second)
	patch := fmt.Appendf(nil, `{"status":{"issuedAt":%q}}`, made.Format(time.RFC3339))
	m.must(m.cluster.client.Status().Patch(m.t.Context(), m.object(), client.RawPatch(types.MergePatchType, patch)))
	return made.Add(time.Hour)
}

// issued waits until the Secret holds another secret than before.
func (m *machineRoom) issued(before string) string {
	m.t.Helper()
	var secret string
	m.must(m.replicas[0].Wait("the Secret", func() bool {
		o := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ci"}}
		if err := m.cluster.client.Get(context.Background(), client.ObjectKeyFromObject(o), o); err != nil {
			return false
		}
		m.id, secret = string(o.Data[tokens.ClientIDKey]), string(o.Data[tokens.ClientSecretKey])
		return tokens.IsSecret(secret) && secret != before
	}))
	return secret
}

// until is when the secret before ends.
func (m *machineRoom) until() time.Time {
	m.t.Helper()
	o := m.object()
	m.must(m.cluster.client.Get(m.t.Context(), client.ObjectKeyFromObject(o), o))
	text, _, _ := unstructured.NestedString(o.Object, "status", "previous", "until")
	at, err := time.Parse(time.RFC3339, text)
	m.must(err)
	return at
}

// ask sends a request with the token, and returns the status. A refusal says why.
func (m *machineRoom) ask(addr, secret string) int {
	a := m.send(addr, secret)
	switch {
	case a.Header.Has("Location") || a.Header.Has("Set-Cookie"):
		m.t.Errorf("%s%s", addr, a.dump())
	case a.Status == 401 && a.Body == "":
		// The token came into force between the question and the rendering of its refusal, which
		// takes what it would not refuse for the proxy's own. It is in force from then on.
		if m.send(addr, secret).Status == 401 {
			m.t.Errorf("%s: a refusal without a reason%s", addr, a.dump())
		}
	case a.Status == 401 && !strings.Contains(a.Body, "service-token-invalid"):
		m.t.Errorf("%s%s", addr, a.dump())
	}
	return a.Status
}

func (m *machineRoom) send(addr, secret string) *answer {
	return exchange(clientAddress, addr, request("GET", "/p", robotsHost, "X-Access-Client-Id: "+m.id, "X-Access-Client-Secret: "+secret, fetch))
}

// inOneHeader sends both in one header, as clients do that can set no more.
func (m *machineRoom) inOneHeader(secret string) {
	m.t.Helper()
	both := fmt.Sprintf(`X-Access-Client-Secret: {"x-access-client-id": %q, "x-access-client-secret": %q}`, m.id, secret)
	for name, addr := range m.fronts {
		for line, want := range map[string]int{both: 200, strings.Replace(both, secret, secret[1:], 1): 401} {
			if a := exchange(clientAddress, addr, request("GET", "/p", robotsHost, line, fetch)); a.Status != want {
				m.t.Errorf("%s, in one header, want %d%s", name, want, a.dump())
			}
		}
	}
	m.inspect()
}

// all fails unless every proxy answers so.
func (m *machineRoom) all(what, secret string, want int) {
	m.t.Helper()
	for name, addr := range m.fronts {
		if got := m.ask(addr, secret); got != want {
			m.t.Errorf("%s, %s: %d, want %d", name, what, got, want)
		}
	}
	m.inspect()
}

// holds measures how long each proxy takes to answer so; from then on it never goes back.
func (m *machineRoom) holds(what string, since time.Time, secret string, want int) {
	m.t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	took := map[string]time.Duration{}
	for name, addr := range m.fronts {
		wg.Go(func() {
			var from time.Time
			for deadline := time.Now().Add(lingers + time.Until(since)); from.IsZero() && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				if m.ask(addr, secret) == want {
					from = time.Now()
				}
			}
			for range 30 {
				if got := m.ask(addr, secret); !from.IsZero() && got != want {
					m.t.Errorf("%s, %s: %d, and then %d again", name, what, want, got)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if took[name] = from.Sub(since); from.IsZero() {
				m.t.Errorf("%s, %s: not %d within %s", name, what, want, lingers)
			} else if from.Before(since) {
				m.t.Errorf("%s, %s: %d, %s too early", name, what, want, -took[name])
			}
		})
	}
	wg.Wait()
	m.inspect()
	var each []string
	for _, name := range slices.Sorted(maps.Keys(took)) {
		each = append(each, fmt.Sprintf("%s %d ms", name, took[name].Milliseconds()))
	}
	m.cases = append(m.cases, what+": "+strings.Join(each, ", "))
}

// lingers is how long something may take on a machine that does much else. What it took
// is printed.
const lingers = 10 * time.Second

// inspect looks at what the application was sent so far.
func (m *machineRoom) inspect() {
	m.t.Helper()
	for _, h := range m.apps.Take() {
		m.hits++
		for _, line := range h.header {
			if strings.Contains(line, "ostiary_st_") || m.id != "" && strings.Contains(line, m.id) {
				m.t.Fatalf("the application was sent %s", line)
			}
		}
		if who := h.header.Get("X-Access-User"); who != "service:shop/ci" {
			m.t.Fatalf("the application was told of %q", who)
		}
	}
}
