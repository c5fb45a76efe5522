// SPDX-License-Identifier: Apache-2.0

package public

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// A Site is the team host, and our path prefix on the hosts of all applications. All
// of it must be set, but for the flags, and for Ring where nobody signs in.
type Site struct {
	// Table returns the table in force, Ring the keys; nil before there is one.
	Table func() *policy.Table
	Ring  func() *credential.Ring
	// TeamURL is the team host. Its scheme and port are those of the
	// applications, too: a port in a request could be anybody's.
	TeamURL *url.URL
	// PathPrefix is ours on every host, such as "/.access".
	PathPrefix string
	// ReturnPorts are ports of applications beside that of the team host. Who listens there is
	// sent the sessions' cookies anyway, as those know no ports.
	ReturnPorts []string
	// Home is the start page, for whoever has no other way on; empty: there is none.
	Home string
	// Docs is where the reasons are explained that pages and answers name.
	Docs web.Docs
	// SessionDuration is how long a session at the team host lasts, and one at
	// an application whose policy says nothing.
	SessionDuration time.Duration
	Log             *slog.Logger
	// Client returns the address of the client, as far as it is known; nil: it never is.
	Client func(*http.Request) netip.Addr
	Now    func() time.Time
	// SignsIn: people can sign in here.
	SignsIn bool
	// Look is how pages look. Nil: as web.Plain.
	Look *web.Look
	// Quiet: neither sign-ins nor pages at addresses that nothing answers for leave lines in the
	// log, unless they are warnings.
	Quiet bool
}

// A Subject says who sent a request, of which it is given the Cookie and
// Authorization fields.
type Subject = func(at policy.Place, cookie, authorization string, now time.Time) policy.Presented

// A Router says what answers for an exact path on a host, as what a proxy might clean
// or decode is not one of them. nil: it does not.
type Router interface {
	Route(host, path string) func(*Exchange)
}

// Posted is a Router with addresses that pages of other sites post forms to: no other
// of ours takes one.
type Posted interface {
	PostedTo(host, path string) bool
}

// Serve answers if one of the routers knows the address, and otherwise reports false
// and has written nothing. id is the request's, for people and logs.
func (s *Site) Serve(w http.ResponseWriter, r *http.Request, id string, routers ...Router) bool {
	path, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	target, err := policy.NewTarget(r.Host, "/")
	if err != nil {
		return false
	}
	x := &Exchange{W: w, R: r, ID: id, Host: target.Host(), Port: s.PortOf(r.Host), Table: s.Table(), Ring: s.Ring(), Now: s.Now()}
	var serve func(*Exchange)
	var posted bool
	for _, router := range routers {
		if serve = router.Route(x.Host, path); serve != nil {
			p, ok := router.(Posted)
			posted = ok && p.PostedTo(x.Host, path)
			break
		}
	}
	if serve == nil {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	if x.Query, err = url.ParseQuery(rawQuery); err != nil {
		s.Fail(x, web.DamagedAddress)
		return true
	}
	if x.Table == nil || x.Ring == nil {
		s.Fail(x, web.NotReady)
		return true
	}
	if x.R.Method == http.MethodPost && !posted && !s.isOurForm(x) {
		s.Fail(x, web.CrossSite)
		return true
	}
	serve(x)
	return true
}

// isOurForm reports whether a POST comes from a page of the same host, or to an application
// from one of the team host's.
func (s *Site) isOurForm(x *Exchange) bool {
	return SameOrigin(x.R) || x.Host != s.TeamHost() && s.FromTeam(x.R)
}

// Address is that of the client; the zero Addr is not known.
func (s *Site) Address(r *http.Request) netip.Addr {
	if s.Client == nil {
		return netip.Addr{}
	}
	return s.Client(r)
}

// Ours returns what follows our prefix in a path, if it is below that.
func (s *Site) Ours(path string) (own string, ours bool) {
	return strings.CutPrefix(path, s.PathPrefix+"/")
}

// Origin returns the origin of an application, as browsers write it.
func (s *Site) Origin(host string) string { return s.TeamURL.Scheme + "://" + host + s.Port() }

// Port is that of every host of ours, with its colon. Empty: the scheme's own.
func (s *Site) Port() string {
	if p := s.TeamURL.Port(); p != "" {
		return ":" + p
	}
	return ""
}

// PortOf returns the port of an application, with its colon, by what a browser wrote into
// Host: if it is one that the operator lists, and otherwise that of every host.
func (s *Site) PortOf(host string) string {
	standard := map[string]string{"http": "80", "https": "443"}[s.TeamURL.Scheme]
	port := standard
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		port = host[i+1:]
	}
	switch {
	case CanonicalHost(host) == s.TeamHost() || !slices.Contains(s.ReturnPorts, port):
		return s.Port()
	case port == standard:
		return ""
	}
	return ":" + port
}

// OriginAt is Origin at a port that PortOf returned.
func (s *Site) OriginAt(host, port string) string { return s.TeamURL.Scheme + "://" + host + port }

// Here is the origin of the host that was asked.
func (s *Site) Here(x *Exchange) string { return s.OriginAt(x.Host, x.Port) }

// OwnAt returns an address below our prefix at an origin.
func (s *Site) OwnAt(origin, path string, query url.Values) string {
	u := origin + s.PathPrefix + "/" + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// Own returns an address below our prefix on a host.
func (s *Site) Own(host, path string, query url.Values) string {
	return s.OwnAt(s.Origin(host), path, query)
}

// TeamHost is the team host without a port.
func (s *Site) TeamHost() string { return strings.ToLower(s.TeamURL.Hostname()) }

// Issuer names the team host in tokens.
func (s *Site) Issuer() string { return strings.TrimSuffix(s.TeamURL.String(), "/") }

// HostOf returns the host of an origin of ours: our scheme, our port, no path.
func (s *Site) HostOf(origin string) (string, bool) {
	rest, ok := strings.CutPrefix(origin, s.TeamURL.Scheme+"://")
	if !ok {
		return "", false
	}
	name, ok := strings.CutSuffix(rest, s.Port())
	return name, ok && name != "" && CanonicalHost(name) == name
}

// CanonicalHost returns a host as policies compare it; empty: it is none.
func CanonicalHost(host string) string {
	t, err := policy.NewTarget(host, "/")
	if err != nil {
		return ""
	}
	return t.Host()
}

// FromTeam reports whether a page of the team host sent a POST. All of those are ours.
func (s *Site) FromTeam(r *http.Request) bool {
	from := r.Header["Origin"]
	return len(from) == 1 && from[0] == s.Origin(s.TeamHost())
}

// SameOrigin reports whether a page of this very host sent a request: Fetch
// Metadata says so, or else Origin must name this very host.
func SameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	_, host, ok := strings.Cut(r.Header.Get("Origin"), "://")
	return ok && host == r.Host
}
