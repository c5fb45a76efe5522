// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestSecondTerm: what a replica could not write in one term it writes in the
// next, though nothing changed meanwhile.
func TestSecondTerm(t *testing.T) {
	c := emptied(t)
	ns := server.Namespace(t, c)
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	asked := make(chan struct{}, 1)
	var stuck atomic.Bool
	stuck.Store(true)
	plain, err := client.NewWithWatch(server.Config(t), client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	slow := interceptor.NewClient(plain, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if stuck.Load() {
				asked <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
	s := &Status{}
	s.start(slow, &events.FakeRecorder{}, logr.Discard())
	s.report("r1", []v1alpha1.AccessPolicy{*ap}, nil)
	term := func() (end func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			s.Write(ctx)
			close(ended)
		}()
		return func() {
			cancel()
			<-ended
		}
	}
	end := term()
	<-asked
	end()
	stuck.Store(false)
	defer term()()
	fixture.Accepted(t, c, ap)
}

// Both sides hear of a contention, and the owner of its end.
func TestContentionEvents(t *testing.T) {
	recorder := events.NewFakeRecorder(10)
	s := &Status{events: recorder}
	plain, contended := fixture.Open("n", "p", "app.example.com"), fixture.Open("n", "p", "app.example.com")
	setConditions(plain, "1", nil)
	setConditions(contended, "1", []policy.Issue{{Reason: policy.Unwise, Message: "look"}, {Reason: policy.HostContended, Message: "claimed by evil/old, too"}})
	for _, step := range []struct {
		before, after *v1alpha1.AccessPolicy
		want          string
	}{
		{plain, contended, "Warning HostContended 2 problems: : look; : claimed by evil/old, too"}, {contended, contended, ""},
		{contended, plain, "Normal HostNotContended No other namespace claims these hosts any more"}, {plain, plain, ""},
	} {
		s.tell(step.before, step.after)
		got := ""
		select {
		case got = <-recorder.Events:
		default:
		}
		if got != step.want {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
}
