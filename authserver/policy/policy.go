// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strconv"
	"time"
)

// A Source names the object, and the field in it, that something came from.
type Source struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Field     string `json:"field,omitempty"` // "spec.rules[1]"; empty: the whole object
}

// String returns "namespace/name field".
func (s Source) String() string {
	out := s.Name
	if s.Namespace != "" {
		out = s.Namespace + "/" + s.Name
	}
	if s.Field != "" {
		out += " " + s.Field
	}
	return out
}

func (s Source) at(field string) Source {
	s.Field = field
	return s
}

// A Policy protects one application: what it claims, and who may pass. The zero
// Policy claims nothing and admits nobody.
type Policy struct {
	Source Source
	// Since is when the object was created: of two equal claims of one namespace the
	// older wins. Without a Ledger it is also since when the hosts are claimed.
	Since time.Time
	// Hosts are lower-case DNS names; a leading "*." is exactly one label, "**." one or
	// more.
	Hosts []string
	// Paths are parts of every host. Empty: everything.
	Paths []Path
	// AllowEncodedSlashes lets a path that holds "%2F" be judged, if all its
	// readings lead to this policy.
	AllowEncodedSlashes bool
	CORS                *CORS
	Rules               []Rule
	// IdentityProviders are by name those that people may come from. Empty: all.
	IdentityProviders []string
	Session           Session
	Unauthenticated   Unauthenticated
	Denied            Denied
	// Launcher is how the application stands on the team host's start page.
	Launcher Launcher
	// AllowCrossSite lets a cookie be enough for what another site makes a browser
	// ask, whatever that is.
	AllowCrossSite bool
	// Exempt are exact paths of the policy that need no session: canonical and decoded.
	Exempt []string
	// DryRun is how far the policy is enforced.
	DryRun DryRun
	// UpstreamHeaders tell the application who is calling, beside Ostiary's own headers.
	UpstreamHeaders []UpstreamHeader
	// OAuth lets clients in that act for people. nil: none.
	OAuth *OAuth
	// Defects are what is wrong with the object. A policy that has any denies
	// all that it claims; what it claims need not be complete or valid.
	Defects []Issue
	// Salvaged: the policy was made out of a text that cannot be read, and may not be what
	// its author meant. It denies what it claims. Of a host that another namespace claims,
	// too, nothing tells then whose it is; only the platform's word does.
	Salvaged bool
}

// A Path is a part of a host. Value is canonical and decoded.
type Path struct {
	Value string
	Exact bool
}

// An Action is what a matching rule does. The zero Action is none.
type Action uint8

// The actions of Cloudflare Access, and of AccessPolicy rules.
const (
	NoAction    Action = iota
	Block              // denies
	Allow              // admits a signed-in subject
	Bypass             // admits without any session
	ServiceAuth        // admits a service credential
)

var actionNames = [...]string{"none", "Block", "Allow", "Bypass", "ServiceAuth"}

func (a Action) String() string { return name(actionNames[:], int(a)) }

// relaxes reports whether the action can admit somebody without a session.
func (a Action) relaxes() bool { return a == Bypass || a == ServiceAuth }

// A Rule admits or denies whom it matches: any of Include, all of Require,
// none of Exclude. The zero Rule matches nobody.
type Rule struct {
	Name    string
	Action  Action
	Methods []string // empty: every method
	Include []Selector
	Require []Selector
	Exclude []Selector
	// SessionDuration is how old a session may be for this rule. 0: the policy's.
	SessionDuration time.Duration
}

// Session bounds the sessions of a policy.
type Session struct {
	// Duration is how old a credential may be, unless a rule says otherwise. 0: it
	// is good for as long as it says itself.
	Duration time.Duration
	// RevokedBefore voids the sessions of everybody who signed in before it.
	RevokedBefore time.Time
	// Idle ends a session that was not used for so long. 0: none is ended for that.
	Idle   time.Duration
	Cookie Cookie
	// PolicyNamespaces are the namespaces whose policies can link to this one (LinkedApp),
	// beside its own.
	PolicyNamespaces []string
}

