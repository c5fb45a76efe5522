// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Live holds the Verifier in force. Its zero value holds none, which refuses
// every credential.
type Live struct{ p atomic.Pointer[Verifier] }

// Verifier returns the Verifier in force, or nil: its methods can be called all
// the same. Load it once a request.
func (l *Live) Verifier() *Verifier { return l.p.Load() }

// Publish puts a Verifier in force.
func (l *Live) Publish(v *Verifier) { l.p.Store(v) }

// Subject is that of the Verifier in force.
func (l *Live) Subject(at policy.Place, cookie, authorization string, now time.Time) policy.Presented {
	return l.Verifier().Subject(at, cookie, authorization, now)
}
