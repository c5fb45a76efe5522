// SPDX-License-Identifier: Apache-2.0

package public

import (
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/oidc/issuer"
)

// transportSecurity has browsers reach the team host by TLS alone for a year (RFC 6797). It names no
// subdomains: they may be other people's, and what serves them plainly would be gone.
const transportSecurity = "max-age=31536000"

// teamHeader sets what is on every answer of the team host (decision 52). On the hosts of applications
// these are the application's to set: what we said there would bind all of it.
func (s *Site) teamHeader(h http.Header, r *http.Request) {
	host := s.TeamHost()
	if CanonicalHost(r.Host) != host {
		return
	}
	// All that a developer serves at localhost would be bound, on every port (§8.3).
	if s.TeamURL.Scheme == "https" && !issuer.IsLocal(host) {
		h.Set("Strict-Transport-Security", transportSecurity)
	}
	if path, _, _ := strings.Cut(r.RequestURI, "?"); !s.isStep(path) {
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
}

// isStep reports whether a path of the team host is a step of a sign-in: accessFetch of a page elsewhere
// opens those in a window, and waits for it to come back or to be closed.
func (s *Site) isStep(path string) bool {
	own, ours := s.Ours(path)
	return ours && (own == "login" || strings.HasPrefix(own, "login/") || strings.HasPrefix(own, "idp/"))
}
