// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

// maxFramers bounds the sources of framers, in bytes: proxies drop answers whose header
// section is larger than 4 KiB.
const maxFramers = 1 << 10

// framers writes origins as sources of a Content-Security-Policy (CSP 3 §2.3.1), those that
// fit. One with "*" in its host is none of them: here that is one label, there any number. Nor
// is "null": it would be everybody's.
func framers(list []string) string {
	var b strings.Builder
	for _, origin := range list {
		origin = strings.ToLower(origin)
		scheme, rest, _ := strings.Cut(origin, "://")
		if strings.Contains(strings.TrimSuffix(rest, ":*"), "*") || !isSource(scheme, rest) || checkOrigin(origin).found() {
			continue
		}
		if b.Len()+len(" ")+len(origin) > maxFramers {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(origin)
	}
	return b.String()
}

// isSource reports whether a scheme, and a host with a port, are what the grammar of sources
// has, so that they are one and end no directive.
func isSource(scheme, rest string) bool {
	if scheme == "" || rest == "" {
		return false
	}
	for _, c := range []byte(scheme + rest) {
		if !isLabelByte(c) && strings.IndexByte("+.:*", c) < 0 {
			return false
		}
	}
	return true
}

// framedBy returns the origins whose pages may show in a frame what the policy refuses. A policy
// whose application answers for CORS itself says nothing about origins.
func (c *cors) framedBy() string {
	if c == nil || c.bypass {
		return ""
	}
	return c.framers
}

// activates reports whether a browser that holds the policy's cookie back from pages of an
// origin may be asked to send it (Storage Access API). A cookie of another SameSite would
// not be sent for it, and a partitioned one is not what is held back. "null" is anybody's.
func (a *app) activates(origin string) bool {
	return origin != "null" && a.sameSite() == SameSiteNone && (a.signIn == nil || !a.signIn.cookie.Partitioned) && a.cors.listsOrigin(origin)
}
