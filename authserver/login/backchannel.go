// SPDX-License-Identifier: Apache-2.0

package login

import (
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// loggedOutBy returns which identity provider says at a path of ours that sessions are over.
func loggedOutBy(own string) (provider string, ok bool) {
	rest, ok := strings.CutPrefix(own, "idp/")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "/backchannel-logout")
}

// backchannel takes the provider's word that somebody's sessions are over (OpenID Connect Back-Channel
// Logout 1.0): it voids all that they have, at every replica, as a sign-out everywhere does. Nothing of the
// browser counts here. Strangers reach this: their sizes and rates are bounded before anything is verified.
func (h *Handler) backchannel(x *public.Exchange, name string) {
	if x.R.Method != http.MethodPost {
		x.W.Header().Set("Allow", "POST")
		h.refuseLogout(x, http.StatusMethodNotAllowed, "invalid_request", "POST only")
		return
	}
	if !h.limits.logout(name, h.Address(x.R), x.Now) {
		x.W.Header().Set("Retry-After", "10")
		h.refuseLogout(x, http.StatusTooManyRequests, "temporarily_unavailable", "too many requests")
		return
	}
	token, ok := logoutToken(x)
	if !ok {
		h.refuseLogout(x, http.StatusBadRequest, "invalid_request", "one logout_token in a form is expected")
		return
	}
	p := h.Providers.Find(name)
	if !p.LogsOut() { // by now
		h.refuseLogout(x, http.StatusBadRequest, "invalid_request", "there is no such identity provider")
		return
	}
	word, err := p.VerifyLogout(x.R.Context(), token)
	if err != nil {
		h.Log.Warn("a logout token was refused", "error", err, "provider", name, "requestID", x.ID)
		h.refuseLogout(x, http.StatusBadRequest, "invalid_request", "the logout token cannot be accepted")
		return
	}
	if h.Revoke == nil {
		h.refuseLogout(x, http.StatusBadRequest, "server_error", "sessions cannot be ended here")
		return
	}
	if !h.words.Use(name + "\x00" + word.Token) { // it was taken: what it says is in force
		h.refuseLogout(x, http.StatusBadRequest, "invalid_request", "the logout token was used")
		return
	}
	h.takeWord(x, name, word.Token, word.ID, word.Until)
}

// takeWord voids what a user has until then.
func (h *Handler) takeWord(x *public.Exchange, provider, token, user string, until time.Time) {
	before := until.Truncate(time.Second).Add(time.Second) // sign-ins have whole seconds
	if err := h.Revoke(x.R.Context(), policy.Revocation{Provider: provider, User: user, Before: before}); err != nil {
		h.words.Forget(provider + "\x00" + token) // so that the provider can send it again
		h.SignIns.Revoked("failed")
		h.Log.Error("a sign-out at the identity provider was not taken over", "error", err, "user", user, "provider", provider, "requestID", x.ID)
		h.refuseLogout(x, http.StatusBadRequest, "server_error", "the sessions were not ended: send it again")
		return
	}
	h.SignIns.Revoked("done")
	h.tell(x, slog.LevelInfo, "signed out by the identity provider", slog.String("user", user), slog.String("provider", provider))
	x.W.WriteHeader(http.StatusOK)
}

// logoutToken is the one parameter of the form (§2.5), in its body alone.
func logoutToken(x *public.Exchange) (string, bool) {
	if kind, _, err := mime.ParseMediaType(x.R.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return "", false
	}
	x.R.Body = http.MaxBytesReader(x.W, x.R.Body, public.MaxForm)
	if err := x.R.ParseForm(); err != nil {
		return "", false
	}
	tokens := x.R.PostForm["logout_token"]
	return strings.Join(tokens, ""), len(tokens) == 1
}

// refuseLogout answers a provider (§2.8).
func (h *Handler) refuseLogout(x *public.Exchange, status int, code, words string) {
	h.JSON(x, status, map[string]string{"error": code, "error_description": words})
}
