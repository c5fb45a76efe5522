// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// errWrongPassword says that a provider asked again for what it was told.
var errWrongPassword = errors.New("providers: the provider asks again")

// A browser visits a provider for one person: it keeps cookies, fills in forms, and runs no
// scripts.
type browser struct {
	asked  int    // how often it was asked who its user is
	posted bool   // the last answer was a form
	stop   string // what begins so is not visited
	client *http.Client
}

func newBrowser() *browser {
	b := &browser{}
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

// A form is that of a page.
type form struct {
	action string
	fields url.Values
	user   string // the name of the field for it; empty: there is none
	secret string // that of the password
}

// signIn goes to a provider with an authorization request, fills in its forms, and returns
// what the provider answers, in an address or a form.
func (b *browser) signIn(ctx context.Context, request, user, password string) (url.Values, error) {
	at, err := url.Parse(request)
	if err != nil {
		return nil, err
	}
	b.stop, b.posted = at.Query().Get("redirect_uri"), false
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, request, nil)
	told := false
	for range 6 {
		if err != nil {
			return nil, err
		}
		answer, f, err := b.visit(r)
		if answer != nil || err != nil {
			return answer, err
		}
		if f.user != "" || f.secret != "" {
			if told && f.secret != "" {
				return nil, errWrongPassword
			}
			told = true
			b.asked++
			f.fields.Set(f.user, user)
			if f.secret != "" {
				f.fields.Set(f.secret, password)
			}
		}
		r, err = http.NewRequestWithContext(ctx, http.MethodPost, f.action, strings.NewReader(f.fields.Encode()))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return nil, errors.New("providers: the provider asks without an end")
}

// signOut goes to a provider to end its session, says yes if it is asked, and returns what the
// provider sends it back with.
func (b *browser) signOut(ctx context.Context, request string) (url.Values, error) {
	at, err := url.Parse(request)
	if err != nil {
		return nil, err
	}
	b.stop = at.Query().Get("post_logout_redirect_uri")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, request, nil)
	for range 4 {
		if err != nil {
			return nil, err
		}
		answer, f, err := b.visit(r)
		if answer != nil || err != nil {
			return answer, err
		}
		if r, err = http.NewRequestWithContext(ctx, http.MethodPost, f.action, strings.NewReader(f.fields.Encode())); err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return nil, errors.New("providers: the provider asks without an end")
}

// visit returns the answer that a request leads to, or the form of the page.
func (b *browser) visit(r *http.Request) (url.Values, *form, error) {
	resp, err := b.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read below, or of no interest
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		back, err := resp.Location()
		if err != nil {
			return nil, nil, err
		}
		return back.Query(), nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, nil, err
	}
	f, err := formOf(resp.Request.URL, string(text))
	if err != nil {
		return nil, nil, fmt.Errorf("providers: status %d, %w: %.600s", resp.StatusCode, err, text)
	}
	if strings.HasPrefix(f.action, b.stop) {
		b.posted = true
		return f.fields, nil, nil
	}
	return nil, f, nil
}

// formOf reads the first form of a page.
func formOf(at *url.URL, text string) (*form, error) {
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var f *form
	for n := range root.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form" && f == nil:
			to, err := at.Parse(attribute(n, "action"))
			if err != nil {
				return nil, err
			}
			f = &form{action: to.String(), fields: url.Values{}}
		case f != nil && (n.Data == "input" || n.Data == "button"):
			f.add(n)
		}
	}
	if f == nil {
		return nil, errors.New("the page has no form")
	}
	return f, nil
}

// add takes a field. Of several buttons, the first is pressed.
func (f *form) add(n *html.Node) {
	name, kind := attribute(n, "name"), attribute(n, "type")
	switch {
	case name == "":
	case kind == "password":
		f.secret = name
	case slices.Contains([]string{"user", "username", "login"}, name) && n.Data == "input" && kind != "hidden" && kind != "submit":
		f.user = name
	case kind != "checkbox" && !f.fields.Has(name):
		f.fields.Set(name, attribute(n, "value"))
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
