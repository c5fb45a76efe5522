// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestWarmth: whatever happens before, preflights are let pass only once there has been
// an endpoint for as long as a proxy may take to know it; and who comes to others waits
// with being ready, and not with letting pass.
func TestWarmth(t *testing.T) {
	none, some := []*discoveryv1.EndpointSlice{{}}, []*discoveryv1.EndpointSlice{fixture.RenderSlice("ours", "192.0.2.7")}
	gone := fixture.RenderSlice("ours", "192.0.2.7")
	gone.Endpoints[0].Conditions.Ready = pointer(false)
	ref := routes.Ref{Kind: "Ingress"}
	asks := &plan.Plan{Annotations: map[routes.Ref]map[string]string{ref: {"x": "http://a/authz/v1/nginx-pass/a/b/"}}}
	plain := &plan.Plan{Annotations: map[routes.Ref]map[string]string{ref: {"x": "http://a/authz/v1/nginx/a/b/"}}}
	type look struct {
		after  time.Duration
		slices []*discoveryv1.EndpointSlice
		plan   *plan.Plan // nil: nothing can be read
	}
	for name, c := range map[string]struct {
		looks       []look
		at          time.Duration // after the last
		cold, waits bool
	}{
		"no look":                  {nil, time.Hour, true, false},
		"nobody is there":          {[]look{{0, none, asks}}, time.Hour, true, false},
		"nobody is ready":          {[]look{{0, []*discoveryv1.EndpointSlice{gone}, asks}}, time.Hour, true, false},
		"the first, at once":       {[]look{{0, none, asks}, {time.Second, some, asks}}, 0, true, false},
		"the first, soon":          {[]look{{0, none, asks}, {time.Second, some, asks}}, warmUp - 1, true, false},
		"the first, later":         {[]look{{0, none, asks}, {time.Second, some, asks}}, warmUp, false, false},
		"looks do not begin anew":  {[]look{{0, none, asks}, {0, some, asks}, {warmUp - 1, some, asks}}, 1, false, false},
		"others are there":         {[]look{{0, some, asks}}, warmUp - 1, true, true},
		"others, later":            {[]look{{0, some, asks}}, warmUp, false, false},
		"others, nobody lets pass": {[]look{{0, some, plain}}, 0, true, false},
		"away for a while":         {[]look{{0, some, asks}, {warmUp, none, asks}, {1, some, asks}}, warmUp - 1, true, false},
		"away, and back":           {[]look{{0, some, asks}, {warmUp, none, asks}, {1, some, asks}}, warmUp, false, false},
		"others went":              {[]look{{0, some, asks}, {1, none, asks}}, time.Hour, true, false},
		"blind, soon":              {[]look{{0, nil, nil}}, warmUp - 1, true, false},
		"blind, later":             {[]look{{0, nil, nil}}, warmUp, false, false},
	} {
		now := time.Unix(1000, 0)
		w := &Warmth{now: func() time.Time { return now }}
		for _, l := range c.looks {
			now = now.Add(l.after)
			if l.plan == nil {
				w.blind()
			} else {
				w.observe(l.slices, l.plan)
			}
		}
		now = now.Add(c.at)
		if w.Cold() != c.cold || w.Waits() != c.waits {
			t.Errorf("%s: cold %v, waits %v", name, w.Cold(), w.Waits())
		}
	}
}
