// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// Config is what a Handler is made of. All of it must be set, but for what is said to be
// optional by what nil means.
type Config struct {
	*public.Site
	// People say who is signed in, and whom an application admits.
	People People
	// Subject verifies a token, as the decision endpoints do.
	Subject public.Subject
	// Revoke voids what somebody let a client do before a time, on every replica. nil: nothing
	// can be.
	Revoke login.Revoke
}

// People are those who can be signed in at the team host.
type People interface {
	TeamSubject(x *public.Exchange) (*policy.Subject, policy.Reason)
	SignInFor(x *public.Exchange, e *login.Errand, why policy.Reason)
	Admits(x *public.Exchange, e *login.Errand, s *policy.Subject) (as policy.Subject, signIn policy.SignIn, ok bool)
	RememberAgent(x *public.Exchange, s *policy.Subject, a login.AgentAt)
	StillThere(x *public.Exchange, target policy.Target, s *policy.Subject) (as policy.Subject, ok bool)
}

// A Handler answers clients, and asks people whether they let them act. Make one with New.
type Handler struct {
	Config
	documents *fetcher
	// fetches are those that one person causes, requests those of one client address.
	fetches, requests *public.Limit
	voids             *public.Limit // of one person, client and application
	codes             public.Spent  // that were used
	turns             turns
}

// New returns a Handler.
func New(c Config) *Handler {
	return &Handler{Config: c, documents: newFetcher(c.Now),
		fetches: public.NewLimit(20, 3*time.Second), requests: public.NewLimit(600, 100*time.Millisecond),
		voids: public.NewLimit(10, voidPause)}
}

// Where clients ask, as public.Site.Own has it.
var authorizePath, tokenPath, revokePath = contract.OAuthAuthorize[1:], contract.OAuthToken[1:], contract.OAuthRevoke[1:]

// Route finds what answers for an address (public.Router).
func (h *Handler) Route(host, path string) func(*public.Exchange) {
	if host != h.TeamHost() {
		return nil
	}
	if path == contract.WellKnownServer {
		return h.readable(h.metadata, http.MethodGet, http.MethodHead)
	}
	switch own, _ := h.Ours(path); own {
	case authorizePath:
		return h.authorize
	case tokenPath:
		return h.readable(h.token, http.MethodPost)
	case revokePath:
		return h.readable(h.revoke, http.MethodPost)
	}
	return nil
}

// PostedTo reports whether pages of other sites, and programs that are no browser, may post to
// an address (public.Posted). What is there looks at no cookie: who posts knows a secret.
func (h *Handler) PostedTo(host, path string) bool {
	own, _ := h.Ours(path)
	return host == h.TeamHost() && (own == tokenPath || own == revokePath)
}

// readable lets every page read an answer, as clients may be pages (RFC 8414 §3.1, OAuth 2.1
// §4.3). None of the answers depends on a cookie, and none is for a cookie to be sent with.
func (h *Handler) readable(serve func(*public.Exchange), methods ...string) func(*public.Exchange) {
	return func(x *public.Exchange) {
		header := x.W.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
		for _, m := range methods {
			if x.R.Method == m {
				serve(x)
				return
			}
		}
		allow := methods[0]
		if x.R.Method == http.MethodOptions {
			header.Set("Access-Control-Allow-Methods", allow)
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, MCP-Protocol-Version")
			header.Set("Access-Control-Max-Age", "600")
			x.W.WriteHeader(http.StatusNoContent)
			return
		}
		header.Set("Allow", allow+", OPTIONS")
		h.refuseJSON(x, http.StatusMethodNotAllowed, refuse("invalid_request", "Use "+allow+"."))
	}
}

// metadata says what this authorization server can do (RFC 8414).
func (h *Handler) metadata(x *public.Exchange) {
	x.W.Header().Set("Cache-Control", "public, max-age=300")
	h.JSON(x, http.StatusOK, map[string]any{
		"issuer":                                         h.Issuer(),
		"authorization_endpoint":                         h.Own(h.TeamHost(), authorizePath, nil),
		"token_endpoint":                                 h.Own(h.TeamHost(), tokenPath, nil),
		"revocation_endpoint":                            h.Own(h.TeamHost(), revokePath, nil),
		"jwks_uri":                                       h.Origin(h.TeamHost()) + "/.well-known/jwks.json",
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"none"},
		"revocation_endpoint_auth_methods_supported":     []string{"none"},
		"authorization_response_iss_parameter_supported": true,
		"client_id_metadata_document_supported":          true,
	})
}

// refuseJSON says to a client why not (RFC 6749 §5.2).
func (h *Handler) refuseJSON(x *public.Exchange, status int, r *refusal) {
	h.JSON(x, status, map[string]string{"error": r.Code, "error_description": r.Description})
}

// show says to a person why not, on a page of ours: nobody is sent anywhere.
func (h *Handler) show(x *public.Exchange, r *refusal) {
	h.Fail(x, web.AgentRefused(r.Code, r.Description))
}
