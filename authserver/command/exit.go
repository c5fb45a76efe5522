// SPDX-License-Identifier: Apache-2.0

package command

import "fmt"

// Exit codes: every command uses them alike.
const (
	ok    = 0
	no    = 1 // denied, or something is wrong with what was looked at
	usage = 2 // a mistake in the command line, or what it names cannot be read
	later = 3 // not as things are: somebody has to sign in first
)

// An exit is how a command ends, where it does not end well. Every other error ends it
// as a usage does.
type exit struct {
	code    int
	err     error // nil: what there is to say has been printed
	mistake bool  // --help says how it is done
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// Answer ends a command whose answer is yes or no, and has been printed.
func Answer(yes bool) error {
	if yes {
		return nil
	}
	return &exit{code: no}
}

// SignInFirst ends a command whose answer depends on who signs in, and has been printed.
func SignInFirst() error { return &exit{code: later} }

// Exit ends a command with an exit code of its own, which its help tells. What there is to
// say has been printed.
func Exit(code int) error { return &exit{code: code} }

// Failed ends a command that could not do what it was asked for, for no fault of the
// command line.
func Failed(err error) error { return &exit{code: no, err: err} }

// Mistake is one in the command line, for which --help helps.
func Mistake(format string, args ...any) error {
	return &exit{code: usage, err: fmt.Errorf(format, args...), mistake: true}
}
