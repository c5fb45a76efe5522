// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/url"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// A request is what an authorization request asks for (RFC 6749 §4.1.1, RFC 7636, RFC 8707).
type request struct {
	Client      string `json:"c"`
	RedirectURI string `json:"r"`
	State       string `json:"s,omitempty"`
	Scope       string `json:"o,omitempty"`
	Challenge   string `json:"p"`
	Resource    string `json:"a"` // as the client spells it
}

// A refusal is an error of RFC 6749 §4.1.2.1 or §5.2.
type refusal struct{ Code, Description string }

func refuse(code, description string) *refusal { return &refusal{code, description} }

// Bounds on what a request says.
const (
	maxAuthorize = 2 << 10 // bytes of its query: it is sealed, and has to fit an address then
	maxState     = 1 << 10
	maxScope     = 512
)

// single returns the parameters that come once; false: one comes twice, which RFC 6749 §3.1
// has refused.
func single(form url.Values, names ...string) (map[string]string, bool) {
	out := map[string]string{}
	for _, name := range names {
		switch v := form[name]; {
		case len(v) > 1:
			return nil, false
		case len(v) == 1:
			out[name] = v[0]
		}
	}
	return out, true
}

// parseRequest reads an authorization request. It returns what can be known of a damaged one,
// too: whom it is from, and where they would hear of it.
func parseRequest(q url.Values) (request, *refusal) {
	form, ok := single(q, "client_id", "redirect_uri", "state", "response_type", "response_mode", "scope", "code_challenge",
		"code_challenge_method", "resource", "prompt", "acr_values", "request", "request_uri")
	if !ok {
		return request{}, refuse("invalid_request", "A parameter comes twice.")
	}
	r := request{Client: form["client_id"], RedirectURI: form["redirect_uri"], State: form["state"], Scope: form["scope"],
		Challenge: form["code_challenge"], Resource: form["resource"]}
	if len(r.State) > maxState || strings.IndexFunc(r.State, func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
		r.State = "" // RFC 6749 appendix A.5: it is of printable ASCII
		return r, refuse("invalid_request", "The state is too long, or holds characters that it cannot.")
	}
	return r, r.wrong(form)
}

// wrong says what is wrong with a request; nil: nothing.
func (r *request) wrong(form map[string]string) *refusal {
	for _, one := range []struct {
		is   bool
		code string
		why  string
	}{
		{form["request"] != "", "request_not_supported", "Request objects are not taken."},
		{form["request_uri"] != "", "request_uri_not_supported", "Request objects are not taken."},
		{form["response_type"] != "code", "unsupported_response_type", "The response_type is code."},
		{form["response_mode"] != "" && form["response_mode"] != "query", "invalid_request", "The response_mode is query."},
		{form["code_challenge_method"] != "S256", "invalid_request", "PKCE with the code_challenge_method S256 is required."},
		{!isDigest(r.Challenge), "invalid_request", "The code_challenge is no SHA-256 in base64url."},
		{!isScope(r.Scope), "invalid_scope", "The scope is too long, or holds characters that it cannot."},
		{slices.Contains(strings.Fields(form["prompt"]), "none"), "interaction_required", "A person is asked each time."},
		{r.Resource == "", "invalid_target", "Name the application with resource (RFC 8707)."},
	} {
		if one.is {
			return refuse(one.code, one.why)
		}
	}
	return nil
}

// isDigest reports whether a text can be a SHA-256 in base64url.
func isDigest(s string) bool {
	raw, err := base64url.DecodeString(s)
	return err == nil && len(raw) == 32 && !strings.ContainsAny(s, "\r\n")
}

// firstOf returns the first of several words: of acr_values the one that is preferred (RFC 9470
// §4). What a policy wants is asked for in any case.
func firstOf(words string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(words), " ")
	return first
}

// isScope reports whether a text is a list of scopes (RFC 6749 §3.3).
func isScope(s string) bool {
	return len(s) <= maxScope && strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) < 0
}

// within returns those of the scopes asked for that an application has, once each, as it has
// them.
func within(asked string, offered []string) string {
	wanted := strings.Fields(asked)
	var out []string
	for _, o := range offered {
		if slices.Contains(wanted, o) {
			out = append(out, o)
		}
	}
	return strings.Join(out, " ")
}

// targetOf returns what a resource indicator is about: an address of a host of ours, spelled
// as browsers do. It may have a query by RFC 8707 §2, which says nothing here.
func targetOf(s *public.Site, resource string) (policy.Target, bool) {
	if len(resource) > policy.MaxRedirectURI || strings.Contains(resource, "#") {
		return policy.Target{}, false
	}
	rest, ok := strings.CutPrefix(resource, s.TeamURL.Scheme+"://")
	if !ok {
		return policy.Target{}, false
	}
	at := strings.IndexAny(rest, "/?")
	if at < 0 {
		at = len(rest)
	}
	host, ok := s.HostOf(s.TeamURL.Scheme + "://" + rest[:at])
	if !ok || host == s.TeamHost() {
		return policy.Target{}, false
	}
	path, _, _ := strings.Cut(rest[at:], "?")
	if path == "" {
		path = "/"
	}
	t, err := policy.NewTarget(host, path)
	return t, err == nil && t.Canonical() // so that what is shown is what is judged
}
