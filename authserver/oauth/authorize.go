// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// authorize asks a person whether a client may act for them (OAuth 2.1 §4.1.1), and takes
// their answer.
//
// Until the client and its redirect URI are known to belong together, all that is wrong is
// said on a page of ours. And so is what is wrong afterwards, where nobody but the client's
// own document says whose it is: else anybody could have us send people anywhere (RFC 9700
// §4.11.2). Nothing is fetched for whoever is not signed in.
func (h *Handler) authorize(x *public.Exchange) {
	switch x.R.Method {
	case http.MethodPost:
		h.answer(x)
	case http.MethodGet:
		h.ask(x)
	default:
		x.W.Header().Set("Allow", "GET, POST")
		h.Fail(x, web.GetAndPostOnly)
	}
}

func (h *Handler) ask(x *public.Exchange) {
	if _, rawQuery, _ := strings.Cut(x.R.RequestURI, "?"); len(rawQuery) > maxAuthorize {
		h.show(x, refuse("invalid_request", "The request is too long."))
		return
	}
	r, bad := parseRequest(x.Query)
	if bad != nil && (r.Client == "" || r.RedirectURI == "") {
		h.show(x, bad)
		return
	}
	target, agency, ok := h.agencyOf(x, &r)
	if !ok || bad != nil && h.sentAtOnce(x, &agency, &r, bad) {
		return
	}
	e := &login.Errand{Client: r.Client, Target: target, Page: h.page(x), StepUp: firstOf(x.Query.Get("acr_values"))}
	s, why := h.People.TeamSubject(x)
	if s == nil {
		h.People.SignInFor(x, e, why)
		return
	}
	c := h.clientOf(x, &r, &agency, s)
	if c == nil {
		return
	}
	if bad != nil {
		h.send(x, c, &r, bad)
		return
	}
	if as, signIn, ok := h.People.Admits(x, e, s); ok {
		h.showConsent(x, &ballot{c, &r, target, &agency, &as, &signIn})
	}
}

// agencyOf returns what clients can have of the application that a request names, if it names one;
// false: none, and the request is answered.
func (h *Handler) agencyOf(x *public.Exchange, r *request) (policy.Target, policy.Agency, bool) {
	target, ours := targetOf(h.Site, r.Resource)
	agency, open := x.Table.Agency(target)
	if r.Resource != "" && (!ours || !open) {
		h.show(x, refuse("invalid_target", "The resource is no application here that lets clients act for people."))
		return target, agency, false
	}
	return target, agency, true
}

// sentAtOnce tells a client of the operators why not, for which nobody has to be signed in, and
// reports whether it is one.
func (h *Handler) sentAtOnce(x *public.Exchange, a *policy.Agency, r *request, bad *refusal) bool {
	c, _ := answeredFor(a, r.Client)
	if c == nil || !c.Operators || !c.mayReturnTo(r.RedirectURI) {
		return false
	}
	h.send(x, c, r, bad)
	return true
}

// page is the address of the page that asks, with what was asked.
func (h *Handler) page(x *public.Exchange) string {
	q := url.Values{}
	for name, values := range x.Query {
		if name != "done" && name != "stepped" && name != "attempt" && name != "idp" && name != "again" {
			q[name] = values
		}
	}
	return h.Own(h.TeamHost(), authorizePath, q)
}

// clientOf returns the client of a request whose redirect URI is its own. nil: it is not, and
// the request is answered.
func (h *Handler) clientOf(x *public.Exchange, r *request, a *policy.Agency, s *policy.Subject) *Client {
	c, bad := h.find(x, r.Client, a, s)
	if bad == nil && !c.mayReturnTo(r.RedirectURI) {
		bad = refuse("invalid_request", "The redirect_uri is none of this client's.")
	}
	if bad != nil {
		h.show(x, bad)
		return nil
	}
	return c
}

// find returns a client by its id: one that an operator or a team answers for, or one that says
// itself who it is.
func (h *Handler) find(x *public.Exchange, id string, a *policy.Agency, s *policy.Subject) (*Client, *refusal) {
	if c, bad := answeredFor(a, id); c != nil || bad != nil {
		return c, bad
	}
	if !isDocument(id) {
		return nil, refuse("invalid_client", "No client of this client_id is registered for this application.")
	}
	if !h.fetches.Allow(s.Provider+"\x00"+s.ID, x.Now) {
		return nil, refuse("temporarily_unavailable", "Too many requests. Try again in a minute.")
	}
	c, err := h.documents.client(x.R.Context(), id)
	if err != nil {
		h.Log.LogAttrs(x.R.Context(), slog.LevelInfo, "a client's metadata document was not taken",
			slog.String("client", policy.Cut(id, maxClientID)), slog.Any("error", err), slog.String("requestID", x.ID))
		return nil, refuse("invalid_client", "The client’s metadata document was not taken: "+err.Error()+".")
	}
	return c, nil
}

// answeredFor returns the client of an id that somebody here answers for; neither: nobody does.
func answeredFor(a *policy.Agency, id string) (*Client, *refusal) {
	c, ok := a.Client(id)
	switch {
	case !ok:
		return nil, nil
	case c.Unusable:
		return nil, refuse("invalid_client", "The client is registered twice, or with a mistake. Its OAuthClient says what is wrong.")
	}
	return &Client{ID: c.ID, Name: c.Name, RedirectURIs: c.RedirectURIs, Registered: true, Operators: c.Operators}, nil
}

// send tells a client why not: by sending the person there, if it is the operators' or a program
// on their own machine that a team names, and else by a page with a link. Whoever may write a
// policy for some application is not let send people anywhere from the team host.
func (h *Handler) send(x *public.Exchange, c *Client, r *request, bad *refusal) {
	to := h.back(r, url.Values{"error": {bad.Code}, "error_description": {bad.Description}})
	u, err := url.Parse(to)
	if err == nil && (c.Operators || c.Registered && u.Scheme == "http" && policy.IsOwnMachine(u.Hostname())) {
		h.Redirect(x, to)
		return
	}
	n := web.AgentRefused(bad.Code, bad.Description)
	p := n.Page(x.Host)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		p.Action, p.URL = web.BackToAgent, to
	}
	h.Show(x, n.Status, p)
}

// back is where a client hears what came of its request. All answers say whose they are
// (RFC 9207), so that a client is not confused about whom it asked.
func (h *Handler) back(r *request, q url.Values) string {
	q.Set("iss", h.Issuer())
	if r.State != "" {
		q.Set("state", r.State)
	}
	if strings.Contains(r.RedirectURI, "?") {
		return r.RedirectURI + "&" + q.Encode()
	}
	return r.RedirectURI + "?" + q.Encode()
}
