// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/policy"
)

var appSecret = []byte("12345678901234567890")

// factorSite is a site whose built-in users have second factors, in a file that both replicas
// share, and a clock that stands still.
func factorSite(t testing.TB, mode string) (*site, factor.Store) {
	t.Helper()
	s := newSite(t, nil)
	s.setMode(mode)
	dir := t.TempDir()
	store := func(name string) (factor.Store, error) {
		records, err := factor.FileNamed(dir, name)
		return factor.NewStore(records), err
	}
	for _, r := range s.replicas {
		r.Factors = store
	}
	s.stop()
	shared, err := store("factors")
	if err != nil {
		t.Fatal(err)
	}
	return s, shared
}

func (s *site) setMode(mode string) {
	s.t.Helper()
	c := idp.Config{Name: "people", DisplayName: "People", Type: "users", Users: people(s.t, "ann", "bob", "root"), SecondFactor: mode}
	if mode != "" {
		c.Factors = "factors"
	}
	if problems := s.providers.Update([]idp.Config{c}); len(problems) > 0 {
		s.t.Fatal(problems)
	}
}

// give has somebody set up an app, with recovery codes.
func give(t testing.TB, store factor.Store, user string) (codes []string) {
	t.Helper()
	err := store.Change(t.Context(), "people/"+user, func(e *factor.Enrolled) error {
		e.TOTP = &factor.TOTP{Secret: appSecret, Created: time.Unix(1, 0)}
		codes = e.NewRecovery()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

// codeAt is what the app shows, by another implementation than the handler's.
func codeAt(t testing.TB, secret []byte, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCodeCustom(factor.SecretText(secret), at, totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// send fills in the form of a page for a second step.
func (b *browser) send(p page, fields ...string) page {
	b.t.Helper()
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], m[2])
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do(http.MethodPost, b.url("auth.example.com", "/.access/second-factor"), form)
}

// methods are those of the team session.
func (b *browser) methods() string {
	u, _ := url.Parse(b.url("auth.example.com", "/"))
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == teamCookie {
			s, _ := b.ring.OpenTeam(c.Value, b.replicas[0].Issuer(), b.now())
			if s != nil {
				return strings.Join(s.AMR, " ")
			}
		}
	}
	return "no session"
}

const asksForCode, setsUp = `autocomplete="one-time-code"`, "otpauth://totp/"

func TestSignInWithAnApp(t *testing.T) {
	s, store := factorSite(t, "Optional")
	give(t, store, "ann")
	b := s.browser()
	p := b.enter("app1.example.com", "/x?y=1", "ann")
	b.want(p, 200, asksForCode)
	if b.methods() != "no session" {
		t.Fatal("there is a session before the code")
	}
	wrong := b.send(p, "code", "000000")
	b.want(wrong, 401, "Wrong code")
	b.want(b.send(wrong, "code", codeAt(t, appSecret, s.now().Add(-10*time.Minute))), 401, "Wrong code")
	b.want(b.send(wrong, "code", codeAt(t, appSecret, s.now())), 200, "app1.example.com/x?y=1 for ann@example.com")
	if got := b.methods(); got != "pwd otp mfa" {
		t.Errorf("methods are %q", got)
	}
	// Who has none is asked for none, and has one factor.
	b = s.browser()
	b.want(b.enter("app1.example.com", "/", "bob"), 200, "for bob@example.com")
	if got := b.methods(); got != "pwd" {
		t.Errorf("methods are %q", got)
	}
}

// TestCodesAreGoodOnce: on every replica, in any order, and of several that are sent at once one. (THREATS F31)
func TestCodesAreGoodOnce(t *testing.T) {
	s, store := factorSite(t, "Optional")
	give(t, store, "ann")
	first, second := s.browser(), s.browser()
	p, q := first.enter("app1.example.com", "/", "ann"), second.enter("app1.example.com", "/", "ann")
	code := codeAt(t, appSecret, s.now())
	first.want(first.send(p, "code", code), 200, "for ann@example.com")
	for range 2 { // the replicas take turns
		second.want(second.send(q, "code", code), 401, "already used")
		second.want(second.send(q, "code", codeAt(t, appSecret, s.now().Add(-30*time.Second))), 401, "already used")
	}
	first.want(first.send(p, "code", code), 401, "already used") // by the same browser, too
	s.later(30 * time.Second)
	code = codeAt(t, appSecret, s.now())
	var all sync.WaitGroup
	browsers := []*browser{s.browser(), s.browser(), s.browser(), s.browser()}
	pages := make([]page, len(browsers))
	for i, b := range browsers {
		pages[i] = b.enter("app1.example.com", "/", "ann")
	}
	for i, b := range browsers {
		all.Go(func() { pages[i] = b.send(pages[i], "code", code) })
	}
	all.Wait()
	in := 0
	for _, p := range pages {
		if p.status == 200 {
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d of %d got in by one code", in, len(browsers))
	}
}

// TestStepsOfOthers: what the team host sealed for one person and browser is void in another's hands.
// (THREATS F32)
func TestStepsOfOthers(t *testing.T) {
	s, store := factorSite(t, "Optional")
	give(t, store, "ann")
	owner, thief := s.browser(), s.browser()
	p := owner.enter("app1.example.com", "/", "ann")
	code := codeAt(t, appSecret, s.now())
	thief.want(thief.send(p, "code", code), 400, "another browser")
	mine := thief.enter("app2.example.net", "/", "bob") // has a key of the team host now
	thief.want(mine, 200, "for bob@example.com")
	thief.want(thief.send(p, "code", code), 400, "another browser")
	if thief.methods() != "pwd" {
		t.Error("bob is somebody else now")
	}
	for _, step := range []string{"", "x", strings.Repeat("A", 5000)} {
		owner.want(owner.send(p, "code", code, "step", step), 400, "")
	}
	u, _ := url.Parse(p.at.String())
	owner.want(owner.send(p, "code", code, "step", u.Query().Get("attempt")), 400, "") // of another purpose
	cross := owner.do(http.MethodPost, s.url("auth.example.com", "/.access/second-factor"), url.Values{"do": {"remove"}},
		"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	owner.want(cross, 403, "another site")
	// Nothing of this has used the code up.
	owner.want(owner.send(p, "code", code), 200, "for ann@example.com")
}

// TestStepsThatAreOver: the password was typed long ago, or in another world. (THREATS F32)
func TestStepsThatAreOver(t *testing.T) {
	for name, change := range map[string]func(*site, factor.Store){
		"time": func(s *site, _ factor.Store) { s.later(11 * time.Minute) },
		"signed out everywhere meanwhile": func(s *site, _ factor.Store) {
			s.later(time.Second)
			_ = s.revoke(context.Background(), policy.Revocation{Provider: "people", User: "ann", Before: s.now()})
		},
		"removed from the list": func(s *site, _ factor.Store) {
			s.providers.Update([]idp.Config{{Name: "people", Type: "users", Users: people(s.t, "bob"),
				SecondFactor: "Optional", Factors: "factors"}})
		},
		"no provider":        func(s *site, _ factor.Store) { s.providers.Update(nil) },
		"no second factors":  func(s *site, _ factor.Store) { s.setMode("") },
		"the factor removed": func(s *site, store factor.Store) { takeAway(s.t, store) },
	} {
		t.Run(name, func(t *testing.T) {
			s, store := factorSite(t, "Optional")
			give(t, store, "ann")
			b := s.browser()
			p := b.enter("app1.example.com", "/", "ann")
			b.want(p, 200, asksForCode)
			change(s, store)
			b.follow = false
			if p := b.send(p, "code", codeAt(t, appSecret, s.now())); p.status != 400 {
				t.Errorf("%d: %s", p.status, afterMain(p.body))
			}
			if got := b.methods(); got != "no session" {
				t.Errorf("methods are %q", got)
			}
		})
	}
}

func takeAway(t testing.TB, store factor.Store) {
	t.Helper()
	err := store.Change(t.Context(), "people/ann", func(e *factor.Enrolled) error { *e = factor.Enrolled{}; return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// A brokenStore fails to read, or to write.
type brokenStore struct {
	factor.Store
	read, write error
}

func (s brokenStore) Of(ctx context.Context, user string) (factor.Enrolled, error) {
	if s.read != nil {
		return factor.Enrolled{}, s.read
	}
	return s.Store.Of(ctx, user)
}

func (s brokenStore) Change(ctx context.Context, user string, change func(*factor.Enrolled) error) error {
	if s.write != nil {
		return s.write
	}
	return s.Store.Change(ctx, user, change)
}

// TestStoreThatFails: nobody signs in without a factor because it cannot be read, and no code is good
// whose use cannot be kept. Whoever looks after it reads why. (THREATS F33)
func TestStoreThatFails(t *testing.T) {
	for name, broken := range map[string]struct {
		read, write error
		none        bool
	}{
		"unreadable": {read: factor.ErrUnavailable}, "garbage": {read: factor.ErrRecord},
		"unwritable": {write: factor.ErrUnavailable}, "not there": {none: true},
	} {
		for _, mode := range []string{"Optional", "Required"} {
			s, store := factorSite(t, mode)
			give(t, store, "ann")
			var log bytes.Buffer
			for _, r := range s.replicas {
				r.Log = slog.New(slog.NewTextHandler(&log, nil))
				r.Factors = func(string) (factor.Store, error) { return brokenStore{store, broken.read, broken.write}, nil }
				if broken.none {
					r.Factors = nil
				}
			}
			b := s.browser()
			p := b.enter("app1.example.com", "/", "ann")
			if broken.write != nil {
				p = b.send(p, "code", codeAt(t, appSecret, s.now()))
			}
			b.want(p, 503, "can’t be checked right now")
			if got := b.methods(); got != "no session" || !strings.Contains(log.String(), "second factors cannot be read or written") {
				t.Errorf("%s, %s: %q; log: %s", name, mode, got, log.String())
			}
		}
	}
}

// TestCodesAreLimited: guesses at a code are few, and who signed in with that browser before is not kept
// out by those who know the password. (THREATS F34)
func TestCodesAreLimited(t *testing.T) {
	s, store := factorSite(t, "Optional")
	give(t, store, "ann")
	owner, thief := s.browser(), s.browser()
	owner.want(owner.send(owner.enter("app1.example.com", "/", "ann"), "code", codeAt(t, appSecret, s.now())), 200, "for ann@")
	s.later(time.Minute)
	p := thief.enter("app1.example.com", "/", "ann")
	tried := 0
	for range 40 { // two replicas
		if thief.send(p, "code", "000000").status == 429 {
			break
		}
		tried++
	}
	if tried > 21 {
		t.Errorf("%d guesses", tried)
	}
	for range 2 {
		thief.want(thief.send(p, "code", codeAt(t, appSecret, s.now())), 429, "")
		thief.want(thief.send(p, "recovery", "0000-0000-0000-0000"), 429, "")
	}
	u, _ := url.Parse(s.url("auth.example.com", "/"))
	owner.client.Jar.SetCookies(u, []*http.Cookie{{Name: teamCookie, Path: "/", Secure: true, MaxAge: -1}})
	owner.want(owner.send(owner.enter("app2.example.net", "/", "ann"), "code", codeAt(t, appSecret, s.now())), 200, "for ann@")
}

func TestRecoveryCodesSignIn(t *testing.T) {
	s, store := factorSite(t, "Required")
	codes := give(t, store, "ann")
	for i, code := range codes[:3] {
		b := s.browser()
		p := b.enter("app1.example.com", "/", "ann")
		b.want(b.send(p, "recovery", strings.ToUpper(code)), 200, "for ann@example.com")
		if got := b.methods(); got != "pwd mfa" {
			t.Errorf("methods are %q", got)
		}
		b.want(b.get(s.url("auth.example.com", "/.access/second-factor")), 200, "Recovery codes left: "+string('0'+rune(9-i)))
		b.want(b.get(s.url("auth.example.com", "/.access/sessions")), 200, "Recovery code used")
		again := s.browser()
		again.want(again.send(again.enter("app1.example.com", "/", "ann"), "recovery", code), 401, "Wrong code")
	}
}
