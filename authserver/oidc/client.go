// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/oidc/issuer"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

const (
	maxBody      = 1_000_000 // of every answer, after decompression, unless told otherwise
	maxRedirects = 3
)

// A Client asks one issuer, and nobody that the issuer must not send us to.
type Client struct {
	http      *http.Client
	transport *http.Transport
	guard     *guard
}

// NewClient returns a Client for the issuer at an address. Roots are the certificate authorities that
// it trusts, nil the system's; timeout bounds each request.
func NewClient(address *url.URL, roots *x509.CertPool, timeout time.Duration) *Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	t := &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if issuer.IsLocal(r.URL.Hostname()) {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			// Not every resolver knows RFC 6761 §6.3.
			if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, ".localhost") {
				addr = net.JoinHostPort("localhost", port)
			}
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        time.Minute,
		MaxIdleConnsPerHost:    4,
		MaxConnsPerHost:        64,
		ForceAttemptHTTP2:      true,
	}
	g := &guard{next: t, scheme: address.Scheme, local: issuer.IsLocal(address.Hostname()), most: maxBody}
	return &Client{transport: t, guard: g, http: &http.Client{Transport: span.Transport(g), CheckRedirect: checkRedirect, Timeout: timeout}}
}

// HTTP is for libraries that talk to the issuer themselves.
func (c *Client) HTTP() *http.Client { return c.http }

// RefuseRedirects has it follow none: it asks at the addresses that it is given alone.
func (c *Client) RefuseRedirects() {
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error {
		return Fail(ErrRejected, "it sends us elsewhere, and redirects are not followed")
	}
}

// Limit has it take no answer that is longer, after decompression. Default: 1 MB.
func (c *Client) Limit(bytes int64) { c.guard.most = bytes }

// Allows reports whether the issuer may send us to an address.
func (c *Client) Allows(u *url.URL) bool { return c.guard.check(u) == nil }

// Close lets go of connections that are not in use.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// checkRedirect follows a few, and none with what a form held: the code, and the
// client's secret.
func checkRedirect(r *http.Request, via []*http.Request) error {
	switch {
	case via[0].Method != http.MethodGet || r.Method != http.MethodGet:
		return Fail(ErrRejected, "the token endpoint sends us elsewhere")
	case len(via) > maxRedirects:
		return Fail(ErrRejected, "more than %d redirects", maxRedirects)
	}
	return nil
}

// A guard stands before every request to an issuer, those after a redirect and
// those to an address that its metadata names included.
type guard struct {
	next   http.RoundTripper
	scheme string
	local  bool  // the issuer is on this machine
	most   int64 // bytes of an answer
}

// RoundTrip refuses requests to where they must not go, and answers that are
// too long. It returns once it has all of the answer, as x/oauth2 hides why it
// could not read on.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.check(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // http.RoundTripper asks for it; it is in memory
		}
		return nil, err
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read, or refused
	if resp.ContentLength > g.most {
		return nil, g.tooLong()
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, g.most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > g.most:
		return nil, g.tooLong()
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (g *guard) check(u *url.URL) error {
	switch host := u.Hostname(); {
	case u.Scheme != g.scheme:
		return Fail(ErrRejected, "it sends us from %s to an address of another scheme", g.scheme)
	case host == "" || issuer.IsOddNumber(host):
		return Fail(ErrRejected, "it sends us to an address without a proper host")
	case issuer.IsLocal(host) && !g.local:
		return Fail(ErrRejected, "it sends us to an address on our own machine")
	}
	return nil
}

func (g *guard) tooLong() error {
	return Fail(ErrUnavailable, "its answer is longer than %d bytes", g.most)
}

// Get fetches what is there at the address, which has to say 200.
func (c *Client) Get(ctx context.Context, what, address, accessToken string) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, Fail(ErrRejected, "%s has no proper address", what)
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json") // the latter is all that a Kubernetes API server gives its keys as
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, nil, AsFailure(what, err)
	}
	defer func() { _ = resp.Body.Close() }() // read, or given up
	if resp.StatusCode != http.StatusOK {
		if isLimited(resp) {
			return nil, nil, Fail(ErrUnavailable, "%s answers with status %d: too many requests", what, resp.StatusCode)
		}
		return nil, nil, Fail(KindOf(resp.StatusCode), "%s answers with status %d", what, resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, AsFailure(what, err)
	}
	return body, resp.Header, nil
}

// isLimited reports whether a refusal is for now alone. GitHub says 403 to who asks too much, with one of
// two headers ("Rate limits for the REST API"): nothing is wrong with the token then.
func isLimited(resp *http.Response) bool {
	return resp.StatusCode == http.StatusForbidden && (resp.Header.Get("X-RateLimit-Remaining") == "0" || resp.Header.Get("Retry-After") != "")
}

// KindOf tells a refusal from a provider that cannot answer right now.
func KindOf(status int) error {
	switch status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusNotFound:
		return ErrUnavailable
	}
	if status >= 400 && status < 500 {
		return ErrRejected
	}
	return ErrUnavailable
}

// Decode reads JSON of an issuer.
func Decode(what string, data []byte, into any) error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(data, into)
	switch {
	case errors.As(err, &syntax):
		return Fail(ErrRejected, "%s is no JSON, at byte %d", what, syntax.Offset)
	case err != nil:
		return Fail(ErrRejected, "%s is not of the right form", what)
	}
	return nil
}
