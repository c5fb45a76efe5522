// SPDX-License-Identifier: Apache-2.0

package login

import (
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/public"
)

// outOfFrame takes a sign-in in a frame back to the application, if it needs a page of ours or of
// a provider from here on: nobody may frame those. What the application's address shows then may
// be framed, and opens a tab (dialect.Pages).
func (h *Handler) outOfFrame(x *public.Exchange, a *attempt) bool {
	if a.Script || a.Dest == "" || !dialect.Frames(x.R.Header.Get("Sec-Fetch-Dest")) {
		return false
	}
	h.Redirect(x, string(a.Dest))
	return true
}
