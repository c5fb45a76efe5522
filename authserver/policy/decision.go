// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"time"
)

// A Request is what a decision needs to know. Decide keeps none of its strings.
type Request struct {
	Target Target
	// Ingress is what routed the request, "namespace/name", where the proxy says so:
	// only the policy that it names may decide. Empty: not said.
	Ingress string
	// Pin is of which kind that is.
	Pin Pin
	// HostUnproven: the client may have chosen the host, whatever the proxy
	// routes by. Then no relaxing rule applies.
	HostUnproven bool
	Method       string // as on the wire
	// Origin is the value of the one Origin header; empty if there is none, or
	// more than one.
	Origin string
	// OriginUnread: there is an Origin, or several, and no telling which one.
	OriginUnread bool
	// Site is what Fetch Metadata says of who made the browser ask.
	Site Site
	// Port is what the browser used, as far as the proxy shows it: "8443".
	Port string
	// WebSocket: the request opens one, which CORS does not keep from anybody.
	WebSocket bool
	// Preflight is set if the request says that it is one. It is one if the
	// method is OPTIONS and there is an Origin, too.
	Preflight Preflight
	// Subject is who sent the request; nil is nobody. Its signature has been
	// verified; everything else about it is judged here.
	Subject *Subject
	// Refused is why a credential that came along names no Subject, if one did.
	Refused Reason
	// Token is the service token that came along, if one did.
	Token PresentedToken
	// Bearer is the token of another issuer that came in Authorization, if one did that a
	// rule looks at, and it is a good one. BearerRefused is why it is not.
	Bearer        *Bearer
	BearerRefused Reason
	// Linked is the session at another application that came along, if a rule looks at one,
	// and it is a good one. LinkedRefused is why it is not.
	Linked        *Linked
	LinkedRefused Reason
	// InHeader: Authorization says who the Subject is, and not a cookie alone.
	InHeader bool
	// Address is the client's, as far as it is known for sure; the zero Addr if not.
	Address netip.Addr
	// Certificate is a client certificate, as far as the proxy says that it verified one.
	Certificate PresentedCertificate
	// Countries tells in which country that is; nil: nobody does.
	Countries Countries
	// Assumed answers expressions in place of holding them against the request: to compare
	// what two tables do with any answer. nil: they are held.
	Assumed Assumptions
	// SessionDuration is how old a session may be for a rule that says nothing,
	// in a policy that says nothing. 0: as old as the credential itself allows.
	SessionDuration time.Duration
	Now             time.Time
}

// IsPreflight reports whether this is one by Fetch standard §4.8, and nothing less.
func (r *Request) IsPreflight() bool {
	return r.Method == "OPTIONS" && r.Origin != "" && r.Preflight.Method != ""
}

// doubt returns why no relaxing rule may be applied, or NoReason.
func (r *Request) doubt() Reason {
	switch {
	case r.Target.notCanonical:
		return AmbiguousPath
	case r.HostUnproven:
		return BadRequest
	default:
		return NoReason
	}
}

// address is that of the client as networks hold it: a mapped or a zoned one is in none
// (netip.Prefix.Contains).
func (r *Request) address() netip.Addr { return r.Address.Unmap().WithZone("") }

// A Subject is who a verified credential names. It is not modified once made.
type Subject struct {
	// ID is what the Provider knows them by, and no other: another provider's of the
	// same ID is somebody else.
	ID string
	// User is what applications are told, as one name for both. Empty: ID.
	User   string
	Email  string // verified; empty: none
	Groups []string
	// Claims are what the provider says beyond that, as far as rules look at it.
	Claims []IdentityClaim
	// Asked says what was looked for when the credential was made (Reads.Asked). Empty:
	// Groups, AMR and Claims are all that there are.
	Asked    string
	AMR      []string // how they proved who they are: RFC 8176
	Provider string   // the name of the identity provider that says so
	// Evaluations are what external evaluations said about them when the credential was
	// made (Evaluation.Outcome).
	Evaluations []string
	Audience    []string // the policies that the credential is good for: "namespace/name"
	// Host is the only one that the credential is good at; empty: all of the audience's.
	Host string
	// PathScoped: the credential was made for a part of the host, to which alone
	// browsers send its cookie. Bind is of the browser that it was made for.
	PathScoped bool
	Bind       string
	// AuthorizedParty is the only Origin that the credential is good from; empty: any.
	AuthorizedParty string
	// Client is which client acts for the subject: its client_id. Empty: none, it is their browser.
	Client string
	// GrantedAt is when the subject let the Client do so.
	GrantedAt  time.Time
	SignedInAt time.Time // at the identity provider: what a revocation goes by
	IssuedAt   time.Time // of the credential: what its age goes by
	ExpiresAt  time.Time
	Token      string // the credential itself, for the application
}

