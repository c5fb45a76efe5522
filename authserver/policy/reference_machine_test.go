// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"sync"
)

// refMachine is the token that a policy sees in a request: whether there is one, and
// whether it is no good one. A good one that is not the policy's is none.
// tokensOnce spares every request the sums of all secrets.
var tokensOnce = sync.OnceValue(tokens)

func refMachine(p *Policy, r *Request) (machine *ServiceToken, sent, bad bool) {
	if r.Token == (PresentedToken{}) {
		return nil, false, false
	}
	name := presented[r.Token]
	for _, s := range tokensOnce() {
		if name != "" && s.Source.Namespace+"/"+s.Source.Name == name {
			if s.Source.Namespace == p.Source.Namespace || slices.Contains(s.PolicyNamespaces, p.Source.Namespace) {
				return &s, true, false
			}
			return nil, true, false
		}
	}
	return nil, true, true
}

// refMachineSelects is how a selector of machines fits, in a policy of namespace n that
// may use the token.
func refMachineSelects(sel Selector, r *Request) bool {
	name := presented[r.Token]
	switch sel.Property {
	case Token:
		return name != "" && (name == sel.Value || name == "n/"+sel.Value)
	case AnyToken:
		return name != ""
	default:
		return false
	}
}
