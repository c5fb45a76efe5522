// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"cmp"
	"context"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/console"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/oauth"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
	"github.com/ostiary/ostiary/authserver/web"
)

// Config is what a Server is made of.
type Config struct {
	// Table returns the table in force; nil before the first was published.
	Table func() *policy.Table
	// Subject verifies what a client presented. Of several good credentials, one
	// that counts at the place wins. The strings are good only during the call.
	Subject public.Subject
	// Assertion returns a signed token that tells the application of a policy which machine
	// was admitted; nil: none does.
	Assertion func(m *policy.Machine, by policy.Source, now time.Time) string
	// Tokens looks at what Authorization holds for a bearer token of another issuer that a
	// rule there looks at: it returns what that says, or why it does not count. Optional.
	Tokens func(at policy.Place, authorization string, now time.Time) (*policy.Bearer, policy.Reason)
	// Linked returns what the session of a linked application says, or why it is none that is
	// good. The string is good only during the call. nil: none is.
	Linked func(token string, now time.Time) (*policy.Linked, policy.Reason)
	// Ring returns the keys, or nil before there are any. It is for Login.
	Ring func() *credential.Ring
	// KeySet returns the public keys (RFC 7517), or nil before there are any.
	KeySet func() []byte
	// Ready reports whether everything that a decision needs is there.
	Ready func() bool
	// Witnesses remember who asked; nil: nobody wants to know.
	Witnesses *policy.Witnesses
	// Uses remember when service tokens were used; nil: nobody wants to know.
	Uses *policy.Uses
	// Cold reports whether preflights that are let pass (nginx-pass) could reach an
	// application, because the proxy does not know of our preflight listener yet: they
	// are refused then. Waits reports whether /readyz should say no for that reason.
	// Both are optional: nil is never.
	Cold, Waits func() bool
	// TeamURL is where people log in; its scheme is that of the applications.
	TeamURL *url.URL
	// PathPrefix is ours on every host. Default "/.access".
	PathPrefix string
	// Docs is where refusals and pages link to; empty: nowhere.
	Docs web.Docs
	// Look is how pages look. Nil: as web.Plain.
	Look *web.Look
	// ReturnHosts are hosts that every application may send people to after they
	// signed in or out, beside those of its own namespace.
	ReturnHosts []string
	// ReturnPorts are ports of applications beside that of the team host.
	ReturnPorts []string
	Identity    dialect.IdentityHeaders
	// TrustedProxies may say what the client's address is. Empty: no one may,
	// and no address is known.
	TrustedProxies []netip.Prefix
	// Countries tells where clients are; nil: nobody does.
	Countries   policy.Countries
	Log         *slog.Logger
	DecisionLog telemetry.DecisionLog
	// DecisionSample is the part of the decisions that let a request pass of which a line
	// is written with telemetry.LogAll. Default 0: all.
	DecisionSample float64
	// Tracer makes spans of decisions and sign-ins; nil: nobody wants them.
	Tracer  *span.Tracer
	Metrics prometheus.Registerer
	// SessionDuration is how old a session may be where no policy says so.
	// 0: as old as it says itself.
	SessionDuration time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Peers, Where, Diff and Survey are those of console.Config. Optional.
	Peers  *console.Peers
	Where  func(policy string) string
	Diff   func(ctx context.Context, manifests []byte) (string, error)
	Survey func(context.Context) console.Survey
	// Login signs people in; nil: nobody can. What it shares with this Config is
	// filled in from it.
	Login *login.Config
}

// A Server answers on all listeners. Make one with New.
type Server struct {
	Config
	decisions    *telemetry.Decisions
	addresses    *addressBook
	exchanges    sync.Pool
	certificates credential.Certificates
	nginx        dialect.Nginx
	pass         dialect.Nginx
	canary       dialect.Nginx
	headers      dialect.NginxHeaders
	forward      dialect.Forward
	url          dialect.URL
	envoy        dialect.Envoy
	external     dialect.External
	grpc         dialect.GRPC
	render       dialect.Render
	denials      console.Denials
	site         *public.Site
	login        *login.Handler
	console      *console.Handler
	oauth        *oauth.Handler
}

// home is the start page; empty: nobody can sign in here.
func (c *Config) home() string {
	if c.Login == nil || !login.HasTeamHost(c.TeamURL) {
		return ""
	}
	return strings.TrimSuffix(c.TeamURL.String(), "/") + "/"
}

