// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

// A check is one case that runs against one variant. What it finds is not the
// test's failure yet: a variant may have named it as a limit.
type check struct {
	*setup
	deviations []string
	// breaches are requests that reached what they must not, or what a client made
	// an application believe. No limit excuses them.
	breaches []string
	// hostRow: the case is about the Host that applications are told. hostLimit: that
	// case is a limit of the variant, so that others leave it alone.
	hostRow, hostLimit bool
}

// errorf notes that the variant does otherwise.
func (c *check) errorf(format string, args ...any) {
	c.deviations = append(c.deviations, fmt.Sprintf(format, args...))
}

// breach notes that a request was where it must not be.
func (c *check) breach(format string, args ...any) {
	c.breaches = append(c.breaches, fmt.Sprintf(format, args...))
}

// send sends bytes and judges whatever reached an application.
func (c *check) send(raw string) *answer { return c.sendFrom(clientAddress, raw) }

func (c *check) sendFrom(from, raw string) *answer {
	c.apps.Take()
	a := exchange(from, c.addr, raw)
	a.hits = c.apps.Take()
	for i := range a.hits {
		a.hits[i].from = from
	}
	c.judge(raw, a.hits, a.dump)
	return a
}

// judge asks the reference about hits, and what they were told about the caller.
func (c *check) judge(raw string, hits []hit, dump func() string) {
	who, token := c.sessions(raw)
	for _, h := range hits {
		if why := denied(h, who); why != "" {
			c.breach("%s was reached, and should not: %s%s", h.app, why, dump())
		}
		if why := deniedByHost(h, who); why != "" && c.hostRow {
			c.errorf("%s was reached, and told a host by which it should not: %s%s", h.app, why, dump())
		} else if why != "" && !c.hostLimit {
			c.breach("%s was reached, and told a host by which it should not: %s%s", h.app, why, dump())
		}
		for _, line := range h.header {
			name, value, _ := strings.Cut(line, ":")
			name, value = strings.ReplaceAll(strings.ToLower(name), "_", "-"), strings.TrimSpace(value)
			want, ours := identity[name]
			if !ours || value == "" {
				continue
			}
			if name == "x-access-jwt-assertion" {
				want = token
			}
			if len(who) == 0 || value != want {
				c.breach("%s was told %q%s", h.app, line, dump())
			}
		}
	}
}

// identity is what the applications are told of ann, the token aside.
var identity = map[string]string{
	"x-access-jwt-assertion": "", "x-access-email": "ann@example.com", "x-access-user": "ann", "x-access-groups": "staff,ops",
	"cf-access-jwt-assertion": "", "cf-access-authenticated-user-email": "",
}

// sessions tells which of the good sessions that were ever made a request carries.
func (s *setup) sessions(raw string) (who principal, token string) {
	who = principal{}
	for t, policy := range s.minted {
		if strings.Contains(raw, t) {
			who[policy] = true
			token = t
		}
	}
	return who, token
}

// session is the line of a good session of ann@example.com for a policy of shop.
func (s *setup) session(policy string) string {
	return asCookie(s.token(policy))
}

func (s *setup) token(policy string) string {
	for t, p := range s.minted {
		if p == policy {
			return t
		}
	}
	t := s.mint(credential.Claims{Audience: []string{"shop/" + policy}}, time.Now())
	s.minted[t] = policy
	return t
}

// mint makes a token with the very keys that ostiary uses.
func (s *setup) mint(c credential.Claims, now time.Time) string {
	if c.Issuer == "" {
		c.Issuer = teamURL
	}
	if c.ID == "" {
		c.ID, c.Email, c.Groups = "ann", "ann@example.com", []string{"staff", "ops"}
	}
	c.Lifetime = time.Hour
	token, err := s.ring.Mint(c, now)
	if err != nil {
		panic(err) // the claims are the tests' own
	}
	return token
}

func asCookie(token string) string { return "Cookie: " + credential.CookieName + "=" + token }

// status checks the status.
func (c *check) status(a *answer, want ...int) {
	if !slices.Contains(want, a.Status) {
		c.errorf("status %d, want %v%s", a.Status, want, a.dump())
	}
}

