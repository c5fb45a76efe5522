// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/bearer"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

func TestEmptyCluster(t *testing.T) {
	c := emptied(t)
	r := run(t, namespace(t, c))
	r.decides("https://app.example.com/", policy.NoPolicy)
	if n := r.Live.Table().Len(); n != 0 {
		t.Errorf("the table of an empty cluster holds %d policies", n)
	}
	fixture.Eventually(t, "there are keys", func() error {
		if r.Keys.Verifier() == nil {
			return context.Canceled
		}
		return nil
	})
	r.says("made a key ring", "this replica leads")
}

func TestApplyEditDelete(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	r := run(t, ns)
	r.decides("https://app.example.com/", policy.NoPolicy)

	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	r.decides("https://app.example.com/", policy.Bypassed)
	fixture.Accepted(t, c, ap)
	if got := r.gauge("ostiary_table_policies"); got != 1 {
		t.Errorf("ostiary_table_policies is %v", got)
	}
	built := r.gauge("ostiary_table_built_timestamp_seconds")
	if age := float64(time.Now().UnixNano())/1e9 - built; age < 0 || age > 120 {
		t.Errorf("the table was built %v s ago", age)
	}

	fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBlock))
	r.decides("https://app.example.com/", policy.Blocked)
	fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionAllow))
	r.decides("https://app.example.com/", policy.NoSession)
	fixture.Edit(t, c, ap, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"other.example.com"} })
	r.decides("https://app.example.com/", policy.NoPolicy)
	r.decides("https://other.example.com/", policy.NoSession)

	fixture.Remove(t, c, ap)
	r.decides("https://other.example.com/", policy.NoPolicy)
	if got := r.gauge("ostiary_table_policies"); got != 0 {
		t.Errorf("ostiary_table_policies is %v", got)
	}
}

// TestStartFindsWhatIsThere: what was applied while nothing ran is in the first table.
func TestStartFindsWhatIsThere(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Open(ns, "a", "a.example.com"), fixture.Open(ns, "b", "b.example.com"))
	var first atomic.Pointer[policy.Table]
	r := run(t, ns)
	fixture.Eventually(t, "there is a table", func() error {
		if first.Store(r.Live.Table()); first.Load() == nil {
			return context.Canceled
		}
		return nil
	})
	if n := first.Load().Len(); n != 2 {
		t.Errorf("the first table holds %d of 2 policies", n)
	}
}

// delayed holds back answers about a resource until it is opened.
type delayed struct {
	next http.RoundTripper
	what string
	open chan struct{}
	held *atomic.Int32
}

func (d delayed) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/"+d.what) {
		d.held.Add(1)
		select {
		case <-d.open:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return d.next.RoundTrip(r)
}

// TestNothingBeforeSync: as long as not everything was read that decides, nothing is in force
// (G1).
func TestNothingBeforeSync(t *testing.T) {
	for _, what := range []string{"accesspolicies", "accessgroups", "tokenissuers", "servicetokens", "oauthclients",
		"identityproviders", "sessionrevocations"} {
		t.Run(what, func(t *testing.T) { testNothingBefore(t, what) })
	}
}

func testNothingBefore(t *testing.T, what string) {
	t.Helper()
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Open(ns, "app", "app.example.com"))
	gate, held := make(chan struct{}), new(atomic.Int32)
	set, providers := bearer.New(bearer.Options{Now: time.Now}), policy.NewProviders()
	r := run(t, ns, verifies(set), func(o *Options) {
		o.ProvidersInUse = func() *policy.Providers { return providers }
		o.PublishProviders = func([]config.Provider) {}
		o.Config.Wrap(func(next http.RoundTripper) http.RoundTripper { return delayed{next, what, gate, held} })
	})
	fixture.Eventually(t, "they are asked for", func() error {
		if held.Load() == 0 {
			return context.Canceled
		}
		return nil
	})
	time.Sleep(time.Second)
	if r.Live.Table() != nil {
		t.Fatalf("a table was published before %s were read", what)
	}
	if got := r.ask("GET", "https://app.example.com/"); got.Reason != policy.NotReady || got.Verdict != policy.Deny {
		t.Errorf("decided before anything was read: %s, %s", got.Verdict, got.Reason)
	}
	close(gate)
	r.decides("https://app.example.com/", policy.Bypassed)
}

