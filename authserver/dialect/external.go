// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// External answers the ExternalAuth filter of the Gateway API on any data plane. It
// reads as Envoy, pinned. Some data planes take every 2xx for a yes, so it says 200 to
// what may pass, and no 2xx to anything else.
type External struct{ Envoy }

func (External) String() string { return "external" }

// Read is that of Envoy, with the pin.
func (External) Read(v View, a *Ask) *Refusal {
	if refusal := a.readEnvoy(v); refusal != nil {
		return refusal
	}
	rest, _ := strings.CutPrefix(v.RequestTarget(), contract.ExternalPrefix)
	return a.readRoute(v, rest)
}

// Write refuses preflights, as Forward does: they are routed to the preflight listener,
// and one that comes here must not reach the application.
func (e External) Write(a *Answer, q *Ask, d *policy.Decision) {
	if d.Verdict == policy.AnswerPreflight {
		writeRefusal(a, q, &Refusal{Status: 403, Reason: d.Reason})
		return
	}
	e.Envoy.Write(a, q, d)
}
