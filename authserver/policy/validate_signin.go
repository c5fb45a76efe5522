// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// signIn checks what a policy says of signing in, and of those who may not pass.
func (v *validator) signIn(p *Policy) {
	v.each("spec.identityProviders", p.IdentityProviders, func(name string) problem {
		if !isObjectName(name) {
			return problem{codeProvider, "not the name of an IdentityProvider"}
		}
		return problem{}
	})
	v.duration("spec.session", ".duration", p.Session.Duration)
	if idle := p.Session.Idle; idle != 0 && (idle < MinIdle || idle > MaxSessionDuration) {
		v.wrong("spec.session.idle", codeIdle, "%s: at least %s and at most %s", idle, MinIdle, MaxSessionDuration)
	}
	cookie := p.Session.Cookie
	if cookie.SameSite > SameSiteStrict {
		v.wrong("spec.session.cookie.sameSite", codeSameSite, "one of None, Lax, Strict")
	}
	if cookie.PathScoped && claimsAll(p.Paths) {
		v.unwise("spec.session.cookie.pathScoped", codePathScoped, "the policy is for the whole host, so this has no effect; it needs spec.paths")
	}
	v.partitioned(p)
	if cookie.ScriptReadable {
		v.unwise("spec.session.cookie.httpOnly", codeScriptReadable,
			"scripts of the application's pages can read the session, so any script that is smuggled into one can take it along")
	}
	if !isLine(p.Denied.Message, 500) {
		v.wrong("spec.denied.message", codeDeniedMessage, "one line of at most 500 printable characters")
	}
	if wrong := checkHelp(p.Denied.URL); wrong != "" {
		v.wrong("spec.denied.url", codeDeniedURL, "%q: %s", p.Denied.URL, wrong)
	}
	v.launcher(&p.Launcher)
}

// partitioned says what keeps the cookie from being of use in a frame of another site's page.
func (v *validator) partitioned(p *Policy) {
	cookie := &p.Session.Cookie
	switch {
	case !cookie.Partitioned:
	case cookie.SameSite == SameSiteLax, cookie.SameSite == SameSiteStrict:
		v.unwise("spec.session.cookie.partitioned", codePartitioned,
			"by its sameSite the cookie goes to no frame in a page of another site, so this has no effect")
	case p.CORS == nil || p.CORS.BypassPreflight || framers(p.CORS.AllowedOrigins) == "":
		v.unwise("spec.session.cookie.partitioned", codePartitioned,
			"cors.allowedOrigins spells out no origin, so no page of another site can show the sign-in in a frame")
	}
}

// checkHelp says what is wrong with an address where people find help.
func checkHelp(address string) string {
	if address == "" {
		return ""
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || len(address) > 2048 || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "not a URL"
	case u.Scheme == "mailto" && isMail(u.Opaque):
		return ""
	case !isHTTP(u.Scheme) || u.Host == "" || u.User != nil:
		return "write it like https://help.example.com/access or mailto:help@example.com"
	default:
		return ""
	}
}

// unprintable: control characters, line ends, and marks that turn the direction
// of the text around them.
func unprintable(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Bidi_Control, r) && r >= 0x202a
}

// isObjectName: what Kubernetes lets an object be called (RFC 1123).
func isObjectName(s string) bool {
	return s == strings.ToLower(s) && !strings.Contains(s, "_") && checkLabels(s) == nil && hyphensInside(s)
}

// isText reports whether s is what a provider calls a group or a method by.
func isText(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= 256 && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// checkSaid checks a selector of what an identity provider says, or of which one
// it is.
func (s *Selector) checkSaid() problem {
	if s.Property == Client {
		return s.checkClient()
	}
	if s.Property == LoginMethod && !isObjectName(s.Value) {
		return problem{codeLoginMethod, fmt.Sprintf("loginMethod: %q is not the name of an IdentityProvider", s.Value)}
	}
	if !isText(s.Value) {
		return problem{codeSaid, fmt.Sprintf("%s: %q is not what an identity provider says: 1 to 256 printable characters", s.Property, s.Value)}
	}
	return problem{}
}
