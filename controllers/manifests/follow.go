// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"log/slog"
	"reflect"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Sink is where what the files say is put in force.
type Sink struct {
	Live *policy.Live
	// Providers puts identity providers in use: all valid ones, whenever one of
	// them changes. Optional.
	Providers func([]config.Provider)
}

// Follow keeps what is in force equal to the files until ctx is done: the
// route of a watch event, without a cluster. Problems are logged with their
// place, and what is affected by them is denied. There is no first table before
// every file can be read.
func (l *Loader) Follow(ctx context.Context, to Sink, log *slog.Logger) error {
	var providers []config.Provider // nil: none was published, yet
	publish := func() {
		set := l.Load()
		table, problems := set.Build()
		for _, p := range problems {
			level := slog.LevelError
			if p.Warning {
				level = slog.LevelWarn
			}
			log.Log(ctx, level, "policy problem", "at", p.String())
		}
		if to.Live.Table() == nil && set.unread {
			log.ErrorContext(ctx, "not ready: what cannot be read may be what guards a host; nothing is let through until it can")
			return
		}
		if now := append([]config.Provider{}, set.Providers...); to.Providers != nil && (providers == nil || !reflect.DeepEqual(now, providers)) {
			to.Providers(now)
			providers = now
			log.Info("identity providers in use", "providers", len(now))
		}
		if now := to.Live.Table(); now == nil || now.Revision() != table.Revision() {
			to.Live.Publish(table)
			log.Info("table in force", "revision", table.Revision(), "policies", table.Len(), "revocations", len(set.Revocations), "problems", len(problems))
		}
	}
	return l.watch(ctx, publish)
}
