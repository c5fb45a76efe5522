// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The errors of an issuer. Their texts are one printable and bounded line for a
// log, and hold no secret.
var (
	// ErrUnavailable says that the issuer is down, slow, or says too much.
	ErrUnavailable = errors.New("the identity provider does not answer")
	// ErrRejected says that the issuer refused, or that what it said cannot be
	// accepted.
	ErrRejected = errors.New("the identity provider's answer is refused")
)

// A failure is one of the errors above, or of another package, and why.
type failure struct {
	kind error
	text string
}

func (f *failure) Error() string { return f.kind.Error() + ": " + f.text }
func (f *failure) Unwrap() error { return f.kind }

// Why is what an error says besides its kind, whose words are about identity providers.
func Why(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.text
	}
	return Printable(err.Error(), MaxText)
}

// MaxText bounds what one error says.
const MaxText = 300

// Fail returns an error of a kind that says why.
func Fail(kind error, format string, args ...any) error {
	return &failure{kind, Printable(fmt.Sprintf(format, args...), MaxText)}
}

// Printable returns s as one line of at most limit bytes, for a log: what
// cannot be printed is a question mark.
func Printable(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
		for s != "" && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if r, n := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && n == 1 {
			s = s[:len(s)-1]
		}
		s += "..."
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// AsFailure words what went wrong on the way to the issuer. An error of
// net/url repeats the address, of encoding/json what was read: it does neither.
func AsFailure(what string, err error) error {
	var already *failure
	if errors.As(err, &already) {
		return already
	}
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		return Fail(ErrUnavailable, "%s takes too long", what)
	}
	if errors.Is(err, context.Canceled) {
		return Fail(ErrUnavailable, "%s: given up", what)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return Fail(ErrUnavailable, "%s: %v", what, err)
}

// OnTheWay reports whether an error arose on the way to the issuer or back, and
// is no answer of its.
func OnTheWay(err error) bool {
	var u *url.Error
	var f *failure
	return errors.As(err, &u) || errors.As(err, &f) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
