// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/har"
)

// A harCase is something that goes wrong in a page, and what `ostiary har` has to say of it.
type harCase struct {
	cause     har.Cause
	profile   profile      // empty: third-party cookies are allowed
	enter     []string     // the addresses where the person signs in before
	page      string       // where the page is; empty: that of nobody's application
	run       func(t *tab) // what the page does
	call      string       // or the address that it fetches
	init      string       // and how
	sanitized bool         // what Chrome exports unless it is told otherwise
	also      []har.Cause  // what else there is to say
}

// TestHAR records what Chromium exports of each thing that can go wrong, and has it
// diagnosed. With OSTIARY_RECORD_HAR the exports become the corpus of authserver/har.
func TestHAR(t *testing.T) {
	onceForAllProxies(t)
	for _, c := range slices.Concat(harPreflights, harAnswers, harSessions, harNetwork, harNotes) {
		t.Run(string(c.cause), func(t *testing.T) { c.try(t) })
	}
}

// onceForAllProxies skips what depends on no proxy behind all but the first.
func onceForAllProxies(t *testing.T) {
	t.Helper()
	if name := os.Getenv("OSTIARY_BROWSER_PROXY"); name != "" && name != "nginx" {
		t.Skip("what a browser makes of answers depends on no proxy")
	}
}

func (c *harCase) try(t *testing.T) {
	p := newPerson(t, cmp.Or(c.profile, allowed))
	tab := p.tab()
	a, said := record(tab), tab.console()
	for _, at := range c.enter {
		tab.enter(at)
	}
	if page := cmp.Or(c.page, free+"/loose"); page != "-" {
		tab.open(page)
	}
	switch {
	case c.run != nil:
		c.run(tab)
	default:
		tab.fetch("fetch", c.call, cmp.Or(c.init, "{}"))
	}
	text := a.quiet(!c.sanitized)
	said.explained()
	log, err := har.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var got, notes []har.Cause
	for _, f := range har.Diagnose(log) {
		if f.Note {
			notes = append(notes, f.Cause)
		} else {
			got = append(got, f.Cause)
		}
	}
	want := append([]har.Cause{c.cause}, c.also...)
	if c.cause.Doc().IsNote {
		got, want = notes, want[:1]
		got = slices.DeleteFunc(slices.Clone(got), func(n har.Cause) bool { return n != c.cause })
	}
	if !slices.Equal(got, want) {
		t.Fatalf("diagnosed as %q (notes %q), want %q\n%s", got, notes, want, text)
	}
	if dir := os.Getenv("OSTIARY_RECORD_HAR"); dir != "" {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, string(c.cause)+".har"), text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// quiet waits until nothing more comes, and exports.
func (a *archive) quiet(sensitive bool) []byte {
	for last := -1; ; time.Sleep(150 * time.Millisecond) {
		a.mu.Lock()
		now := len(a.hops) + len(a.sent) + len(a.got)
		a.mu.Unlock()
		if now == last {
			return a.har(sensitive)
		}
		last = now
	}
}
