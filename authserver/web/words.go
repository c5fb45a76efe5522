// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Notice is what a page says when something did not work. The Reason is for
// machines, and never changes; the words may.
type Notice struct {
	Status       int
	Reason       string
	Title, Words string
}

// Page returns the page of a notice, about a host.
func (n Notice) Page(host string) Page {
	return Page{Title: n.Title, Message: n.Words, Host: host, Reason: n.Reason}
}

// Notices about a request.
var (
	DamagedAddress = Notice{http.StatusBadRequest, "bad-request", "Invalid address",
		"Part of this address can’t be read. Open the application again."}
	DamagedForm = Notice{http.StatusBadRequest, "bad-request", "Invalid form",
		"What the form sent can’t be read. Open the application again."}
	CrossSite = Notice{http.StatusForbidden, "cross-site", "Request blocked",
		"This form was sent from another site."}
	GetOnly = Notice{http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed",
		"This address accepts GET requests only."}
	GetAndPostOnly = Notice{http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed",
		"This address accepts GET and POST requests only."}
	TooManyRequests = Notice{http.StatusTooManyRequests, "too-many-requests", "Too many attempts",
		"Wait 30 seconds, then try again."}
	NothingHere = Notice{http.StatusNotFound, "", "Page not found",
		"There is no page at this address."}
	NotReady = Notice{http.StatusServiceUnavailable, "not-ready", "Not ready yet",
		"The access policies are still loading. Try again in a moment."}
	Broken = Notice{http.StatusInternalServerError, "internal-error", "Something went wrong",
		"This is not your fault. Send the details below to the site’s administrator."}
)

// Notices about who can sign in.
var (
	NoApplication = Notice{http.StatusNotFound, "no-policy", "No application here",
		"No access policy covers this host, so there is nothing to sign in to."}
	NoRules = Notice{http.StatusForbidden, "no-policy", "Access denied",
		"No valid access policy covers this address, so nobody can open it."}
	NotConfigured = Notice{http.StatusServiceUnavailable, "not-configured", "Sign-in is not set up",
		"No identity provider is configured yet, so nobody can sign in. Tell the site’s administrator."}
	NoPermittedProvider = Notice{http.StatusServiceUnavailable, "not-configured", "Sign-in is not available",
		"None of the identity providers that this application allows is configured. Tell the site’s administrator."}
	ProviderRemoved = Notice{http.StatusBadRequest, "no-provider", "This identity provider was removed",
		"It can no longer be used to sign in. Open the application again."}
	ProviderChanged = Notice{http.StatusBadRequest, "no-provider", "This identity provider was changed",
		"Its settings have just changed. Open the application again."}
)

// Notices about a sign-in.
var (
	AttemptExpired = Notice{http.StatusBadRequest, "expired-attempt", "Sign-in took too long",
		"You have 10 minutes to sign in. Start again from the application."}
	TicketExpired = Notice{http.StatusBadRequest, "bad-ticket", "Sign-in link expired",
		"This link works once, for one minute, and on one site. Open the application again."}
	TicketUsed = Notice{http.StatusBadRequest, "bad-ticket", "Sign-in link expired",
		"This link was already used, or is older than one minute. Open the application again."}
	StateUsed = Notice{http.StatusBadRequest, "no-state", "This sign-in can’t be completed",
		"It was started in another browser, was already completed, or took longer than 10 minutes. Open the application again."}
	NotThisBrowser = Notice{http.StatusBadRequest, "no-state", "This sign-in can’t be completed",
		"It was started in another browser, was already completed, or this browser blocks cookies for this site. " +
			"Open the application again. If you come back to this page, allow cookies for this site."}
	// AnswerTooLarge is for what no step has seen coming, GroupsTooLarge for a cookie.
	AnswerTooLarge = Notice{http.StatusInternalServerError, "token-too-large", "Session is too large",
		"Your session does not fit into a response of this site. " +
			"Tell the site’s administrator: fewer or shorter groups in the access policies help."}
	GroupsTooLarge = Notice{http.StatusInternalServerError, "token-too-large", "Too many groups",
		"Your account has more groups than fit into a cookie. " +
			"Tell the site’s administrator: fewer or shorter groups in the access policies, or at the identity provider, help."}
)

