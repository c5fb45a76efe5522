// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"slices"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// agentsCookie holds what a browser remembers of which clients were let act in it: nobody else
// does. It lets nobody in.
const agentsCookie = "__Host-ostiary-agents"

// purposeAgents is of that cookie.
const purposeAgents = "agents"

// agents are those clients.
type agents struct {
	Provider string    `json:"p"`
	ID       string    `json:"s"`
	List     []AgentAt `json:"a"` // the latest first
}

// An AgentAt is what a client was let do.
type AgentAt struct {
	Client string `json:"c"` // its id
	Name   string `json:"n"`
	Host   string `json:"h"`
	Policy string `json:"p"` // of the application, "namespace/name": a client is what that says it is
	At     int64  `json:"t"`
	Millis int64  `json:"m,omitempty"` // beside At
	Until  int64  `json:"u"`
}

func (a *AgentAt) at() time.Time { return time.Unix(a.At, a.Millis*int64(time.Millisecond)).UTC() }

func (a *AgentAt) size() int { return len(a.Client) + len(a.Name) + len(a.Host) + len(a.Policy) }

// What is remembered has to leave room for the code that goes to the client.
const (
	maxAgents      = 8
	maxAgentsBytes = 700
)

// RememberAgent notes what somebody lets a client do, as far as there is room for it.
func (h *Handler) RememberAgent(x *public.Exchange, s *policy.Subject, a AgentAt) {
	o := h.agentsOf(x, s)
	o.List = slices.DeleteFunc(o.List, func(b AgentAt) bool { return b.Client == a.Client && b.Host == a.Host && b.Policy == a.Policy })
	o.List = slices.Insert(o.List, 0, a)
	h.keepAgents(x, &o)
}

func (h *Handler) keepAgents(x *public.Exchange, o *agents) {
	n, room := 0, maxAgentsBytes
	for n < len(o.List) && n < maxAgents && o.List[n].size() <= room {
		room -= o.List[n].size()
		n++
	}
	o.List = o.List[:n]
	sealed, err := x.Ring.Seal(purposeAgents, *o, x.Now.Add(policy.MaxSessionDuration), x.Now)
	if c := public.NewCookie(agentsCookie, sealed, policy.MaxSessionDuration); err == nil && h.Fits(x, c) {
		http.SetCookie(x.W, c)
	}
}

// agentsOf returns what the browser remembers of a person's clients that can still act.
func (h *Handler) agentsOf(x *public.Exchange, s *policy.Subject) agents {
	var o agents
	if x.Ring.Open(purposeAgents, x.Cookie(agentsCookie), &o, x.Now) != nil || o.Provider != s.Provider || o.ID != s.ID {
		return agents{Provider: s.Provider, ID: s.ID}
	}
	told := h.asTold(s)
	o.List = slices.DeleteFunc(o.List, func(a AgentAt) bool {
		as := *told
		as.Client, as.GrantedAt, as.Audience = a.Client, a.at(), []string{a.Policy}
		return !x.Now.Before(time.Unix(a.Until, 0)) || x.Table.Revoked(&as)
	})
	return o
}

// shownAgents are those of the page of a person's sessions.
func (h *Handler) shownAgents(x *public.Exchange, s *policy.Subject) (out []web.AgentAt) {
	for _, a := range h.agentsOf(x, s).List {
		out = append(out, web.AgentAt{Client: a.Client, Policy: a.Policy, Name: a.Name, Host: a.Host,
			Since: a.at(), Until: time.Unix(a.Until, 0).UTC()})
	}
	return out
}

// endAgent ends what a person let a client do at one application, in whatever browser they did,
// and comes back. Without an application, as pages of an older version have it, at all.
func (h *Handler) endAgent(x *public.Exchange, s *policy.Subject, client, application string) {
	back := h.Own(x.Host, "sessions", nil)
	o := h.agentsOf(x, s)
	ends := func(a AgentAt) bool { return a.Client == client && (application == "" || a.Policy == application) }
	if !slices.ContainsFunc(o.List, ends) {
		h.Redirect(x, back) // it is over
		return
	}
	if h.Revoke == nil {
		h.Fail(x, web.CannotRevoke)
		return
	}
	now := x.Now.Truncate(time.Millisecond)
	what := policy.Revocation{Provider: s.Provider, User: s.ID, Client: client, Policy: application, Before: now.Add(time.Millisecond)}
	if err := h.Revoke(x.R.Context(), what); err != nil {
		h.Log.Error("what a client may do for somebody could not be voided", "error", err, "client", client, "user", s.ID, "requestID", x.ID)
		h.Fail(x, web.NotRevoked)
		return
	}
	old := h.asTold(s)
	old.Client, old.GrantedAt, old.Audience = client, now, []string{application}
	h.await(x.R.Context(), func() bool { return h.Table().Revoked(old) })
	o.List = slices.DeleteFunc(o.List, ends)
	h.keepAgents(x, &o)
	h.Redirect(x, back)
}