// TestChanged: what has to rebuild the table, and what must not.
func TestChanged(t *testing.T) {
	object := func(uid string, generation int64, version string) *v1alpha1.AccessPolicy {
		return &v1alpha1.AccessPolicy{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), Generation: generation, ResourceVersion: version}}
	}
	for _, s := range []struct {
		name     string
		old, new *v1alpha1.AccessPolicy
		want     bool
	}{
		{"a status", object("1", 1, "1"), object("1", 1, "2"), false},
		{"a resync", object("1", 1, "1"), object("1", 1, "1"), false},
		{"an edit", object("1", 1, "1"), object("1", 2, "2"), true},
		{"deleted and made again while the watch was down", object("1", 1, "1"), object("2", 1, "2"), true},
	} {
		if got := cluster.Changed(event.UpdateEvent{ObjectOld: s.old, ObjectNew: s.new}); got != s.want {
			t.Errorf("%s: %v", s.name, got)
		}
	}
}

// forgetful answers as an API server does that no longer knows what changed
// since: a watch cannot be resumed, and everything is listed again.
type forgetful struct {
	next          http.RoundTripper
	forgot, again *atomic.Bool
}

func (f forgetful) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	switch {
	case !f.forgot.Load() || !strings.Contains(r.URL.Path, "/accesspolicies") || q.Get("limit") == "1":
	case q.Get("watch") == "" || q.Get("sendInitialEvents") != "": // a list, one way or the other
		f.again.Store(true)
	default:
		body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}`
		return &http.Response{StatusCode: http.StatusGone, Status: "410 Gone", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
	return f.next.RoundTrip(r)
}

// TestMadeAgainUnseen: a policy that was replaced while the API server could not
// be reached, for longer than the server remembers, is an update from one object
// to another of the same generation.
func TestMadeAgainUnseen(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	w := newWire(t)
	var forgot, again atomic.Bool
	r := run(t, ns, w.through, func(o *Options) {
		o.Config.Wrap(func(next http.RoundTripper) http.RoundTripper { return forgetful{next, &forgot, &again} })
	})
	r.decides("https://app.example.com/", policy.Bypassed)
	forgot.Store(true)
	w.cut()
	fixture.Remove(t, c, ap)
	fixture.Create(t, c, fixture.Protect(ns, "app", v1alpha1.ActionBlock, "app.example.com"))
	r.decides("https://app.example.com/", policy.Bypassed)
	w.mend()
	fixture.Eventually(t, "everything is listed again", func() error {
		if !again.Load() {
			return context.Canceled
		}
		return nil
	})
	forgot.Store(false) // the watch that follows is a new one
	r.decides("https://app.example.com/", policy.Blocked)
}

// reconciles counts runs of the table's controllers in this process.
func reconciles(t *testing.T, result string) float64 {
	t.Helper()
	labels := map[string]string{"controller": "table"}
	if result != "" {
		labels["result"] = result
	}
	return fixture.Sum(t, metrics.Registry, "controller_runtime_reconcile_total", labels)
}

// TestBurstFolds: many events are few runs, and the echo of statuses is none.
func TestBurstFolds(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	const n = 60
	for i := range n {
		fixture.Create(t, c, fixture.Open(ns, "p"+string(rune('a'+i/26))+string(rune('a'+i%26)), "h"+string(rune('a'+i/26))+string(rune('a'+i%26))+".example.com"))
	}
	before := reconciles(t, "")
	r := run(t, ns)
	r.decides("https://haa.example.com/", policy.Bypassed)
	fixture.Accepted(t, c, fixture.Open(ns, "pcg"))
	fixture.Eventually(t, "all statuses are written", func() error {
		var list v1alpha1.AccessPolicyList
		if err := c.List(t.Context(), &list); err != nil {
			return err
		}
		for i := range list.Items {
			if len(list.Items[i].Status.Conditions) == 0 {
				return context.Canceled
			}
		}
		return nil
	})
	time.Sleep(500 * time.Millisecond)
	if runs := reconciles(t, "") - before; runs > 5 {
		t.Errorf("%d policies that were there, and their statuses, were %v runs", n, runs)
	}
}
