// SPDX-License-Identifier: Apache-2.0

package web

import "github.com/ostiary/ostiary/authserver/policy"

// A Notice is what a page says when something did not work. The Reason is for
// machines, and never changes; the words may.
type Notice struct {
	Status       int
	Reason       string
	Title, Words string
	Args         [3]string // what stands for {1}, {2} and {3} in Words
}

// Page returns the page of a notice, about a host.
func (n Notice) Page(host string) Page {
	return Page{Title: n.Title, Message: n.Words, Args: n.Args, Host: host, Reason: n.Reason}
}

// notice is a Notice without arguments.
func notice(status int, reason, title, words string) Notice {
	return Notice{Status: status, Reason: reason, Title: title, Words: words}
}

// Notices about a request.
var (
	DamagedAddress = notice(400, "bad-request", "Invalid address",
		"Part of this address can’t be read. Open the application again.")
	DamagedForm = notice(400, "bad-request", "Invalid form",
		"What the form sent can’t be read. Open the application again.")
	CrossSite = notice(403, "cross-site", "Request blocked",
		"This form was sent from another site.")
	GetOnly = notice(405, "method-not-allowed", "Method not allowed",
		"This address accepts GET requests only.")
	GetAndPostOnly = notice(405, "method-not-allowed", "Method not allowed",
		"This address accepts GET and POST requests only.")
	TooManyRequests = notice(429, "too-many-requests", "Too many attempts",
		"Wait 30 seconds, then try again.")
	NothingHere = notice(404, "", "Page not found",
		"There is no page at this address.")
	NotReady = notice(503, "not-ready", "Not ready yet",
		"The access policies are still loading. Try again in a moment.")
	Broken = notice(500, "internal-error", "Something went wrong",
		"This is not your fault. Send the details below to the site’s administrator.")
)

// Notices about who can sign in.
var (
	NoApplication = notice(404, "no-policy", "No application here",
		"No access policy covers this host, so there is nothing to sign in to.")
	NoRules = notice(403, "no-policy", "Access denied",
		"No valid access policy covers this address, so nobody can open it.")
	NotConfigured = notice(503, "not-configured", "Sign-in is not set up",
		"No identity provider is configured yet, so nobody can sign in. Tell the site’s administrator.")
	NoPermittedProvider = notice(503, "not-configured", "Sign-in is not available",
		"None of the identity providers that this application allows is configured. Tell the site’s administrator.")
	ProviderRemoved = notice(400, "no-provider", "This identity provider was removed",
		"It can no longer be used to sign in. Open the application again.")
	ProviderChanged = notice(400, "no-provider", "This identity provider was changed",
		"Its settings have just changed. Open the application again.")
)

// Notices about a sign-in.
var (
	AttemptExpired = notice(400, "expired-attempt", "Sign-in took too long",
		"You have 10 minutes to sign in. Start again from the application.")
	TicketExpired = notice(400, "bad-ticket", "Sign-in link expired",
		"This link works once, for one minute, and on one site. Open the application again.")
	TicketUsed = notice(400, "bad-ticket", "Sign-in link expired",
		"This link was already used, or is older than one minute. Open the application again.")
	StateUsed = notice(400, "no-state", "This sign-in can’t be completed",
		"It was started in another browser, was already completed, or took longer than 10 minutes. Open the application again.")
	NotThisBrowser = notice(400, "no-state", "This sign-in can’t be completed",
		"It was started in another browser, was already completed, or this browser blocks cookies for this site. "+
			"Open the application again. If you come back to this page, allow cookies for this site.")
	// AnswerTooLarge is for what no step has seen coming, GroupsTooLarge for a cookie.
	AnswerTooLarge = notice(500, "token-too-large", "Session is too large",
		"Your session does not fit into a response of this site. "+
			"Tell the site’s administrator: fewer or shorter groups in the access policies help.")
	GroupsTooLarge = notice(500, "token-too-large", "Too many groups",
		"Your account has more groups than fit into a cookie. "+
			"Tell the site’s administrator: fewer or shorter groups in the access policies, or at the identity provider, help.")
)

// ConsentExpired is for an answer to a question that was not asked, or not of this person.
var ConsentExpired = notice(400, "expired-attempt", "This question has expired",
	"It can be answered once, within 10 minutes, by the person who was asked. Start again from the app.")

// Notices about a sign-out.
var (
	CannotRevoke = notice(501, "not-configured", "Signed out of this application only",
		"This installation can’t end your sessions at other applications.")
	NotRevoked = notice(503, "not-revoked", "Not signed out everywhere",
		"Your sessions at other applications could not be ended. Try again in a moment.")
)

// AgentRefused is for a client that asks for what it cannot have: with the error code of
// OAuth, and what is wrong in words for whoever made the client.
func AgentRefused(code, words string) Notice {
	n := notice(400, "oauth-refused", "This app can’t be connected",
		"The app’s request was refused ({1}). For whoever develops it: {2}")
	n.Args = [3]string{code, words}
	return n
}

