// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// Identity says how log lines name people.
type Identity string

// How log lines name people.
const (
	IdentityPlain Identity = "plain" // the provider's ID of the user, and the email address
	IdentityHash  Identity = "hash"  // a keyed hash of each: the same person has the same
	IdentityNone  Identity = "none"  // not at all
)

// ParseIdentity reads how log lines name people.
func ParseIdentity(s string) (Identity, error) {
	switch i := Identity(s); i {
	case IdentityPlain, IdentityHash, IdentityNone:
		return i, nil
	}
	return "", fmt.Errorf("%q: plain, hash or none", s)
}

// minKey is how long the key of hashes is at least, in bytes: a shorter one can be guessed,
// and then every address that anybody thinks of can be looked for.
const minKey = 16

// ReadIdentityKey reads the key of hashes from a file; "" makes one that this process alone
// has.
func ReadIdentityKey(file string) ([]byte, error) {
	if file == "" {
		key := make([]byte, sha256.Size)
		_, _ = rand.Read(key) // it never fails
		return key, nil
	}
	key, err := os.ReadFile(file)
	if err == nil && len(key) < minKey {
		err = fmt.Errorf("%s: %d bytes, want at least %d random ones, as of: openssl rand -out %s 32", file, len(key), minKey, file)
	}
	return key, err
}

// Format is how log lines are written.
type Format string

// How log lines are written.
const (
	FormatAuto Format = "auto" // text on a terminal, JSON elsewhere
	FormatJSON Format = "json"
	FormatText Format = "text"
)

// ParseFormat reads how log lines are written.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case FormatAuto, FormatJSON, FormatText:
		return f, nil
	}
	return "", fmt.Errorf("%q: auto, json or text", s)
}

// HandlerOptions are what a handler is made of.
type HandlerOptions struct {
	Level    slog.Level
	Format   Format
	Identity Identity
	// Key is that of IdentityHash.
	Key []byte
	// Traces: lines about something that is traced have its trace ID.
	Traces bool
}

// NewHandler returns what writes log lines to w.
func NewHandler(w io.Writer, o HandlerOptions) slog.Handler {
	options := &slog.HandlerOptions{Level: o.Level}
	if o.hides() {
		options.ReplaceAttr = o.Replace
	}
	format := resolve(o.Format, w)
	h := plainHandler(w, format, options)
	if l, ok := w.(*LogWriter); ok {
		all := new(split)
		for kind, lane := range l.lanes {
			all[kind] = plainHandler(lane, format, options)
		}
		h = all
	}
	if o.Traces {
		return Traced(h)
	}
	return h
}

func (o *HandlerOptions) hides() bool {
	return o.Identity == IdentityHash || o.Identity == IdentityNone
}

// Replace hides who a line is about, as slog.HandlerOptions.ReplaceAttr. All lines say that
// under these two keys.
func (o *HandlerOptions) Replace(_ []string, a slog.Attr) slog.Attr {
	if a.Key != "user" && a.Key != "email" || !o.hides() {
		return a
	}
	hidden := o.Hide(a.Value.String())
	if hidden == "" {
		return slog.Attr{}
	}
	return slog.String(a.Key, hidden)
}

// Hide returns what is said in place of a user or an email address; empty: nothing.
func (o *HandlerOptions) Hide(who string) string {
	switch o.Identity {
	case IdentityNone:
		return ""
	case IdentityHash:
		h := hmac.New(sha256.New, o.Key)
		_, _ = io.WriteString(h, who) // it never fails
		return hex.EncodeToString(h.Sum(nil)[:16])
	case IdentityPlain:
	}
	return who
}

// isTerminal reports whether people read what is written to w as it comes.
func isTerminal(w io.Writer) bool {
	if l, ok := w.(*LogWriter); ok {
		w = l.w
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
