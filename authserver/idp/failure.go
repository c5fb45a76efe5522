// SPDX-License-Identifier: Apache-2.0

package idp

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

// A failure is one of the package's errors, and why.
type failure struct {
	kind error
	text string
}

func (f *failure) Error() string { return f.kind.Error() + ": " + f.text }
func (f *failure) Unwrap() error { return f.kind }

// maxText bounds what one error says.
const maxText = 300

func fail(kind error, format string, args ...any) error {
	return &failure{kind, printable(fmt.Sprintf(format, args...), maxText)}
}

// printable returns s as one line of at most limit bytes, for a log: what
// cannot be printed is a question mark.
func printable(s string, limit int) string {
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

// asFailure words what went wrong on the way to the provider. An error of
// net/url repeats the address, of encoding/json what was read: it does neither.
func asFailure(what string, err error) error {
	var already *failure
	if errors.As(err, &already) {
		return already
	}
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		return fail(ErrUnavailable, "%s takes too long", what)
	}
	if errors.Is(err, context.Canceled) {
		return fail(ErrUnavailable, "%s: given up", what)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fail(ErrUnavailable, "%s: %v", what, err)
}

// ErrorCode returns an OAuth error code (RFC 6749 §4.1.2.1) if s can be one that
// a page may show, and otherwise nothing.
func ErrorCode(s string) string {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	if len(s) > 64 || strings.Trim(s, allowed) != "" {
		return ""
	}
	return s
}

// Words returns what a provider says to people, such as an error_description, as one
// printable line of bounded length: nothing in it cannot be seen, or changes how
// what stands around it is read.
func Words(s string) string { return printable(strings.TrimSpace(s), maxText) }
