// SPDX-License-Identifier: Apache-2.0

package idp

import "strings"

// UserName is what applications are told of a user of a provider: one name that no user
// of another provider has. That is what the provider calls them where it is Plain, and
// otherwise "PROVIDER/USER". A name that could pass for such a one is never plain.
func (s *Set) UserName(provider, user string) string {
	if p := s.Find(provider); p != nil && !p.config.QualifiedUsers && !readsQualified(user) {
		return user
	}
	return provider + "/" + user
}

// readsQualified reports whether a name begins like "PROVIDER/": providers are called
// by DNS names.
func readsQualified(user string) bool {
	provider, _, ok := strings.Cut(user, "/")
	return ok && strings.Trim(provider, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}