// Notices about a sign-out.
var (
	CannotRevoke = Notice{http.StatusNotImplemented, "not-configured", "Signed out of this application only",
		"This installation can’t end your sessions at other applications."}
	NotRevoked = Notice{http.StatusServiceUnavailable, "not-revoked", "Not signed out everywhere",
		"Your sessions at other applications could not be ended. Try again in a moment."}
)

// NoCookies is for a browser that does not keep the cookie of the team host.
func NoCookies(teamHost string) Notice {
	return Notice{http.StatusForbidden, "no-cookie", "Your browser blocks cookies",
		"You signed in, but your browser did not keep the session cookie. Allow cookies for " + teamHost + " and open the application again."}
}

// ProviderRefused is for an identity provider that said no: with its error code and
// in its own words, as often nothing else says what to do about it.
func ProviderRefused(provider, code, words string) Notice {
	message := "The identity provider " + provider + " did not sign you in"
	if code != "" {
		message += " (" + code + ")"
	}
	message += "."
	if words != "" {
		message += " It says: \u201c" + words + "\u201d"
	}
	return Notice{http.StatusBadRequest, "provider-refused", "Sign-in failed", message}
}

// ProviderDown is for an identity provider that does not answer.
func ProviderDown(provider string) Notice {
	return Notice{http.StatusBadGateway, "provider-unavailable", "Sign-in is temporarily unavailable",
		"The identity provider " + provider + " does not respond. Try again in a moment. " +
			"Applications where you’re already signed in keep working."}
}

// ProviderRejected is for one whose answer cannot be accepted.
func ProviderRejected(provider string) Notice {
	return Notice{http.StatusForbidden, "provider-rejected", "Sign-in failed",
		"The response of the identity provider " + provider + " was not accepted. If this keeps happening, tell the site’s administrator."}
}

// Labels of links.
const (
	OpenApplication = "Open the application"
	StartPage       = "Go to the start page"
	StartAgain      = "Start again"
	TryAgain        = "Try again"
)

// What is wrong with a password form.
const (
	WrongPassword   = "Wrong user name or password."
	PasswordTooLong = " Passwords have at most %d bytes, and this one is longer."
	PasswordsBusy   = "Too many people are signing in right now. Try again in a moment."
)

// SignedIn is where a window that was opened to sign in ends up.
func SignedIn(application string) Page {
	return Page{Title: "You’re signed in", Message: "You can close this window and continue in the previous one.",
		Action: OpenApplication, URL: application}
}

// SignedInShortened ends a sign-in that could not keep all of a long address.
func SignedInShortened(host, to, requestID string) Page {
	return Page{Title: "You’re signed in", Host: host, RequestID: requestID, Action: "Continue", URL: to,
		Message: "The address you came from is too long to keep during sign-in. Continue opens a shorter one. " +
			"For the full address, use your original link again."}
}

// WhyDenied words a reason for the person it is about, who is signed in. It names no
// rule: which ones there are is nobody's business who is not let in.
func WhyDenied(r policy.Reason) string {
	switch r {
	case policy.Blocked:
		return "You’re signed in, but a rule of this application blocks your account."
	case policy.WrongProvider:
		return "You’re signed in, but this application requires a different identity provider."
	case policy.SessionExpired, policy.SessionRevoked:
		return "You’re signed in, but this application requires a newer sign-in. " +
			"A clock may be wrong, or your access was just revoked."
	default:
		return "You’re signed in, but you don’t have access to this application."
	}
}

// WhyLoop words why an application asks again and again for a sign-in: whether
// somebody is signed in there, and why not.
func WhyLoop(signedIn bool, r policy.Reason) string {
	switch {
	case signedIn:
		return "You’re signed in, but the application keeps asking you to sign in. " +
			"Its address may bypass the sign-in, or its access policy has just changed."
	case r == policy.SessionExpired:
		return "Every new session expires at once. The clocks of this site’s servers may be wrong."
	case r != policy.NoReason:
		return "The session that your browser sends is not valid for this site (" + r.String() + ")."
	}
	return "Your browser does not send this site’s cookie back. Allow cookies for this site."
}
