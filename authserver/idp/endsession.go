// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"net/url"

	"github.com/ostiary/ostiary/authserver/oidc"
)

// A Goodbye is what the browser takes to the provider to end its session there.
type Goodbye struct {
	State, RedirectURI string
	Email              string // whose session it is, for a person to recognize; may be empty
}

// EndSessionURL returns the address at the provider to send the browser to after a sign-out
// (OpenID Connect RP-Initiated Logout 1.0 §2). Empty: it is not to be sent there.
func (p *Provider) EndSessionURL(ctx context.Context, g Goodbye) (string, error) {
	if o, ok := p.site.(*openID); ok && p.config.EndSession {
		return o.endSessionURL(ctx, g)
	}
	return "", nil
}

// endSessionURL has no id_token_hint, as ID tokens are not kept. The provider may ask the person instead.
func (o *openID) endSessionURL(ctx context.Context, g Goodbye) (string, error) {
	const what = "end_session_endpoint"
	address := o.config.EndSessionURL
	if address == "" {
		m, err := o.issuer.Metadata(ctx)
		if err != nil {
			return "", err
		}
		address = m.EndSessionURL
	}
	if address == "" {
		return "", oidc.Fail(ErrRejected, "its metadata has no %s: write endSessionURL", what)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !o.issuer.Visits(u) {
		return "", oidc.Fail(ErrRejected, "its metadata has no usable %s", what)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", oidc.Fail(ErrRejected, "its metadata has no usable %s", what)
	}
	for _, param := range []struct{ name, value string }{
		{"client_id", o.config.ClientID}, {"post_logout_redirect_uri", g.RedirectURI}, {"state", g.State}, {"logout_hint", g.Email},
	} {
		if q.Del(param.name); param.value != "" {
			q.Set(param.name, param.value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
