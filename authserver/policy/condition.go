// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Condition is an expression over a request and over who sent it, compiled. Package
// expression makes them. It does not change, and may be used by many at once.
type Condition interface {
	// Text is what was compiled: those of the same text are the same.
	Text() string
	// Problem says why the text cannot be used; empty: it can.
	Problem() string
	// Looks says what it looks at.
	Looks() Looks
	// Cost is the most that holding it against a request can take, in units of CEL.
	Cost() uint64
	// Holds reports whether it is true of the facts. The error is ErrUnknown if that
	// depends on a fact that is not known, and any other if there is no telling.
	Holds(f *Facts) (bool, error)
}

// ErrUnknown says that an expression needs a fact that is not known of the request.
var ErrUnknown = errors.New("it needs what is not known of the request")

// Looks is what a Condition looks at.
type Looks struct {
	Request  bool // anything of the request, or the time
	Identity bool // anything of who is signed in
	Email    bool
	AMR      bool
	Groups   []string // those that it asks for by name
}

// Facts are what a Condition is held against.
type Facts struct {
	Method, Host, Path, Origin string
	PathUnknown, OriginUnknown bool       // there are several, and no telling which one
	Address                    netip.Addr // the zero Addr: not known
	Now                        time.Time
	Email, Provider            string
	Groups, AMR                []string
}

// MaxConditionCost is the most that one Condition may cost, and MaxConditionsCost all of
// one policy: what namespaces write is worked through by a server that they share.
const (
	MaxConditionCost  = 50_000
	MaxConditionsCost = 100_000
)

// condition matches by an expression. What cannot be told counts against the visitor.
func (v *visitor) condition(c Condition, ifUnknown bool) match {
	if c == nil {
		return matchIf(ifUnknown)
	}
	looks := c.Looks()
	switch {
	case looks.Identity && v.subject == nil:
		return maybe
	case looks.Request && v.request == nil:
		return matchIf(ifUnknown != v.hopeful)
	}
	holds, err := v.holds(c)
	if err == nil {
		return matchIf(holds)
	}
	if v.failed == nil && !errors.Is(err, ErrUnknown) {
		why := failure(err)
		v.failed = &why
	}
	return matchIf(ifUnknown)
}

// Assumptions say of expressions whether they hold.
type Assumptions interface {
	// Assume is in place of Condition.Holds. known: whether anything is assumed of a text.
	Assume(text string) (holds, known bool, err error)
}

func (v *visitor) holds(c Condition) (bool, error) {
	if v.request != nil && v.request.Assumed != nil {
		if holds, known, err := v.request.Assumed.Assume(c.Text()); known {
			return holds, err
		}
	}
	return c.Holds(v.facts())
}

// facts copies what there is. The request and the visitor stay on the stack of Decide, so
// nothing may keep a pointer that stands in either: all is read through one.
func (v *visitor) facts() *Facts {
	f := &Facts{}
	if r := v.request; r != nil {
		f.Method, f.Host, f.Path, f.Origin, f.Now = r.Method, r.Target.host, r.Target.path, r.Origin, r.Now
		f.Address = r.address()
		f.PathUnknown, f.OriginUnknown = r.Target.notCanonical, r.OriginUnread
	}
	if u := v.subject; u != nil {
		f.Email, f.Provider, f.Groups, f.AMR = u.Email, u.Provider, u.Groups, u.AMR
		if v.stepUp != nil {
			f.AMR = append(slices.Clip(u.AMR), *v.stepUp)
		}
	}
	return f
}

// maxFailure bounds what is said of a failure, as parts of the request can stand in it.
const maxFailure = 200

func failure(err error) string {
	text := strings.Clone(err.Error()) // it may be a part of the request
	if len(text) > maxFailure {
		text = Cut(text, maxFailure) + "…"
	}
	return Line(text)
}

// report says of a rule that an expression of it had no answer.
func (v *visitor) report(a *app, ru *rule, d *Decision, tr *Trace) {
	if v.failed == nil {
		return
	}
	if d.Failed == "" {
		d.Failed = ru.field + ": " + *v.failed
	}
	tr.failed(a, ru, *v.failed)
	v.failed = nil
}

// looks is what the selector's expression looks at, if it has one.
func (s *Selector) looks() Looks {
	if s.Property != Expression || s.Condition == nil {
		return Looks{}
	}
	return s.Condition.Looks()
}

// identifies reports whether the selector looks at who is signed in.
func (s *Selector) identifies() bool { return s.Property.identifies() || s.looks().Identity }

func (s *Selector) checkCondition() problem {
	switch {
	case s.Condition == nil:
		return problem{codeCondition, "cel: not compiled"}
	case s.Condition.Problem() != "":
		return problem{codeCondition, "cel: " + s.Condition.Problem()}
	default:
		return problem{}
	}
}

// conditions refuses a policy or a group whose expressions take too long together.
func (v *validator) conditions(field string, rules []Rule) {
	sum := uint64(0)
	for i := range rules {
		for _, list := range rules[i].lists() {
			for j := range list {
				if c := list[j].Condition; list[j].Property == Expression && c != nil && c.Problem() == "" {
					sum += c.Cost()
				}
			}
		}
	}
	if sum > MaxConditionsCost {
		v.wrong(field, codeConditions, "the cel expressions of this object can cost %d together, and at most %d is allowed", sum, MaxConditionsCost)
	}
}
