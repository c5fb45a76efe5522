// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/public"
)

// maxTokenTime is how long a token for another application is good for.
const maxTokenTime = 5 * time.Minute

// token hands a page of this application a token for another one, whose policy
// says that pages from here may have one. It is for browsers that keep the other
// application's cookie from a page of another site.
func (h *Handler) token(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	// No other origin's page can read the answer, as no Access-Control-* header
	// is ever on it. That none can even ask keeps the log clean.
	if site := x.R.Header.Get("Sec-Fetch-Site"); site != "same-origin" && (site != "" || x.R.Header.Get("X-Requested-With") == "") {
		h.RefuseJSON(x, http.StatusForbidden, "cross-site")
		return
	}
	s := h.Sessions.Session(x)
	if s == nil {
		h.RefuseJSON(x, http.StatusUnauthorized, "no-session")
		return
	}
	if x.Now.Sub(s.SignedInAt) >= h.SessionDuration { // a long session here must not be one elsewhere
		h.RefuseJSON(x, http.StatusUnauthorized, "session-expired")
		return
	}
	if !h.tokens.Allow(s.Provider+"\x00"+s.ID, x.Now) {
		x.W.Header().Set("Retry-After", "10")
		h.RefuseJSON(x, http.StatusTooManyRequests, "too-many-requests")
		return
	}
	host, ok := h.HostOf(x.Query.Get("for"))
	if !ok {
		h.RefuseJSON(x, http.StatusBadRequest, "bad-request")
		return
	}
	audience := x.Table.TokenAudience(host, h.Origin(x.Host), s, x.Now)
	if len(audience) == 0 {
		h.RefuseJSON(x, http.StatusForbidden, "tokens-not-accepted")
		return
	}
	lifetime := min(maxTokenTime, s.ExpiresAt.Sub(x.Now)).Truncate(time.Second)
	token, err := x.Ring.Mint(credential.Claims{Issuer: h.Issuer(), Audience: audience, Host: host, AuthorizedParty: h.Origin(x.Host),
		ID: s.ID, User: s.User, Email: s.Email, Groups: s.Groups, Custom: s.Claims, AMR: s.AMR, Asked: s.Asked, Evaluations: s.Evaluations,
		Provider:   s.Provider,
		SignedInAt: s.SignedInAt, IssuedAt: x.Now, Lifetime: lifetime}, x.Now)
	if err != nil {
		h.Log.Warn("no token can be made", "error", err, "user", s.ID, "provider", s.Provider, "requestID", x.ID)
		h.RefuseJSON(x, http.StatusForbidden, "no-session")
		return
	}
	h.JSON(x, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime / time.Second)})
}
