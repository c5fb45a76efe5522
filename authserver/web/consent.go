// SPDX-License-Identifier: Apache-2.0

package web

import "time"

// A ConsentView asks whether a client may act for somebody. It posts what is hidden, and
// "answer", which is "allow" or "deny".
type ConsentView struct {
	Host string
	// Client is what it calls itself, or the policy does if it is Registered. ClientHost is
	// the one thing that is sure of another.
	Client, ClientHost string
	Registered         bool
	Operators          bool   // it is they who registered it
	App                string // the address that it wants to use
	SignedInAs         string
	Until              time.Time
	Scopes             []string
	// ReturnHost is where the answer goes; Local: to a program on the person's own machine.
	ReturnHost string
	Local      bool
	Action     string
	Hidden     []Field
	// SwitchURL signs out, to be somebody else.
	SwitchURL, SessionsURL string
}

// Consent is the question whether a client may act for somebody.
func Consent(v ConsentView) Document { return Document{"consent.html", v} }
