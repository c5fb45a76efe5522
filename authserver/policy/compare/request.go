// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Request is one that shows a difference. It says all that a decision looks at, in the
// words of `ostiary explain`.
type Request struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	// Origin is that of the page that makes the browser ask; empty: no page does.
	Origin string `json:"origin,omitempty"`
	// WebSocket: the page opens one.
	WebSocket bool `json:"webSocket,omitempty"`
	// Preflight is what a CORS preflight asks for; empty: the request is none.
	Preflight        string `json:"preflight,omitempty"`
	PreflightHeaders string `json:"preflightHeaders,omitempty"`
	PrivateNetwork   bool   `json:"privateNetwork,omitempty"`
	// Email is who is signed in; empty: nobody is.
	Email    string   `json:"email,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	Provider string   `json:"provider,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	// Claims are what the provider says of them, "name=value".
	Claims []string `json:"claims,omitempty"`
	// Evaluations are what external evaluations say of them, "url=true" or "url=false"; others
	// tell nothing.
	Evaluations []string `json:"evaluations,omitempty"`
	// Token: the page calls with a token that it got at its own host, and no cookie.
	Token bool `json:"token,omitempty"`
	// Client is the program that sends the request for them; empty: their browser does.
	Client string `json:"client,omitempty"`
	// Age is how long ago they signed in.
	Age time.Duration `json:"-"`
	// Address is the client's; empty: it is not known.
	Address string `json:"address,omitempty"`
	// Country is where the address is; empty: it is not known.
	Country string `json:"country,omitempty"`
	// ServiceToken is the one that whoever sends the request has a secret of,
	// "namespace/name"; empty: none.
	ServiceToken string `json:"serviceToken,omitempty"`
	// SecretSHA256 is which of its secrets, in hexadecimal; empty: any.
	SecretSHA256 string `json:"secretSHA256,omitempty"`
	// Bearer is what a bearer token says that its issuer has signed; nil: there is none.
	Bearer map[string]any `json:"bearer,omitempty"`
	// LinkedApps are the applications that send it for somebody whom they admit,
	// "namespace/name" of their policies; nil: none does.
	LinkedApps []string `json:"linkedApps,omitempty"`
	// Certificate is the client's, by its names: the common name, "dnsName=NAME" and
	// "uri=NAME". "none" alone: it has none. nil: that is not known.
	Certificate []string `json:"certificate,omitempty"`
	// Ingress routed the request, "namespace/name", or an HTTPRoute; empty: not known.
	Ingress string `json:"ingress,omitempty"`

	target policy.Target
	// evaluated: a policy wants services asked about whoever signs in.
	evaluated bool
	// assumed are answers of expressions, by their texts.
	assumed assumed
	where   string // in words, if that is not where the pair is
}

// Headers are those of the request that matter, 'name: value'.
func (r *Request) Headers() []string {
	if r.Origin == "" {
		return nil
	}
	out := []string{"origin: " + r.Origin}
	switch {
	case r.Preflight != "":
		out = append(out, "access-control-request-method: "+r.Preflight)
		if r.PreflightHeaders != "" {
			out = append(out, "access-control-request-headers: "+r.PreflightHeaders)
		}
		if r.PrivateNetwork {
			out = append(out, "access-control-request-private-network: true")
		}
		return out
	case r.WebSocket:
		out = append(out, "upgrade: websocket")
	}
	return append(out, "sec-fetch-site: cross-site")
}

// Arguments are those of the `ostiary explain` that asks the same.
func (r *Request) Arguments() []string {
	out := []string{r.Method, r.URL}
	for _, h := range r.Headers() {
		out = append(out, "-H", h)
	}
	add := func(flag, value string) {
		if value != "" {
			out = append(out, flag, value)
		}
	}
	if r.Email != "" {
		add("--as", list(append([]string{r.Email}, r.Groups...)))
	}
	add("--provider", r.Provider)
	add("--client", r.Client)
	add("--amr", list(r.AMR))
	for _, c := range r.Claims {
		add("--claim", c)
	}
	for _, e := range r.Evaluations {
		add("--assume-evaluation", e)
	}
	if r.Age > 0 {
		add("--age", r.Age.String())
	}
	if r.Token {
		add("--token-from", r.Origin)
	}
	if r.ServiceToken != "" {
		add("--service-token", strings.TrimSuffix(r.ServiceToken+"@"+r.SecretSHA256, "@"))
	}
	add("--linked-app", list(r.LinkedApps))
	if r.Bearer != nil {
		js, _ := json.Marshal(r.Bearer) // of strings
		add("--claims", string(js))
	}
	for _, name := range r.Certificate {
		add("--certificate", name)
	}
	add("--ip", r.Address)
	add("--country", r.Country)
	add("--ingress", r.Ingress)
	return out
}

