// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// link enters the session that the user has at a linked application, which sends the request
// for them.
func (q *Question) link(t *policy.Table, ask *dialect.Ask, claims []policy.IdentityClaim, assumed map[string]policy.Outcome) error {
	if len(q.As) == 0 || q.From != "" {
		return errors.New("--linked-app calls for somebody who is signed in there: name the user with --as, and leave out --token-from")
	}
	name := q.LinkedApp
	if namespace, _, _ := strings.Cut(t.Audience(ask.Target), "/"); !strings.Contains(name, "/") {
		name = namespace + "/" + name
	}
	there, ok := t.TargetOf(name)
	if !ok {
		return fmt.Errorf("--linked-app %q: there is no such AccessPolicy, NAMESPACE/NAME, with a host and without a mistake", q.LinkedApp)
	}
	s := q.subject(t, there, claims, assumed)
	s.Host = there.Host()
	ask.PresentLinked(policy.NewLinked(s), policy.NoReason)
	return nil
}
