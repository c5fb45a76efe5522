// SPDX-License-Identifier: Apache-2.0

package oidcprovider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// A Browser visits a provider for one person: it keeps cookies, and runs no
// scripts.
type Browser struct {
	Asked int // how often it was asked who its user is

	client *http.Client
	stop   string // the redirect to an address that begins so is not followed
}

// NewBrowser makes a browser without cookies.
func NewBrowser() *Browser {
	b := &Browser{}
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it never fails
	}
	b.client = &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), b.stop) || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

// SignIn goes to a provider with an authorization request, fills in its form if
// there is one, and returns the address that the provider sends it back to, which
// it does not visit. As nobody, it presses "Cancel". It cannot become somebody else
// while the provider remembers somebody: that takes a script.
func (b *Browser) SignIn(ctx context.Context, request, user string) (*url.URL, error) {
	at, err := url.Parse(request)
	if err != nil {
		return nil, err
	}
	b.stop = at.Query().Get("redirect_uri")
	if b.stop == "" {
		return nil, errors.New("oidcprovider: the request has no redirect_uri")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, request, nil)
	if err != nil {
		return nil, err
	}
	back, form, err := b.visit(r)
	if back != nil || err != nil {
		return back, err
	}
	b.Asked++
	fields := url.Values{"user": {user}, "do": {"login"}}
	if user == "" {
		fields.Set("do", "cancel")
	}
	r, err = http.NewRequestWithContext(ctx, http.MethodPost, form.String(), strings.NewReader(fields.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	back, _, err = b.visit(r)
	if err == nil && back == nil {
		err = fmt.Errorf("oidcprovider: the provider does not know %q", user)
	}
	return back, err
}

// visit returns where it is sent back to, or the address of the form, which is
// its page's.
func (b *Browser) visit(r *http.Request) (back, form *url.URL, err error) {
	resp, err := b.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read below, or of no interest
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		back, err = resp.Location()
		return back, nil, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusUnauthorized {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return nil, nil, fmt.Errorf("oidcprovider: status %d: %s", resp.StatusCode, text)
	}
	return nil, resp.Request.URL, nil
}
