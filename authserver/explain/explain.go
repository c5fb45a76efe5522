// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// A Question is a request as a person describes it.
type Question struct {
	Method string
	URL    string
	// Scheme is that of the installation's team URL, and of login addresses. Empty: the
	// URL's.
	Scheme string
	// Navigation: a browser opens a page, in place of a fetch.
	Navigation bool
	// Ingress is the one that routed the request, "namespace/name", or an HTTPRoute,
	// "HTTPRoute/namespace/name". Empty: that is not known.
	Ingress string
	// Headers are lines such as "origin: https://app.example.com".
	Headers []string
	// As is who is signed in: an address, and after it groups. Empty: nobody.
	As []string
	// Age is how long ago they signed in.
	Age time.Duration
	// Provider is where they signed in. Empty: where the policy wants it.
	Provider string
	// Claims are what the provider says of them, "NAME=VALUE", each value on its own.
	Claims []string
	// AMR are the methods by which they did (RFC 8176).
	AMR []string
	// Client is the client_id of the program that sends the request for the user. Empty: their
	// browser does.
	Client string
	// From is the origin whose pages were given a token for this application, in
	// place of a session.
	From string
	// Token is what a verified bearer token of another issuer says: the claims, as JSON. Of
	// its times, exp and nbf count if they are there. Empty: there is none.
	Token string
	// Address is where the client is. Empty: that is not known.
	Address string
	// Country is where that is (ISO 3166-1 alpha-2). Empty: that is not known.
	Country string
	// SessionDuration is how old a session may be where no policy says so. 0: as old as
	// it says itself.
	SessionDuration time.Duration
	// Evaluations are what is assumed that external evaluations say of the user: the url of
	// the selector, "=" and true or false. What is not assumed is not known.
	Evaluations []string
	// Certificate are names of the client's certificate: the common name, and others as
	// "uri=NAME" or "dnsName=NAME"; "none": it has none. Empty: that is not known.
	Certificate []string
	// ServiceToken is the one that whoever sends the request has a secret of,
	// "namespace/name", or "namespace/name@SHA256" of the secret. Empty: none.
	ServiceToken string
	// LinkedApps are the AccessPolicies of applications that send the request for the user,
	// who is signed in there and not here: "namespace/name", or the name of one in the
	// namespace of the policy that decides. Without As, it is somebody whom they admit.
	LinkedApps []string
	// UpstreamHeaders are those that the installation lets policies set.
	UpstreamHeaders []string
	// Docs is the installation's page of reasons, as in serve.
	Docs string
	Now  time.Time
}

// A Report is the answer to a Question.
type Report struct {
	Method  string         `json:"method"`
	URL     string         `json:"url"`
	Verdict policy.Verdict `json:"verdict"`
	Reason  policy.Reason  `json:"reason"`
	Source  policy.Source  `json:"source,omitzero"`
	Rule    string         `json:"rule,omitempty"`
	// DryRun is what a policy in a dry run would have decided; nil: none is.
	DryRun   *Rehearsal      `json:"dryRun,omitempty"`
	Revision string          `json:"revision"`
	Status   int             `json:"status"`
	Headers  []dialect.Field `json:"headers"`
	Body     string          `json:"body,omitempty"`
	Steps    []policy.Step   `json:"steps"`
}

// A Rehearsal is what a policy would have decided if it were enforced.
type Rehearsal struct {
	Mode    string         `json:"mode"` // Open, Authenticate
	Verdict policy.Verdict `json:"verdict"`
	Reason  policy.Reason  `json:"reason"`
	Source  policy.Source  `json:"source"`
	Rule    string         `json:"rule,omitempty"`
}

// Allowed reports whether the request, or the preflight, gets what it asks for.
func (r *Report) Allowed() bool {
	return r.Verdict == policy.Admit || r.Verdict == policy.AnswerPreflight
}

// SignInFirst reports whether signing in could let the request pass. A machine that is
// challenged, because its token is not good or not there, has nowhere to sign in: it is denied.
func (r *Report) SignInFirst() bool { return signInFirst(r.Verdict, r.Reason) }

