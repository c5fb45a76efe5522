// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"time"
)

// A ServiceToken is the credential of a machine, without its secret.
type ServiceToken struct {
	// Source is the object. Its namespace is the one whose policies can use it.
	Source Source
	// ClientID is by which it is found. Of several with one there is none, as nobody
	// knows which of them is meant.
	ClientID string
	// Secrets are those that are good, by their SHA-256.
	Secrets []TokenSecret
	// PolicyNamespaces are those whose policies can use it, besides its own.
	PolicyNamespaces []string
	ExpiresAt        time.Time // zero: it is over
	Disabled         bool
}

// A TokenSecret is the SHA-256 of a secret.
type TokenSecret struct {
	Sum   [sha256.Size]byte
	Until time.Time // of a secret that was replaced; zero: as long as the token
}

// A PresentedToken is what a request says to be a service token. Its zero value is that
// there is none.
type PresentedToken struct {
	ID, Secret string
	// Broken: what came is no service token, such as half of one, or two.
	Broken bool
	// Held is in place of all that where somebody is said to have a token: to explain and
	// to compare. Nothing that comes over a network sets it.
	Held *HeldToken
}

// A HeldToken is a service token of which somebody has a secret.
type HeldToken struct {
	Source Source
	// Sum is the SHA-256 of the secret; nil: it is one that is good.
	Sum *[sha256.Size]byte
}

func (p *PresentedToken) present() bool {
	return p.ID != "" || p.Secret != "" || p.Broken || p.Held != nil
}

// What is longer is no client ID and no secret of ours.
const (
	maxClientID = 64
	maxSecret   = 256
)

// AssumeTokens returns the tokens with one of each name, "namespace/name", as if it had a
// secret that is good: for those who know no more of a token than its name.
func AssumeTokens(list []ServiceToken, names ...string) []ServiceToken {
	out := slices.Clone(list)
	for _, name := range names {
		namespace, object, _ := strings.Cut(name, "/")
		i := slices.IndexFunc(out, func(t ServiceToken) bool { return t.Source.Namespace == namespace && t.Source.Name == object })
		if i < 0 {
			i = len(out)
			out = append(out, ServiceToken{Source: Source{Namespace: namespace, Name: object}})
		}
		if t := &out[i]; len(t.Secrets) == 0 {
			t.ClientID, t.ExpiresAt = "assumed:"+name, time.Unix(1<<38, 0)
			t.Secrets = []TokenSecret{{Sum: SecretSum(t.ClientID)}}
		}
	}
	return out
}

