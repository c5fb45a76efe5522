// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Witnesses remember whose questions have arrived: that something was configured to ask
// shows nothing about whether it can. No decision depends on them. A nil one sees nothing.
type Witnesses struct {
	seen atomic.Pointer[map[witness]bool] // replaced whole, so that a question takes no lock
	mu   sync.Mutex                       // of those who replace it
}

// A witness is what a question was pinned to, "namespace/name"; or, of one that was
// pinned to nothing, the policy that decided.
type witness struct {
	kind                 Pin
	pin, namespace, name string
}

// witnessesMax bounds what whoever may ask can make us remember.
const witnessesMax = 1 << 15

// Saw notes a question, by its pin and by the policy that decided. It costs one look-up
// where it was noted before.
func (w *Witnesses) Saw(pin string, kind Pin, decided Source) {
	if w == nil || pin == "" && decided.Name == "" {
		return
	}
	key := witness{kind: kind, pin: pin}
	if pin == "" {
		key = witness{namespace: decided.Namespace, name: decided.Name}
	}
	if now := w.seen.Load(); now == nil || !(*now)[key] {
		w.add(key)
	}
}

func (w *Witnesses) add(key witness) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := map[witness]bool{}
	if now := w.seen.Load(); now != nil {
		if len(*now) >= witnessesMax {
			return
		}
		maps.Copy(next, *now)
	}
	key.pin = strings.Clone(key.pin) // it may be a part of the request
	next[key] = true
	w.seen.Store(&next)
}

// Seen lists them, sorted: pins, and policies about which something asked without one, as
// "namespace/name". Of a pin the kind comes before it, "HTTPRoute/namespace/name"; one
// that may be of either kind is listed as both.
func (w *Witnesses) Seen() (pins, policies []string) {
	if w == nil || w.seen.Load() == nil {
		return nil, nil
	}
	for k := range *w.seen.Load() {
		switch {
		case k.pin != "" && k.kind == EitherPin:
			pins = append(pins, IngressPin.String()+"/"+k.pin, RoutePin.String()+"/"+k.pin)
		case k.pin != "":
			pins = append(pins, k.kind.String()+"/"+k.pin)
		default:
			policies = append(policies, k.namespace+"/"+k.name)
		}
	}
	slices.Sort(pins)
	slices.Sort(policies)
	return slices.Compact(pins), policies
}
