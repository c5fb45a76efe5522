// SPDX-License-Identifier: Apache-2.0

package idp

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
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	maxBody      = 1_000_000 // of every answer, after decompression
	maxRedirects = 3
)

// A client asks one provider, and nobody that the provider must not send us to.
type client struct {
	http      *http.Client
	transport *http.Transport
}

func newClient(issuer *url.URL, roots *x509.CertPool, timeout time.Duration) *client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	t := &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if isLocal(r.URL.Hostname()) {
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
	g := &guard{next: t, scheme: issuer.Scheme, local: isLocal(issuer.Hostname())}
	return &client{transport: t, http: &http.Client{Transport: g, CheckRedirect: checkRedirect, Timeout: timeout}}
}

// checkRedirect follows a few, and none with what a form held: the code, and the
// client's secret.
func checkRedirect(r *http.Request, via []*http.Request) error {
	switch {
	case via[0].Method != http.MethodGet || r.Method != http.MethodGet:
		return fail(ErrRejected, "the token endpoint sends us elsewhere")
	case len(via) > maxRedirects:
		return fail(ErrRejected, "more than %d redirects", maxRedirects)
	}
	return nil
}

// A guard stands before every request to a provider, those after a redirect and
// those to an address that its metadata names included.
type guard struct {
	next   http.RoundTripper
	scheme string
	local  bool // the issuer is on this machine
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
	if resp.ContentLength > maxBody {
		return nil, errTooLong
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxBody:
		return nil, errTooLong
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (g *guard) check(u *url.URL) error {
	switch host := u.Hostname(); {
	case u.Scheme != g.scheme:
		return fail(ErrRejected, "it sends us from %s to an address of another scheme", g.scheme)
	case host == "" || oddNumber(host):
		return fail(ErrRejected, "it sends us to an address without a proper host")
	case isLocal(host) && !g.local:
		return fail(ErrRejected, "it sends us to an address on our own machine")
	}
	return nil
}

// isLocal reports whether a host is this machine by its name (RFC 6761 §6.3) or
// number. A public name that resolves to 127.0.0.1 is not: it has to prove by a
// certificate whose it is.
func isLocal(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.Unmap().IsLoopback() || a.Unmap().IsUnspecified())
}

// oddNumber reports whether a host is a number to some resolvers only, such as
// 127.1 or 0x7f000001 (URL standard, "ends in a number").
func oddNumber(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"))
}

var errTooLong = fail(ErrUnavailable, "its answer is longer than %d bytes", maxBody)

// get fetches what is there at the address, which has to say 200.
func (c *client) get(ctx context.Context, what, address, accessToken string) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, fail(ErrRejected, "%s has no proper address", what)
	}
	r.Header.Set("Accept", "application/json")
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, nil, asFailure(what, err)
	}
	defer func() { _ = resp.Body.Close() }() // read, or given up
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fail(kindOf(resp.StatusCode), "%s answers with status %d", what, resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, asFailure(what, err)
	}
	return body, resp.Header, nil
}

// kindOf tells a refusal from a provider that cannot answer right now.
func kindOf(status int) error {
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout && status != http.StatusNotFound {
		return ErrRejected
	}
	return ErrUnavailable
}

// decode reads JSON of a provider.
func decode(what string, data []byte, into any) error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(data, into)
	switch {
	case errors.As(err, &syntax):
		return fail(ErrRejected, "%s is no JSON, at byte %d", what, syntax.Offset)
	case err != nil:
		return fail(ErrRejected, "%s is not of the right form", what)
	}
	return nil
}
