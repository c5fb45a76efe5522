// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/oidc/issuer"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

// Metadata is what an issuer says about itself (OpenID Connect Discovery 1.0 §3,
// RFC 8414 §2).
type Metadata struct {
	Issuer      string `json:"issuer"`
	AuthURL     string `json:"authorization_endpoint"`
	TokenURL    string `json:"token_endpoint"`
	JWKSURL     string `json:"jwks_uri"`
	UserInfoURL string `json:"userinfo_endpoint"`
	// EndSessionURL is looked at by who sends a browser there (Issuer.Visits): a provider that has an odd one
	// signs people in all the same.
	EndSessionURL string   `json:"end_session_endpoint"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	NamesItself   bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
}

// Options are what an Issuer is made of. All of it must be set, but for what follows
// Timeout.
type Options struct {
	Issuer  string // as its metadata and its tokens spell it
	Client  *Client
	Now     func() time.Time
	Timeout time.Duration // of one attempt to fetch a document
	// SignsIn: its metadata must name the endpoints of the code flow as well.
	SignsIn bool
	// DiscoveryURL is where its metadata is. Empty: below Issuer.
	DiscoveryURL string
	// JWKSURL is where its keys are. Empty: its metadata says so.
	JWKSURL string
	// KeysAtIssuer: its metadata cannot put the keys at another host than its own.
	KeysAtIssuer bool
	// Tracer makes a span of what is fetched without a step of a sign-in that needs it.
	Tracer *span.Tracer
}

// An Issuer is one whose documents are fetched when they are needed. Make one
// with New.
type Issuer struct {
	Options
	metadata document[*Metadata]
	keys     document[*KeySet]
}

const (
	freshMetadata = 24 * time.Hour
	freshKeys     = time.Hour
)

// New returns an Issuer, which was asked nothing yet.
func New(o Options) *Issuer {
	i := &Issuer{Options: o}
	i.metadata = document[*Metadata]{fetch: i.discover, now: o.Now, timeout: o.Timeout, fresh: freshMetadata, tracer: o.Tracer,
		name: "issuer metadata"}
	i.keys = document[*KeySet]{fetch: i.fetchKeys, now: o.Now, timeout: o.Timeout, fresh: freshKeys, tracer: o.Tracer, name: "issuer keys"}
	return i
}

// Metadata returns what the issuer says about itself: the same until it was
// fetched anew.
func (i *Issuer) Metadata(ctx context.Context) (*Metadata, error) { return i.metadata.get(ctx) }

func (i *Issuer) discover(ctx context.Context) (*Metadata, error) {
	const what = "its metadata"
	// §4: a path of the issuer comes first, and ends without a slash.
	address := cmp.Or(i.DiscoveryURL, strings.TrimSuffix(i.Issuer, "/")+"/.well-known/openid-configuration")
	text, _, err := i.Client.Get(ctx, what, address, "")
	if err != nil {
		return nil, err
	}
	m := new(Metadata)
	if err := Decode(what, text, m); err != nil {
		return nil, err
	}
	if m.Issuer != i.Issuer { // §4.3
		return nil, Fail(ErrRejected,
			"its metadata is that of the issuer %q, and it is configured as %q: they must be the same, slashes included", m.Issuer, i.Issuer)
	}
	if err := i.checkEndpoints(m); err != nil {
		return nil, err
	}
	return m, nil
}

const authorization = "authorization_endpoint"

// Visits reports whether browsers may be sent to an address, of which the issuer's own says
// what is proper.
func (i *Issuer) Visits(u *url.URL) bool {
	own, err := url.Parse(i.Issuer)
	if err != nil {
		return false
	}
	return (&guard{scheme: own.Scheme, local: issuer.IsLocal(own.Hostname())}).check(u) == nil
}

// checkEndpoints looks at where metadata sends us.
func (i *Issuer) checkEndpoints(m *Metadata) error {
	for _, endpoint := range []struct {
		name, address string
		optional      bool
	}{
		{authorization, m.AuthURL, !i.SignsIn}, {"token_endpoint", m.TokenURL, !i.SignsIn},
		{"jwks_uri", m.JWKSURL, false}, {"userinfo_endpoint", m.UserInfoURL, true},
	} {
		if endpoint.address == "" && endpoint.optional {
			continue
		}
		allows := i.Client.Allows
		if endpoint.name == authorization { // the browser goes there, which need not reach what we ask
			allows = i.Visits
		}
		u, err := url.Parse(endpoint.address)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !allows(u) {
			return Fail(ErrRejected, "its metadata has no usable %s", endpoint.name)
		}
	}
	if i.KeysAtIssuer && hostOf(m.JWKSURL) != hostOf(i.Issuer) {
		return Fail(ErrRejected, "its metadata puts its keys at another host, %s: if that is right, write their address as jwksURL",
			hostOf(m.JWKSURL))
	}
	return nil
}

// hostOf returns the host and port of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// Authenticates reports whether clients may authenticate at the token endpoint by a
// method, as far as it says.
func (m *Metadata) Authenticates(method string) bool { return slices.Contains(m.AuthMethods, method) }
