// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/ostiary/ostiary/authserver/policy"

// Preflight answers browsers themselves, where a proxy routes OPTIONS here. It
// believes the request line and Host, and answers real preflights alone.
type Preflight struct{}

func (Preflight) String() string { return "preflight" }

// Read takes the request as it stands.
func (Preflight) Read(v View, a *Ask) *Refusal {
	readCommon(v, a)
	if refusal := readTunnel(v); refusal != nil {
		return refusal
	}
	if v.Method() != "OPTIONS" {
		return &Refusal{Status: 421, Reason: policy.BadRequest, Message: "this listener answers CORS preflights only"}
	}
	if a.Origin == "" || a.Preflight.Method == "" {
		return &Refusal{Status: 403, Reason: policy.PreflightNotConfigured,
			Message: "not a preflight: it takes OPTIONS, one Origin and one Access-Control-Request-Method"}
	}
	return a.target("OPTIONS", v.Host(), v.RequestTarget())
}

// Write answers 200 with the headers, or 403 without any.
func (Preflight) Write(a *Answer, q *Ask, d *policy.Decision) { writePreflight(a, q, d) }

func writePreflight(a *Answer, q *Ask, d *policy.Decision) {
	switch {
	case d.Verdict == policy.AnswerPreflight:
		a.Status = 200
		a.Set("Vary", preflightVary)
		rehearsed(a, d)
		cors(a, &d.CORS)
	case d.Reason == policy.NotReady:
		writeRefusal(a, q, &Refusal{Status: 503, Reason: d.Reason})
	case d.Verdict == policy.Admit: // the application answers it, but it was routed here
		writeRefusal(a, q, &Refusal{Status: 421, Reason: d.Reason})
	default:
		writeRefusal(a, q, &Refusal{Status: 403, Reason: d.Reason})
	}
}