// SecretSum is what is kept of a secret. Secrets are random, of 256 bits: a hash that is
// slow would only slow down requests.
func SecretSum(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// serviceTokens are the tokens in force, by client ID.
type serviceTokens struct {
	byID     map[string]*serviceToken
	bySource map[Source]*serviceToken
	digest   sum
}

type serviceToken struct {
	machine    Machine
	secrets    []TokenSecret
	namespaces []string
	disabled   bool
}

// SetServiceTokens replaces the service tokens in force. Their order is no matter.
func (a *Assembler) SetServiceTokens(tokens []ServiceToken) {
	now := newServiceTokens(tokens)
	if a.tokens.sum() == now.sum() {
		return
	}
	a.begin()
	a.tokens = now
}

func (t *serviceTokens) sum() (none sum) {
	if t == nil {
		return none
	}
	return t.digest
}

func newServiceTokens(tokens []ServiceToken) *serviceTokens {
	if len(tokens) == 0 {
		return nil
	}
	sorted := slices.Clone(tokens)
	slices.SortStableFunc(sorted, func(x, y ServiceToken) int {
		return cmp.Or(cmp.Compare(x.ClientID, y.ClientID), compareSource(x.Source, y.Source))
	})
	out := &serviceTokens{byID: make(map[string]*serviceToken, len(sorted)), bySource: make(map[Source]*serviceToken, len(sorted))}
	out.digest = *digested(func(d *digest) {
		for i := range sorted {
			d.serviceToken(&sorted[i])
		}
	})
	for i := range sorted {
		s := &sorted[i]
		if s.ClientID == "" || i > 0 && sorted[i-1].ClientID == s.ClientID || i+1 < len(sorted) && sorted[i+1].ClientID == s.ClientID {
			continue
		}
		out.byID[s.ClientID] = &serviceToken{
			machine: Machine{Name: "service:" + s.Source.Namespace + "/" + s.Source.Name, ID: s.ClientID, Source: s.Source, ExpiresAt: s.ExpiresAt},
			secrets: slices.Clone(s.Secrets), namespaces: slices.Clone(s.PolicyNamespaces), disabled: s.Disabled,
		}
		out.bySource[s.Source.at("")] = out.byID[s.ClientID]
	}
	return out
}

func (d *digest) serviceToken(s *ServiceToken) {
	d.str(s.Source.Namespace, s.Source.Name, s.Source.Field, s.ClientID)
	d.num(len(s.Secrets))
	for _, secret := range s.Secrets {
		d.str(string(secret.Sum[:]))
		d.time(secret.Until)
	}
	d.strs(s.PolicyNamespaces)
	d.time(s.ExpiresAt)
	d.bools(s.Disabled)
}

// identifyMachine returns which machine sent a request, as far as this policy may know it:
// it is nil, without a reason, for a good token that is not for the policy. A reason says
// that what came as a token is none that is good.
func (t *Table) identifyMachine(a *app, r *Request) (*Machine, Reason) {
	if !r.Token.present() {
		return nil, NoReason
	}
	s := t.tokens.verify(&r.Token, r.Now)
	switch {
	case s == nil:
		return nil, ServiceTokenInvalid
	case !s.serves(a.source.Namespace):
		return nil, NoReason
	default:
		return &s.machine, NoReason
	}
}

// verify returns the token that was presented, if it is good. It takes as long for an ID
// that nobody has.
func (t *serviceTokens) verify(p *PresentedToken, now time.Time) *serviceToken {
	if p.Held != nil {
		return t.held(p.Held, now)
	}
	if p.Broken || len(p.ID) > maxClientID || len(p.Secret) > maxSecret || p.Secret == "" {
		return nil
	}
	var s *serviceToken
	if t != nil {
		s = t.byID[p.ID]
	}
	var buf [maxSecret]byte
	sum := sha256.Sum256(buf[:copy(buf[:], p.Secret)])
	if s == nil {
		subtle.ConstantTimeCompare(sum[:], sum[:])
		return nil
	}
	if !s.has(&sum, now) || s.disabled || !now.Before(s.machine.ExpiresAt) {
		return nil
	}
	return s
}

// held returns the token that somebody is said to have, if it is good.
func (t *serviceTokens) held(h *HeldToken, now time.Time) *serviceToken {
	if t == nil {
		return nil
	}
	s := t.bySource[h.Source.at("")]
	if s == nil || s.disabled || !now.Before(s.machine.ExpiresAt) {
		return nil
	}
	for i := range s.secrets {
		sum := cmp.Or(h.Sum, &s.secrets[i].Sum)
		if s.has(sum, now) {
			return s
		}
	}
	return nil
}

// Holds reports whether a token is good now, and whether policies of a namespace can use it.
func (t *Table) Holds(h *HeldToken, namespace string, now time.Time) (good, serves bool) {
	s := t.tokens.held(h, now)
	return s != nil, s != nil && s.serves(namespace)
}

// has reports whether this is the SHA-256 of a secret that is good now.
func (s *serviceToken) has(sum *[sha256.Size]byte, now time.Time) bool {
	good := 0
	for i := range s.secrets {
		same := subtle.ConstantTimeCompare(s.secrets[i].Sum[:], sum[:])
		if until := s.secrets[i].Until; until.IsZero() || now.Before(until) {
			good |= same
		}
	}
	return good == 1
}

// fault says why a token that was presented is not good.
func (t *serviceTokens) fault(p *PresentedToken, now time.Time) string {
	switch {
	case p.Broken:
		return "what came as a service token is none: half of one, two of them, or not in its form"
	case p.Held != nil:
		return "the service token " + p.Held.Source.String() + " is not there, or its secret is not, or it is disabled or has expired"
	case p.ID == "" || p.Secret == "":
		return "the client ID or the secret of the service token is missing"
	case t == nil || t.byID[p.ID] == nil:
		return "no service token has this client ID"
	}
	s := t.byID[p.ID]
	switch at := s.machine.Source; {
	case s.disabled:
		return "the service token " + at.String() + " is disabled"
	case !now.Before(s.machine.ExpiresAt):
		return "the service token " + at.String() + " has expired"
	default:
		return "the secret is not that of service token " + at.String() + ", or was replaced"
	}
}

// serves reports whether policies of a namespace can use the token.
func (s *serviceToken) serves(namespace string) bool {
	return s.machine.Source.Namespace == namespace || slices.Contains(s.namespaces, namespace)
}

// matchMachine reports whether the selector is about this machine.
func (s *Selector) matchMachine(m *Machine) bool {
	return m.byToken() && (s.Property == AnyToken || m.isCalled(s.Value))
}

// isCalled reports whether the object of a machine's credential is of that name: "shop/ci".
func (m *Machine) isCalled(name string) bool {
	namespace, object, ok := strings.Cut(name, "/")
	return ok && m.Source.Namespace == namespace && m.Source.Name == object
}

// byToken reports whether a machine proved itself by a service token.
func (m *Machine) byToken() bool { return m != nil && strings.HasPrefix(m.Name, "service:") }

// checkServiceToken checks the name that a selector has.
func (s *Selector) checkServiceToken() problem {
	namespace, object, ok := strings.Cut(s.Value, "/")
	if !ok {
		namespace, object = "default", s.Value
	}
	if !isObjectName(namespace) || !isObjectName(object) {
		return problem{codeServiceToken, "serviceToken: name a ServiceToken, such as ci, or of another namespace, build/ci"}
	}
	return problem{}
}
