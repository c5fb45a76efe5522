// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// Config is what a Handler is made of. All of it must be set, but for what is said to be
// optional by what nil means.
type Config struct {
	*public.Site
	// Subject verifies a token, as the decision endpoints do.
	Subject public.Subject
	// Sessions say who is signed in.
	Sessions Sessions
	// Providers are the identity providers in force.
	Providers *idp.Set
	// Denials are the last ones; nil: there are none.
	Denials *Denials
	// Peers are the other replicas; nil: they are not known.
	Peers *Peers
	// Address returns where the client is, as far as that is known, and Countries tells in
	// which country that is; nil: nobody does.
	Address   func(*http.Request) netip.Addr
	Countries policy.Countries
	// Diff says what changes where manifests take the place of what is in force; nil: nobody
	// can tell.
	Diff func(ctx context.Context, manifests []byte) (string, error)
	// Where says where a policy comes from, "namespace/name"; nil, or empty: that is not known.
	Where func(policy string) string
	// Survey says what is wrong with what is in force; nil: that is not known.
	Survey func(context.Context) Survey
}

// A Survey is what is wrong with what is in force, and where nothing is: each with what it
// is about.
type Survey struct {
	Problems, Gaps []web.Fact
	// Unknown says what is not known; empty: nothing.
	Unknown string
}

// Sessions say who sent a request.
type Sessions interface {
	// Session returns whose session a request to an application's host carries; nil: nobody's.
	Session(x *public.Exchange) *policy.Subject
	// TeamSubject returns who is signed in at the team host; nil: nobody, and why.
	TeamSubject(x *public.Exchange) (*policy.Subject, policy.Reason)
	// MayOpen reports whether an application lets a visit of somebody pass; nil: of anybody.
	MayOpen(x *public.Exchange, target policy.Target, s *policy.Subject) bool
}

// A Handler answers those who are signed in. Make one with New.
type Handler struct {
	Config
	tokens *public.Limit // tokens for other applications, by person
	boot   string        // tells this process from others, and from itself before a restart
	// comparing is held by whoever compares manifests with what is in force.
	comparing sync.Mutex
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Denials == nil {
		c.Denials = new(Denials)
	}
	return &Handler{Config: c, boot: rand.Text(), tokens: public.NewLimit(60, time.Second)}
}

// Route finds what answers for an address (public.Router).
func (h *Handler) Route(host, path string) func(*public.Exchange) {
	own, ours := h.Ours(path)
	switch {
	case host != h.TeamHost() && ours:
		return map[string]func(*public.Exchange){
			"get-identity": h.getIdentity, "token": h.token, "client.js": h.script, "client.d.ts": h.scriptTypes,
		}[own]
	case host == h.TeamHost() && path == "/":
		return h.home
	case host == h.TeamHost() && ours && own == "get-identity":
		return h.identityOf
	case host == h.TeamHost() && ours:
		return h.operatorsRoute(own)
	}
	return nil
}