// A Verdict is what to do with a request. The zero Verdict denies.
type Verdict uint8

// What to do with a request.
const (
	Deny            Verdict = iota
	Challenge               // nobody is signed in who may pass: ask them to
	Admit                   // let it through
	AnswerPreflight         // answer the CORS preflight ourselves
)

var verdictNames = [...]string{"deny", "challenge", "allow", "answer-preflight"}

func (v Verdict) String() string { return name(verdictNames[:], int(v)) }

// MarshalText writes the verdict's name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// A Reason is short and stable: it is sent as X-Access-Reason, logged, counted.
type Reason uint8

// Why a request was decided as it was. Those after NotReady let it pass.
const (
	NoReason Reason = iota
	NoPolicy
	NoSession
	SessionExpired
	SessionRevoked
	WrongAudience
	WrongProvider
	BadSignature
	Blocked
	NoRuleMatched
	PreflightNotConfigured
	OriginNotAllowed
	MethodNotAllowed
	HeaderNotAllowed
	ServiceTokenInvalid
	BadRequest
	AmbiguousPath
	InvalidPolicy
	TokenInvalid
	TokenExpired
	TokenUnverified
	InsufficientAuthentication
	NotReady
	Bypassed
	SignedIn
	ServiceAdmitted
	PreflightAnswered
	PreflightBypassed
	DryRunPassed
	reasonCount
)

// Reasons is the number of reasons: every Reason is less.
const Reasons = int(reasonCount)

var reasonNames = [...]string{
	"", "no-policy", "no-session", "session-expired", "session-revoked", "wrong-audience", "wrong-provider", "bad-signature",
	"blocked", "no-rule-matched", "preflight-not-configured", "origin-not-allowed", "method-not-allowed",
	"header-not-allowed", "service-token-invalid", "bad-request", "ambiguous-path", "invalid-policy",
	"token-invalid", "token-expired", "token-unverified", "insufficient-authentication", "not-ready",
	"bypass", "signed-in", "service-auth", "preflight-answered", "preflight-bypass", "dry-run",
}

func (r Reason) String() string { return name(reasonNames[:], int(r)) }

// MarshalText writes the reason's name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// A Decision says what to do with a request, and why. Writing it as a status
// and headers is a dialect's job.
type Decision struct {
	Verdict Verdict
	Reason  Reason
	// Source is the policy, and the field of it, that decided; zero if none did.
	Source Source
	// Rule is the name of the rule that decided, if it has one.
	Rule string
	// CORS answers a preflight; on any other verdict it lets the page that sent
	// the request read the answer.
	CORS CORSHeaders
	// Machine is who a ServiceAuth rule admitted; nil: it was none.
	Machine *Machine
	// Identified reports that the Subject is whom the application may be told of.
	Identified bool
	// Upstream are the headers of the policy's own choice that tell the application of
	// Machine, or of the Subject if it is Identified. It is shared, and not modified.
	Upstream *Upstream
	// ManageResponses asks for CORS on the application's own answer as well.
	ManageResponses bool
	Unauthenticated Unauthenticated
	// Resource is the path of the Resource that the request is for, decoded; empty: the policy
	// has no OAuth.
	Resource string
	// Framers are the origins whose pages may show a refusal in a frame, as sources of a
	// Content-Security-Policy: "https://a.example https://b.example". Empty: only the host's own.
	Framers string
	// Partitioned: the policy's cookie is one of many, for each site whose pages show the
	// application.
	Partitioned bool
	// Activates: the policy lists the Origin, and its cookie is one that goes with requests of
	// other sites. Where a browser holds it back, it may be asked to send it.
	Activates bool
	// StepUp is what the Subject's provider is to be asked for, of its StepUp: had they proved who
	// they are that way, too, a rule would admit them. Empty: no stronger sign-in is known to help.
	StepUp string
	// Failed is the field of the first rule with an expression that had no answer, and
	// why; that counted against the visitor. Empty: there was none.
	Failed string
	// DryRun is that of the policy whose dry run the request fell under, and Would what
	// that policy would have decided.
	DryRun DryRun
	Would  Would
}