// A Cookie is how the session's cookie is set. The zero Cookie goes along with
// requests from other sites where CORS wants credentials, and nowhere else; scripts
// cannot read it.
type Cookie struct {
	SameSite       SameSite
	ScriptReadable bool // without HttpOnly
	Partitioned    bool // a jar for each site that embeds the application
	PathScoped     bool // sent to the policy's own paths alone
}

// SameSite is the attribute of a cookie (RFC 6265bis §5.6.7).
type SameSite uint8

// The values of SameSite.
const (
	SameSiteUnsaid SameSite = iota // None if CORS allows credentials, or the cookie is Partitioned; else Lax
	SameSiteNone
	SameSiteLax
	SameSiteStrict
)

// Denied is what people are told who may not pass.
type Denied struct {
	Message string
	URL     string // where they find help
}

// DefaultSessionDuration is how long people stay signed in unless told otherwise.
const DefaultSessionDuration = 24 * time.Hour

// MinIdle is the shortest time without use that ends a session: people who are there are
// sent by way of the team host each quarter of it.
const MinIdle = 5 * time.Minute

// MaxSessionDuration is the longest session that a policy can ask for.
const MaxSessionDuration = 30 * 24 * time.Hour

// Unauthenticated is what a visitor without a session gets.
type Unauthenticated uint8

// What a visitor without a session gets.
const (
	Auto         Unauthenticated = iota // a redirect for a navigation, else 401
	Redirect                            // always a redirect
	Unauthorized                        // always 401
)

// CORS is the cross-origin configuration of a policy.
type CORS struct {
	// BypassPreflight lets genuine preflights through to the application.
	BypassPreflight     bool
	AllowAllOrigins     bool
	AllowedOrigins      []string
	AllowAllMethods     bool
	AllowedMethods      []string
	AllowAllHeaders     bool
	AllowedHeaders      []string
	AllowCredentials    bool
	MaxAge              int // seconds; 0: no header; -1: "0"
	ExposedHeaders      []string
	AllowPrivateNetwork bool
	// Tokens lets pages of the AllowedOrigins get tokens at their own host, and
	// call with them, where browsers keep cookies from other sites.
	Tokens bool
	// ManageResponses hands out CORS headers for the application's own answers too.
	ManageResponses bool
}

// An IssueReason is CamelCase: it becomes the reason of a Kubernetes condition.
type IssueReason string

// Why a policy is not, or not wholly, in force.
const (
	Invalid                   IssueReason = "Invalid"
	Conflict                  IssueReason = "Conflict"
	HostOwnedByOtherNamespace IssueReason = "HostOwnedByOtherNamespace"
	// HostNotGranted: the platform reserved the host for others, or grants every one.
	HostNotGranted IssueReason = "HostNotGranted"
	// HostReserved: the host, or the path, is Ostiary's own.
	HostReserved IssueReason = "HostReserved"
	// Unwise marks a policy that is in force but should be looked at.
	Unwise IssueReason = "Unwise"
	// HostContended marks a policy whose host another namespace claims in vain: it
	// is in force where it is known which route a request came by.
	HostContended IssueReason = "HostContended"
	// NotEnforced marks a policy in a dry run.
	NotEnforced IssueReason = "DryRun"
	// ResponsesNotManaged marks a policy with ManageResponses that a proxy serves which
	// puts no header on the application's answers.
	ResponsesNotManaged IssueReason = "ResponsesNotManaged"
	// GroupUnusable marks what names a Group that is not there, has a mistake, or looks at
	// what the rule never sees. It is in force, and the group counts against visitors.
	GroupUnusable IssueReason = "GroupUnusable"
)

// An Issue is a problem with a policy, worded for its author.
type Issue struct {
	Source  Source      `json:"source"`
	Reason  IssueReason `json:"reason"`
	Code    Code        `json:"code,omitempty"` // which mistake it is: see Codes
	Message string      `json:"message"`
}

// Warning reports whether the policy is in force in spite of the issue.
func (i Issue) Warning() bool {
	return i.Reason == Unwise || i.Reason == HostContended || i.Reason == ResponsesNotManaged || i.Reason == NotEnforced || i.Reason == GroupUnusable
}

// item names an element of a list: "spec.hosts[1]".
func item(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "invalid"
}
