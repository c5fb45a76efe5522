// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/ostiary/ostiary/authserver/har"

// consoles are the messages of each browser. Those of Chromium are held against a real one
// by hack/browser; those of Firefox are MDN's list, and those of Safari WebKit's sources.
var consoles = []struct {
	name, about string
	messages    []message
}{
	{"Chrome, Edge and other Chromium browsers", "A message about CORS begins with `Access to fetch at '…' from origin '…' has been " +
		"blocked by CORS policy:`, or with `Access to XMLHttpRequest`, `Access to script`,\n" +
		"`Access to font` and so on. `Failed to load resource: net::ERR_FAILED` beside it says nothing more.", chromium},
	{"Firefox", "The console says `Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at …. " +
		"(Reason: …).`, often with a status code behind it.", firefox},
	{"Safari", "The reason comes first, and `Fetch API cannot load … due to access control checks.` behind it (or `XMLHttpRequest cannot " +
		"load …`).", safari},
}

var preflightsRefused = []har.Cause{har.PreflightOrigin, har.PreflightMethod, har.PreflightHeader, har.PreflightNoCORS,
	har.PreflightNoPolicy, har.PreflightOtherReason,
	har.PreflightUnauthorize, har.PreflightUnknown, har.PreflightServerError}

var preflightsRedirected = []har.Cause{har.PreflightToLogin, har.PreflightToHTTPS, har.PreflightSlash, har.PreflightRedirected}

var unauthorized = []har.Cause{har.NotSignedIn, har.CredentialsOmitted, har.CookieSameSite, har.CookieThirdParty, har.CookiePartition,
	har.CookieRejected, har.SessionOver,
	har.SubresourceNoCookie, har.TokenRefused, har.SessionUnknown}

const inPreflight = "Response to preflight request doesn't pass access control check: "

