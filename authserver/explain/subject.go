// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// subject is who is signed in, to whatever guards the target.
func (q *Question) subject(t *policy.Table, target policy.Target, claims []policy.IdentityClaim, assumed map[string]policy.Outcome) *policy.Subject {
	at, provider := q.Now.Add(-q.Age), q.Provider
	in, ok := t.SignIn(target, "")
	if ok && provider == "" && len(in.Providers) > 0 {
		provider = in.Providers[max(0, slices.IndexFunc(in.Providers, t.Provided))]
	}
	var said []string
	for _, e := range in.Evaluations {
		said = append(said, e.Outcome(cmp.Or(assumed[e.URL], policy.Untold)))
	}
	id, ok := t.UserID(provider, q.As[0])
	if !ok {
		id = q.As[0]
	}
	return &policy.Subject{ //nolint:gosec // the token is none
		ID: id, Email: q.As[0], Groups: q.As[1:], Claims: claims, AMR: q.AMR, Provider: provider, Evaluations: said,
		Audience: []string{t.Audience(target)}, AuthorizedParty: q.From,
		Client: q.Client, SignedInAt: at, IssuedAt: at, ExpiresAt: q.Now.Add(time.Hour), Token: "(the session's token)",
	}
}

// assumed reads what external evaluations are to say, by their url.
func (q *Question) assumed() (map[string]policy.Outcome, error) {
	out := map[string]policy.Outcome{}
	for _, said := range q.Evaluations {
		url, ok := strings.CutSuffix(said, "=true") // a url may hold "=" itself
		o := policy.Approved
		if !ok {
			url, ok = strings.CutSuffix(said, "=false")
			o = policy.Rejected
		}
		if !ok || url == "" {
			return nil, fmt.Errorf("--assume-evaluation %q: write the url of an externalEvaluation selector, and =true or =false after it", said)
		}
		out[url] = o
	}
	return out, nil
}
