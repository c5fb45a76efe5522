// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

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
	fields   [24]Field
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

// IdentityHeaders says which headers tell the application who is calling.
type IdentityHeaders uint8

// The sets of identity headers.
const (
	DefaultIdentityHeaders    IdentityHeaders = iota
	CloudflareIdentityHeaders                 // those of Cloudflare Access as well
)

// maxHeader keeps the header section of a 200 under what nginx buffers by
// default (4 KiB): one byte more, and every request becomes a 500.
const maxHeader = 3500

// fixed is what the header section of a 200 holds besides the values: the
// status line, Date, Content-Length, and the names of the identity headers.
const fixed = 450

// admit writes a 200.
func (h IdentityHeaders) admit(a *Answer, q *Ask, d *policy.Decision) {
	a.Status, a.Admitted = 200, d.Verdict == policy.Admit
	rehearsed(a, d)
	if !d.Would.Passes() && d.DryRun != policy.DryRunNone {
		a.Set(contract.ReasonHeader, d.Would.Reason.String())
	}
	if d.ManageResponses && d.Verdict == policy.Admit {
		a.Set(contract.ManagedHeader, "managed")
		cors(a, &d.CORS)
		vary(a, q)
	}
	h.identity(a, q, d)
}

// identity adds every identity header, empty where nothing is known or where it
// cannot be sent: a proxy overwrites what the client sent only with what is there.
func (h IdentityHeaders) identity(a *Answer, q *Ask, d *policy.Decision) {
	left, copies := maxHeader-fixed-a.size(), 1
	if h == CloudflareIdentityHeaders {
		copies = 2
	}
	take := func(value string, copies int) string {
		if n := copies * len(value); n <= left && !hasControl(value) {
			left -= n
			return value
		}
		return ""
	}
	var token, email, user, groups string
	if d.Machine != nil {
		user, token = take(d.Machine.Name, 1), take(q.Assertion, copies)
	}
	if s := q.Subject; d.Identified && s != nil {
		email, user, token = take(s.Email, copies), take(s.Name(), 1), take(s.Token, copies)
		groups = take(joinGroups(s.Groups), 1)
	}
	a.Set(contract.IdentityToken, token)
	a.Set(contract.IdentityEmail, email)
	a.Set(contract.IdentityUser, user)
	a.Set(contract.IdentityGroups, groups)
	a.Set(contract.ClientID, "") // a secret is not for the application
	a.Set(contract.ClientSecret, "")
	if h == CloudflareIdentityHeaders {
		a.Set(contract.CloudflareToken, token)
		a.Set(contract.CloudflareEmail, email)
		a.Set(contract.CloudflareClientID, "")
		a.Set(contract.CloudflareClientSecret, "")
	}
}

// joinGroups separates groups with commas. A comma inside one, as in an LDAP
// name, comes as %2C, and a percent sign as %25: no group can pass for two.
func joinGroups(groups []string) string {
	joined := strings.Join(groups, ",")
	if strings.Count(joined, ",")+1 == len(groups) && !strings.Contains(joined, "%") || len(groups) == 0 {
		return joined
	}
	escaped := make([]string, len(groups))
	for i, g := range groups {
		escaped[i] = groupEscaper.Replace(g)
	}
	return strings.Join(escaped, ",")
}

var groupEscaper = strings.NewReplacer("%", "%25", ",", "%2C")

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
