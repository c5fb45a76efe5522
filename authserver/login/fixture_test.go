// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/console"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// A replica is one of an installation.
type replica struct {
	*Handler
	console *console.Handler
}

func (r replica) answers(w http.ResponseWriter, q *http.Request) bool {
	return r.Serve(w, q, "test-request", r.Handler, r.console)
}

// A site is an installation: several hosts, and replicas that share the keys and
// the table, and take turns.
type site struct {
	t         testing.TB
	server    *httptest.Server
	port      string
	replicas  []replica
	verifiers []*credential.Verifier
	ring      *credential.Ring
	providers *idp.Set

	mu      sync.Mutex
	table   *policy.Table
	in      policy.Input  // of the table
	ahead   time.Duration // how far the clock is ahead
	stopped time.Time     // zero: the clock goes
	turn    int
	address netip.Addr // of every client
	served  []string   // what the applications were asked: "METHOD host/path as user"
}

func everyone() []policy.Selector { return []policy.Selector{{Property: policy.Everyone}} }

func emails(addresses ...string) []policy.Selector {
	var out []policy.Selector
	for _, a := range addresses {
		out = append(out, policy.Selector{Property: policy.Email, Value: a})
	}
	return out
}

func allow(include []policy.Selector) []policy.Rule {
	return []policy.Rule{{Action: policy.Allow, Include: include}}
}

func named(name string, hosts ...string) policy.Policy {
	return policy.Policy{Source: policy.Source{Namespace: "shop", Name: name}, Hosts: hosts}
}

// standard are the policies of most tests.
func standard(port string) []policy.Policy {
	app1, app2, app3 := named("app1", "app1.example.com"), named("app2", "app2.example.net"), named("app3", "app3.example.org")
	app1.Rules = allow(everyone())
	app2.Rules = allow(emails("ann@example.com", "bob@example.com"))
	app2.CORS = &policy.CORS{AllowedOrigins: []string{"https://app1.example.com:" + port}, AllowedMethods: []string{"GET", "PUT"}, AllowCredentials: true, Tokens: true}
	app3.Rules = allow(emails("root@example.com"))
	return []policy.Policy{app1, app2, app3}
}

const password = "correct horse"

// hashed is slow on purpose, and so done once.
var hashed = sync.OnceValues(func() ([]byte, error) { return bcrypt.GenerateFromPassword([]byte(password), 10) })

func people(t testing.TB, users ...string) []byte {
	t.Helper()
	hash, err := hashed()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, u := range users {
		fmt.Fprintf(&b, "- {name: %s, email: %s@example.com, groups: [staff], passwordHash: %q}\n", u, u, hash)
	}
	return []byte(b.String())
}

// newSite starts a site; edit may change its policies.
func newSite(t testing.TB, edit func([]policy.Policy) []policy.Policy) *site {
	t.Helper()
	s := &site{t: t, address: netip.MustParseAddr("192.0.2.7")}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	_, s.port, _ = net.SplitHostPort(s.server.Listener.Addr().String())
	var err error
	if s.ring, err = credential.NewRing(s.now()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s.providers = idp.New(idp.Options{Log: log})
	if problems := s.providers.Update([]idp.Config{{Name: "people", DisplayName: "People", Type: "users", Users: people(t, "ann", "bob", "root")}}); len(problems) > 0 {
		t.Fatal(problems)
	}
	policies := standard(s.port)
	if edit != nil {
		policies = edit(policies)
	}
	s.publish(policies)
	team := &url.URL{Scheme: "https", Host: "auth.example.com:" + s.port}
	for range 2 {
		v := credential.NewVerifier(s.ring, team.String(), 100)
		s.verifiers = append(s.verifiers, v)
		shared := &public.Site{
			Table:   func() *policy.Table { s.mu.Lock(); defer s.mu.Unlock(); return s.table },
			Ring:    func() *credential.Ring { return s.ring },
			TeamURL: team, PathPrefix: "/.access", SessionDuration: 24 * time.Hour, Log: log, Now: s.now, SignsIn: true,
			Docs: "https://docs.example.com/reasons", Client: func(*http.Request) netip.Addr { return s.address },
		}
		h := New(Config{Site: shared, Subject: v.Subject, Providers: s.providers, Revoke: s.revoke})
		s.replicas = append(s.replicas, replica{h, console.New(console.Config{Site: shared, Subject: v.Subject, Sessions: h, Providers: s.providers})})
	}
	return s
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped.IsZero() {
		return s.stopped
	}
	return time.Now().Add(s.ahead)
}

// stop holds the clock, for what a slow machine must not have more time for.
func (s *site) stop() {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = now
}

func (s *site) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ahead += d; !s.stopped.IsZero() {
		s.stopped = s.stopped.Add(d)
	}
}

func (s *site) publish(policies []policy.Policy) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.Policies = policy.CompileAll(policies)
	table, issues := policy.Build(s.in)
	for _, i := range issues {
		if !i.Warning() {
			s.t.Fatal(i)
		}
	}
	s.table = table
}

func (s *site) revoke(_ context.Context, what policy.Revocation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.Revocations = append(s.in.Revocations, what)
	s.table, _ = policy.Build(s.in)
	return nil
}

