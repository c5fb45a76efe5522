// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/clientjs"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
)

// maxTokenTime is how long a token for another application is good for.
const maxTokenTime = 5 * time.Minute

// An identity is what get-identity says, in the words of Cloudflare Access where
// it has them.
type identity struct {
	Email    string   `json:"email"`
	ID       string   `json:"user_uuid"`
	Subject  string   `json:"sub"`
	Groups   []string `json:"groups"`
	AMR      []string `json:"amr,omitempty"`
	Provider struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"idp"`
	IssuedAt  int64 `json:"iat"`
	SignedIn  int64 `json:"auth_time"`
	ExpiresAt int64 `json:"exp"`
}

// getIdentity tells a page of the application who is signed in.
func (h *Handler) getIdentity(x *exchange) {
	if !h.get(x) {
		return
	}
	h.tell(x, h.session(x))
}

// identityOf is get-identity at the team host, where Cloudflare's own library
// asks, with an application's token as its cookie: who does that holds the token.
func (h *Handler) identityOf(x *exchange) {
	if !h.get(x) {
		return
	}
	token := x.cookie("CF_Authorization")
	if token == "" {
		token = x.cookie(credential.CookieName)
	}
	s := h.Subject(policy.Place{}, "", "Bearer "+token, x.now).Subject
	if s != nil && (s.AuthorizedParty != "" || x.table.Session(s.Host, s, x.now, h.SessionDuration) != policy.NoReason) {
		s = nil
	}
	h.tell(x, s)
}

func (h *Handler) tell(x *exchange, s *policy.Subject) {
	if s == nil {
		h.refuseJSON(x, http.StatusUnauthorized, "no-session")
		return
	}
	who := identity{Email: s.Email, ID: s.Name(), Subject: s.Name(), Groups: s.Groups, AMR: s.AMR,
		IssuedAt: s.IssuedAt.Unix(), SignedIn: s.SignedInAt.Unix(), ExpiresAt: s.ExpiresAt.Unix()}
	if who.Groups == nil {
		who.Groups = []string{}
	}
	who.Provider.ID = s.Provider
	if p := h.Providers.Find(s.Provider); p != nil {
		who.Provider.Type = p.Type()
	}
	h.json(x, http.StatusOK, who)
}

// token hands a page of this application a token for another one, whose policy
// says that pages from here may have one. It is for browsers that keep the other
// application's cookie from a page of another site.
func (h *Handler) token(x *exchange) {
	if !h.get(x) {
		return
	}
	// No other origin's page can read the answer, as no Access-Control-* header
	// is ever on it. That none can even ask keeps the log clean.
	if site := x.r.Header.Get("Sec-Fetch-Site"); site != "same-origin" && (site != "" || x.r.Header.Get("X-Requested-With") == "") {
		h.refuseJSON(x, http.StatusForbidden, "cross-site")
		return
	}
	s := h.session(x)
	if s == nil {
		h.refuseJSON(x, http.StatusUnauthorized, "no-session")
		return
	}
	if x.now.Sub(s.SignedInAt) >= h.SessionDuration { // a long session here must not be one elsewhere
		h.refuseJSON(x, http.StatusUnauthorized, "session-expired")
		return
	}
	if !h.limits.token(s.Provider+"\x00"+s.ID, x.now) {
		x.w.Header().Set("Retry-After", "10")
		h.refuseJSON(x, http.StatusTooManyRequests, "too-many-requests")
		return
	}
	host, ok := h.hostOf(x.query.Get("for"))
	if !ok {
		h.refuseJSON(x, http.StatusBadRequest, "bad-request")
		return
	}
	audience := x.table.TokenAudience(host, h.origin(x.host), s, x.now)
	if len(audience) == 0 {
		h.refuseJSON(x, http.StatusForbidden, "tokens-not-accepted")
		return
	}
	lifetime := min(maxTokenTime, s.ExpiresAt.Sub(x.now)).Truncate(time.Second)
	token, err := x.ring.Mint(credential.Claims{Issuer: h.issuer(), Audience: audience, ID: s.ID, User: s.User, Email: s.Email, Groups: s.Groups, AMR: s.AMR,
		Provider: s.Provider, Host: host, Asked: s.Asked, AuthorizedParty: h.origin(x.host), SignedInAt: s.SignedInAt, IssuedAt: x.now, Lifetime: lifetime}, x.now)
	if err != nil {
		h.Log.Warn("no token can be made", "error", err, "user", s.ID, "provider", s.Provider, "requestID", x.id)
		h.refuseJSON(x, http.StatusForbidden, "no-session")
		return
	}
	h.json(x, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime / time.Second)})
}

// hostOf returns the host of an origin of ours: our scheme, our port, no path.
func (h *Handler) hostOf(origin string) (string, bool) {
	rest, ok := strings.CutPrefix(origin, h.TeamURL.Scheme+"://")
	if !ok {
		return "", false
	}
	name, ok := strings.CutSuffix(rest, h.port)
	return name, ok && name != "" && canonicalHost(name) == name
}

func (h *Handler) json(x *exchange, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		h.broken(x, err)
		return
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(text) // the client has gone; nothing is left to tell it
}

// refuseJSON refuses what a script asked for, as the decision endpoints do.
func (h *Handler) refuseJSON(x *exchange, status int, reason string) {
	x.w.Header().Set(contract.ReasonHeader, reason)
	answer := map[string]string{"reason": reason, "request_id": x.id}
	if status == http.StatusUnauthorized && x.host != h.teamHost() {
		answer["login_url"] = h.own(x.host, "login", nil)
	}
	h.json(x, status, answer)
}

func (h *Handler) script(x *exchange) { h.file(x, "text/javascript; charset=utf-8", clientjs.Script()) }

func (h *Handler) scriptTypes(x *exchange) { h.file(x, "text/plain; charset=utf-8", clientjs.Types()) }

// file serves a part of the program. Browsers ask again each time, and are told
// that nothing has changed.
func (h *Handler) file(x *exchange, contentType string, content []byte) {
	if !h.get(x) {
		return
	}
	tag := `"` + digest(string(content)) + `"`
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Cache-Control", "no-cache")
	x.w.Header().Set("ETag", tag)
	if x.r.Header.Get("If-None-Match") == tag {
		x.w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = x.w.Write(content) // the client has gone; nothing is left to tell it
}