// Notices about second factors.
var (
	FactorsUnavailable = notice(503, "provider-unavailable", "Sign-in is temporarily unavailable",
		"Your second factor can’t be checked right now. Try again in a moment. If this keeps happening, tell the site’s administrator.")
	FactorChanged = notice(400, "no-state", "Your second factor has changed",
		"It was set up or removed in the meantime. Open the application again and sign in with what you have now.")
)

// WrongCode is what is wrong with the form for a second factor.
const WrongCode = "Wrong code, or one that was already used. Wait for the next one."

// What is wrong with a passkey.
const (
	KeyInvalid    = "The passkey’s answer was not accepted. Try again."
	KeyLate       = "That took too long, or was done before. Try again."
	KeyUnverified = "The passkey did not ask for a PIN, a finger or a face. Set one up on the device, then try again."
	KeyCopied     = "This passkey was refused, as somebody may have a copy of it. Use another one, and remove this one."
	KeyUnknown    = "This passkey is not, or no longer, one of yours. Use another one."
	KeyRegistered = "This device already has a passkey for your account."
	KeyBadName    = "Choose a name that none of your passkeys has, of at most 64 characters."
)

// What was done.
const (
	KeyAdded   = "The passkey was added."
	KeyRemoved = "The passkey was removed."
)

// FactorWords words what was done to somebody's second factors.
func FactorWords(what string) string {
	switch what {
	case "totp-added":
		return "Authenticator app added"
	case "totp-removed":
		return "Authenticator app removed"
	case "passkey-added":
		return "Passkey added"
	case "passkey-removed":
		return "Passkey removed"
	case "recovery-codes-made":
		return "New recovery codes made"
	case "recovery-code-used":
		return "Recovery code used"
	}
	return "Reset by an administrator"
}

// NoCookies is for a browser that does not keep the cookie of the team host.
func NoCookies(teamHost string) Notice {
	n := notice(403, "no-cookie", "Your browser blocks cookies",
		"You signed in, but your browser did not keep the session cookie. Allow cookies for {1} and open the application again.")
	n.Args[0] = teamHost
	return n
}

// ProviderRefused is for an identity provider that said no: with its error code and
// in its own words, as often nothing else says what to do about it.
func ProviderRefused(provider, code, words string) Notice {
	text := "The identity provider {1} did not sign you in."
	switch {
	case code != "" && words != "":
		text = "The identity provider {1} did not sign you in ({2}). It says: “{3}”"
	case code != "":
		text = "The identity provider {1} did not sign you in ({2})."
	case words != "":
		text = "The identity provider {1} did not sign you in. It says: “{3}”"
	}
	n := notice(400, "provider-refused", "Sign-in failed", text)
	n.Args = [3]string{provider, code, words}
	return n
}

// ProviderDown is for an identity provider that does not answer.
func ProviderDown(provider string) Notice {
	n := notice(502, "provider-unavailable", "Sign-in is temporarily unavailable",
		"The identity provider {1} does not respond. Try again in a moment. Applications where you’re already signed in keep working.")
	n.Args[0] = provider
	return n
}

// ProviderRejected is for one whose answer cannot be accepted.
func ProviderRejected(provider string) Notice {
	n := notice(403, "provider-rejected", "Sign-in failed",
		"The response of the identity provider {1} was not accepted. If this keeps happening, tell the site’s administrator.")
	n.Args[0] = provider
	return n
}

// OnlyWebSockets tells the client of a refused upgrade what to do: a page, or the
// message of a JSON answer.
const OnlyWebSockets = "This request asks to upgrade its connection (Upgrade, HTTP2-Settings). Only WebSocket upgrades are allowed. " +
	"Use HTTP/1.1 or HTTPS: curl --http1.1 or --http2-prior-knowledge instead of --http2; " +
	"in Java, HttpClient.Builder.version(HttpClient.Version.HTTP_1_1)."

// Labels of links.
const (
	OpenApplication = "Open the application"
	StartPage       = "Go to the start page"
	StartAgain      = "Start again"
	TryAgain        = "Try again"
	BackToAgent     = "Back to the app"
)

// What is wrong with a password form.
const (
	WrongPassword   = "Wrong user name or password."
	PasswordTooLong = "Wrong user name or password. Passwords have at most 72 bytes, and this one is longer."
	PasswordsBusy   = "Too many people are signing in right now. Try again in a moment."
)

// SignedIn is where a window that was opened to sign in ends up. It needs SignedInCSP.
func SignedIn(application string) Document {
	return Document{"signedin.html", Page{Title: "You’re signed in",
		Message: "You can close this window and continue in the previous one.", Action: OpenApplication, URL: application}}
}

// signedInShortened ends a sign-in that could not keep all of a long address.
func signedInShortened(host, to, requestID string) Page {
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
	case policy.InsufficientAuthentication:
		return "You’re signed in, but this application requires a stronger sign-in, " +
			"and the identity provider did not confirm one."
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
		return "The session that your browser sends is not valid for this site."
	}
	return "Your browser does not send this site’s cookie back. Allow cookies for this site."
}
