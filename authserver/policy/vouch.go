// SPDX-License-Identifier: Apache-2.0

package policy

// A voucher is the kind of credential by which a ServiceAuth rule can admit a machine.
type voucher uint8

const (
	nothing       voucher = iota
	byToken               // visitor.machine: a service token, or a bearer token
	byCertificate         // the request's client certificate
	byLink                // the session of a linked application: that of the audience's first policy, and so on
)

// voucher returns by what the rule can admit the machine that sent the request. A service
// token is enough for any ServiceAuth rule that matches. A bearer token, a
// certificate or the session of a linked application has to be what the rule asks for: of one
// that admits by address, too, the address alone says nothing of them.
func (r *rule) voucher(v *visitor) voucher {
	switch {
	case v.machine != nil && (!v.byBearer || v.vouched(r, JWT)):
		return byToken
	case v.linked != nil && v.vouched(r, LinkedApp):
		return byLink + voucher(v.by) //nolint:gosec // less than maxAudience
	case !v.unattended && v.hasCertificate() && v.vouched(r, ClientCertificate):
		return byCertificate
	default:
		return nothing
	}
}

// of returns whom it stands for; nil: nobody. The request is another one than the visitor's,
// as that would have to be on the heap for it.
func (by voucher) of(v *visitor, r *Request) *Machine {
	switch by {
	case byToken:
		return v.machine
	case byCertificate:
		if c, _ := r.Certificate.good(r.Now); c != nil {
			return &c.Machine
		}
	case nothing:
	default:
		return &v.linked.machines[by-byLink]
	}
	return nil
}

func (v *visitor) hasCertificate() bool {
	if v.request == nil {
		return false
	}
	c, _ := v.request.Certificate.good(v.request.Now)
	return c != nil
}

// vouched reports whether a selector of a credential fits that the rule includes or
// requires, or a group that it includes or requires and that the visitor is in.
func (v *visitor) vouched(r *rule, by Property) bool {
	return v.vouchedBy(r.include, by) || v.vouchedBy(r.require, by)
}

func (v *visitor) vouchedBy(list []Selector, by Property) bool {
	for i := range list {
		s := &list[i]
		switch {
		case s.Property == by:
			if s.match(v, false) == yes {
				return true
			}
		case s.Property == AccessGroup && v.table != nil:
			g := v.table.groups.find(s.Value)
			if g.looks.has(by) && v.inGroup(s.Value, false) == yes && (v.vouchedBy(g.lists[0], by) || v.vouchedBy(g.lists[1], by)) {
				return true
			}
		}
	}
	return false
}

// A propertySet are the properties that some selectors look at.
type propertySet uint64

func setOf(p Property) propertySet { return 1 << p }

func (s propertySet) has(p Property) bool { return s&setOf(p) != 0 }

// ofMachine reports whether one of them is of machines.
func (s propertySet) ofMachine() bool {
	return s.has(Token) || s.has(AnyToken) || s.has(JWT) || s.has(LinkedApp)
}
