// SPDX-License-Identifier: Apache-2.0

package web

import "github.com/ostiary/ostiary/authserver/policy"

// Refusal words a refusal by a decision for a person.
func Refusal(v RefusalView) Document { return Render(wordsOf(v)) }

func wordsOf(v RefusalView) Page {
	p := Page{
		Title:     "Access denied",
		Message:   "You don’t have access to this page. If you think you should, send the details below to the site’s administrator.",
		Host:      v.Host,
		Reason:    v.Reason,
		RequestID: v.RequestID,
		DocsURL:   v.DocsURL,
		HomeURL:   v.HomeURL,
	}
	switch {
	case v.WhyURL != "":
		p.Action, p.URL = WhyDeniedLabel, v.WhyURL
	case v.RetryURL != "" && v.Looked:
		p.Action, p.URL = TryAgain, v.RetryURL
	case v.RetryURL != "":
		p.Action, p.URL = OpenApplication, v.RetryURL
	}
	switch {
	case v.LoginURL != "" && v.Unsent:
		p.Title, p.Action, p.URL, p.Beside = "Nothing was sent", "Sign in", v.LoginURL, true
		p.Message = "Your session has ended, so what you sent did not reach the application. Sign in, which opens a new tab. " +
			"Then come back to this one, and reload it to send everything again, or go back to the form."
	case v.LoginURL != "":
		p.Title, p.Action, p.URL = "Sign-in required", "Sign in", v.LoginURL
		p.Message = "You need to sign in to open this page."
	case v.Message != "":
		p.Title, p.Message = "This request can’t be answered", v.Message
	case v.Reason == policy.InvalidPolicy.String():
		p.Title = "This application is not available"
		p.Message = "Its access policy has a mistake, so nobody can open it until that is fixed. It is not about your account. " +
			"Send the details below to the site’s administrator."
	case v.Status == 401:
		p.Title = "Sign-in is not connected"
		p.Message = "This address should open the sign-in page, but it reaches the application. " +
			"Tell the site’s administrator: the ingress must route this path to Ostiary’s public port."
	case v.Status == 503:
		p.Title = "Not ready yet"
		p.Message = "The access policies of this site are still loading. Try again in a moment."
	}
	return p
}