// list writes the value of a flag that is a list, of which each may hold a comma.
func list(values []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if len(values) > 0 {
		_ = w.Write(values) // to memory
		w.Flush()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// compare has both tables decide. Nobody has to send a token: what passes without one is no
// difference.
func (r *Request) compare(old, now *policy.Table, s Settings) (before, after policy.Decision, effect Effect) {
	before, after = r.ask(old, s), r.ask(now, s)
	effect = effectOf(&before, &after)
	if effect == Opens && r.passesWithout(old, s) || effect == Closes && r.passesWithout(now, s) {
		effect = Nothing
	}
	if effect != Nothing && r.ServiceToken != "" && len(r.LinkedApps) > 0 { // one of them may show as much
		less := *r
		less.ServiceToken = ""
		if _, _, same := less.compare(old, now, s); same == effect {
			effect = Nothing
		}
	}
	return before, after, effect
}

// ofMachine reports whether the request has a credential beside which no session counts.
func (r *Request) ofMachine() bool { return r.ServiceToken != "" || len(r.LinkedApps) > 0 }

// passesWithout reports whether the request passes with fewer tokens than it has.
func (r *Request) passesWithout(t *policy.Table, s Settings) bool {
	for leave := 1; leave < 1<<3; leave++ {
		less, fewer := *r, false
		if leave&1 != 0 {
			less.ServiceToken, fewer = "", r.ServiceToken != ""
		}
		if leave&2 != 0 {
			less.Bearer, fewer = nil, fewer || r.Bearer != nil
		}
		if leave&4 != 0 {
			less.LinkedApps, fewer = nil, fewer || len(r.LinkedApps) > 0
		}
		if !fewer {
			continue
		}
		if d := less.ask(t, s); passes(&d) {
			return true
		}
	}
	return false
}

// ask has a table decide, as `ostiary explain` does.
func (r *Request) ask(t *policy.Table, s Settings) policy.Decision {
	q := policy.Request{
		Target: r.target, Method: r.Method, Origin: r.Origin, WebSocket: r.WebSocket, Now: s.Now,
		SessionDuration: s.SessionDuration,
	}
	if route, ok := strings.CutPrefix(r.Ingress, policy.RouteKind); ok {
		q.Ingress, q.Pin = route, policy.RoutePin
	} else {
		q.Ingress = r.Ingress
	}
	if r.Preflight != "" {
		q.Preflight = policy.Preflight{Method: r.Preflight, Headers: r.PreflightHeaders, PrivateNetwork: r.PrivateNetwork}
	}
	if r.Origin != "" {
		q.Site = policy.SiteOther
	}
	if r.Address != "" {
		q.Address, _ = netip.ParseAddr(r.Address)
	}
	if r.Country != "" {
		q.Countries = land(r.Country)
	}
	if r.Email != "" {
		q.Present(policy.Presented{Subject: r.subject(t, s.Now), InHeader: r.Token || r.Client != ""})
	}
	r.prove(t, &q)
	return t.Decide(q)
}

// A land is policy.Countries of a single one.
type land string

func (l land) Country(netip.Addr) string { return string(l) }

// subject is who is signed in, to whatever guards the target.
func (r *Request) subject(t *policy.Table, now time.Time) *policy.Subject {
	id, ok := t.UserID(r.Provider, r.Email)
	if !ok {
		id = r.Email
	}
	s := &policy.Subject{
		ID: id, Email: r.Email, Groups: r.Groups, AMR: r.AMR, Provider: r.Provider, Audience: []string{t.Audience(r.target)},
		Client: r.Client, SignedInAt: now.Add(-r.Age), IssuedAt: now.Add(-r.Age), ExpiresAt: now.Add(time.Hour),
	}
	for _, c := range r.Claims {
		name, value, _ := strings.Cut(c, "=")
		if n := len(s.Claims) - 1; n >= 0 && s.Claims[n].Name == name { // they are sorted
			s.Claims[n].Values = append(s.Claims[n].Values, value)
		} else {
			s.Claims = append(s.Claims, policy.IdentityClaim{Name: name, Values: []string{value}})
		}
	}
	if r.Token {
		s.AuthorizedParty = r.Origin
	}
	if r.evaluated {
		s.Evaluations = r.outcomes(t)
	}
	return s
}

// weight orders requests by how much there is to say of them.
func (r *Request) weight() int {
	n := len(r.URL) + 100*len(r.Groups) + 100*len(r.AMR) + 100*len(r.Claims) + 100*len(r.Evaluations) + 100*len(r.Bearer) + 100*len(r.Certificate) +
		150*len(r.LinkedApps)
	texts := []string{r.Email, r.Provider, r.Client, r.Address, r.Country, r.Origin, r.Ingress, r.PreflightHeaders, r.ServiceToken}
	for _, s := range texts {
		if s != "" {
			n += 200
		}
	}
	for _, b := range []bool{r.WebSocket, r.Token, r.PrivateNetwork, r.Age > 0, r.Method != "GET" && r.Method != "OPTIONS"} {
		if b {
			n += 150
		}
	}
	return n
}
