// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/hack/lab"
)

var update = flag.Bool("update", false, "write what ran into docs/conformance.md")

// shared is what every variant is tried with.
var shared *world

func TestMain(m *testing.M) {
	flag.Parse()
	lab.Main(m, "conformance", func(dir string) (func(), error) {
		binary, err := lab.Binary(context.Background(), dir)
		if err != nil {
			return nil, err
		}
		if shared, err = newWorld(dir, binary); err != nil {
			return nil, err
		}
		return shared.ostiary.Stop, nil
	})
}

// A world is the applications, and where each listener of ostiary will be.
type world struct {
	dir       string
	apps      *recorder
	appAddr   map[string]string // by the route's name
	ring      *credential.Ring
	minted    map[string]string // good sessions, and the policy that each is for
	ostiary   *lab.Ostiary
	feed, env []string // how it was started
}

func newWorld(dir, binary string) (*world, error) {
	w := &world{dir: dir, apps: &recorder{}, appAddr: map[string]string{}, minted: map[string]string{}}
	w.ostiary = lab.NewOstiary(binary, filepath.Join(dir, "serve", "log"))
	for _, r := range apps {
		addr, err := startApp(r.name, w.apps)
		if err != nil {
			return nil, err
		}
		w.appAddr[r.name] = addr
	}
	folder, err := credential.OpenFolder(w.keys(), time.Now())
	if err != nil {
		return nil, err
	}
	w.ring = folder.Ring()
	return w, os.WriteFile(w.policyFile(), []byte(policies+w.ingresses()), 0o600)
}

func (w *world) keys() string       { return filepath.Join(w.dir, "keys") }
func (w *world) policyFile() string { return filepath.Join(w.dir, "policies.yaml") }

// startOstiary starts it, fed by what these arguments name, and waits for readiness.
// What ran before is stopped.
func (w *world) startOstiary(env []string, feed ...string) error {
	w.feed, w.env = feed, env
	if err := w.ostiary.Serve(env, append([]string{"--team-url", teamURL, "--trusted-proxies", "127.0.0.1/32"}, feed...)...); err != nil {
		return err
	}
	return w.ostiary.WaitReady()
}

// startAgain starts it as it ran before.
func (w *world) startAgain() error { return w.startOstiary(w.env, w.feed...) }

// fileMode has it run with the manifests' file.
func (w *world) fileMode() error {
	if w.ostiary.Runs() && slices.Contains(w.feed, "--policies") {
		return nil
	}
	return w.startOstiary(nil, "--policies", w.policyFile(), "--keys", w.keys())
}

// A setup is one variant that runs.
type setup struct {
	*world
	addr string // where it listens
	// pathRoutes: each path has a route of its own, and not each host only.
	pathRoutes bool
	processes  []*lab.Process
	cluster    *cluster
}

func (s *setup) close() {
	for _, p := range slices.Backward(s.processes) {
		p.Stop()
	}
	if s.cluster != nil {
		s.ostiary.Stop()            // the API server would wait for those who watch it
		_ = s.cluster.server.Stop() // it has served
	}
}

// run starts a program of this setup, and waits until it listens.
func (s *setup) run(dir, name string, env []string, args ...string) error {
	p, err := lab.Start(filepath.Join(dir, filepath.Base(name)+".log"), env, name, args...)
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	return p.Wait(filepath.Base(name), func() bool { return lab.Accepts(s.addr) })
}

// A variant is a proxy, and a way to put ostiary behind it.
type variant struct {
	name, title string
	about       string // what it is, for the page
	// start puts the proxy in front of the applications.
	start func(s *setup, dir string) error
	// limits are cases in which it is known to do otherwise, and why.
	limits map[string]string
}

func variants() []*variant {
	return slices.Concat(nginxVariants(), traefikVariants(), otherVariants())
}

// TestConformance runs every case behind every variant.
func TestConformance(t *testing.T) {
	results := map[string]map[string]bool{} // by variant and case: it did as it should
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			s := &setup{world: shared, addr: lab.FreeAddress()}
			t.Cleanup(s.close)
			if err := v.start(s, filepath.Join(shared.dir, v.name)); err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, k := range cases {
				t.Run(k.name, func(t *testing.T) { got[k.name] = s.try(t, v, k) })
			}
			if len(got) == len(cases) || *update && len(got) > 0 {
				results[v.name] = got
			}
		})
	}
	publish(t, results)
}

// try runs one case. It fails where the variant does otherwise and has not named
// that as a limit, where it has and does not, and whenever something was reached
// that should not.
func (s *setup) try(t *testing.T, v *variant, k kase) bool {
	t.Helper()
	c := &check{setup: s}
	_, c.hostLimit = v.limits["host-as-routed"]
	k.run(c)
	for _, b := range first(c.breaches, 5) {
		t.Errorf("BREACH: %s", b)
	}
	limit, limited := v.limits[k.name]
	switch {
	case limited && len(c.deviations) == 0 && len(c.breaches) == 0:
		t.Errorf("%s is said to do otherwise (%s), and does not: strike out the limit", v.name, limit)
	case limited:
		for _, d := range first(c.deviations, 2) {
			t.Logf("the limit: %s", d)
		}
	default:
		for _, d := range first(c.deviations, 5) {
			t.Error(d)
		}
	}
	return len(c.deviations) == 0 && len(c.breaches) == 0
}

// first keeps a failure readable.
func first(all []string, n int) []string {
	if len(all) > n {
		return append(slices.Clone(all[:n]), fmt.Sprintf("... and %d more", len(all)-n))
	}
	return all
}
