// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"log/slog"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Follow keeps the table in force equal to the files until ctx is done: the
// route of a watch event, without a cluster. Problems are logged with their
// place, and what is affected by them is denied. There is no first table before
// every file can be read.
func (l *Loader) Follow(ctx context.Context, live *policy.Live, grants []policy.Grant, log *slog.Logger) error {
	publish := func() {
		set := l.Load()
		table, problems := set.Build(grants...)
		for _, p := range problems {
			level := slog.LevelError
			if p.Warning {
				level = slog.LevelWarn
			}
			log.Log(ctx, level, "policy problem", "at", p.String())
		}
		if live.Table() == nil && set.unread {
			log.ErrorContext(ctx, "not ready: what cannot be read may be what guards a host; nothing is let through until it can")
			return
		}
		if now := live.Table(); now == nil || now.Revision() != table.Revision() {
			live.Publish(table)
			log.Info("table in force", "revision", table.Revision(), "policies", table.Len(), "problems", len(problems))
		}
	}
	return l.watch(ctx, publish)
}
