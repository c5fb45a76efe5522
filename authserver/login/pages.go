// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"

	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// startOver is fail with a way back to an application, if there is one.
func (h *Handler) startOver(x *public.Exchange, host, reason, title, message string) {
	p := web.Page{Title: title, Message: message, Host: host, Reason: reason}
	switch {
	case x.Dest != "":
		p.Action, p.URL = "Start again", x.Dest
	case x.Table.Claims(host):
		p.Action, p.URL = "Start again", h.Origin(host)+"/"
	}
	h.Show(x, http.StatusBadRequest, p)
}

func (h *Handler) tooMany(x *public.Exchange) {
	x.W.Header().Set("Retry-After", "30")
	h.Fail(x, http.StatusTooManyRequests, "too-many-requests", "Too many tries", "Wait half a minute, then try again.")
}
