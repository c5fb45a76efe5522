// SPDX-License-Identifier: Apache-2.0

package policy

import "time"

// A Machine is who a machine is that proved itself, by a credential that is no person's.
// It is shared, and not modified once made: what a decision names, it points to.
//
// ServiceAuth rules admit machines, and no other rule does. A request that one sends has
// no Subject: a session that comes along counts for nothing.
type Machine struct {
	// Name is what applications, logs and explain are told: "service:shop/ci". It begins
	// with the kind of the credential, which no name of a person does.
	Name string
	// ID is the public part of its credential, such as a client ID. It goes into the
	// assertion for the application as common_name, where Cloudflare has it.
	ID string
	// Source is the object that made its credential good; zero: there is none.
	Source Source
	// ExpiresAt is when its credential ends, and with it what is asserted of it.
	ExpiresAt time.Time
}
