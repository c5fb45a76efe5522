// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"net/http"

	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// home is the team host's front page.
func (h *Handler) home(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	s, _ := h.Sessions.TeamSubject(x)
	v := web.LauncherView{Host: x.Host}
	if s != nil {
		v.SignedInAs = cmp.Or(s.Email, s.Name())
		v.SignOutURL = h.Own(h.TeamHost(), "logout", nil)
	}
	h.Page(x, http.StatusOK, "team host", web.Launcher(v))
}
