// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/hack/oidcprovider"
)

const (
	callback     = "https://auth.example.com/.access/idp/real/callback"
	farewell     = "https://auth.example.com/.access/signed-out"
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
	// acr: it names the level that it is asked for (acr_values). Where that takes a configuration
	// that is not there, unleveled says which.
	acr       bool
	unleveled string

	// words are the logout tokens that it sends; nil: it says nothing of sign-outs.
	words <-chan string
	stop  func()
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
	address, words, hangUp, err := backChannel()
	if err != nil {
		return nil, err
	}
	s, err := oidcprovider.Start(ctx, oidcprovider.Options{
		Clients: []oidcprovider.Client{{"client_id": clientID, "client_secret": clientSecret, "redirect_uris": []string{callback},
			"post_logout_redirect_uris": []string{farewell}, "backchannel_logout_uri": address}},
		Accounts: map[string]oidcprovider.Account{"ann": {"email": "ann@example.com", "email_verified": true, "name": "Ann",
			"groups": []string{"staff", "ops"}}},
	})
	if err != nil {
		hangUp()
		return nil, fmt.Errorf("oidc-provider: %w", err)
	}
	return &provider{config: idp.Config{Issuer: s.Issuer}, user: "ann", email: "ann@example.com", name: "Ann",
		groups: []string{"staff", "ops"}, noPassword: true, posts: true, acr: true, words: words, stop: func() { _ = s.Close(); hangUp() }}, nil
}

// backChannel is where a provider says that sessions are over, and what it says.
func backChannel() (address string, words <-chan string, hangUp func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, nil, err
	}
	said := make(chan string, 10)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case said <- r.PostFormValue("logout_token"):
		default: // nobody listens
		}
		w.WriteHeader(http.StatusOK)
	})}
	go func() { _ = server.Serve(l) }() // until it is closed
	return "http://" + l.Addr().String() + "/", said, func() { _ = server.Close() }, nil
}

// answerOf is what a provider's answer says, with what was sent along.
func answerOf(answer url.Values, s idp.Start) idp.Callback {
	return idp.Callback{Code: answer.Get("code"), Issuer: answer.Get("iss"), Nonce: s.Nonce, Verifier: s.Verifier, RedirectURI: callback,
		Reauthenticate: s.Reauthenticate}
}