var chromium = []message{
	{text: inPreflight + "No 'Access-Control-Allow-Origin' header is present on the requested resource.", causes: preflightsRefused,
		note: "The preflight was refused, and the request not sent. If the answer to the OPTIONS has an `X-Access-Reason`, Ostiary refused " +
			"it; the [reason](reasons.md#decisions) tells which line to add."},
	{text: inPreflight + "It does not have HTTP ok status.", causes: []har.Cause{har.PreflightStatus, har.PreflightUnknown,
		har.PreflightServerError}},
	{text: inPreflight + "Redirect is not allowed for a preflight request.", causes: preflightsRedirected},
	{text: inPreflight + "The 'Access-Control-Allow-Origin' header has a value '…' that is not equal to the supplied origin.",
		causes: []har.Cause{har.AllowOriginDiffers, har.CachedForOther},
		note:   "Something else than Ostiary answered the preflight: Ostiary names the origin that asked."},
	{text: inPreflight + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the " +
		"request's credentials mode is 'include'.", causes: []har.Cause{har.WildcardCredentials}},
	{text: inPreflight + "The value of the 'Access-Control-Allow-Credentials' header in the response is '…' which must be 'true' when the " +
		"request's credentials mode is 'include'.", causes: []har.Cause{har.CredentialsNotAllowed}},
	{text: inPreflight + "The 'Access-Control-Allow-Origin' header contains multiple values '…', but only one is allowed.",
		causes: []har.Cause{har.AllowOriginTwice}},
	{text: "Method … is not allowed by Access-Control-Allow-Methods in preflight response.", causes: []har.Cause{har.MethodNotListed}},
	{text: "Request header field … is not allowed by Access-Control-Allow-Headers in preflight response.",
		causes: []har.Cause{har.HeaderNotListed}},
	{text: "Authorization will not be covered by the wildcard symbol (*) in CORS Access-Control-Allow-Headers processing.",
		causes: []har.Cause{har.WildcardAuthorization}},
	{text: "No 'Access-Control-Allow-Origin' header is present on the requested resource.", note: "Without \"preflight\" in the message: " +
		"the request itself was answered, and the page may not read the answer.",
		causes: []har.Cause{har.AllowOriginMissing, har.RefusalUnreadable, har.ProxyErrorUnreadable, har.ToLogin, har.ToOtherLogin,
			har.RedirectNoCORS, har.CachedWithout}},
	{text: "The 'Access-Control-Allow-Origin' header has a value '…' that is not equal to the supplied origin.",
		causes: []har.Cause{har.AllowOriginDiffers, har.AllowOriginSlash, har.CachedForOther, har.NullAfter, har.NullOrigin}},
	{text: "The 'Access-Control-Allow-Origin' header contains the invalid value '…'.", causes: []har.Cause{har.AllowOriginSlash}},
	{text: "The 'Access-Control-Allow-Origin' header contains multiple values '…', but only one is allowed.",
		causes: []har.Cause{har.AllowOriginTwice}},
	{text: "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's " +
		"credentials mode is 'include'.", causes: []har.Cause{har.WildcardCredentials}},
	{text: "The value of the 'Access-Control-Allow-Credentials' header in the response is '…' which must be 'true' when the request's " +
		"credentials mode is 'include'.", causes: []har.Cause{har.CredentialsNotAllowed}},
	{text: "Cross origin requests are only supported for protocol schemes: …", causes: []har.Cause{har.NullOrigin},
		note: "The page, or what it asks for, has an address that is neither http nor https, such as `file:`."},
	{text: "Permission was denied for this request to access the … address space.", causes: []har.Cause{har.LocalNetwork},
		note: "The browser, and not Ostiary: `allowPrivateNetwork` in a policy changes nothing."},
	{text: "The request client is not a secure context and the resource is in more-private address space …",
		causes: []har.Cause{har.LocalNetwork}, note: "The page is not served with TLS, so the browser does not even ask the person."},
	{text: "Mixed Content: The page at '…' was loaded over HTTPS, but requested an insecure …", causes: []har.Cause{har.MixedContent}},
	{text: "Failed to load resource: the server responded with a status of 401", causes: unauthorized},
	{text: "Failed to load resource: the server responded with a status of 403", causes: []har.Cause{har.NotPermitted, har.OtherSite,
		har.Refused, har.NoPreflightMethod, har.ModeNoCORS, har.AppRefused}},
	{text: "Failed to load resource: the server responded with a status of 413", causes: []har.Cause{har.TooLarge}},
	{text: "Failed to load resource: the server responded with a status of 429", causes: []har.Cause{har.RateLimited}},
	{text: "Failed to load resource: the server responded with a status of 431", causes: []har.Cause{har.HeaderTooLarge}},
	{text: "Failed to load resource: the server responded with a status of 5…", causes: []har.Cause{har.ProxyError, har.AppFailed,
		har.ServiceWorker}},
	{text: "Failed to load resource: net::ERR_FAILED", note: "It says that the request failed. The message beside it says why; without " +
		"one, look at the request in the network panel.", causes: []har.Cause{har.Unknown}},
	{text: "net::ERR_TOO_MANY_REDIRECTS", causes: []har.Cause{har.RedirectLoop, har.LoginLoop}},
	{text: "net::ERR_CERT_…", causes: []har.Cause{har.Certificate}},
	{text: "net::ERR_NAME_NOT_RESOLVED", causes: []har.Cause{har.NameNotResolved}},
	{text: "net::ERR_CONNECTION_…", causes: []har.Cause{har.ConnectionFailed, har.ConnectionLost}},
	{text: "net::ERR_EMPTY_RESPONSE", causes: []har.Cause{har.ConnectionLost}},
	{text: "net::ERR_SSL_PROTOCOL_ERROR", causes: []har.Cause{har.ProtocolError}},
	{text: "net::ERR_BLOCKED_BY_CLIENT", causes: []har.Cause{har.BlockedByClient}},
	{text: "net::ERR_BLOCKED_BY_RESPONSE.…", causes: []har.Cause{har.BlockedByResponse}},
	{text: "net::ERR_BLOCKED_BY_ORB", causes: []har.Cause{har.BlockedORB}},
	{text: "net::ERR_UNSAFE_PORT", causes: []har.Cause{har.UnsafePort}},
	{text: "violates the following Content Security Policy directive: …", causes: []har.Cause{har.BlockedByCSP}},
	{text: "Refused to connect because it violates the document's Content Security Policy.", causes: []har.Cause{har.BlockedByCSP}},
	{text: "Refused to execute script from '…' because its MIME type ('…') is not " +
		"executable", causes: []har.Cause{har.SubresourceNoCookie, har.NotSignedIn},
		note: "In place of the script came the JSON or the page of a refusal. Open the address in a tab, or look at the status of the " +
			"request."},
	{text: "Failed to load module script: Expected a JavaScript-or-Wasm module script but the server responded with a MIME type of " +
		"\"…\".", causes: []har.Cause{har.SubresourceNoCookie, har.NotSignedIn}},
	{text: "Manifest: Line: 1, column: 1, Syntax error.", causes: []har.Cause{har.SubresourceNoCookie},
		note: "In place of the manifest came the sign-in page, or the JSON of a refusal: `<link rel=\"manifest\" " +
			"crossorigin=\"use-credentials\">`."},
	{text: "WebSocket connection to '…' failed: …", causes: []har.Cause{har.WebSocketRefused}},
	{text: "The FetchEvent for \"…\" resulted in a network error response: …", causes: []har.Cause{har.ServiceWorker}},
	{text: "Failed to register a ServiceWorker for scope ('…') with script ('…'): …", causes: nil,
		note: "With `The script has an unsupported MIME type` or `The script resource is behind a redirect` the session was over when the " +
			"browser fetched the worker's script. Browsers send its cookie, so signing in is enough: " +
			"[service workers](../guides/app-authors.md#service-workers)."},
}

