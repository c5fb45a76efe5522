// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"reflect"
	"sync"
	"testing"
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
