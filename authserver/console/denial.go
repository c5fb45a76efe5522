// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Denial is what is kept of a request that was refused: enough to ask again, and
// nothing that lets anybody in. It is sealed into links, as replicas share no memory.
type Denial struct {
	ID       string `json:"i"`
	At       int64  `json:"t"` // in milliseconds
	Dialect  string `json:"d,omitempty"`
	Method   string `json:"m"`
	Host     string `json:"h"`
	Path     string `json:"p"`
	Raw      string `json:"w,omitempty"` // the path as it came, if that is another; never the query
	Origin   string `json:"o,omitempty"`
	Verdict  string `json:"v"`
	Reason   string `json:"r"`
	Policy   string `json:"n,omitempty"` // "namespace/name"
	Field    string `json:"f,omitempty"`
	Rule     string `json:"u,omitempty"`
	Revision string `json:"x,omitempty"`
	Address  string `json:"a,omitempty"`
	// Asked for by a preflight.
	AskedMethod  string `json:"q,omitempty"`
	AskedHeaders string `json:"k,omitempty"`
	// Who it was; without a provider and an ID, nobody who is known.
	User     string   `json:"s,omitempty"`
	Email    string   `json:"e,omitempty"`
	Provider string   `json:"b,omitempty"`
	Groups   []string `json:"g,omitempty"`
	AMR      []string `json:"l,omitempty"`
	SignedIn int64    `json:"z,omitempty"`
	Issued   int64    `json:"y,omitempty"`
	// Cut: some of this is not all of it. Machine: there was a credential that is not kept.
	Cut     bool `json:"c,omitempty"`
	Machine bool `json:"j,omitempty"`
}

// What is kept of one text, and of how many groups.
const (
	maxText   = 256
	maxPath   = 512
	maxGroups = 32
)

// denialOf copies what is kept of a question: its strings do not outlive the request.
func denialOf(q *dialect.Ask, d *policy.Decision, t *policy.Table) *Denial {
	n := &Denial{At: q.Now.UnixMilli(), Verdict: d.Verdict.String(), Reason: d.Reason.String(), Field: d.Source.Field,
		Revision: t.Revision(), Machine: q.Authorization != "" && q.Subject == nil || q.ClientCertificate != "" || q.AccessToken != ""}
	n.ID, n.Method, n.Host = n.text(q.RequestID, maxText), n.text(q.Method, maxText), n.text(q.Target.Host(), maxText)
	n.Path, n.Origin = n.text(q.Target.Path(), maxPath), n.text(q.Origin, maxText)
	if raw, _, _ := strings.Cut(q.URI, "?"); strings.HasPrefix(raw, "/") && raw != q.Target.Path() {
		n.Raw = n.text(raw, maxPath)
	}
	if d.Source.Name != "" {
		n.Policy = d.Source.Namespace + "/" + d.Source.Name
	}
	n.Rule, n.AskedMethod, n.AskedHeaders = n.text(d.Rule, maxText), n.text(q.Preflight.Method, maxText), n.text(q.Preflight.Headers, maxText)
	if q.Address.IsValid() {
		n.Address = q.Address.String()
	}
	n.of(q.Subject)
	return n
}

// of keeps who it was.
func (n *Denial) of(s *policy.Subject) {
	if s == nil {
		return
	}
	n.User, n.Email, n.Provider = n.text(s.ID, maxText), n.text(s.Email, maxText), n.text(s.Provider, maxText)
	n.SignedIn, n.Issued = s.SignedInAt.Unix(), s.IssuedAt.Unix()
	for _, g := range s.Groups[:min(len(s.Groups), maxGroups)] {
		n.Groups = append(n.Groups, n.text(g, maxText))
	}
	for _, m := range s.AMR[:min(len(s.AMR), maxGroups)] {
		n.AMR = append(n.AMR, n.text(m, maxText))
	}
	n.Cut = n.Cut || len(s.Groups) > maxGroups || len(s.AMR) > maxGroups || len(s.Claims) > 0
}

func (n *Denial) text(s string, most int) string {
	if len(s) > most {
		n.Cut = true
		s = s[:most]
	}
	return strings.ToValidUTF8(strings.Clone(s), "\uFFFD")
}

// ofPerson reports whether it is known who it was.
func (n *Denial) ofPerson() bool { return n.User != "" && n.Provider != "" }

// isOf reports whether it was somebody.
func (n *Denial) isOf(s *policy.Subject) bool {
	return s != nil && n.ofPerson() && s.ID == n.User && s.Provider == n.Provider
}

// who names them for people.
func (n *Denial) who() string { return cmp.Or(n.Email, n.User) }

func (n *Denial) time() time.Time { return time.UnixMilli(n.At).UTC() }

func (n *Denial) reason() policy.Reason {
	for r := range policy.Reason(policy.Reasons) {
		if r.String() == n.Reason {
			return r
		}
	}
	return policy.NoReason
}

// target is what the request was for, as it came.
func (n *Denial) target() (policy.Target, error) {
	return policy.NewTarget(n.Host, cmp.Or(n.Raw, n.Path))
}

// request asks again, as far as what is kept says what was asked.
func (n *Denial) request(t *policy.Table, now time.Time) (policy.Request, error) {
	target, err := n.target()
	if err != nil {
		return policy.Request{}, err
	}
	r := policy.Request{Target: target, Method: n.Method, Origin: n.Origin, Now: now,
		Preflight: policy.Preflight{Method: n.AskedMethod, Headers: n.AskedHeaders}}
	r.Address, _ = netip.ParseAddr(n.Address) // not known, if it is none
	if n.ofPerson() {
		r.Subject = &policy.Subject{ID: n.User, Email: n.Email, Provider: n.Provider, Groups: n.Groups, AMR: n.AMR,
			Audience: []string{t.Audience(target)}, SignedInAt: time.Unix(n.SignedIn, 0),
			IssuedAt: time.Unix(n.Issued, 0), ExpiresAt: now.Add(time.Minute)}
	}
	return r, nil
}

// A link holds a Denial for a day, and is no longer than what a sign-in on the way keeps of
// an address.
const (
	purposeWhy = "why, v1"
	linkTime   = 24 * time.Hour
	maxLink    = 1600
)

// seal returns the Denial for a link; empty: there are no keys. What is too long is cut.
func (n *Denial) seal(ring *credential.Ring, now time.Time) string {
	short := *n
	for _, shorten := range []func(*Denial){
		func(*Denial) {},
		func(n *Denial) { n.Groups, n.AMR, n.Raw, n.AskedHeaders, n.Cut = nil, nil, "", "", true },
		func(n *Denial) {
			n.Path, n.Origin, n.Rule = n.text(n.Path, 64), n.text(n.Origin, 64), n.text(n.Rule, 64)
		},
		func(n *Denial) { n.Path, n.Origin, n.Rule, n.Field, n.Email = "/", "", "", "", n.text(n.Email, 64) },
	} {
		shorten(&short)
		sealed, err := ring.Seal(purposeWhy, &short, now.Add(linkTime), now)
		if err == nil && len(sealed) <= maxLink {
			return sealed
		}
	}
	return ""
}

// unseal reads what seal returned.
func unseal(ring *credential.Ring, sealed string, now time.Time) (*Denial, error) {
	n := new(Denial)
	if err := ring.Open(purposeWhy, sealed, n, now); err != nil {
		return nil, err
	}
	return n, nil
}