func signInFirst(v policy.Verdict, why policy.Reason) bool {
	return v == policy.Challenge && why.AsksPeople()
}

// Ask asks the table, where pathPrefix is ours on every host. The error is for a
// Question that is none.
func Ask(t *policy.Table, pathPrefix string, q Question) (*Report, error) {
	v, err := newView(q)
	if err != nil {
		return nil, err
	}
	address, err := q.address()
	if err != nil {
		return nil, err
	}
	scheme, _, err := q.check()
	if err != nil {
		return nil, err
	}
	scheme = cmp.Or(q.Scheme, scheme)
	listed, err := contract.ParseUpstream(q.UpstreamHeaders)
	if err != nil {
		return nil, fmt.Errorf("--upstream-headers: %w", err)
	}
	docs, err := web.ParseDocs(q.Docs)
	if err != nil {
		return nil, fmt.Errorf("--docs-url: %w", err)
	}
	d := dialect.Browser{Identity: dialect.DefaultIdentityHeaders.With(listed), Pages: &dialect.Pages{Scheme: scheme, PathPrefix: pathPrefix, Docs: docs}}
	r := &Report{Method: q.Method, URL: q.URL, Revision: t.Revision()}
	var ask dialect.Ask
	var answer dialect.Answer
	answer.Reset()
	if refusal := d.Read(v, &ask); refusal != nil {
		r.Reason = refusal.Reason
		r.Steps = []policy.Step{{What: "target", Outcome: "refused", Detail: refusal.Message}}
		ask.ReadClient(v)
		dialect.WriteRefusal(d, &answer, &ask, refusal)
		r.fill(&answer)
		return r, nil
	}
	ask.Now, ask.Address, ask.Ingress, ask.RequestID = q.Now, address.Unmap(), q.Ingress, "explain"
	ask.SessionDuration = q.SessionDuration
	if route, ok := strings.CutPrefix(q.Ingress, policy.RouteKind); ok {
		ask.Ingress, ask.Pin = route, policy.RoutePin
	}
	ask.Countries, ask.Certificate = place(q.Country), q.certificate()
	if err := q.signIn(t, &ask); err != nil {
		return nil, err
	}
	if err := q.prove(t, &ask.Request); err != nil {
		return nil, err
	}
	r.ownPath(ask.Target.Path(), pathPrefix)
	decision, trace := t.Explain(ask.Request)
	r.Verdict, r.Reason, r.Source, r.Rule, r.Steps = decision.Verdict, decision.Reason, decision.Source, decision.Rule, append(r.Steps, trace.Steps...)
	if w := decision.Would; decision.DryRun != policy.DryRunNone {
		r.DryRun = &Rehearsal{decision.DryRun.String(), w.Verdict, w.Reason, w.Source, w.Rule}
	}
	ask.ReadClient(v)
	d.Write(&answer, &ask, &decision)
	r.fill(&answer)
	r.notSent(decision.Upstream, listed)
	return r, nil
}

// ownPath says that no proxy that is set up asks about a path.
func (r *Report) ownPath(path, pathPrefix string) {
	if path == pathPrefix || strings.HasPrefix(path, pathPrefix+"/") {
		r.Steps = append(r.Steps, policy.Step{What: "path", Outcome: "ours",
			Detail: "what is below " + pathPrefix + " is answered by Ostiary itself: a proxy that is set up as documented sends it to the " +
				"public listener without asking. What follows is what one would be told that asks"})
	}
}

// notSent says which headers of the policy the application does not get.
func (r *Report) notSent(headers *policy.Upstream, listed []string) {
	for _, name := range headers.Names() {
		if r.Verdict == policy.Admit && !slices.Contains(listed, name) {
			at := r.Source
			at.Field = "spec.upstreamHeaders"
			r.Steps = append(r.Steps, policy.Step{What: "header", Outcome: "not sent", Source: at,
				Detail: name + " is not among the installation's --upstream-headers, so it is not sent, and a client's own is not removed"})
		}
	}
}

