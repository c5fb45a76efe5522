// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"github.com/ostiary/ostiary/authserver/idp/config"
)

// MaxPassword is what bcrypt reads of a password, in bytes. It would take a longer
// one for its beginning, so that is nobody's.
const MaxPassword = 72

// users are built-in users. They change only all at once.
type users struct {
	*config.UserList
	compare func(hash, password []byte) error
}

func newUsers(list *config.UserList) *users { return &users{list, bcrypt.CompareHashAndPassword} }

// nobody is a hash of no known password, by cost.
func nobody(cost int) []byte {
	return fmt.Appendf(nil, "$2a$%02d$%s", cost, "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
}

// check compares the password. It takes the same time whoever it is, and whether
// or not there is such a user: THREATS F17. A comparison of cost c takes 2^c, so
// those with c, c, c+1 and so on up to the highest cost take as long as one with it.
func (u *users) check(name, password string) *config.User {
	one := u.Find(name)
	hash, cost := nobody(u.Cost), u.Cost
	if one != nil {
		hash, cost = one.Hash, one.Cost
	}
	same := false
	for _, given := range spellings(password) {
		tooLong := len(given) > MaxPassword
		given = given[:min(len(given), MaxPassword)]
		if u.compare(hash, given) == nil && !tooLong {
			same = true
		}
		for c := cost; c < u.Cost; c++ {
			_ = u.compare(nobody(c), given) // for the time that it takes
		}
	}
	if one == nil || !same || password == "" {
		return nil
	}
	return one
}

// spellings are the ways in which keyboards send a password that people take for one: as
// it is, as RFC 8265 §4.2 (OpaqueString) has it, and with accents apart, in which a tool
// may have hashed it. They are as many whoever it is of. One of ASCII has one.
func spellings(password string) [][]byte {
	all := [][]byte{[]byte(password)}
	if len(password) > 4*MaxPassword || !utf8.ValidString(password) {
		return all
	}
	plain, err := precis.OpaqueString.String(password)
	if err != nil { // nobody types it
		return all
	}
	for _, other := range []string{plain, norm.NFD.String(plain)} {
		if !slices.ContainsFunc(all, func(b []byte) bool { return string(b) == other }) {
			all = append(all, []byte(other))
		}
	}
	return all
}

// checkPassword waits for its turn, and checks. Who is no user is compared as well,
// also when many wait: to save that would show, if not in one answer's time then in
// how many answers there are in a second (THREATS F17).
func (p *Provider) checkPassword(ctx context.Context, t Turn, name, password string) (Identity, error) {
	turn, err := p.gate.enter(ctx, t)
	if err != nil {
		return Identity{}, err
	}
	one := func() *config.User {
		defer p.gate.leave(turn)
		return p.users.check(name, password)
	}()
	if one == nil {
		p.gate.hold(ctx, turn)
		return Identity{}, ErrWrongPassword
	}
	return p.identityOf(one), nil
}

// identityOf is what the list of built-in users says of one.
func (p *Provider) identityOf(one *config.User) Identity {
	return Identity{Provider: p.config.Name, ID: one.Name, User: one.Name, Email: one.Email, Name: one.Shown,
		Groups: slices.Clone(one.Groups)}
}

// Listed returns the built-in user of an ID as the list has them now. It is false if there is
// none, or the provider is of another type. It proves nothing: whoever asks has to know who it is.
func (p *Provider) Listed(id string) (Identity, bool) {
	if p.users == nil {
		return Identity{}, false
	}
	one := p.users.ByID(id)
	if one == nil {
		return Identity{}, false
	}
	return p.identityOf(one), true
}