var firefox = []message{
	{text: "CORS disabled", name: "CORSDisabled", note: "The person switched CORS off in `about:config` (`content.cors.disable`). **What " +
		"to do.** Switch it on."},
	{text: "CORS request did not succeed", name: "CORSDidNotSucceed", causes: []har.Cause{har.Certificate, har.MixedContent,
		har.ConnectionFailed, har.NameNotResolved, har.BlockedByClient},
		note: "There was no answer at all: it is not about CORS."},
	{text: "CORS header 'Origin' cannot be added", name: "CORSOriginHeaderNotAdded", note: "An extension or a proxy in the browser " +
		"changed the request. **What to do.** Try a private window without extensions."},
	{text: "CORS request external redirect not allowed", name: "CORSExternalRedirectNotAllowed", causes: preflightsRedirected},
	{text: "CORS request not HTTP", name: "CORSRequestNotHttp", causes: []har.Cause{har.NullOrigin},
		note: "The address is neither http nor https, such as `file:`."},
	{text: "CORS header 'Access-Control-Allow-Origin' missing", name: "CORSMissingAllowOrigin", note: "With the status code 401 or 403 of " +
		"a refusal, the origin is not listed; with 200, the application does not set the header. The network panel shows whether it was the " +
		"preflight (OPTIONS).",
		causes: []har.Cause{har.AllowOriginMissing, har.RefusalUnreadable, har.PreflightOrigin, har.PreflightMethod, har.PreflightHeader,
			har.PreflightNoCORS, har.ProxyErrorUnreadable, har.ToLogin}},
	{text: "CORS header 'Access-Control-Allow-Origin' does not match '…'", name: "CORSAllowOriginNotMatchingOrigin",
		causes: []har.Cause{har.AllowOriginDiffers, har.AllowOriginSlash, har.CachedForOther, har.NullAfter}},
	{text: "Credential is not supported if the CORS header 'Access-Control-Allow-Origin' is '*'", name: "CORSNotSupportingCredentials",
		causes: []har.Cause{har.WildcardCredentials}},
	{text: "Did not find method in CORS header 'Access-Control-Allow-Methods'", name: "CORSMethodNotFound",
		causes: []har.Cause{har.MethodNotListed}},
	{text: "expected 'true' in CORS header 'Access-Control-Allow-Credentials'", name: "CORSMissingAllowCredentials",
		causes: []har.Cause{har.CredentialsNotAllowed}},
	{text: "CORS preflight response did not succeed", name: "CORSPreflightDidNotSucceed", note: "Older versions say `CORS preflight " +
		"channel did not succeed`.", causes: append([]har.Cause{har.PreflightStatus}, preflightsRefused...)},
	{text: "invalid token '…' in CORS header 'Access-Control-Allow-Methods'", name: "CORSInvalidAllowMethod",
		note: "Something else than Ostiary answered the preflight. **What to do.** Write names of methods, with commas between them."},
	{text: "invalid token '…' in CORS header 'Access-Control-Allow-Headers'", name: "CORSInvalidAllowHeader",
		note: "Something else than Ostiary answered the preflight. **What to do.** Write names of headers, with commas between them."},
	{text: "header '…' is not allowed according to header 'Access-Control-Allow-Headers' from CORS preflight response",
		name: "CORSMissingAllowHeaderFromPreflight", causes: []har.Cause{har.HeaderNotListed},
		note: "Older versions say `missing token '…' in CORS header 'Access-Control-Allow-Headers' from CORS preflight channel`."},
	{text: "Multiple CORS header 'Access-Control-Allow-Origin' not allowed", name: "CORSMultipleAllowOriginNotAllowed",
		causes: []har.Cause{har.AllowOriginTwice}},
	{text: "Blocked loading mixed active content “…”", causes: []har.Cause{har.MixedContent}},
	{text: "Cookie “…” has been rejected …", causes: []har.Cause{har.CookieRejected, har.CookieThirdParty, har.CookiePartition}},
	{text: "Partitioned cookie or storage access was provided to “…” because it is loaded in the third-party context and dynamic state " +
		"partitioning is enabled.", causes: []har.Cause{har.CookiePartition},
		note: "Firefox keeps a jar of cookies for each embedding site."},
	{text: "Content-Security-Policy: The page’s settings blocked …", causes: []har.Cause{har.BlockedByCSP}},
	{text: "Firefox can’t establish a connection to the server at wss://…", causes: []har.Cause{har.WebSocketRefused, har.ConnectionFailed}},
	{text: "Failed to load ‘…’. A ServiceWorker passed a promise to FetchEvent.respondWith() that rejected …",
		causes: []har.Cause{har.ServiceWorker}},
	{text: "Loading module from “…” was blocked because of a disallowed MIME type (“…”).", causes: []har.Cause{har.SubresourceNoCookie,
		har.NotSignedIn}},
}

