// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"log/slog"
	"slices"

	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// came counts what became of a sign-in, and leaves its line in the log: from where, at which
// provider, for which host.
func (h *Handler) came(x *public.Exchange, provider, host string, o telemetry.Outcome, level slog.Level, message string,
	more ...slog.Attr) {
	h.SignIns.Came(provider, o)
	about := []slog.Attr{slog.String("outcome", string(o)), slog.String("provider", provider), slog.String("host", host)}
	h.tell(x, level, message, append(about, more...)...)
}

// tell leaves a line in the log about a request, with its path and the client's address if that
// is known. What is empty is left out. Where no decision is logged, only warnings are.
func (h *Handler) tell(x *public.Exchange, level slog.Level, message string, about ...slog.Attr) {
	if h.Quiet && level < slog.LevelWarn {
		return
	}
	about = append(about, slog.String("path", public.LoggedPath(x.R)))
	about = slices.DeleteFunc(about, func(a slog.Attr) bool { return a.Value.Kind() == slog.KindString && a.Value.String() == "" })
	if h.Tracer != nil {
		for _, a := range about {
			h.Tracer.Say(x.R.Context(), a.Key, a.Value.String())
		}
	}
	if a := h.Address(x.R); a.IsValid() {
		about = append(about, slog.String("address", a.Unmap().String()))
	}
	h.Log.LogAttrs(context.WithoutCancel(x.R.Context()), level, message, append(about, slog.String("requestID", x.ID))...)
}

// limited refuses a request of which there were too many.
func (h *Handler) limited(x *public.Exchange, limit, provider, host string, who ...slog.Attr) {
	h.SignIns.Limited(limit)
	h.came(x, provider, host, telemetry.RateLimited, slog.LevelInfo, "sign-in rate-limited", append(who, slog.String("limit", limit))...)
	h.tooMany(x, host)
}

// known says which user a typed name is of. What is nobody's name is not repeated: people
// type their passwords there.
func known(id string) []slog.Attr {
	if id == "" {
		return []slog.Attr{slog.Bool("unknownUser", true)}
	}
	return []slog.Attr{slog.String("user", id)}
}
