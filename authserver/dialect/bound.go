// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Bound decides about its hosts alone. A proxy asks about the name that the client
// chose, and leads to the application that its configuration says: where the two can
// differ, a policy of one host would open the application of another.
type Bound struct {
	Dialect
	hosts, target string
}

// Bind returns the dialect of a bound endpoint; of says whose the endpoint itself is.
func Bind(target string, of func(target string) Dialect) Dialect {
	hosts, rest, _ := strings.Cut(strings.TrimPrefix(target, contract.BoundPrefix), "/")
	rest = contract.Endpoints + "/" + rest
	return &Bound{of(rest), hosts, rest}
}

// Read is that of the dialect, and refuses all hosts but its own.
func (b *Bound) Read(v View, a *Ask) *Refusal {
	if refusal := b.Dialect.Read(boundView{v, b.target}, a); refusal != nil {
		return refusal
	}
	return a.boundTo(b.hosts, "after "+contract.BoundPrefix)
}

// boundTo refuses a question that is about none of the hosts.
func (a *Ask) boundTo(hosts, where string) *Refusal {
	for h := range strings.SplitSeq(hosts, ",") {
		if len(h) > 4 && strings.EqualFold(h[:4], "%2A.") { // Caddy writes it so
			h = "*" + h[3:]
		}
		if !isObjectName(strings.TrimPrefix(h, "*.")) {
			return configError(where + " must come the hosts that are asked about, with commas between them: app.example.com,*.preview.example.com")
		}
		if covers(h, a.Target.Host()) {
			return nil
		}
	}
	return visitorError(errOtherHosts)
}

// covers reports whether a host is the pattern, of which "*." is one label.
func covers(pattern, host string) bool {
	if parent, ok := strings.CutPrefix(pattern, "*."); ok {
		label, rest, _ := strings.Cut(host, ".")
		return label != "" && rest == parent
	}
	return host == pattern
}

var errOtherHosts = &policy.TargetError{Reason: policy.BadRequest,
	Message: "the auth request is about a host that this endpoint is not bound to"}

func (b *Bound) refuse(a *Answer, q *Ask, r *Refusal) { WriteRefusal(b.Dialect, a, q, r) }

// boundView is the request without what binds it.
type boundView struct {
	View
	target string
}

func (v boundView) RequestTarget() string { return v.target }
