// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"context"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/idp/passkey"
	"github.com/ostiary/ostiary/hack/lab/authenticator"
)

const asksForPasskey, makesPasskey = `data-get="{`, `data-create="{`

var askedOf = regexp.MustCompile(`data-(?:get|create)="([^"]*)"`)

// options are what a page asks a browser's passkeys for.
func (b *browser) options(p page) []byte {
	b.t.Helper()
	m := askedOf.FindStringSubmatch(p.body)
	if m == nil {
		b.t.Fatalf("%s asks for no passkey (%d): %s", p.at, p.status, afterMain(p.body))
	}
	return []byte(html.UnescapeString(m[1]))
}

func (b *browser) team() string { return "https://auth.example.com:" + b.port }

// touch is what a passkey answers to a page.
func (b *browser) touch(p page, device *authenticator.Key) string {
	b.t.Helper()
	answer, err := device.Get(b.options(p), b.team())
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

// post sends the hidden fields of a page to the page of passkeys, and others.
func (b *browser) post(p page, fields ...string) page {
	b.t.Helper()
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		if m[1] == "step" {
			form.Set(m[1], m[2])
		}
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do(http.MethodPost, b.url("auth.example.com", "/.access/passkeys"), form)
}

// add makes a passkey on the page of them.
func (b *browser) add(device *authenticator.Key, name string) page {
	b.t.Helper()
	p := b.get(b.url("auth.example.com", "/.access/passkeys"))
	answer, err := device.Create(b.options(p), b.team())
	if err != nil {
		b.t.Fatal(err)
	}
	return b.post(p, "passkey", answer, "name", name)
}

// withPasskey is a site where Ann has one, and the browser where she made it.
func withPasskey(t testing.TB) (*site, factor.Store, *browser, *authenticator.Key) {
	t.Helper()
	s, store := factorSite(t, "Optional")
	b, device := s.browser(), authenticator.New()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann@example.com")
	b.want(b.add(device, "Blue key"), 200, "recovery codes")
	return s, store, b, device
}

func has(t testing.TB, store factor.Store) (names []string) {
	t.Helper()
	e, err := store.Of(t.Context(), "people/ann")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range e.Passkeys {
		names = append(names, k.Name)
	}
	return names
}

func TestSignInWithAPasskey(t *testing.T) {
	s, store, _, device := withPasskey(t)
	b := s.browser()
	p := b.enter("app1.example.com", "/x?y=1", "ann")
	b.want(p, 200, asksForPasskey)
	if strings.Contains(p.body, asksForCode) {
		t.Error("there is no app, and the page asks for its code")
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'sha256-") || strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
	if b.methods() != "no session" {
		t.Fatal("there is a session before the passkey")
	}
	b.want(b.send(p, "passkey", b.touch(p, device)), 200, "app1.example.com/x?y=1 for ann@example.com")
	if got := b.methods(); got != "pwd pop user mfa" {
		t.Errorf("methods are %q", got)
	}
	// With an app as well, either is good.
	give(t, store, "ann")
	b = s.browser()
	p = b.enter("app1.example.com", "/", "ann")
	b.want(p, 200, asksForPasskey)
	b.want(p, 200, asksForCode)
	b.want(b.send(p, "code", codeAt(t, appSecret, s.now())), 200, "for ann@example.com")
	b.want(b.get(b.url("auth.example.com", "/.access/sessions")), 200, "Passkey added")
}

// TestPasskeyAnswersOfOthers: what was signed for one page, person or browser is void for another. (THREATS J1, J2)
func TestPasskeyAnswersOfOthers(t *testing.T) {
	s, _, _, device := withPasskey(t)
	device.Counts = false // no counter says so
	owner, thief := s.browser(), s.browser()
	p, q := owner.enter("app1.example.com", "/", "ann"), thief.enter("app1.example.com", "/", "ann")
	answer := owner.touch(p, device)
	thief.want(thief.send(q, "passkey", answer), 401, "not accepted") // it was signed for another page
	thief.want(thief.send(p, "passkey", answer), 400, "another browser")
	other := owner.enter("app2.example.net", "/", "ann")
	owner.want(owner.send(other, "passkey", answer), 401, "not accepted")               // of the same browser
	thief.want(thief.enter("app2.example.net", "/", "bob"), 200, "for bob@example.com") // has a key of the team host now
	thief.want(thief.send(p, "passkey", answer), 400, "another browser")
	for name, form := range map[string][]string{
		"phished":        {"passkey", mustGet(t, device, owner.options(p), "https://auth.example.com.evil.example")},
		"an application": {"passkey", mustGet(t, device, owner.options(p), "https://app1.example.com:"+s.port)},
		"nothing":        {"passkey", "{}"},
		"no JSON":        {"passkey", "\x00"},
		"too much":       {"passkey", answer + strings.Repeat(" ", passkey.MaxAnswer)},
		"nested":         {"passkey", strings.Repeat("[", 5000)},
	} {
		if got := owner.send(p, form...); got.status != 401 {
			t.Errorf("%s: %d", name, got.status)
		}
		s.later(10 * time.Minute / 20) // there are so many guesses
	}
	if owner.methods() != "no session" {
		t.Error("somebody is signed in")
	}
}

func mustGet(t testing.TB, device *authenticator.Key, asked []byte, origin string) string {
	t.Helper()
	answer, err := device.Get(asked, origin)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestPasskeyAnswersAreGoodOnce: on every replica, and of two that are sent at once. (THREATS J3)
func TestPasskeyAnswersAreGoodOnce(t *testing.T) {
	s, _, _, device := withPasskey(t)
	device.Counts, device.Count = false, 0
	b := s.browser()
	p := b.enter("app1.example.com", "/", "ann")
	answer := b.touch(p, device)
	var all sync.WaitGroup
	var pages [4]page
	for i := range pages {
		all.Go(func() { pages[i] = b.send(p, "passkey", answer) })
	}
	all.Wait()
	in := 0
	for _, p := range pages {
		if p.status == 200 {
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d of %d got in by one answer", in, len(pages))
	}
	for range 2 { // the replicas take turns
		b.want(b.send(p, "passkey", answer), 401, "was done before")
	}
	s.later(attemptTime)
	b.want(b.send(p, "passkey", answer), 400, "another browser") // too old
}

// THREATS J4, J5.
func TestPasskeysThatMayBeCopied(t *testing.T) {
	s, _, _, device := withPasskey(t)
	var log bytes.Buffer
	for _, r := range s.replicas {
		r.Log = slog.New(slog.NewTextHandler(&log, nil))
	}
	b := s.browser()
	p := b.enter("app1.example.com", "/", "ann")
	device.Count = 10
	b.want(b.send(p, "passkey", b.touch(p, device)), 200, "for ann@example.com")
	copied := s.browser()
	device.Count = 4
	p = copied.enter("app1.example.com", "/", "ann")
	p = copied.send(p, "passkey", copied.touch(p, device))
	copied.want(p, 401, "may have a copy")
	if copied.methods() != "no session" || !strings.Contains(log.String(), "there may be a copy of it") ||
		!strings.Contains(log.String(), "user=ann") {
		t.Errorf("%s; the log says %s", copied.methods(), log.String())
	}
	device.Count = 20
	copied.want(copied.send(p, "passkey", copied.touch(p, device)), 200, "for ann@example.com")
	device.Flags &^= authenticator.Verified
	unverified := s.browser()
	p = unverified.enter("app1.example.com", "/", "ann")
	unverified.want(unverified.send(p, "passkey", unverified.touch(p, device)), 401, "PIN, a finger or a face")
}

// TestPasswordAloneChangesNoPasskeys: nor does a session from before there was one, nor an old one. (THREATS J6)
func TestPasswordAloneChangesNoPasskeys(t *testing.T) {
	s, store := factorSite(t, "Optional")
	owner, thief := s.browser(), s.browser()
	owner.want(owner.enter("app1.example.com", "/", "ann"), 200, "for ann@example.com")
	thief.want(thief.enter("app1.example.com", "/", "ann"), 200, "for ann@example.com") // has the password, in time
	stale := thief.get(s.url("auth.example.com", "/.access/passkeys"))
	thief.want(stale, 200, makesPasskey)
	begun := thief.do(http.MethodPost, s.url("auth.example.com", "/.access/second-factor"), url.Values{"do": {"add"}})
	thief.want(begun, 200, setsUp)
	secret, err := factor.SecretOf(secretOf.FindStringSubmatch(begun.body)[1])
	if err != nil {
		t.Fatal(err)
	}
	owner.want(owner.add(authenticator.New(), "Blue key"), 200, "recovery codes")
	made, err := authenticator.New().Create(thief.options(stale), s.url("auth.example.com", ""))
	if err != nil {
		t.Fatal(err)
	}
	const asksForPassword = `type="password"`
	thief.want(thief.post(stale, "passkey", made, "name", "Mine"), 200, asksForPassword)
	thief.want(thief.post(stale, "remove", "Blue key"), 200, asksForPassword)
	thief.want(thief.get(s.url("auth.example.com", "/.access/passkeys")), 200, asksForPassword)
	thief.want(thief.send(stale, "do", "add", "step", ""), 400, "")
	app := thief.do(http.MethodPost, s.url("auth.example.com", "/.access/second-factor"), url.Values{"do": {"add"}})
	thief.want(app, 200, asksForPassword)
	thief.want(thief.send(begun, "code", codeAt(t, secret, s.now())), 400, "has changed") // an app that was being added by then
	if e, err := store.Of(t.Context(), "people/ann"); err != nil || e.TOTP != nil {
		t.Errorf("an app was added: %v, %v", e.TOTP, err)
	}
	if got := strings.Join(has(t, store), ","); got != "Blue key" {
		t.Errorf("passkeys are %q", got)
	}
	cross := owner.do(http.MethodPost, s.url("auth.example.com", "/.access/passkeys"), url.Values{"remove": {"Blue key"}},
		"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	owner.want(cross, 403, "another site")
	// The owner's own session knew no passkey when it began: it is asked for, once.
	owner.want(owner.get(s.url("auth.example.com", "/.access/passkeys")), 200, asksForPassword)
}

var actionOf = regexp.MustCompile(`<form method="post" action="([^"]*)"`)

// THREATS J6, J8.
func TestPasskeysAreAddedAndRemoved(t *testing.T) {
	s, store, b, first := withPasskey(t)
	second := authenticator.New()
	page := s.url("auth.example.com", "/.access/passkeys")
	p := b.get(page)
	p.at, _ = url.Parse(html.UnescapeString(actionOf.FindStringSubmatch(p.body)[1]))
	p = b.signIn(p, "ann", password)
	p = b.send(p, "passkey", b.touch(p, first))
	b.want(p, 200, "Blue key")
	if _, err := first.Create(b.options(p), b.team()); !errors.Is(err, authenticator.ErrExcluded) {
		t.Errorf("a second passkey on one device: %v", err)
	}
	for _, name := range []string{"", "Blue key", strings.Repeat("x", 65), "a\nb", "a\u202eb"} {
		b.want(b.add(authenticator.New(), name), 400, "Choose a name")
	}
	b.want(b.add(second, " Work laptop "), 200, "was added")
	b.want(b.post(p, "passkey", "{}", "name", "x"), 400, "not accepted")
	b.want(b.post(p, "passkey", "{}", "name", "x", "step", "x"), 400, "too long")
	if got := strings.Join(has(t, store), ","); got != "Blue key,Work laptop" {
		t.Errorf("passkeys are %q", got)
	}
	other := s.browser() // is being asked, when the key goes
	q := other.enter("app1.example.com", "/", "ann")
	answer := other.touch(q, first)
	b.want(b.post(p, "remove", "Blue key"), 200, "was removed")
	b.want(b.post(p, "remove", "Blue key"), 200, "Work laptop") // twice
	q = other.send(q, "passkey", answer)
	other.want(q, 401, "no longer")
	other.want(other.send(q, "passkey", other.touch(q, second)), 200, "for ann@example.com")
	s.later(recently + time.Second) // whoever finds the browser open
	b.want(b.post(p, "remove", "Work laptop"), 200, `type="password"`)
	if got := strings.Join(has(t, store), ","); got != "Work laptop" {
		t.Errorf("passkeys are %q", got)
	}
}

// broken is a Store of which a part does not work.
type broken struct {
	factor.Store
	read, write error
}

func (b broken) Of(ctx context.Context, user string) (factor.Enrolled, error) {
	if b.read != nil {
		return factor.Enrolled{}, b.read
	}
	return b.Store.Of(ctx, user)
}

func (b broken) Change(ctx context.Context, user string, change func(*factor.Enrolled) error) error {
	if b.write == nil {
		return b.Store.Change(ctx, user, change)
	}
	e, err := b.Store.Of(ctx, user)
	if err != nil {
		return err
	}
	if err := change(&e); err != nil {
		return err
	}
	return b.write
}

// TestPasskeysFailClosed: nobody is in whose passkey cannot be looked up, or used up. (THREATS J8)
func TestPasskeysFailClosed(t *testing.T) {
	s, store, _, device := withPasskey(t)
	b := s.browser()
	p := b.enter("app1.example.com", "/", "ann")
	s.replicas[0].Factors = func(string) (factor.Store, error) { return broken{store, nil, factor.ErrUnavailable}, nil }
	s.replicas[1].Factors = s.replicas[0].Factors
	b.want(b.send(p, "passkey", b.touch(p, device)), 503, "can’t be checked")
	damage := func(e *factor.Enrolled) error {
		e.Passkeys[0].Credential = []byte(`{"id":"AA==","key":"AA==","user":"AA=="}`)
		return nil
	}
	s.replicas[0].Factors = func(string) (factor.Store, error) { return store, nil }
	s.replicas[1].Factors = s.replicas[0].Factors
	if err := store.Change(t.Context(), "people/ann", damage); err != nil {
		t.Fatal(err)
	}
	b.want(b.send(p, "passkey", b.touch(p, device)), 503, "can’t be checked")
	b.want(s.browser().enter("app1.example.com", "/", "ann"), 503, "can’t be checked")
	if b.methods() != "no session" {
		t.Error("somebody is signed in")
	}
}

func TestPasskeysWhereThereAreNone(t *testing.T) {
	s, _ := factorSite(t, "")
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann@example.com")
	b.want(b.get(s.url("auth.example.com", "/.access/passkeys")), 404, "")
	nobody := s.browser()
	nobody.want(nobody.get(s.url("auth.example.com", "/.access/passkeys")), 200, `type="password"`)
	nobody.want(nobody.post(page{}, "remove", "x"), 200, `type="password"`)
}
