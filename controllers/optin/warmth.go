// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"strings"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// warmUp is how long ingress-nginx may take to lead somewhere what it learns of: it
// syncs every 3.3 s at most, and hears of endpoints a little after they are ready.
const warmUp = 5 * time.Second

// A Warmth tells since when our Services have had an endpoint, as far as this replica
// saw. In mode canary the proxy asks about a preflight, is told yes, and leads it to
// the preflight listener, unless it knows of no endpoint of that: then it leads it to
// the application. So no preflight is let pass until every proxy knows of one. A
// replica that comes to others waits for that before it is ready, so that nobody's
// preflight is refused because of it. The zero Warmth is cold.
type Warmth struct {
	mu      sync.Mutex
	seen    bool      // there was a look
	since   time.Time // zero: there is no endpoint
	initial bool      // there was one at the first look already: others'
	used    bool      // some route lets preflights pass

	now func() time.Time // time.Now
}

// observe takes what there is at a look.
func (w *Warmth) observe(slices []*discoveryv1.EndpointSlice, plan *plan.Plan) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = letsPass(plan)
	switch ready := anyReady(slices); {
	case !ready:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since, w.initial = w.clock(), !w.seen
	}
	w.seen = true
}

// blind: nothing can be seen, so time alone has to do.
func (w *Warmth) blind() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		w.since, w.initial = w.clock(), false
	}
	w.seen = true
}

// Cold reports whether preflights that are let pass could reach an application.
func (w *Warmth) Cold() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.since.IsZero() || w.clock().Sub(w.since) < warmUp
}

// Waits reports whether this replica should not be ready yet, because others are.
func (w *Warmth) Waits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.used && w.initial && !w.since.IsZero() && w.clock().Sub(w.since) < warmUp
}

func (w *Warmth) clock() time.Time {
	if w.now != nil {
		return w.now()
	}
	return time.Now()
}

func anyReady(slices []*discoveryv1.EndpointSlice) bool {
	for _, s := range slices {
		for i := range s.Endpoints {
			if ready := s.Endpoints[i].Conditions.Ready; ready == nil || *ready {
				return true
			}
		}
	}
	return false
}

func letsPass(plan *plan.Plan) bool {
	for _, all := range plan.Annotations {
		for _, value := range all {
			if strings.Contains(value, contract.NginxPassPrefix) {
				return true
			}
		}
	}
	return false
}
