// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// authenticate is the challenge of a 401 (RFC 9110 §11.6.1): by it a program that acts for
// somebody finds out where to get a token (RFC 9728 §5.1). It is for policies with OAuth alone,
// and not for people: of theirs the login page takes care.
const authenticate = "WWW-Authenticate"

// challenge returns the value of authenticate, or "" where there is none.
func (p *Pages) challenge(q *Ask, d *policy.Decision) string {
	if p == nil || d.Verdict != policy.Challenge || d.Resource == "" || q.Navigation || redirects(q, d) || p.isOurs(q) {
		return ""
	}
	path := (&url.URL{Path: strings.TrimSuffix(d.Resource, "/")}).EscapedPath()
	value := `Bearer resource_metadata="` + p.Scheme + "://" + q.Target.Host() + p.Port + p.PathPrefix + contract.OAuthResource + path + `"`
	switch {
	case !hasBearer(q.Authorization): // RFC 6750 §3.1: who sent none is told no error
	case d.StepUp != "": // RFC 9470 §3: the token is good, and who got it has to prove more
		value += `, error="insufficient_user_authentication", acr_values="` + d.StepUp + `"`
	default:
		value += `, error="invalid_token"`
	}
	return value
}

// stepUpQuery has the login ask for the authentication method that is missing.
func stepUpQuery(d *policy.Decision) string {
	if d.StepUp == "" {
		return ""
	}
	return "&step=" + url.QueryEscape(d.StepUp)
}

// hasBearer reports whether a request has a bearer token, good or not.
func hasBearer(authorization string) bool {
	const scheme = "Bearer "
	return len(authorization) > len(scheme) && strings.EqualFold(authorization[:len(scheme)], scheme)
}

// challenged adds the challenge to an answer, and lets pages read it that may read the
// answer. To the render listener's, nginx adds the one of the question by itself.
func (p *Pages) challenged(a *Answer, q *Ask, d *policy.Decision) {
	value := p.challenge(q, d)
	if value == "" {
		cors(a, &d.CORS)
		return
	}
	if q.Code == 0 {
		a.Set(authenticate, value)
	}
	c := d.CORS
	if c.AllowOrigin != "" && !strings.Contains(strings.ToLower(c.ExposeHeaders), strings.ToLower(authenticate)) {
		c.ExposeHeaders = strings.TrimPrefix(c.ExposeHeaders+", "+authenticate, ", ")
	}
	cors(a, &c)
}
