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
	DamagedAddress = Notice{http.StatusBadRequest, "bad-request", "This address is damaged",
		"A part of it cannot be read. Open the application again."}
	DamagedForm = Notice{http.StatusBadRequest, "bad-request", "This form cannot be read",
		"Open the application again."}
	CrossSite = Notice{http.StatusForbidden, "cross-site", "Refused",
		"This form was sent by another site."}
	GetOnly = Notice{http.StatusMethodNotAllowed, "method-not-allowed", "Not here",
		"This address answers GET only."}
	GetAndPostOnly = Notice{http.StatusMethodNotAllowed, "method-not-allowed", "Not here",
		"This address answers GET and POST only."}
	TooManyRequests = Notice{http.StatusTooManyRequests, "too-many-requests", "Too many tries",
		"Wait half a minute, then try again."}
	NothingHere = Notice{http.StatusNotFound, "", "Nothing here",
		"There is no page at this address."}
	NotReady = Notice{http.StatusServiceUnavailable, "not-ready", "Not ready yet",
		"The access rules are still being read. Try again in a moment."}
	Broken = Notice{http.StatusInternalServerError, "internal-error", "Something went wrong here",
		"It is not your fault. Please tell whoever runs this site, with the lines below."}
)

// Notices about who can sign in.
var (
	NoApplication = Notice{http.StatusNotFound, "no-policy", "No application here",
		"No access rules exist for this host, so there is nothing to sign in to."}
	NoRules = Notice{http.StatusForbidden, "no-policy", "Not permitted",
		"No valid access rules exist for this address, so nobody can open it."}
	NotConfigured = Notice{http.StatusServiceUnavailable, "not-configured", "Signing in is not set up",
		"This installation has no identity provider yet, so nobody can sign in here. Please tell whoever runs it."}
	NoPermittedProvider = Notice{http.StatusServiceUnavailable, "not-configured", "Nobody can sign in to this application",
		"None of the identity providers that its access rules allow is set up. Please tell whoever runs it."}
	ProviderRemoved = Notice{http.StatusBadRequest, "no-provider", "This way to sign in is gone",
		"Its settings were removed a moment ago. Open the application again."}
	ProviderChanged = Notice{http.StatusBadRequest, "no-provider", "This way to sign in is gone",
		"Its settings were changed a moment ago. Open the application again."}
)

// Notices about a sign-in.
var (
	AttemptExpired = Notice{http.StatusBadRequest, "expired-attempt", "This sign-in took too long",
		"Signing in has to be done within ten minutes, beginning at the application."}
	TicketExpired = Notice{http.StatusBadRequest, "bad-ticket", "This sign-in took too long",
		"The address you came by is good for one minute, once, at one site. Open the application again."}
	TicketUsed = Notice{http.StatusBadRequest, "bad-ticket", "This sign-in is over",
		"It was finished already, or took longer than a minute. Open the application again."}
	StateUsed = Notice{http.StatusBadRequest, "no-state", "This sign-in cannot be finished here",
		"It was begun in another browser, was finished already, or took longer than ten minutes. Open the application again."}
	NotThisBrowser = Notice{http.StatusBadRequest, "no-state", "This sign-in cannot be finished here",
		"It was begun in another browser, was finished already, or this browser keeps no cookies for this site. Open the application again; if that leads back here, allow cookies for it."}
	// AnswerTooLarge is for what no step has seen coming, GroupsTooLarge for a cookie.
	AnswerTooLarge = Notice{http.StatusInternalServerError, "token-too-large", "Too much to remember",
		"What has to be remembered about you does not fit into an answer of this site. Tell whoever runs it: fewer or shorter groups in the access rules help."}
	GroupsTooLarge = Notice{http.StatusInternalServerError, "token-too-large", "Too much to remember",
		"Your account has more groups than fit into a cookie. Tell whoever runs this site: fewer or shorter groups in the access rules, or at the identity provider, help."}
)

// Notices about a sign-out.
var (
	CannotRevoke = Notice{http.StatusNotImplemented, "not-configured", "Signed out here only",
		"This installation cannot end the sessions of other applications."}
	NotRevoked = Notice{http.StatusServiceUnavailable, "not-revoked", "Not signed out everywhere",
		"Your sessions at other applications could not be ended just now. Try again in a moment."}
)

// NoCookies is for a browser that does not keep the cookie of the team host.
func NoCookies(teamHost string) Notice {
	return Notice{http.StatusForbidden, "no-cookie", "Your browser keeps no cookies for this site",
		"Signing in worked, but the session did not arrive. Allow cookies for " + teamHost + " and open the application again."}
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
	return Notice{http.StatusBadRequest, "provider-refused", "Not signed in", message}
}

// ProviderDown is for an identity provider that does not answer.
func ProviderDown(provider string) Notice {
	return Notice{http.StatusBadGateway, "provider-unavailable", "Signing in does not work right now",
		"The identity provider " + provider + " does not answer. Try again in a moment; applications that you are signed in to go on working."}
}

// ProviderRejected is for one whose answer cannot be accepted.
func ProviderRejected(provider string) Notice {
	return Notice{http.StatusForbidden, "provider-rejected", "Not signed in",
		"What the identity provider " + provider + " said cannot be accepted. If it stays like this, tell whoever runs this site."}
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
	WrongPassword   = "The name or the password is wrong."
	PasswordTooLong = " A password here has at most %d bytes, and this one is longer."
	PasswordsBusy   = "Too many people are signing in right now. Try again in a moment."
)

// SignedIn is where a window that was opened to sign in ends up.
func SignedIn(application string) Page {
	return Page{Title: "You are signed in", Message: "You can close this window and go on in the one before.", Action: OpenApplication, URL: application}
}

// SignedInShortened ends a sign-in that could not keep all of a long address.
func SignedInShortened(host, to, requestID string) Page {
	return Page{Title: "You are signed in", Host: host, RequestID: requestID, Action: "Continue", URL: to,
		Message: "The address that you came from is too long to be remembered while you sign in. The button leads to as much of it as was kept. For all of it, use the link that brought you here once more."}
}

// WhyDenied words a reason for the person it is about, who is signed in. It names no
// rule: which ones there are is nobody's business who is not let in.
func WhyDenied(r policy.Reason) string {
	switch r {
	case policy.Blocked:
		return "Your account is signed in, and a rule of this application refuses it."
	case policy.WrongProvider:
		return "This application wants people to sign in another way than you did."
	case policy.SessionExpired, policy.SessionRevoked:
		return "You signed in, and the application asks for a newer sign-in all the same. A clock may be wrong, or your access was ended a moment ago."
	default:
		return "Your account is signed in, and no rule of this application admits it."
	}
}

// WhyLoop words why an application asks again and again for a sign-in: whether
// somebody is signed in there, and why not.
func WhyLoop(signedIn bool, r policy.Reason) string {
	switch {
	case signedIn:
		return "You are signed in, but the application still asks for it. Its address may lead past the sign-in, or its rules have just changed."
	case r == policy.SessionExpired:
		return "Each new session is over at once: the clocks of this site's servers may be wrong."
	case r != policy.NoReason:
		return "The session that your browser sends is not valid here (" + r.String() + ")."
	}
	return "Your browser does not send this site's cookie back. Allow cookies for it."
}
