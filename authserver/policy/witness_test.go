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
			w.Saw("shop/b", Source{Namespace: "shop", Name: "web"}) // a pin says more than the policy
			w.Saw("shop/a", Source{})                               // refused, and asked all the same
			w.Saw("", Source{Namespace: "shop", Name: "hand"})
			w.Saw("", Source{}) // about nobody's host
		})
	}
	wg.Wait()
	pins, policies := w.Seen()
	if want := []string{"shop/a", "shop/b"}; !reflect.DeepEqual(pins, want) {
		t.Errorf("pins %v, want %v", pins, want)
	}
	if want := []string{"shop/hand"}; !reflect.DeepEqual(policies, want) {
		t.Errorf("policies %v, want %v", policies, want)
	}
	var none *Witnesses
	none.Saw("shop/a", Source{})
	if pins, policies := none.Seen(); pins != nil || policies != nil {
		t.Error(pins, policies)
	}
	if n := testing.AllocsPerRun(100, func() { w.Saw("shop/a", Source{}) }); n > 0 {
		t.Errorf("%v allocations a question", n)
	}
}
