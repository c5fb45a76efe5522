// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// Refusals of the token endpoint. They say no more than a client has to know.
var (
	badGrant  = refuse("invalid_grant", "It is over, was used, or is for another client. Ask the person again.")
	badClient = refuse("invalid_client", "Clients are public here: send client_id, and no secret.")
	badTarget = refuse("invalid_target", "The resource is another one than the person was asked about, or no client may act there any more.")
)

// form reads the form of a client; nil: it is none, and the request is answered.
func (h *Handler) form(x *public.Exchange, names ...string) map[string]string {
	h.noStore(x)
	if a := h.Address(x.R); a.IsValid() && !h.requests.Allow(public.Network(a), x.Now) {
		x.W.Header().Set("Retry-After", "10")
		h.refuseJSON(x, http.StatusTooManyRequests, refuse("temporarily_unavailable", "Too many requests."))
		return nil
	}
	kind, _, err := mime.ParseMediaType(x.R.Header.Get("Content-Type"))
	x.R.Body = http.MaxBytesReader(x.W, x.R.Body, public.MaxForm)
	if err != nil || kind != "application/x-www-form-urlencoded" || x.R.ParseForm() != nil {
		h.refuseJSON(x, http.StatusBadRequest, refuse("invalid_request", "Send a form."))
		return nil
	}
	// A parameter in the address is none: it would be in logs (RFC 6749 §3.2, §2.3.1).
	form, ok := single(x.R.PostForm, append(names, "client_id", "client_secret", "client_assertion")...)
	switch {
	case !ok:
		h.refuseJSON(x, http.StatusBadRequest, refuse("invalid_request", "A parameter comes twice."))
		return nil
	case x.R.Header.Get("Authorization") != "":
		x.W.Header().Set("WWW-Authenticate", `Basic realm="no client authentication is taken"`)
		h.refuseJSON(x, http.StatusUnauthorized, badClient)
		return nil
	case form["client_id"] == "" || form["client_secret"] != "" || form["client_assertion"] != "":
		h.refuseJSON(x, http.StatusBadRequest, badClient)
		return nil
	}
	return form
}

// noStore keeps an answer out of every cache (RFC 6749 §5.1).
func (h *Handler) noStore(x *public.Exchange) {
	x.W.Header().Set("Cache-Control", "no-store")
	x.W.Header().Set("Pragma", "no-cache")
}

// token gives a client a token for a code, or for a refresh token (OAuth 2.1 §3.2).
func (h *Handler) token(x *public.Exchange) {
	form := h.form(x, "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource")
	if form == nil {
		return
	}
	switch form["grant_type"] {
	case "authorization_code":
		h.exchange(x, form)
	case "refresh_token":
		h.refresh(x, form)
	case "":
		h.refuseJSON(x, http.StatusBadRequest, refuse("invalid_request", "There is no grant_type."))
	default:
		h.refuseJSON(x, http.StatusBadRequest, refuse("unsupported_grant_type", "The grant_type is authorization_code or refresh_token."))
	}
}

// exchange takes a code. One that comes twice was stolen, or a client does not know what became
// of it: what came of the first is void. Only a client that has the verifier gets that far.
func (h *Handler) exchange(x *public.Exchange, form map[string]string) {
	var c code
	switch err := x.Ring.Open(purposeCode, form["code"], &c, x.Now); {
	case err != nil, !same(c.Grant.Client, form["client_id"]), !proves(form["code_verifier"], c.Challenge),
		form["redirect_uri"] != "" && form["redirect_uri"] != c.RedirectURI: // which OAuth 2.1 no longer has sent
		h.refuseJSON(x, http.StatusBadRequest, badGrant)
	case !h.codes.Use(c.Once):
		h.reused(x, &c.Grant, "code")
	default:
		h.issue(x, &c.Grant, 0, form)
	}
}

// refresh takes a refresh token, and gives the next one.
func (h *Handler) refresh(x *public.Exchange, form map[string]string) {
	var t refreshToken
	if x.Ring.Open(purposeRefresh, form["refresh_token"], &t, x.Now) != nil || !same(t.Grant.Client, form["client_id"]) {
		h.refuseJSON(x, http.StatusBadRequest, badGrant)
		return
	}
	if !h.turns.take(t.Grant.ID, t.Turn, x.Now) {
		h.reused(x, &t.Grant, "refresh token")
		return
	}
	h.issue(x, &t.Grant, t.Turn+1, form)
}

// reused voids what came of a grant of which somebody has what was used already.
func (h *Handler) reused(x *public.Exchange, g *grant, what string) {
	h.Log.LogAttrs(x.R.Context(), slog.LevelWarn, "a client's "+what+" was used twice: what it may do for this person is void",
		slog.String("client", g.Client), slog.String("policy", g.Policy), slog.String("user", g.Person.ID), slog.String("provider", g.Provider),
		slog.String("requestID", x.ID))
	if err := h.void(x, g.subject()); err != nil {
		h.Log.LogAttrs(x.R.Context(), slog.LevelError, "what a client may do for somebody could not be voided",
			slog.Any("error", err), slog.String("client", g.Client), slog.String("requestID", x.ID))
	}
	h.refuseJSON(x, http.StatusBadRequest, badGrant)
}

