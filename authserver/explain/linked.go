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
	namespace, _, _ := strings.Cut(t.Audience(ask.Target), "/")
	var names []string
	for _, name := range q.LinkedApps {
		if !strings.Contains(name, "/") {
			name = namespace + "/" + name
		}
		names = append(names, name)
	}
	switch {
	case q.From != "":
		return errors.New("--linked-app and --token-from: an application calls, or a page does")
	case len(q.As) == 0:
		ask.PresentLinked(policy.AssumeLinked(names...), policy.NoReason)
		return nil
	case len(names) > 1:
		return errors.New("--linked-app: name one application, as a session is one of one host; or leave out --as")
	}
	there, ok := t.TargetOf(names[0])
	if !ok {
		return fmt.Errorf("--linked-app %q: there is no such AccessPolicy, NAMESPACE/NAME, with a host and without a mistake", q.LinkedApps[0])
	}
	s := q.subject(t, there, claims, assumed)
	s.Host = there.Host()
	ask.PresentLinked(policy.NewLinked(s), policy.NoReason)
	return nil
}