// serve is the ingress, the replicas and the applications. Each request goes to
// another replica than the one before.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.turn++
	n := s.turn % len(s.replicas)
	table := s.table
	s.mu.Unlock()
	if s.replicas[n].answers(w, r) {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/.access/") || strings.HasPrefix(r.Host, "auth.") {
		http.NotFound(w, r)
		return
	}
	now := s.now()
	target, err := policy.NewTarget(r.Host, r.RequestURI)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	q := policy.Request{Target: target, Method: r.Method, Origin: r.Header.Get("Origin"), Now: now}
	q.Present(s.verifiers[n].Subject(table.At(&q), r.Header.Get("Cookie"), r.Header.Get("Authorization"), now))
	d := table.Decide(q)
	w.Header().Set("X-Access-Reason", d.Reason.String())
	switch d.Verdict {
	case policy.Admit:
		who := ""
		if d.Identified {
			who = q.Subject.Email
		}
		s.mu.Lock()
		s.served = append(s.served, r.Method+" "+target.Host()+r.RequestURI+" as "+who)
		s.mu.Unlock()
		fmt.Fprintf(w, "%s%s for %s", target.Host(), r.RequestURI, who)
	case policy.Challenge:
		http.Redirect(w, r, s.replicas[n].Own(target.Host(), "login", url.Values{"rd": {r.RequestURI}}), http.StatusFound)
	default:
		http.Error(w, d.Reason.String(), http.StatusForbidden)
	}
}

func (s *site) url(host, path string) string { return "https://" + host + ":" + s.port + path }

// A browser keeps cookies, follows redirects, and fills in forms.
type browser struct {
	*site
	client  *http.Client
	follow  bool
	visited []string
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &browser{site: s, follow: true}
	addr := s.server.Listener.Addr().String()
	b.client = &http.Client{
		Jar: jar, Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, addr)
			},
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if !b.follow || len(via) > 15 {
				return http.ErrUseLastResponse
			}
			b.visited = append(b.visited, r.URL.String())
			return nil
		},
	}
	s.t.Cleanup(b.client.CloseIdleConnections)
	return b
}

// A page is an answer, read.
type page struct {
	status   int
	header   http.Header
	body     string
	at       *url.URL
	location string
}

func (b *browser) do(method, address string, form url.Values, header ...string) page {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if !b.follow {
		b.visited = append(b.visited, address)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if reason := resp.Header.Get("X-Access-Reason"); reason != "" && strings.Contains(string(text), "</html>") && resp.StatusCode >= 400 &&
		!strings.Contains(string(text), `href="https://docs.example.com/reasons#`+reason+`"`) {
		b.t.Errorf("%s: the page does not link to what %s means:\n%s", address, reason, afterMain(string(text)))
	}
	if strings.Contains(string(text), "</html>") && !leadsOn(string(text)) {
		b.t.Errorf("%s %s: the page is a dead end:\n%s", method, address, afterMain(string(text)))
	}
	return page{resp.StatusCode, resp.Header, string(text), resp.Request.URL, resp.Header.Get("Location")}
}

var way = regexp.MustCompile(`<a [^>]*href="https?://[^"]*"[^>]*>|<form [^>]*action="|http-equiv="refresh"`)

// leadsOn reports whether a page has a way to go on: what explains it is none.
func leadsOn(html string) bool {
	main, _, _ := strings.Cut(afterMain(html), "</main>")
	return slices.ContainsFunc(way.FindAllString(main, -1), func(way string) bool { return !strings.Contains(way, `rel="noreferrer"`) })
}

func (b *browser) get(address string, header ...string) page {
	b.t.Helper()
	return b.do(http.MethodGet, address, nil, header...)
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

// signIn fills in the form of a page.
func (b *browser) signIn(p page, user, pass string) page {
	b.t.Helper()
	if !strings.Contains(p.body, `type="password"`) {
		b.t.Fatalf("%s shows no sign-in form (%d): %s", p.at, p.status, afterMain(p.body))
	}
	form := url.Values{"username": {user}, "password": {pass}}
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], m[2])
	}
	return b.do(http.MethodPost, p.at.Scheme+"://"+p.at.Host+p.at.Path, form)
}

// enter opens an address and signs in where that is asked for.
func (b *browser) enter(host, path, user string) page {
	b.t.Helper()
	p := b.get(b.url(host, path))
	if strings.Contains(p.body, `type="password"`) {
		p = b.signIn(p, user, password)
	}
	return p
}

// jar lists the hosts' cookies: "name" for each host.
func (b *browser) jar(host string) []string {
	u, _ := url.Parse(b.url(host, "/"))
	var names []string
	for _, c := range b.client.Jar.Cookies(u) {
		names = append(names, c.Name)
	}
	return names
}

// session is the cookie of an application's session.
func (b *browser) session(host string) string {
	u, _ := url.Parse(b.url(host, "/"))
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == credential.CookieName {
			return c.Value
		}
	}
	return ""
}

func (b *browser) want(p page, status int, text string) {
	b.t.Helper()
	if p.status != status || !strings.Contains(p.body, text) {
		b.t.Fatalf("%s: %d, want %d and %q in:\n%s", p.at, p.status, status, text, afterMain(p.body))
	}
}

// afterMain leaves the style out of a page.
func afterMain(body string) string {
	if _, main, ok := strings.Cut(body, "<main "); ok {
		return main
	}
	return body
}
