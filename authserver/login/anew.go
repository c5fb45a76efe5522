// SPDX-License-Identifier: Apache-2.0

package login

import (
	"time"

	"github.com/ostiary/ostiary/authserver/public"
)

// anewCookie says that somebody signed out at this browser, so that the provider has to ask
// for the credentials before anybody is signed in here: it still has a session of its own, which
// would sign in whoever comes next without a word. It lets nobody in: who plants it, or leaves it
// out, has a person asked once more, or as often as ever.
const anewCookie = "__Host-ostiary-anew"

// anewTime bounds that, as a provider that cannot ask would else keep people out.
const anewTime = time.Hour

// mustSignInAnew reports whether the provider has to ask for the credentials.
func mustSignInAnew(x *public.Exchange) bool {
	_, err := x.R.Cookie(anewCookie)
	return err == nil
}

// hasSignedInAnew lets the next sign-in be one like any other.
func hasSignedInAnew(x *public.Exchange) {
	if mustSignInAnew(x) {
		x.DropCookie(anewCookie)
	}
}
