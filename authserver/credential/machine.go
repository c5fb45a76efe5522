// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// typeMachine is the type of what applications are told of machines. It is no session:
// an application that sends it back to us is nobody.
const typeMachine = "service"

// An assertion is good for assertionLifetime, and each is handed out until there is
// assertionLeft of that: an application may pass it on.
const (
	assertionLifetime = time.Hour
	assertionLeft     = assertionLifetime / 2
)

// maxAssertions bounds how many are remembered: with all that there are, one is made anew.
const maxAssertions = 10_000

// assertions are those that a Verifier's ring signed.
type assertions struct {
	mu     sync.RWMutex
	signed map[asserted]assertion
}

// asserted is of whom and for whom an assertion is.
type asserted struct{ machine, id, namespace, policy string }

type assertion struct {
	token string
	until time.Time // it is handed out
	of    time.Time // when the machine's credential ends
}

// Assertion returns a token that tells an application, that of the policy, which machine
// was admitted. It says the same as one for a person, but for its type, and
// ends with the machine's credential. It is made once for each machine and application,
// and again when half of its time is over and another one would last longer; empty: there is no key, or it cannot be made.
func (v *Verifier) Assertion(m *policy.Machine, by policy.Source, now time.Time) string {
	if v == nil || v.ring == nil || v.issuer == "" || m == nil {
		return ""
	}
	key := asserted{m.Name, m.ID, by.Namespace, by.Name}
	v.asserted.mu.RLock()
	known := v.asserted.signed[key]
	v.asserted.mu.RUnlock()
	if now.Before(known.until) && known.of.Equal(m.ExpiresAt) && !now.Before(known.until.Add(-assertionLifetime)) {
		return known.token
	}
	life := assertionLifetime
	if !m.ExpiresAt.IsZero() {
		life = min(life, m.ExpiresAt.Sub(now)).Truncate(time.Second)
	}
	token, err := v.ring.mintMachine(Claims{Issuer: v.issuer, Audience: []string{policy.Audience(by)}, ID: m.Name, Lifetime: life}, m.ID, now)
	if err != nil {
		return ""
	}
	held := life - assertionLeft
	if life < assertionLifetime { // it ends with the credential, and none can be made that lasts longer
		held = life
	}
	v.asserted.put(key, assertion{token, now.Add(held), m.ExpiresAt})
	return token
}

func (a *assertions) put(key asserted, made assertion) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.signed == nil || len(a.signed) >= maxAssertions {
		a.signed = map[asserted]assertion{}
	}
	a.signed[key] = made
}

// mintMachine signs an assertion.
func (r *Ring) mintMachine(c Claims, commonName string, now time.Time) (string, error) {
	k := r.signer(now)
	if k == nil {
		return "", errNoRing
	}
	c.commonName = commonName
	token, err := k.mint(typeMachine, c, now)
	if err != nil {
		return "", err
	}
	return fitting(token, &c)
}

// Assertion is that of the Verifier in force.
func (l *Live) Assertion(m *policy.Machine, by policy.Source, now time.Time) string {
	return l.Verifier().Assertion(m, by, now)
}
