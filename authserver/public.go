// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/resource"
)

// Public returns the handler of the public listener: the team host, and our
// path prefix on the hosts of applications. The internet reaches it.
func (s *Server) Public() http.Handler {
	return s.guard(s.public(func(w http.ResponseWriter, r *http.Request, id string) bool {
		return s.serveKeySet(w, r) || s.site.SignsIn && s.site.Serve(w, r, id, s.login, s.console, s.oauth, resource.Handler{Site: s.site})
	}))
}

func (s *Server) public(serve func(w http.ResponseWriter, r *http.Request, id string) bool) http.Handler {
	return s.site.Handler(requestID, serve)
}

// requestID is the proxy's, or one of ours where it gave none that can be used.
func requestID(r *http.Request) string {
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && dialect.IsRequestID(ids[0]) {
		return ids[0]
	}
	return newRequestID()
}

// serveKeySet publishes the keys at their addresses, on every host: exact ones,
// as what a proxy might clean or decode is not one of them.
func (s *Server) serveKeySet(w http.ResponseWriter, r *http.Request) bool {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if path != "/.well-known/jwks.json" && path != s.PathPrefix+"/certs" {
		return false
	}
	keys := s.KeySet()
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case keys == nil || !s.Ready(): // an empty set would be kept, and every token refused
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300") // far less than a new key's lead
		_, _ = w.Write(keys)                                   // the client has gone; nothing is left to tell it
	}
	return true
}
