// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Field is one line of a header section.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// An Answer is what a listener sends. The zero Answer is a bare 500, which
// every proxy takes for a no; reuse it after Reset.
type Answer struct {
	Status int
	Body   []byte
	// Admitted: the request may pass. Envoy over gRPC is told so apart from the
	// status; elsewhere the status says it.
	Admitted bool
	fields   [24 + contract.MaxUpstream]Field
	n        int
}

// Reset empties the answer.
func (a *Answer) Reset() { *a = Answer{Status: 500} }

// Set adds a header field. Values come from policies, from vetted claims or
// from checked parts of the request; a control character in one is a defect
// further up, and drops the field rather than the guard.
func (a *Answer) Set(name, value string) {
	if a.n == len(a.fields) || hasControl(value) {
		return
	}
	a.fields[a.n] = Field{name, value}
	a.n++
}

// Fields returns the header fields, in order.
func (a *Answer) Fields() []Field { return a.fields[:a.n] }

// size is what the fields take up on the wire.
func (a *Answer) size() (n int) {
	for _, f := range a.Fields() {
		n += len(f.Name) + len(": ") + len(f.Value) + len("\r\n")
	}
	return n
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// preflightVary stands on every answer to OPTIONS, so that no cache gives one
// origin the answer of another.
const preflightVary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

func vary(a *Answer, q *Ask) {
	if q.Method == "OPTIONS" {
		a.Set("Vary", preflightVary)
	} else {
		a.Set("Vary", "Origin")
	}
}

// cors adds the Access-Control-* headers of a decision, in the order in which
// the Fetch standard names them.
func cors(a *Answer, c *policy.CORSHeaders) {
	set := func(name, value string) {
		if value != "" {
			a.Set(name, value)
		}
	}
	set("Access-Control-Allow-Origin", c.AllowOrigin)
	set("Access-Control-Allow-Methods", c.AllowMethods)
	set("Access-Control-Allow-Headers", c.AllowHeaders)
	if c.AllowCredentials {
		a.Set("Access-Control-Allow-Credentials", "true")
	}
	set("Access-Control-Max-Age", c.MaxAge)
	set("Access-Control-Expose-Headers", c.ExposeHeaders)
	if c.AllowPrivateNetwork {
		a.Set("Access-Control-Allow-Private-Network", "true")
	}
}

// why adds what explains an answer that is not a 200.
func why(a *Answer, q *Ask, r policy.Reason) {
	if r != policy.NoReason {
		a.Set(contract.ReasonHeader, r.String())
	}
	a.Set("X-Request-Id", q.RequestID)
}

// rehearsed adds what a policy in a dry run would have decided.
func rehearsed(a *Answer, d *policy.Decision) {
	if d.DryRun != policy.DryRunNone {
		a.Set(contract.DryRunHeader, d.Would.String())
	}
}

// WriteRefusal writes a refusal: as a page or JSON if the dialect has them.
func WriteRefusal(d Dialect, a *Answer, q *Ask, r *Refusal) {
	if shows, ok := d.(interface {
		refuse(a *Answer, q *Ask, r *Refusal)
	}); ok {
		shows.refuse(a, q, r)
		return
	}
	writeRefusal(a, q, r)
}

// writeRefusal writes no body and no Access-Control-*.
func writeRefusal(a *Answer, q *Ask, r *Refusal) {
	a.Status = r.Status
	why(a, q, r.Reason)
	a.Set("Vary", preflightVary)
	a.Set("Cache-Control", "no-store")
}