var safari = []message{
	{text: "Origin … is not allowed by Access-Control-Allow-Origin. Status code: …", note: "With the status code 401 or 403 of a refusal, " +
		"the origin is not listed; with 200, the application does not set the header, or sets another.",
		causes: []har.Cause{har.AllowOriginMissing, har.RefusalUnreadable, har.AllowOriginDiffers, har.AllowOriginSlash,
			har.ProxyErrorUnreadable, har.ToLogin, har.CachedForOther, har.NullAfter}},
	{text: "Preflight response is not successful. Status code: …", causes: append([]har.Cause{har.PreflightStatus}, preflightsRefused...)},
	{text: "Preflight response is not successful. Status code: 30…", causes: preflightsRedirected, note: "Also `Cross-origin redirection " +
		"to … denied by Cross-Origin Resource Sharing policy`."},
	{text: "Method … is not allowed by Access-Control-Allow-Methods.", causes: []har.Cause{har.MethodNotListed}},
	{text: "Request header field … is not allowed by Access-Control-Allow-Headers.", causes: []har.Cause{har.HeaderNotListed}},
	{text: "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is " +
		"true.", causes: []har.Cause{har.WildcardCredentials}},
	{text: "Credentials flag is true, but Access-Control-Allow-Credentials is not " +
		"\"true\".", causes: []har.Cause{har.CredentialsNotAllowed}},
	{text: "Access-Control-Allow-Origin cannot contain more than one origin.", causes: []har.Cause{har.AllowOriginTwice}},
	{text: "Fetch API cannot load … due to access control checks.", note: "The line before it says why. Without one, it is mixed content, " +
		"a certificate, or an address that does not answer.", causes: []har.Cause{har.Certificate, har.ConnectionFailed, har.MixedContent}},
	{text: "[blocked] The page at … was not allowed to run insecure content from …", causes: []har.Cause{har.MixedContent},
		note: "Also `requested insecure content from …`."},
	{text: "Failed to load resource: the server responded with a status of 401 ()", causes: unauthorized,
		note: "Safari keeps cookies of other sites back, without a message."},
	{text: "Failed to load resource: The certificate for this server is invalid.", causes: []har.Cause{har.Certificate}},
	{text: "Failed to load resource: A server with the specified hostname could not be found.", causes: []har.Cause{har.NameNotResolved}},
	{text: "Failed to load resource: Could not connect to the server.", causes: []har.Cause{har.ConnectionFailed}},
	{text: "Failed to load resource: The network connection was lost.", causes: []har.Cause{har.ConnectionLost}},
	{text: "Refused to connect to … because it does not appear in the connect-src directive of the Content Security Policy.",
		causes: []har.Cause{har.BlockedByCSP}},
	{text: "Cancelled load to … because it violates the resource's Cross-Origin-Resource-Policy response header.",
		causes: []har.Cause{har.BlockedByResponse}},
	{text: "WebSocket connection to '…' failed: There was a bad response from the server.", causes: []har.Cause{har.WebSocketRefused}},
	{text: "FetchEvent.respondWith received an error: …", causes: []har.Cause{har.ServiceWorker}},
}