// issue gives out tokens, if what the person let a client do is still possible.
func (h *Handler) issue(x *public.Exchange, g *grant, turn int64, form map[string]string) {
	if asked := form["resource"]; asked != "" && asked != g.Resource {
		h.refuseJSON(x, http.StatusBadRequest, badTarget)
		return
	}
	target, agency, open := h.still(x, g)
	if !open {
		h.refuseJSON(x, http.StatusBadRequest, badTarget)
		return
	}
	end := g.at().Add(agency.RefreshToken)
	as, there := h.People.StillThere(x, target, g.subject())
	if !x.Now.Before(end) || !there || !x.Table.StillAdmits(target, &as, x.Now) {
		h.refuseJSON(x, http.StatusBadRequest, badGrant)
		return
	}
	g.Person = public.PersonOf(&as)
	scope := g.Scope
	if form["scope"] != "" {
		scope = within(form["scope"], strings.Fields(g.Scope))
	}
	life := lifetime(&agency, &as, end, x.Now)
	token, err := x.Ring.Mint(credential.Claims{Issuer: h.Issuer(), Audience: []string{g.Policy}, Host: target.Host(),
		Client: g.Client, GrantedAt: g.at(), Scope: scope, ID: as.ID, User: as.User, Email: as.Email, Groups: as.Groups,
		Custom: as.Claims, AMR: as.AMR, Asked: as.Asked, Evaluations: as.Evaluations, Provider: as.Provider,
		SignedInAt: as.SignedInAt, IssuedAt: as.IssuedAt, Lifetime: x.Now.Add(life).Sub(as.IssuedAt).Truncate(time.Second)}, x.Now)
	next := refreshToken{Grant: *g, Turn: turn}
	var sealed string
	if err == nil {
		sealed, _, err = seal(x, purposeRefresh, &next.Grant, &next, end)
	}
	if err != nil {
		h.Log.LogAttrs(x.R.Context(), slog.LevelWarn, "no token can be made for a client", slog.Any("error", err),
			slog.String("client", g.Client), slog.String("user", g.Person.ID), slog.String("requestID", x.ID))
		h.refuseJSON(x, http.StatusBadRequest, badGrant)
		return
	}
	h.JSON(x, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(life / time.Second),
		"refresh_token": sealed, "scope": scope})
}

// still returns what a grant is for, if that is as it was: the same policy, which lets clients
// act, and somebody answers for this one.
func (h *Handler) still(x *public.Exchange, g *grant) (policy.Target, policy.Agency, bool) {
	target, ours := targetOf(h.Site, g.Resource)
	agency, open := x.Table.Agency(target)
	c, bad := answeredFor(&agency, g.Client)
	known := c != nil || bad == nil && isDocument(g.Client) && !g.Listed
	return target, agency, ours && open && known && agency.Audience == g.Policy
}

// lifetime is how long an access token is good for, in whole seconds.
func lifetime(a *policy.Agency, as *policy.Subject, end, now time.Time) time.Duration {
	most := as.IssuedAt.Add(credential.MaxLifetime).Sub(now)
	return min(a.AccessToken, end.Sub(now), most).Truncate(time.Second)
}

// revoke takes back what a client may do for somebody (RFC 7009), at the client's wish: all that
// this person let it do at that application, as one of its tokens shows that it may say so.
func (h *Handler) revoke(x *public.Exchange) {
	form := h.form(x, "token", "token_type_hint")
	if form == nil {
		return
	}
	s := h.holder(x, form["token"])
	switch {
	case form["token"] == "":
		h.refuseJSON(x, http.StatusBadRequest, refuse("invalid_request", "There is no token."))
		return
	case s == nil: // RFC 7009 §2.2: it is void already
	case !same(s.Client, form["client_id"]):
		h.refuseJSON(x, http.StatusBadRequest, badGrant)
		return
	default:
		if err := h.void(x, s); err != nil {
			h.Log.LogAttrs(x.R.Context(), slog.LevelError, "what a client may do for somebody could not be voided",
				slog.Any("error", err), slog.String("client", s.Client), slog.String("requestID", x.ID))
			x.W.Header().Set("Retry-After", strconv.Itoa(int(voidPause/time.Second)))
			h.refuseJSON(x, http.StatusServiceUnavailable, refuse("temporarily_unavailable", "It could not be revoked. Try again."))
			return
		}
	}
	x.W.WriteHeader(http.StatusOK)
}

// holder is for whom a client has a token; nil: it is none.
func (h *Handler) holder(x *public.Exchange, token string) *policy.Subject {
	var t refreshToken
	if x.Ring.Open(purposeRefresh, token, &t, x.Now) == nil {
		return t.Grant.subject()
	}
	if s := h.Subject(policy.Place{}, "", "Bearer "+token, x.Now).Subject; s != nil && s.Client != "" {
		return s
	}
	return nil
}
