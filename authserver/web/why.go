// SPDX-License-Identifier: Apache-2.0

package web

import (
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Notices of the team host's own pages.
var (
	SignInFirst = notice(401, "no-session", "Sign-in required",
		"You need to sign in to open this page.")
	OperatorsOnly = notice(403, "not-an-operator", "For operators only",
		"You’re signed in, but this page is for the people who operate this site’s sign-in.")
	WhyExpired = notice(404, "unknown-request", "This link has expired",
		"What a link says about a denied request can be read for 24 hours. Open the application again: "+
			"if you’re denied again, there is a new link.")
	WhyUnknown = notice(404, "unknown-request", "Nothing is known about this request",
		"Open the link on the page that denied you. If you have only the number of a request, send it to the site’s administrator.")
	WhyUnknownHere = notice(404, "unknown-request", "Nothing is known about this request",
		"This replica did not deny a request of that number, or has forgotten it. The decision log may have it. "+
			"The link on the page that denied it says all, for 24 hours.")
	WhyOthers = notice(403, "not-yours", "This is not about you",
		"Somebody else sent this request, so only they can see why it was denied. If it was you, sign in with the account that you used then.")
)

// Labels of links.
const (
	SignInHere     = "Sign in"
	WhyDeniedLabel = "Why was it denied?"
)

// An Answer says why a request was denied, and what can be done about it.
type Answer struct {
	Why  string
	Todo []string // sentences
}

const (
	askOwner = "If you think you should have access, ask whoever runs the application, and send them the request’s number."
	askDev   = "If you develop this page, send the request’s number to whoever runs the application that it calls."
)

// answers are for the person whose request it was. They name no rule.
var answers = map[policy.Reason]Answer{
	policy.NoPolicy:       {"No access policy covers this address, so nobody can open it.", []string{"Check the address.", askOwner}},
	policy.NoSession:      {"You weren’t signed in there.", []string{"Open the application and sign in."}},
	policy.SessionExpired: {"The application wanted a newer sign-in than yours.", []string{"Open the application, and sign in again."}},
	policy.SessionRevoked: {"Your session was ended: you signed out everywhere, or an administrator ended it.",
		[]string{"Open the application, and sign in again."}},
	policy.WrongAudience: {"Your session was for another part of the site.", []string{"Open the application, and sign in again."}},
	policy.WrongProvider: {"The application requires a different identity provider than the one you signed in with.",
		[]string{"Sign in with another account.", askOwner}},
	policy.BadSignature:           {"The session that your browser sent is not one of this site.", []string{"Open the application, and sign in again."}},
	policy.Blocked:                {"A rule of the application blocks your account.", []string{askOwner}},
	policy.NoRuleMatched:          {"You don’t have access to this part of the application.", []string{askOwner}},
	policy.PreflightNotConfigured: {"A page of another site called the application, which answers no pages of other sites.", []string{askDev}},
	policy.OriginNotAllowed:       {"A page of another site called the application, and that site is not allowed to.", []string{askDev}},
	policy.MethodNotAllowed:       {"A page of another site called the application in a way that it does not allow.", []string{askDev}},
	policy.HeaderNotAllowed:       {"A page of another site called the application with headers that it does not allow.", []string{askDev}},
	policy.ServiceTokenInvalid:    {"The service token of the request is not valid.", []string{"Check the token with whoever made it for you."}},
	policy.TokenInvalid:           {"The token of the request is not valid.", []string{"Get a new token, and try again."}},
	policy.TokenExpired:           {"The token of the request has expired.", []string{"Get a new token, and try again."}},
	policy.TokenUnverified:        {"The token of the request could not be verified right now.", []string{"Try again in a moment."}},
	policy.InsufficientAuthentication: {"The application requires a stronger sign-in than yours, such as one with a second factor.",
		[]string{"Open the application, and sign in again.", askOwner}},
	policy.BadRequest: {"The request could not be read in just one way.", []string{"Open the application from its start page."}},
	policy.AmbiguousPath: {"The address can be read in several ways, and they lead to different parts of the application.",
		[]string{"Open the application from its start page."}},
	policy.InvalidPolicy: {"The application’s access policy has a mistake, so nobody can open it until that is mended.", []string{askOwner}},
	policy.NotReady:      {"The access policies were still loading.", []string{"Try again in a moment."}},
}

// AnswerTo words a reason for the person whose request it was.
func AnswerTo(r policy.Reason) Answer {
	if a, ok := answers[r]; ok {
		return a
	}
	return Answer{"The request was denied.", []string{askOwner}}
}

// A WhyView says why a request was denied: to the person, in plain words.
type WhyView struct {
	Host string
	When time.Time
	Answer
	// Message and HelpURL are the words of the application's owner.
	Message, HelpURL           string
	SignedInAs                 string
	Reason, RequestID, HomeURL string
}

// A Link is one of the pages for operators.
type Link struct {
	Label, URL string
	Current    bool
}

// A Fact is a line of what is known of a request.
type Fact struct{ Name, Value string }

// A WhyDetailsView is a WhyView for operators: all that is known.
type WhyDetailsView struct {
	Nav   []Link
	Host  string
	Title string
	Facts []Fact
	Notes []string // what the walk may not see
	Walk  *Walk
}

// A Walk is a decision, step by step, in the words of explain.
type Walk struct {
	Headline, Reason, Decided, Revision string
	Facts                               []Fact // what the client or the application gets
	Steps                               []WalkStep
}

// A WalkStep is one thing that the decision looked at.
type WalkStep struct {
	What, Outcome, Detail string
	Findings              []WalkFinding
	FixField, FixLine     string
}

// A WalkFinding is what came of a selector.
type WalkFinding struct {
	Field, Selector, Outcome string
	Within                   []WalkFinding
}

// A NoOperatorsView says how somebody becomes an operator where nobody is one.
type NoOperatorsView struct{ Host, Path, SignedInAs string }

// A DenialsView lists the last denials.
type DenialsView struct {
	Nav  []Link
	Host string
	// What was filtered for.
	FilterHost, FilterReason, FilterUser string
	Reasons                              []string
	Rows                                 []DenialRow
	Events                               string // where new ones come from
	WhyURL                               string // where one is found by its number
	ReloadURL                            string
	Scope                                string // of which replicas they are
	Missed                               string // empty: none were
}

// A DenialRow is one of them.
type DenialRow struct {
	When, Time, Method, Host, Path, Origin, Reason, Policy, Who, URL string
}

// A TesterView asks what would be decided, of a request or of a change.
type TesterView struct {
	Nav                                   []Link
	Host, Action                          string
	Method, URL, Origin, As, Groups, From string
	Asked                                 string // Access-Control-Request-Method
	Problem                               string
	Walk                                  *Walk
	CanDiff                               bool
	YAML, DiffProblem, Diff               string
}

// A PoliciesView lists what is in force.
type PoliciesView struct {
	Nav               []Link
	Host              string
	Revision          string
	Policies, Matches int
	Filter            string
	Hosts             []PolicyHost
	More              string // what is not shown
	Problems          []Fact
	Gaps              []Fact
	Unknown           string // what this server does not know
}

// A PolicyHost is a host with what decides there.
type PolicyHost struct {
	Host, Note string
	Guards     []PolicyGuard
}

// A PolicyGuard is a claim in force.
type PolicyGuard struct{ Path, Policy, Note string }

// Why is the page for the person who was denied.
func Why(v WhyView) Document { return Document{"why.html", v} }

// WhyDetails is the page about a denial for operators.
func WhyDetails(v WhyDetailsView) Document { return Document{"whydetails.html", v} }

// NoOperators is the page that says how to make operators.
func NoOperators(v NoOperatorsView) Document { return Document{"nooperators.html", v} }

// Denials is the list of denials. It needs LiveCSP.
func Denials(v DenialsView) Document { return Document{"denials.html", v} }

// Tester is the page that asks what would be decided.
func Tester(v TesterView) Document { return Document{"tester.html", v} }

// Policies is the list of what is in force.
func Policies(v PoliciesView) Document { return Document{"policies.html", v} }
