// SPDX-License-Identifier: Apache-2.0

package login

import (
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// startOver is Fail with a way back to an application, if there is one.
func (h *Handler) startOver(x *public.Exchange, host, label string, n web.Notice) {
	p := n.Page(host)
	switch {
	case x.Dest != "":
		p.Action, p.URL = label, x.Dest
	case x.Table.Claims(host):
		p.Action, p.URL = label, h.Origin(host)+"/"
	}
	h.Show(x, n.Status, p)
}

// tooMany refuses a sign-in for a host for now.
func (h *Handler) tooMany(x *public.Exchange, host string) {
	x.W.Header().Set("Retry-After", "30")
	h.startOver(x, host, web.TryAgain, web.TooManyRequests)
}
