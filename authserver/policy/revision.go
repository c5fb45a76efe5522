// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sync"
	"time"
)

// revision stands for everything a table is made from. Of the ledger it is what came of
// it: that a claim is written down changes nothing. Nothing is decided by it; whether
// there is another table, the pointer tells.
func (a *Assembler) revision() string {
	all, tokens, groups := a.tree.sum(), a.tokens.sum(), sum{}
	if a.groups != nil {
		groups = a.groups.sum
	}
	out := digested(func(d *digest) {
		d.str(string(all[:]), string(a.terms.sum[:]), string(a.revocations[:]), string(tokens[:]), string(groups[:]),
			a.providers.sum(), a.tokenIssuers.sum(), a.clients.sum())
	})
	return hex.EncodeToString(out[:revisionSize])
}

const revisionSize = 16

// What begins a sum that goes into the tree and is not a policy's. That begins with a
// length, which is not negative.
const (
	tagHost    = -1
	tagBinding = -2
)

// digested returns the digest of what is written.
func digested(write func(d *digest)) *sum {
	d := digests.Get().(*digest)
	defer digests.Put(d)
	d.h.Reset()
	d.buf = d.buf[:0]
	write(d)
	out := sum(d.sum())
	return &out
}

// digestOf hashes everything a policy says. A field left out here would be a
// change that is never put in force: TestRevisionSeesEveryField holds it against
// the types.
func digestOf(p *Policy) sum { return *digested(func(d *digest) { d.policy(p) }) }

type digest struct {
	h   hash.Hash
	buf []byte
	out [sha256.Size]byte
}

// digests are used again: a table has as many as policies, and each would leave
// behind more than its policy takes.
var digests = sync.Pool{New: func() any { return &digest{h: sha256.New(), buf: make([]byte, 0, 2<<10)} }}

// sum writes out what is left, and returns the hash, until the next one.
func (d *digest) sum() []byte {
	d.h.Write(d.buf)
	return d.h.Sum(d.out[:0])
}

func (d *digest) num(n int) {
	if len(d.buf) > 4<<10 {
		d.h.Write(d.buf)
		d.buf = d.buf[:0]
	}
	d.buf = binary.AppendVarint(d.buf, int64(n))
}

func (d *digest) str(values ...string) {
	for _, s := range values {
		d.num(len(s))
		d.buf = append(d.buf, s...)
	}
}

func (d *digest) strs(values []string) {
	d.num(len(values))
	d.str(values...)
}

func (d *digest) bools(values ...bool) {
	for _, b := range values {
		if b {
			d.num(1)
		} else {
			d.num(0)
		}
	}
}

func (d *digest) time(t time.Time) {
	d.num(int(t.Unix()))
	d.num(t.Nanosecond())
}

func (d *digest) policy(p *Policy) {
	d.str(p.Source.Namespace, p.Source.Name, p.Source.Field)
	d.time(p.Since)
	d.strs(p.Hosts)
	d.num(len(p.Paths))
	for _, path := range p.Paths {
		d.str(path.Value)
		d.bools(path.Exact)
	}
	d.bools(p.AllowEncodedSlashes, p.Salvaged, p.AllowCrossSite, p.CORS != nil)
	if p.CORS != nil {
		d.cors(p.CORS)
	}
	d.num(len(p.Rules))
	for i := range p.Rules {
		d.rule(&p.Rules[i])
	}
	d.strs(p.IdentityProviders)
	d.num(int(p.Session.Duration))
	d.time(p.Session.RevokedBefore)
	d.num(int(p.Session.Cookie.SameSite))
	d.bools(p.Session.Cookie.ScriptReadable, p.Session.Cookie.Partitioned, p.Session.Cookie.PathScoped)
	d.strs(p.Session.PolicyNamespaces)
	d.num(int(p.Session.Idle))
	d.num(int(p.Unauthenticated))
	d.str(p.Denied.Message, p.Denied.URL)
	d.bools(p.Launcher.Hidden)
	d.str(p.Launcher.Title, p.Launcher.LogoURL)
	d.strs(p.Launcher.Tags)
	d.strs(p.Exempt)
	d.num(int(p.DryRun))
	d.upstream(p.UpstreamHeaders)
	d.oauth(p.OAuth)
	d.issues(p.Defects)
}

func (d *digest) cors(c *CORS) {
	d.bools(c.BypassPreflight, c.AllowAllOrigins, c.AllowAllMethods, c.AllowAllHeaders,
		c.AllowCredentials, c.AllowPrivateNetwork, c.Tokens, c.ManageResponses)
	d.strs(c.AllowedOrigins)
	d.strs(c.AllowedMethods)
	d.strs(c.AllowedHeaders)
	d.strs(c.ExposedHeaders)
	d.num(c.MaxAge)
}

func (d *digest) rule(r *Rule) {
	d.str(r.Name)
	d.num(int(r.Action))
	d.strs(r.Methods)
	for _, list := range r.lists() {
		d.selectors(list)
	}
	d.num(int(r.SessionDuration))
}

func (d *digest) selectors(list []Selector) {
	d.num(len(list))
	for _, s := range list {
		d.num(int(s.Property))
		d.str(s.Value)
		d.num(len(s.Networks))
		for _, n := range s.Networks {
			d.str(n.String())
		}
		d.strs(s.Countries)
		d.bools(s.Condition != nil)
		if s.Condition != nil {
			d.str(s.Condition.Text())
		}
		d.str(s.Certificate.CommonName, s.Certificate.DNSName, s.Certificate.URI)
		d.tokenMatch(s.JWT)
		d.claimValue(s.Claim)
		d.bools(s.Evaluation != nil)
		if s.Evaluation != nil {
			d.str(s.Evaluation.URL, s.Evaluation.KeysURL)
		}
	}
}

func (d *digest) upstream(list []UpstreamHeader) {
	d.num(len(list))
	for i := range list {
		h := &list[i]
		d.str(h.Name, h.Claim, h.Separator)
		d.num(int(h.From))
		d.strs(h.Groups)
		d.num(int(h.Encoding))
	}
}

func (d *digest) issues(list []Issue) {
	d.num(len(list))
	for _, i := range list {
		d.str(i.Source.Namespace, i.Source.Name, i.Source.Field, string(i.Reason), string(i.Code), i.Message)
	}
}

func (d *digest) tokenMatch(m *TokenMatch) {
	if d.bools(m != nil); m == nil {
		return
	}
	d.str(m.Issuer, m.Audience)
	d.num(len(m.Claims))
	for i := range m.Claims {
		d.str(m.Claims[i].Path)
		d.strs(m.Claims[i].Values)
	}
}