// New returns a Server. Log, Table, Subject, KeySet and Ready must be set.
func New(c Config) *Server {
	if c.PathPrefix == "" {
		c.PathPrefix = contract.DefaultPathPrefix
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.TeamURL == nil {
		c.TeamURL = &url.URL{Scheme: "https"}
	}
	pages := &dialect.Pages{Scheme: c.TeamURL.Scheme, PathPrefix: c.PathPrefix, Look: cmp.Or(c.Look, web.Plain()), Docs: c.Docs,
		Home: c.home()}
	s := &Server{
		Config: c,
		decisions: telemetry.New(telemetry.Options{Metrics: c.Metrics, Log: c.Log, Wanted: c.DecisionLog, Sample: c.DecisionSample,
			Tracer: c.Tracer}),
		addresses: newAddressBook(&c),
		nginx:     dialect.Nginx{Identity: c.Identity, Pages: pages},
		pass:      dialect.Nginx{Identity: c.Identity, PassPreflights: true, Cold: c.Cold, Pages: pages},
		canary:    dialect.Nginx{Identity: c.Identity, PassPreflights: true, Canary: true, Cold: c.Cold, Pages: pages},
		forward:   dialect.Forward{Identity: c.Identity, Pages: pages},
		envoy:     dialect.Envoy{Identity: c.Identity, Pages: pages},
		render:    dialect.Render{Pages: pages},
	}
	s.external = dialect.External{Envoy: s.envoy}
	s.headers, s.url, s.grpc = dialect.NginxHeaders{Nginx: s.nginx}, dialect.URL{Forward: s.forward}, dialect.GRPC{Envoy: s.envoy}
	s.exchanges.New = func() any { return new(exchange) }
	s.signIn()
	if pages.Port = s.site.Port(); s.console != nil {
		pages.Why, pages.Denied = s.console.WhyURL, s.login.DeniedOf
	}
	return s
}

// signIn makes what answers on the public listener.
func (s *Server) signIn() {
	c := &s.Config
	s.site = &public.Site{Table: c.Table, Ring: c.Ring, TeamURL: c.TeamURL, PathPrefix: c.PathPrefix, Docs: c.Docs, Look: c.Look,
		SessionDuration: c.SessionDuration, ReturnPorts: c.ReturnPorts, Home: c.home(),
		Log: c.Log, Now: c.Now, SignsIn: c.Login != nil, Quiet: c.DecisionLog == telemetry.LogOff}
	s.site.Client = func(r *http.Request) netip.Addr {
		return s.addresses.address(peer(r), strings.Join(r.Header[contract.ForwardedFor], ","), s.Now())
	}
	if c.Login == nil {
		return
	}
	l := *c.Login
	l.Site, l.Subject, l.ReturnHosts, l.Countries, l.Tracer = s.site, c.Subject, c.ReturnHosts, c.Countries, c.Tracer
	l.Denied = func(x *public.Exchange, target policy.Target, who *policy.Subject, d *policy.Decision) string {
		return s.console.Denied(x, target, who, d)
	}
	s.login = login.New(l)
	s.console = console.New(console.Config{Site: s.site, Subject: c.Subject, Sessions: s.login, Providers: l.Providers,
		Denials: &s.denials, Peers: c.Peers, Where: c.Where, Address: s.site.Address, Countries: c.Countries, Diff: c.Diff, Survey: c.Survey})
	s.oauth = oauth.New(oauth.Config{Site: s.site, People: s.login, Subject: c.Subject, Revoke: l.Revoke})
}

// An exchange is one request and its answer. It is reused: nothing in it
// outlives the request.
type exchange struct {
	ask      dialect.Ask
	decision policy.Decision
	answer   dialect.Answer
	// refuses: not even a request that may pass gets a 200 here, as this is no
	// place to ask (render, preflight).
	refuses bool
}

// begin takes an exchange; give it back with end.
func (s *Server) begin() *exchange { return s.exchanges.Get().(*exchange) } // the pool holds nothing else

func (s *Server) end(x *exchange) {
	*x = exchange{}
	s.exchanges.Put(x)
}

// handle is the way of a request: read → who → decide → write → observe.
func (s *Server) handle(d dialect.Dialect, v dialect.View, peer netip.Addr, x *exchange) {
	x.answer.Reset()
	q := &x.ask
	q.Cloudflare = s.Identity.Cloudflare()
	s.joinTrace(v, q)
	if refusal := d.Read(v, q); refusal != nil {
		s.locate(d, v, peer, q)
		q.ReadClient(v)
		s.refuse(d, q, refusal, &x.answer)
		return
	}
	q.Now, q.SessionDuration = s.Now(), s.SessionDuration
	s.certified(q)
	q.Address, q.Countries = s.addresses.address(peer, q.ForwardedFor, q.Now), s.Countries
	var table *policy.Table
	if s.Ready() {
		table = s.Table()
	}
	if table.Torn(&q.Request) {
		q.ReadClient(v)
		s.refuse(d, q, &torn, &x.answer)
		return
	}
	decision := &x.decision // of a pool: dialects take it where the compiler cannot follow
	*decision = s.decide(table, q)
	if m := decision.Machine; m != nil && s.Assertion != nil && !x.refuses {
		q.Assertion = s.Assertion(m, decision.Source, q.Now)
		s.Uses.Saw(m, q.Now)
	}
	if x.refuses || decision.Verdict != policy.Admit {
		q.ReadClient(v)
		if q.RequestID == "" {
			q.RequestID, q.OwnRequestID = newRequestID(), true
		}
	}
	d.Write(&x.answer, q, decision)
	s.observe(d.String(), x, table)
}

// observe tells whoever wants to know of a decision.
func (s *Server) observe(name string, x *exchange, table *policy.Table) {
	q, decision := &x.ask, &x.decision
	s.decisions.Decided(name, q, decision, x.answer.Status, table, s.Now().Sub(q.Now))
	if name != "render" && s.console != nil { // it shows what was refused
		s.denials.Saw(q, decision, table)
	}
	if name != "render" && name != "preflight" { // these show what was refused or led there, not that anybody asks
		s.Witnesses.Saw(q.Ingress, q.Pin, decision.Source)
	}
}

// joinTrace is readTrace where somebody wants it.
func (s *Server) joinTrace(v dialect.View, q *dialect.Ask) {
	if s.Tracer != nil {
		readTrace(v, q)
	}
}

// readTrace reads the trace context of a question, unless how it came has said it.
func readTrace(v dialect.View, q *dialect.Ask) {
	if q.TraceParent != "" {
		return
	}
	if parent, lines := v.Header(span.ParentHeader); lines == 1 {
		q.TraceParent, q.TraceState = parent, v.Joined(span.StateHeader)
	}
}

// locate finds out where a question came from, and what it was, that was refused unread.
func (s *Server) locate(d dialect.Dialect, v dialect.View, peer netip.Addr, q *dialect.Ask) {
	if q.HostPort == "" && d != nowhere { // what leads nowhere can be anything
		q.Asked = v.RequestTarget()
	}
	if q.ForwardedFor == "" {
		q.ForwardedFor = v.Joined(contract.ForwardedFor)
	}
	q.Address = s.addresses.address(peer, q.ForwardedFor, s.Now())
}

// certified reads the certificate that the proxy verified, if it says so. One that cannot be read is not
// known, which counts against the client.
func (s *Server) certified(q *dialect.Ask) {
	if q.ClientCertificate == "" {
		return
	}
	q.Certificate.Certificate = s.certificates.Parse(q.ClientCertificate)
	q.Certificate.Known = q.Certificate.Certificate != nil
}

// torn is a pin for an Ingress and an HTTPRoute of one name that name two policies.
var torn = dialect.Refusal{Status: 400, Reason: policy.BadRequest, Operator: true,
	Message: "the auth request is pinned to an Ingress and to an HTTPRoute of the same name, which name different policies: pin it to the HTTPRoute with " + contract.ForwardRoutePrefix + ", or rename one of them"}

// decide judges a question. Where it can be read in two ways, it judges both, and the
// stricter answer counts: neither reading opens what the other would not.
func (s *Server) decide(table *policy.Table, q *dialect.Ask) policy.Decision {
	decision := s.judge(table, q)
	route, uri, ok := q.PerhapsPinned()
	if !ok || !table.HasRoute(route) {
		return decision
	}
	other, refusal := q.PinnedTo(route, uri)
	pinned := policy.Decision{}
	if refusal != nil {
		pinned.Reason = refusal.Reason
	} else {
		pinned = s.judge(table, &other)
	}
	if strictness(pinned.Verdict) < strictness(decision.Verdict) {
		return decision
	}
	*q = other
	return pinned
}

func (s *Server) judge(table *policy.Table, q *dialect.Ask) policy.Decision {
	if table != nil {
		at := table.At(&q.Request)
		q.Present(s.Subject(at, q.Cookie, q.Authorization, q.Now))
		if q.Authorization != "" && !q.InHeader && s.Tokens != nil && at.LooksAtTokens() {
			q.PresentToken(s.Tokens(at, q.Authorization, q.Now))
		}
		if q.AccessToken != "" && at.LooksAtLinks() {
			q.PresentLinked(s.linked(q))
		}
	}
	return table.Decide(q.Request)
}

// linked verifies the session of a linked application.
func (s *Server) linked(q *dialect.Ask) (*policy.Linked, policy.Reason) {
	if s.Linked == nil {
		return nil, policy.TokenInvalid
	}
	return s.Linked(q.AccessToken, q.Now)
}

// strictness orders verdicts by how little they let through.
func strictness(v policy.Verdict) int {
	switch v {
	case policy.Admit:
		return 0
	case policy.AnswerPreflight:
		return 1
	case policy.Challenge:
		return 2
	case policy.Deny:
	}
	return 3
}

func (s *Server) refuse(d dialect.Dialect, q *dialect.Ask, r *dialect.Refusal, a *dialect.Answer) {
	if q.RequestID == "" {
		q.RequestID, q.OwnRequestID = newRequestID(), true
	}
	dialect.WriteRefusal(d, a, q, r)
	s.decisions.Refused(d.String(), q, r)
}

// newRequestID is unlikely to repeat within a log, and no secret.
func newRequestID() string {
	var raw [8]byte
	n := rand.Uint64() //nolint:gosec // not a secret
	for i := range raw {
		raw[i] = byte(n >> (8 * i))
	}
	return hex.EncodeToString(raw[:])
}
