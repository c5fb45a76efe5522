// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/authserver/oidc"
)

// StepsUp reports whether the provider can be asked for an authentication method, and whether it
// has to ask for the credentials then. One that is not there cannot.
func (p *Provider) StepsUp(method string) (can, anew bool) {
	if p == nil || !p.usable {
		return false, false
	}
	by := p.config.StepUpBy(method)
	return by != nil, by != nil && by.Login
}

// stepUpParams ask for an authentication method (OpenID Connect Core 1.0 §3.1.2.1). They come
// after authParams, which may hold acr_values of every sign-in.
func (o *openID) stepUpParams(s Start) (out []oauth2.AuthCodeOption) {
	by := o.config.StepUpBy(s.StepUp)
	if by == nil {
		return nil
	}
	if len(by.ACRValues) > 0 {
		out = append(out, oauth2.SetAuthURLParam("acr_values", strings.Join(by.ACRValues, " ")))
	}
	if by.MaxAge > 0 && !s.Reauthenticate {
		out = append(out, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(by.MaxAge/time.Second))))
	}
	return out
}

// checkAge checks how long ago somebody signed in at the provider who was to have done so lately.
// The browser carried what the provider was asked, so nothing but its word counts.
func checkAge(id claims, started time.Time, age time.Duration) error {
	at, ok := id.time("auth_time")
	switch {
	case !ok || started.IsZero():
		return oidc.Fail(ErrRejected, "it does not say when it last asked for the credentials (auth_time), which max_age asks for")
	case at.Before(started.Add(-age - skew)):
		return oidc.Fail(ErrRejected, "it last asked for the credentials at %s, which is longer ago than max_age lets it be",
			at.UTC().Format(time.RFC3339))
	}
	return nil
}

// proven adds the methods that an ID token's acr stands for.
func (m *mapping) proven(amr []string, id claims) []string {
	acr, _ := id["acr"].(string)
	for _, s := range m.stepUp {
		if acr != "" && slices.Contains(s.ACRValues, acr) && !slices.Contains(amr, s.Method) {
			amr = append(amr, s.Method)
		}
	}
	return amr
}
