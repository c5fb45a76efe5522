// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

func TestWitnesses(t *testing.T) {
	var w Witnesses
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			w.Saw("shop/b", RoutePin, Source{Namespace: "shop", Name: "web"}) // a pin says more than the policy
			w.Saw("shop/a", IngressPin, Source{})                             // refused, and asked all the same
			w.Saw("shop/c", EitherPin, Source{})
			w.Saw("", IngressPin, Source{Namespace: "shop", Name: "hand"})
			w.Saw("", IngressPin, Source{}) // about nobody's host
		})
	}
	wg.Wait()
	pins, policies := w.Seen()
	if want := []string{"HTTPRoute/shop/b", "HTTPRoute/shop/c", "Ingress/shop/a", "Ingress/shop/c"}; !reflect.DeepEqual(pins, want) {
		t.Errorf("pins %v, want %v", pins, want)
	}
	if want := []string{"shop/hand"}; !reflect.DeepEqual(policies, want) {
		t.Errorf("policies %v, want %v", policies, want)
	}
	var none *Witnesses
	none.Saw("shop/a", IngressPin, Source{})
	if pins, policies := none.Seen(); pins != nil || policies != nil {
		t.Error(pins, policies)
	}
	if n := testing.AllocsPerRun(100, func() { w.Saw("shop/a", IngressPin, Source{}) }); n > 0 {
		t.Errorf("%v allocations a question", n)
	}
}

// TestWitnessesKeepNothing: a pin that was noted stays as it was, whatever becomes of the
// request that it is a part of.
func TestWitnessesKeepNothing(t *testing.T) {
	var w Witnesses
	buf := []byte("shop/a")
	w.Saw(unsafe.String(&buf[0], len(buf)), IngressPin, Source{})
	copy(buf, "xxxxxx")
	if pins, _ := w.Seen(); !slices.Equal(pins, []string{"Ingress/shop/a"}) {
		t.Errorf("%q", pins)
	}
}

// TestWitnessesAreBounded: of what is seen beyond the bound, nothing is remembered, and what is
// remembered is listed in order.
func TestWitnessesAreBounded(t *testing.T) {
	var w Witnesses
	full := map[witness]bool{}
	for i := range witnessesMax - 1 {
		full[witness{namespace: "shop", name: fmt.Sprint("p-", i)}] = true
	}
	w.seen.Store(&full)
	w.Saw("", IngressPin, Source{Namespace: "shop", Name: "last"})
	w.Saw("", IngressPin, Source{Namespace: "shop", Name: "one-more"})
	_, policies := w.Seen()
	if len(policies) != witnessesMax || !slices.Contains(policies, "shop/last") {
		t.Errorf("%d are remembered", len(policies))
	}
	if !slices.IsSorted(policies) {
		t.Error("in no order")
	}
}
