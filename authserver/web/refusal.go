// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"github.com/ostiary/ostiary/authserver/dialect"
)

// Refusal words a refusal by a decision for a person.
func Refusal(v dialect.PageView) []byte {
	p := Page{
		Title:     "You cannot open this page",
		Message:   "You are not permitted to reach this address. If you think that you should be, send the lines below to whoever looks after it.",
		Host:      v.Host,
		Reason:    v.Reason,
		RequestID: v.RequestID,
	}
	switch {
	case v.LoginURL != "":
		p.Title, p.Action, p.URL = "Please sign in", "Sign in", v.LoginURL
		p.Message = "This address is open to people who have signed in."
	case v.Message != "":
		p.Title, p.Message = "This request cannot be answered", v.Message
	case v.Status == http.StatusUnauthorized:
		p.Title = "Signing in is not connected"
		p.Message = "This address should lead to the sign-in page, and leads to the application. Please tell whoever runs the site: its ingress must send our path to Ostiary's public port."
	case v.Status == http.StatusServiceUnavailable:
		p.Title = "Not ready yet"
		p.Message = "The access rules of this site are still being read. Try again in a moment."
	}
	return Render(p)
}
