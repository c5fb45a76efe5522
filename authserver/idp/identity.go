// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"errors"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Config describes one identity provider.
type Config = config.Provider

// A StepUp is how a provider is asked for a stronger sign-in.
type StepUp = config.StepUp

// The types of a provider.
const (
	TypeOIDC   = config.OIDC
	TypeGitHub = config.GitHub
	TypeUsers  = config.Users
)

// An Identity is who signed in, as the provider says and as far as that counts.
// Every string is printable, and neither begins nor ends with a blank.
type Identity struct {
	Provider string // its Config's Name
	ID       string // never empty; unique at the provider, and nobody's choice
	User     string // what applications are to call them: ID, or the claim that says it
	Email    string // empty: none, or one that nobody vouches for
	Name     string // for people; may be empty
	Groups   []string
	AMR      []string // authentication methods, RFC 8176
	// Claims are those that the Callback asks for, also those that are not there: what is
	// not listed could not be asked.
	Claims []policy.IdentityClaim
	// Unsaid is what the provider could not be asked about: an Email or Groups that
	// are missing here may be there all the same. Whoever decides by one of these
	// must not take it for none.
	Unsaid Unsaid
}

// Unsaid says what is not known of somebody, and why.
type Unsaid struct {
	Email, Groups bool
	Err           error // nil: nothing is unsaid
}

// Start is what the browser takes to the provider.
type Start struct {
	State, Nonce, Verifier, RedirectURI string
	// Reauthenticate has the provider ask for the credentials again, whatever
	// session it has.
	Reauthenticate bool
	// Silent has it show the person nothing: it answers by the session that it has, or with
	// an error such as login_required (OpenID Connect Core 1.0 §3.1.2.6).
	Silent bool
	// StepUp is the authentication method that it is asked for. Empty: as for any sign-in.
	StepUp string
}

// Callback is what the browser brings back, with what was sent along.
type Callback struct {
	Code   string
	Issuer string // the iss parameter (RFC 9207); may be empty

	Nonce, Verifier, RedirectURI string
	Reauthenticate               bool
	// StepUp is that of the Start.
	StepUp string
	// Claims are the names of those that rules look at: paths, such as realm_access.roles.
	Claims []string
	// Started is when AuthCodeURL was called, if known. Whoever was to sign in
	// again must have done so since; zero: in the last ten minutes.
	Started time.Time
}

// The errors of a Provider. Their texts are one printable and bounded line for a
// log, and hold no secret.
var (
	// ErrWrongPassword says that there is no such user, or another password.
	ErrWrongPassword = errors.New("wrong user name or password")
	// ErrUnavailable says that the provider is down, slow, or says too much.
	ErrUnavailable = oidc.ErrUnavailable
	// ErrRejected says that the provider refused, or that what it said cannot be
	// accepted.
	ErrRejected = oidc.ErrRejected
	// ErrBusy says that too many passwords are being checked.
	ErrBusy = errors.New("too many passwords are being checked")
)

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
func Words(s string) string { return oidc.Printable(strings.TrimSpace(s), oidc.MaxText) }
