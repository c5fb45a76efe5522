// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/fsnotify/fsnotify"

	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Sink is where what the files say is put in force.
type Sink struct {
	Live *policy.Live
	// Providers puts identity providers in use: all valid ones, whenever one of
	// them changes. Optional.
	Providers    func([]config.Provider)
	TokenIssuers func([]bearerconfig.Issuer) // puts these in force, likewise
	// InForce is told of each table that is in force, and of how long it took to make;
	// Problems of what is wrong with what was read. Optional, all or none.
	InForce  func(t *policy.Table, took time.Duration)
	Problems func([]Problem)
	Heard    func()                  // that a file changed
	Places   func(map[string]string) // Set.Places of what was read
}

func (s *Sink) defaults() {
	if s.InForce == nil {
		s.InForce, s.Problems = func(*policy.Table, time.Duration) {}, func([]Problem) {}
		s.Heard, s.Places = func() {}, func(map[string]string) {}
	}
}

// Follow keeps what is in force equal to the files until ctx is done: the
// route of a watch event, without a cluster. Problems are logged with their
// place, and what is affected by them is denied. There is no first table before
// every file can be read.
func (l *Loader) Follow(ctx context.Context, to Sink, log *slog.Logger) error {
	to.defaults()
	var providers []config.Provider // nil: none was published, yet
	var issuers []bearerconfig.Issuer
	publish := func() {
		start := time.Now()
		set := l.Load()
		table, problems := set.Build()
		for _, p := range problems {
			level := slog.LevelError
			if p.Warning {
				level = slog.LevelWarn
			}
			log.Log(ctx, level, "policy problem", "at", p.String())
		}
		to.Problems(problems)
		to.Places(set.Places())
		if to.Live.Table() == nil && set.unread {
			log.ErrorContext(ctx, "not ready: what cannot be read may protect a host; all requests are denied until it can")
			return
		}
		if now := append([]config.Provider{}, set.Providers...); to.Providers != nil && (providers == nil || !reflect.DeepEqual(now, providers)) {
			to.Providers(now)
			providers = now
			log.Info("identity providers in use", "providers", len(now))
		}
		if to.TokenIssuers != nil && !reflect.DeepEqual(set.TokenIssuers, issuers) {
			issuers = set.TokenIssuers
			to.TokenIssuers(issuers)
		}
		if now := to.Live.Table(); now == nil || now.Revision() != table.Revision() {
			to.Live.Publish(table)
			to.InForce(table, time.Since(start))
			log.Info("table in force", "revision", table.Revision(), "policies", table.Len(), "revocations", len(set.Revocations), "problems", len(problems))
		}
	}
	return l.watch(ctx, to.Heard, publish)
}

// settle is how long after a first change files are read: an editor and a
// ConfigMap mount both replace a file in several steps.
const settle = 50 * time.Millisecond

// watch calls changed at once, and whenever something that Load reads may have
// changed, heard as soon as that is known, until ctx is done. Folders are watched and not files, as a file that is
// replaced is another file.
func (l *Loader) watch(ctx context.Context, heard, changed func()) error {
	w, err := l.watcher()
	if err != nil {
		return err
	}
	defer w.Close() //nolint:errcheck // nothing more is wanted of it
	changed()       // only now, so that no change falls between reading and watching
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	pending := false
	soon := func() {
		heard()
		if !pending { // from the first event on, so that steady noise beside the files delays nothing
			pending = true
			timer.Reset(settle)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Events:
			if !ok {
				return nil
			}
			if l.concerns(e.Name) {
				soon()
			}
		case <-w.Errors: //nolint:errcheck // an overflow: something changed, and no telling what
			soon()
		case <-timer.C:
			pending = false
			l.rewatch(w)
			changed()
		case <-l.later():
			changed()
		}
	}
}

func (l *Loader) watcher() (*fsnotify.Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching the policies: %w", err)
	}
	for _, p := range l.paths {
		if err := watchPath(w, p); err != nil {
			_ = w.Close() // nothing was wanted of it yet
			return nil, err
		}
	}
	return w, nil
}

// later ticks once what may still be being written can be read again.
func (l *Loader) later() <-chan time.Time {
	if !l.again {
		return nil
	}
	return time.After(unwritten)
}

// rewatch: a folder that was replaced is another one. One that is missing is no
// error, as its parent tells when it is back.
func (l *Loader) rewatch(w *fsnotify.Watcher) {
	for _, p := range l.paths {
		_ = watchPath(w, p)
	}
}

// concerns tells changes of the policies from whatever else happens in the
// folders beside them, such as a log that is being written.
func (l *Loader) concerns(name string) bool {
	for _, p := range l.paths {
		switch {
		case name == p, filepath.Clean(name) == filepath.Clean(p):
			return true
		case isBelow(name, p) && (isManifest(name) || filepath.Ext(name) == ""): // a folder, maybe
			return true
		}
	}
	base := filepath.Base(name) // a ConfigMap mount swaps the link ..data
	return base == "..data" || l.isTarget(name)
}

// isTarget reports whether a path of ours is a link to the file.
func (l *Loader) isTarget(name string) bool {
	for _, p := range l.paths {
		if real, err := filepath.EvalSymlinks(p); err == nil && (real == name || real == filepath.Dir(name)) {
			return real != filepath.Clean(p)
		}
	}
	return false
}

func watchPath(w *fsnotify.Watcher, p string) error {
	dirs := []string{filepath.Dir(p)}
	if info, err := os.Stat(p); err == nil && info.IsDir() {
		dirs = append(dirs, folders(p)...) // and its parent, to see it replaced
	}
	if real, err := filepath.EvalSymlinks(p); err == nil && real != p {
		dirs = append(dirs, filepath.Dir(real))
	}
	for _, d := range dirs {
		if err := w.Add(d); err != nil {
			return fmt.Errorf("watching %s: %w", d, err)
		}
	}
	return nil
}
