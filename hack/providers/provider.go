// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/hack/oidcprovider"
)

const (
	callback     = "https://auth.example.com/.access/idp/real/callback"
	clientID     = "ostiary"
	clientSecret = "a secret &+% of the client" //nolint:gosec // of the tests
	password     = "correct horse"
)

// A provider is one that runs, with ann.
type provider struct {
	config idp.Config // but for what all have
	user   string     // what ann types
	email  string     // of ann, verified
	name   string     // of ann, for people
	groups []string   // of ann
	// remembersNobody: it asks at every sign-in. noPassword: a name is enough. posts: it can
	// answer by a form.
	remembersNobody, noPassword, posts bool

	stop func()
}

// skipped is why a provider cannot be had here.
type skipped string

func (s skipped) Error() string { return string(s) }

func isSkipped(err error) bool { return errors.As(err, new(skipped)) }

// A starter starts a provider; dir is its own.
type starter func(ctx context.Context, dir string) (*provider, error)

func starters() map[string]starter {
	return map[string]starter{"oidc-provider": startNode, "Dex": startDex, "Keycloak": startKeycloak}
}

// startNode starts npm's oidc-provider.
func startNode(ctx context.Context, _ string) (*provider, error) {
	s, err := oidcprovider.Start(ctx, oidcprovider.Options{
		Clients: []oidcprovider.Client{{"client_id": clientID, "client_secret": clientSecret, "redirect_uris": []string{callback}}},
		Accounts: map[string]oidcprovider.Account{"ann": {"email": "ann@example.com", "email_verified": true, "name": "Ann",
			"groups": []string{"staff", "ops"}}},
	})
	if err != nil {
		return nil, fmt.Errorf("oidc-provider: %w", err)
	}
	return &provider{config: idp.Config{Issuer: s.Issuer}, user: "ann", email: "ann@example.com", name: "Ann",
		groups: []string{"staff", "ops"}, noPassword: true, posts: true, stop: func() { _ = s.Close() }}, nil
}

// answerOf is what a provider's answer says, with what was sent along.
func answerOf(answer url.Values, s idp.Start) idp.Callback {
	return idp.Callback{Code: answer.Get("code"), Issuer: answer.Get("iss"), Nonce: s.Nonce, Verifier: s.Verifier, RedirectURI: callback,
		Reauthenticate: s.Reauthenticate}
}
