// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func down(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }

// TestKeysDown: THREATS F19. Whoever had the keys goes on with them.
func TestKeysDown(t *testing.T) {
	l := newLiar(t)
	p := l.provider(nil)
	if _, err := exchange(t, p); err != nil {
		t.Fatal(err)
	}
	l.set(func() { l.over["/jwks"], l.over["/.well-known/openid-configuration"] = down, down })
	for range 3 {
		l.wait(25 * time.Hour) // both are to be asked for again
		if who, err := exchange(t, p); err != nil || who.ID != "ann" {
			t.Fatalf("%+v, %v", who, err)
		}
	}
	// A key that was not known before is not made up for.
	l.wait(time.Hour)
	l.set(func() { l.keys = []jose.JSONWebKey{ecKey(t, "two")} })
	who, err := exchange(t, p)
	wantFailure(t, "new key", who, err, ErrUnavailable, "status 502")
	// Who comes first when it is down gets no further, and a moment later the same.
	l.set(func() { clear(l.hits) })
	moment := l.now() // however long the machine takes for all of them
	fresh := l.provider(func(_ *Config, o *Options) { o.Now = func() time.Time { return moment } })
	for range 20 {
		who, err := exchange(t, fresh)
		wantFailure(t, "no keys", who, err, ErrUnavailable, "status 502")
	}
	if n := l.count("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	l.set(func() { clear(l.over) })
	moment = l.now().Add(2 * time.Second)
	if _, err := exchange(t, fresh); err != nil {
		t.Errorf("up again: %v", err)
	}
}

// TestKeysRotated: a new key is fetched when it is first seen, and what a dropped
// one signs is refused within the hour.
func TestKeysRotated(t *testing.T) {
	l := newLiar(t)
	p := l.provider(nil)
	old := l.keys[0]
	if _, err := exchange(t, p); err != nil {
		t.Fatal(err)
	}
	for i, kid := range []string{"two", "three", "one"} { // the last has the first one's name
		l.wait(10 * time.Second)
		l.set(func() { l.keys = []jose.JSONWebKey{ecKey(t, kid)} })
		if _, err := exchange(t, p); err != nil {
			t.Fatalf("%s: %v", kid, err)
		}
		if n := l.count("/jwks"); n != i+2 {
			t.Errorf("%s: it was asked %d times", kid, n)
		}
	}
	l.set(func() { l.sign = func(payload []byte) string { return signWith(t, old, payload) } })
	l.wait(10 * time.Second)
	who, err := exchange(t, p)
	wantFailure(t, "dropped key", who, err, ErrRejected, "none of its keys")

	// One that is dropped without a new one: known until it is asked for again.
	l = newLiar(t)
	l.keys = append(l.keys, ecKey(t, "compromised"))
	bad := l.keys[1]
	p = l.provider(nil)
	if _, err := exchange(t, p); err != nil {
		t.Fatal(err)
	}
	l.set(func() {
		l.keys = l.keys[:1]
		l.sign = func(payload []byte) string { return signWith(t, bad, payload) }
	})
	l.wait(time.Hour)
	for i := 0; ; i++ {
		if _, err = exchange(t, p); err != nil || i == 100 {
			break
		}
		time.Sleep(20 * time.Millisecond) // in the background
	}
	wantFailure(t, "compromised key", Identity{}, err, ErrRejected, "none of its keys")
}

// TestKeyIDsMadeUp: unknown keys do not become requests.
func TestKeyIDsMadeUp(t *testing.T) {
	l := newLiar(t)
	p := l.provider(nil)
	if _, err := exchange(t, p); err != nil {
		t.Fatal(err)
	}
	l.set(func() {
		l.sign = func(payload []byte) string { return signWith(t, ecKey(t, rangeID()), payload) }
	})
	for range 50 {
		who, err := exchange(t, p)
		wantFailure(t, "made up", who, err, ErrRejected, "none of its keys")
	}
	if n := l.count("/jwks"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

var ids atomic.Int64

func rangeID() string { return fmt.Sprint("made up ", ids.Add(1)) }

// TestAskedOnce: those who come at the same time share an attempt, and one who
// gives up does not end it.
func TestAskedOnce(t *testing.T) {
	l := newLiar(t)
	release := make(chan struct{})
	discovery := "/.well-known/openid-configuration"
	l.over[discovery] = func(w http.ResponseWriter, r *http.Request) {
		<-release
		l.set(func() { delete(l.over, discovery) })
		l.ServeHTTP(w, r)
	}
	p := l.provider(nil)
	impatient, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := p.AuthCodeURL(impatient, start())
		gaveUp <- err
	}()
	for l.count(discovery) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := p.AuthCodeURL(t.Context(), start()); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(release)
	all.Wait()
	if n := l.count(discovery); n != 2 { // ServeHTTP was called twice for one
		t.Errorf("it was asked %d times", n-1)
	}
}

// TestCABundle: a provider over TLS, with a private authority; it must not send
// us from there to http, nor be believed without that authority.
func TestCABundle(t *testing.T) {
	l := newLiar(t)
	plain := l.Server
	l.Server = httptest.NewTLSServer(l)
	t.Cleanup(l.Server.Close)
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.Certificate().Raw})
	with := func(c *Config, _ *Options) { c.CABundle = bundle }
	if who, err := exchange(t, l.provider(with)); err != nil || who.ID != "ann" {
		t.Fatalf("%+v, %v", who, err)
	}
	who, err := exchange(t, l.provider(nil))
	wantFailure(t, "unknown authority", who, err, ErrUnavailable, "certificate")
	l.over["/jwks"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL+"/jwks", http.StatusFound) }
	who, err = exchange(t, l.provider(with))
	wantFailure(t, "to http", who, err, ErrRejected, "another scheme")
	l.over["/jwks"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/jwks2", http.StatusFound) }
	l.over["/jwks2"] = func(w http.ResponseWriter, r *http.Request) {
		l.set(func() { delete(l.over, "/jwks") })
		http.Redirect(w, r, "/jwks", http.StatusFound)
	}
	if _, err = exchange(t, l.provider(with)); err != nil {
		t.Errorf("a redirect within: %v", err)
	}
}

// TestSignedUserInfo: with a key of the provider, and of nobody.
func TestSignedUserInfo(t *testing.T) {
	for name, c := range map[string]struct {
		key  func(l *liar) jose.JSONWebKey
		want string
	}{
		"its own":  {func(l *liar) jose.JSONWebKey { return l.keys[0] }, ""},
		"nobody's": {func(*liar) jose.JSONWebKey { return ecKey(t, "one") }, "none of its keys"},
	} {
		l := newLiar(t)
		l.claims = map[string]any{"groups": nil}
		k := c.key(l)
		l.over["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwt; charset=utf-8")
			_, _ = w.Write([]byte(signWith(t, k, []byte(`{"sub":"ann","groups":["ops"]}`))))
		}
		who, err := exchange(t, l.provider(nil))
		if c.want != "" {
			wantFailure(t, name, who, err, ErrRejected, c.want)
		} else if err != nil || strings.Join(who.Groups, " ") != "ops" {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}
