// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/url"

	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// PostedTo reports whether an address takes forms that no page of ours sends: the callback
// of an identity provider that answers so (public.Posted), and its back channel.
func (h *Handler) PostedTo(host, path string) bool {
	own, ours := h.Ours(path)
	if !ours || host != h.TeamHost() {
		return false
	}
	if name, ok := loggedOutBy(own); ok {
		return h.Providers.Find(name).LogsOut()
	}
	name, ok := calledBack(own)
	return ok && h.Providers.Find(name).Posts()
}

// answerParams are what a provider's answer consists of (RFC 6749 §4.1.2, RFC 9207 §2).
var answerParams = []string{"code", "state", "iss", "error", "error_description"}

// takeForm takes the answer of a provider that has the browser post it (OAuth 2.0 Form Post
// Response Mode). The browser's key does not come along, as its cookie is not sent with
// what another site posts: so the answer goes on to the same address by a GET, with
// which it is, and by which it is judged. What anybody else posts here does no more
// than a link to that address would.
func (h *Handler) takeForm(x *public.Exchange, name string) {
	if !h.ReadForm(x) {
		return
	}
	answer := url.Values{}
	for _, param := range answerParams {
		switch values := x.R.PostForm[param]; {
		case len(values) > 1:
			h.Fail(x, web.DamagedForm)
			return
		case len(values) == 1:
			answer[param] = values
		}
	}
	// Neither what comes before it nor what comes after it is told the address.
	x.W.Header().Set("Referrer-Policy", "no-referrer")
	h.Redirect(x, h.Own(h.TeamHost(), "idp/"+name+"/callback", answer))
}
