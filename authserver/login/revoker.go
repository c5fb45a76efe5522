// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A Revoke voids all that was issued to a user of a provider before a time, on every
// replica. The user is the provider's own ID.
type Revoke = func(ctx context.Context, provider, user string, before time.Time) error

// A Revoker is a Revoke that is known later. Its zero value fails until then.
type Revoker struct{ p atomic.Pointer[Revoke] }

// Set says how it is done from now on.
func (r *Revoker) Set(f Revoke) { r.p.Store(&f) }

// Revoke does it.
func (r *Revoker) Revoke(ctx context.Context, provider, user string, before time.Time) error {
	if f := r.p.Load(); f != nil {
		return (*f)(ctx, provider, user, before)
	}
	return errors.New("login: not ready to revoke anything")
}
