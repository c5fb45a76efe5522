// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// metadata is what a provider says about itself (OpenID Connect Discovery 1.0 §3,
// RFC 8414 §2).
type metadata struct {
	Issuer      string   `json:"issuer"`
	AuthURL     string   `json:"authorization_endpoint"`
	TokenURL    string   `json:"token_endpoint"`
	JWKSURL     string   `json:"jwks_uri"`
	UserInfoURL string   `json:"userinfo_endpoint"` // may be missing
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	NamesItself bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3

	oauth2 *oauth2.Config // it remembers how the client authenticates
}

func (o *openID) discover(ctx context.Context) (metadata, error) {
	const what = "its metadata"
	var m metadata
	// §4: a path of the issuer comes first, and ends without a slash.
	text, _, err := o.client.get(ctx, what, strings.TrimSuffix(o.issuer, "/")+"/.well-known/openid-configuration", "")
	if err != nil {
		return m, err
	}
	if err := decode(what, text, &m); err != nil {
		return m, err
	}
	if m.Issuer != o.issuer { // §4.3
		return m, fail(ErrRejected, "its metadata is that of the issuer %q, and it is configured as %q: they must be the same, slashes included", m.Issuer, o.issuer)
	}
	for _, endpoint := range []struct{ name, address string }{
		{"authorization_endpoint", m.AuthURL}, {"token_endpoint", m.TokenURL}, {"jwks_uri", m.JWKSURL}, {"userinfo_endpoint", m.UserInfoURL},
	} {
		if endpoint.address == "" && endpoint.name == "userinfo_endpoint" {
			continue
		}
		u, err := url.Parse(endpoint.address)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || o.guard().check(u) != nil {
			return m, fail(ErrRejected, "its metadata has no usable %s", endpoint.name)
		}
	}
	m.oauth2 = &oauth2.Config{ClientID: o.config.ClientID, ClientSecret: o.config.ClientSecret, Scopes: o.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: m.AuthURL, TokenURL: m.TokenURL, AuthStyle: m.authStyle(o.config.ClientSecret)}}
	return m, nil
}

func (o *openID) guard() *guard { return o.client.http.Transport.(*guard) }

// authStyle is how the client's secret travels to the token endpoint. What both
// or none are named for, x/oauth2 finds out: not all clients may do what their
// provider can.
func (m *metadata) authStyle(secret string) oauth2.AuthStyle {
	basic, post := slices.Contains(m.AuthMethods, "client_secret_basic"), slices.Contains(m.AuthMethods, "client_secret_post")
	switch {
	case secret == "", post && !basic:
		return oauth2.AuthStyleInParams
	case basic && !post:
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleAutoDetect
}
