// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// shownDenials is how many one page lists.
const shownDenials = 100

// filterOf reads what somebody wants to see.
func filterOf(q url.Values) filter {
	short := func(name string) string { v := q.Get(name); return v[:min(len(v), maxText)] }
	return filter{host: short("host"), reason: short("reason"), user: short("user")}
}

func (f *filter) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"host": f.host, "reason": f.reason, "user": f.user} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

// denials lists the last denials.
func (h *Handler) denials(x *public.Exchange, _ operator) {
	if !h.Get(x) {
		return
	}
	f := filterOf(x.Query)
	all, missed, scope := h.lastOfAll(x.R.Context(), f, shownDenials)
	here := "console/denials"
	v := web.DenialsView{Nav: h.nav("denials"), Host: x.Host, FilterHost: f.host, FilterReason: f.reason, FilterUser: f.user,
		WhyURL: h.Own(h.TeamHost(), "why", nil), Reasons: refusals(), Events: h.Own(h.TeamHost(), here+"/events", f.query()),
		ReloadURL: h.Own(h.TeamHost(), here, f.query()),
		Scope:     scope}
	if missed > 0 {
		v.Missed = fmt.Sprintf("%d denials were not kept, as there were more than %d a second.", missed, perSecond)
	}
	for _, n := range all {
		v.Rows = append(v.Rows, h.row(n, x.Now))
	}
	h.LivePage(x, http.StatusOK, "denials", web.Denials(v))
}

// refusals are the reasons that a denial can have.
func refusals() (out []string) {
	for r := policy.NoPolicy; r < policy.NotReady; r++ {
		if r != policy.NoSession {
			out = append(out, r.String())
		}
	}
	return out
}

func (h *Handler) row(n *Denial, now time.Time) web.DenialRow {
	by := n.Policy
	if n.Rule != "" {
		by += " (" + n.Rule + ")"
	}
	t := n.time()
	return web.DenialRow{When: t.Format("15:04:05"), Time: t.Format(time.RFC3339), Method: policy.Line(n.Method),
		Host: policy.Line(n.Host), Path: policy.Line(n.Path), Origin: policy.Line(n.Origin), Reason: n.Reason,
		Policy: policy.Line(by), Who: policy.Line(n.who()), URL: h.whyURL(n, now)}
}

// How often it is looked whether whoever watches still is an operator, and how long one
// stream lasts; the browser then begins another.
const (
	watchBeat = 10 * time.Second
	watchTime = 10 * time.Minute
)

// denialEvents sends new denials as they come (server-sent events).
func (h *Handler) denialEvents(x *public.Exchange, _ operator) {
	if !h.Get(x) {
		return
	}
	f := filterOf(x.Query)
	w := h.Denials.watch()
	if w == nil {
		x.W.Header().Set("Retry-After", "30")
		h.Fail(x, web.TooManyRequests)
		return
	}
	defer h.Denials.unwatch(w)
	x.W.Header().Set("Content-Type", "text/event-stream")
	x.W.Header().Set("X-Accel-Buffering", "no") // nginx would keep them until there are more
	h.relay(x, w, f)
}

// relay sends what the filter takes, until somebody ends it.
func (h *Handler) relay(x *public.Exchange, w *watcher, f filter) {
	beat, over := time.NewTicker(watchBeat), time.After(watchTime)
	defer beat.Stop()
	others, stop := h.follow(x, f)
	defer stop()
	for good := send(x, "retry: 5000\n\n"); good; {
		select {
		case <-x.R.Context().Done():
			return
		case <-over:
			return
		case <-beat.C:
			good = h.stillOperates(x) && send(x, ": still here\n\n")
		case n, more := <-w.news:
			if !more {
				return
			}
			good = !f.takes(n) || h.sendDenial(x, n)
		case n := <-others:
			good = h.sendDenial(x, n)
		}
	}
}

func (h *Handler) sendDenial(x *public.Exchange, n *Denial) bool {
	return send(x, "event: denial\ndata: %s\n\n", web.DenialItem(h.row(n, h.Now())))
}

// follow tells what is new at the other replicas, until stop is called.
func (h *Handler) follow(x *public.Exchange, f filter) (news <-chan *Denial, stop func()) {
	if h.Peers == nil {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(x.R.Context())
	out := make(chan *Denial)
	w := follower{h: h, f: f}
	_ = w.next(ctx) // nothing yet: from here on, none is missed
	go func() {
		for {
			select {
			case <-time.After(peerBeat):
			case <-ctx.Done():
				return
			}
			for _, n := range w.next(ctx) {
				select {
				case out <- n:
				case <-ctx.Done():
				}
			}
		}
	}()
	return out, cancel
}

// send sends a part of a stream at once, to whoever takes it in time.
func send(x *public.Exchange, format string, args ...any) bool {
	out := http.NewResponseController(x.W)
	if out.SetWriteDeadline(time.Now().Add(watchBeat)) != nil {
		return false
	}
	_, err := fmt.Fprintf(x.W, format, args...)
	return err == nil && out.Flush() == nil
}

// stillOperates judges anew, by the table and the time of now.
func (h *Handler) stillOperates(x *public.Exchange) bool {
	now := *x
	now.Now, now.Table, now.Ring = h.Now(), h.Table(), h.Ring()
	if now.Table == nil || now.Ring == nil {
		return false
	}
	_, is := h.operatorFor(&now, x.R.URL.Path)
	return is
}