// field checks a header field; "" wants none.
func (c *check) field(a *answer, name, want string) {
	if got := a.Header.Get(name); got != want {
		c.errorf("%s: %q, want %q%s", name, got, want, a.dump())
	}
}

// vary wants these among what the answer depends on.
func (c *check) vary(a *answer, want ...string) {
	got := a.List("Vary")
	for _, w := range want {
		if !slices.Contains(got, strings.ToLower(w)) {
			c.errorf("Vary: %q lacks %s%s", got, w, a.dump())
		}
	}
}

// noCORS wants no Access-Control-* field at all.
func (c *check) noCORS(a *answer) {
	if got := a.Header.With("access-control-"); got != nil {
		c.errorf("%q, want none%s", got, a.dump())
	}
}

// cors wants exactly these Access-Control-* fields.
func (c *check) cors(a *answer, want ...string) {
	slices.Sort(want)
	if got := a.Header.With("access-control-"); !slices.Equal(got, want) {
		c.errorf("%q, want %q%s", got, want, a.dump())
	}
}

// kept: nothing reached an application, and the answer plants nothing.
func (c *check) kept(a *answer) {
	if len(a.hits) > 0 {
		c.errorf("an application was reached%s", a.dump())
	}
	for _, name := range []string{"Set-Cookie", "WWW-Authenticate", "X-App"} {
		c.field(a, name, "")
	}
}

// through: exactly the route was reached, once. Where a proxy has one route a host,
// that of the host stands for those of its paths.
func (c *check) through(a *answer, name string) hit {
	if len(a.hits) == 1 && (a.hits[0].app == name || !c.pathRoutes &&
		a.hits[0].app == strings.TrimSuffix(strings.TrimSuffix(name, "-public"), "-api")) {
		return a.hits[0]
	}
	c.errorf("want one request at %s%s", name, a.dump())
	return hit{}
}

// refused is what is asked of a preflight that is not answered.
func (c *check) refused(a *answer) {
	c.status(a, 403)
	c.vary(a, preflightVary...)
	c.noCORS(a)
	c.field(a, "Location", "")
	c.kept(a)
}

// answered: 200, nothing in the body, and exactly these fields and Vary.
func (c *check) answered(a *answer, fields ...string) {
	c.status(a, 200)
	if a.Body != "" {
		c.errorf("a preflight was answered with a body%s", a.dump())
	}
	c.cors(a, fields...)
	c.vary(a, preflightVary...)
	c.kept(a)
}

var preflightVary = []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}

// problem is the 401 or 403 that a script can read.
func (c *check) problem(a *answer, reason, loginURL string) {
	var p struct {
		Reason    string `json:"reason"`
		LoginURL  string `json:"login_url"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
		c.errorf("no JSON: %v%s", err, a.dump())
		return
	}
	if p.Reason != reason || p.LoginURL != loginURL || p.RequestID == "" {
		c.errorf("%+v, want reason %q and login_url %q%s", p, reason, loginURL, a.dump())
	}
	c.field(a, "X-Access-Reason", reason)
	c.field(a, "Cache-Control", "no-store")
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		c.errorf("not JSON by its header%s", a.dump())
	}
}

// guarded holds for every request of a stranger, whatever it looks like: what may
// be reached the oracle says; besides, nothing is set, and a visitor's mischief is
// no error of the server, nor a page that nobody asked for.
func (c *check) guarded(a *answer) {
	if len(a.hits) > 1 {
		c.errorf("reached %d applications%s", len(a.hits), a.dump())
	}
	if a.Status >= 500 {
		c.errorf("status %d for a visitor's mistake%s", a.Status, a.dump())
	}
	if len(a.hits) == 0 && a.Status/100 == 2 && !strings.HasPrefix(a.Request, "OPTIONS ") {
		c.errorf("status %d, and nobody was asked%s", a.Status, a.dump())
	}
	for _, name := range []string{"Set-Cookie", "WWW-Authenticate"} {
		c.field(a, name, "")
	}
}