// address is where the client is; the zero Addr: that is not known.
func (q *Question) address() (a netip.Addr, err error) {
	if q.Address == "" && q.Country != "" {
		return a, errors.New("--country tells where the client's address is: name that as well, with --ip")
	}
	if q.Address == "" {
		return a, nil
	}
	if a, err = netip.ParseAddr(q.Address); err != nil {
		return a, fmt.Errorf("%q is not an address such as 192.0.2.1", q.Address)
	}
	return a, nil
}

// A place is policy.Countries of a single one.
type place string

func (p place) Country(netip.Addr) string { return string(p) }

func (r *Report) fill(a *dialect.Answer) {
	r.Status = a.Status
	for _, f := range a.Fields() {
		if f.Value != "" {
			r.Headers = append(r.Headers, dialect.Field{Name: strings.ToLower(f.Name), Value: f.Value})
		}
	}
	for _, f := range r.Headers {
		if f.Name == "content-type" && f.Value == "application/json" {
			r.Body = string(a.Body)
		}
	}
}

// Headline is a verdict in the words of a report.
func Headline(v policy.Verdict, why policy.Reason) string {
	switch {
	case v == policy.Admit:
		return "ALLOWED"
	case v == policy.AnswerPreflight:
		return "PREFLIGHT ANSWERED"
	case signInFirst(v, why):
		return "SIGN IN FIRST"
	default:
		return "DENIED"
	}
}

// view is a dialect.View of a Question.
type view struct {
	method, target, host string
	headers              map[string][]string
}

func newView(q Question) (*view, error) {
	_, rest, err := q.check()
	if err != nil {
		return nil, err
	}
	v := &view{method: q.Method, headers: map[string][]string{}}
	if q.Navigation {
		v.headers["Sec-Fetch-Mode"] = []string{"navigate"}
	}
	v.host, v.target = splitURL(rest)
	for _, line := range q.Headers {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("-H %q is not of the form 'name: value'", line)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		v.headers[name] = append(v.headers[name], strings.TrimSpace(value))
	}
	if len(q.As) > 0 && !strings.Contains(q.As[0], "@") {
		return nil, fmt.Errorf("--as %q: name an address such as ann@example.com", q.As[0])
	}
	if len(q.As) > 0 && q.From == "" { // a browser sends the session's cookie
		v.headers["Cookie"] = append(v.headers["Cookie"], "(the session)")
	}
	return v, nil
}

// check refuses what is no URL. A scheme has no case (RFC 3986 §3.1).
func (q *Question) check() (scheme, rest string, err error) {
	scheme, rest, ok := strings.Cut(q.URL, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case q.Method == "":
		return "", "", errors.New("the method is empty")
	case !ok && !strings.Contains(q.URL, ":"):
		return "", "", fmt.Errorf("%q is not a URL that begins with http:// or https://: write https://%s", q.URL, q.URL)
	case !ok || scheme != "http" && scheme != "https":
		return "", "", fmt.Errorf("%q is not a URL that begins with http:// or https://", q.URL)
	}
	if host, _ := splitURL(rest); strings.Contains(host, "@") {
		return "", "", fmt.Errorf("%q: no browser sends what stands before the @; leave it out", q.URL)
	}
	return scheme, rest, nil
}

// Methods are those that most applications know, for completion.
var Methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// splitURL splits what follows the scheme as browsers do: a path begins with "/".
func splitURL(rest string) (host, target string) {
	i := strings.IndexAny(rest, "/?#")
	switch {
	case i < 0:
		return rest, "/"
	case rest[i] == '?':
		return rest[:i], "/" + rest[i:]
	default:
		return rest[:i], rest[i:]
	}
}

func (v *view) Method() string        { return v.method }
func (v *view) RequestTarget() string { return v.target }
func (v *view) Host() string          { return v.host }

func (v *view) Header(name string) (string, int) {
	lines := v.headers[name]
	if len(lines) == 0 {
		return "", 0
	}
	return lines[0], len(lines)
}

func (v *view) Joined(name string) string { return strings.Join(v.headers[name], ",") }
