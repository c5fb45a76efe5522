// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Provider is an IdentityProvider with what its Secrets hold. Its fields are
// those of the identity providers' own configuration, in the same order: main
// converts one into the other.
type Provider struct {
	Name                                         string
	DisplayName                                  string
	Type                                         string // TypeOIDC or TypeUsers
	Issuer                                       string
	ClientID                                     string
	ClientSecret                                 string
	Scopes                                       []string
	EmailClaim, GroupsClaim, UserClaim, AMRClaim string
	AuthParams                                   map[string]string
	CABundle                                     []byte
	TrustUnverifiedEmail                         bool
	QualifiedUsers                               bool // see UserNames
	Users                                        []byte
}

// String names the provider, and keeps its secrets out of whatever is printed.
func (p Provider) String() string { return "identity provider " + p.Name }

// The types of a provider.
const (
	TypeOIDC  = "oidc"
	TypeUsers = "users"
)

// Where in a Secret something is, unless another key is named.
const (
	clientSecretKey = "clientSecret"
	usersKey        = "users.yaml"
)

// SecretMissing is the reason of an issue: the Secret is not there, yet.
const SecretMissing policy.IssueReason = "SecretMissing"

// Secrets looks up a Secret of the namespace that Ostiary runs in.
type Secrets func(name string) (data map[string][]byte, ok bool)

// ProviderOf translates one IdentityProvider. With issues it must not be used.
func ProviderOf(o *v1alpha1.IdentityProvider, secrets Secrets) (Provider, []policy.Issue) {
	t := translator{source: policy.Source{Name: o.Name}}
	p := Provider{Name: o.Name, DisplayName: o.Spec.DisplayName}
	if p.DisplayName != "" {
		t.printable("spec.displayName", p.DisplayName, 100)
	}
	switch o.Spec.UserNames {
	case "", v1alpha1.UserNamesPlain, v1alpha1.UserNamesQualified:
	default:
		t.wrong("spec.userNames", "%q: Plain or Qualified", o.Spec.UserNames)
	}
	switch oidc, users := o.Spec.OIDC, o.Spec.Users; {
	case oidc != nil && users != nil:
		t.wrong("spec", "exactly one of oidc and users: make two IdentityProviders of them")
	case oidc != nil:
		p.Type = TypeOIDC
		t.oidc(&p, oidc, secrets)
	case users != nil:
		p.Type = TypeUsers
		p.Users = t.secret("spec.users.secretRef", users.SecretRef, usersKey, secrets)
	default:
		t.wrong("spec", "set one of oidc, for an OpenID provider, and users, for a list of users with passwords")
	}
	return p, t.defects
}

func (t *translator) oidc(p *Provider, o *v1alpha1.OIDC, secrets Secrets) {
	const at = "spec.oidc"
	p.Issuer, p.ClientID, p.Scopes = o.Issuer, o.ClientID, stringsOf(o.Scopes)
	p.TrustUnverifiedEmail = o.TrustUnverifiedEmail
	if problem := checkIssuer(o.Issuer); problem != "" {
		t.wrong(at+".issuer", "%q: %s", o.Issuer, problem)
	}
	t.printable(at+".clientID", o.ClientID, 255)
	if o.ClientSecretRef != nil {
		p.ClientSecret = string(t.secret(at+".clientSecretRef", *o.ClientSecretRef, clientSecretKey, secrets))
		if strings.TrimSpace(p.ClientSecret) != p.ClientSecret {
			t.wrong(at+".clientSecretRef", "the secret begins or ends with a blank or a line end, which the provider would take for a part of it: store it without (printf, not echo)")
		}
	}
	for i, s := range p.Scopes {
		if !isWord(s) {
			t.wrong(fmt.Sprintf("%s.scopes[%d]", at, i), "%q: a scope is one word: no spaces, quotes or backslashes", s)
		} else if slices.Contains(p.Scopes[:i], s) {
			t.wrong(fmt.Sprintf("%s.scopes[%d]", at, i), "%q: listed twice", s)
		}
	}
	if len(p.Scopes) > 32 {
		t.wrong(at+".scopes", "%d scopes, and at most 32 are allowed", len(p.Scopes))
	}
	if c := o.Claims; c != nil {
		p.EmailClaim, p.GroupsClaim = t.claim(at+".claims.email", c.Email), t.claim(at+".claims.groups", c.Groups)
		p.UserClaim, p.AMRClaim = t.claim(at+".claims.user", c.User), t.claim(at+".claims.amr", c.AMR)
	}
	p.AuthParams = t.authParams(at+".authParams", o.AuthParams)
	p.CABundle = t.certificates(at+".caBundle", o.CABundle)
}

// secret reads a value. It is never quoted.
func (t *translator) secret(field string, ref v1alpha1.SecretKey, key string, secrets Secrets) []byte {
	if ref.Key != "" {
		key = ref.Key
	}
	if ref.Name == "" || strings.Trim(ref.Name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		t.wrong(field+".name", "%q: not the name of a Secret", ref.Name)
		return nil
	}
	if strings.ContainsFunc(key, func(r rune) bool { return !isKeyRune(r) }) {
		t.wrong(field+".key", "%q: a key of a Secret holds letters, digits, hyphens, underscores and dots only", key)
		return nil
	}
	data, ok := secrets(ref.Name)
	switch value := data[key]; {
	case !ok:
		t.wrong(field+".name", "there is no Secret %q in the namespace that Ostiary runs in: create it, with the key %q", ref.Name, key)
		t.defects[len(t.defects)-1].Reason = SecretMissing
	case len(value) == 0:
		t.wrong(field, "the Secret %q has nothing under the key %q: add it, or name another key", ref.Name, key)
	default:
		return value
	}
	return nil
}

func isKeyRune(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r == '-' || r == '_' || r == '.'
}

func (t *translator) printable(field, s string, longest int) {
	if !isPrintable(s) || len(s) > longest && utf8.RuneCountInString(s) > longest {
		t.wrong(field, "%.40q: 1 to %d printable characters, without blanks at the ends", s, longest)
	}
}

// isPrintable: blanks other than the plain one look like it, and are not.
func isPrintable(s string) bool {
	return s != "" && utf8.ValidString(s) && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// isWord: RFC 6749 §3.3, scope-token.
func isWord(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

func (t *translator) claim(field string, c v1alpha1.ClaimPath) string {
	if c != "" && (!isPrintable(string(c)) || len(c) > 255 || strings.Count(string(c), ".") > 8) {
		t.wrong(field, "%.40q: not the path of a claim, such as groups or realm_access.roles", string(c))
	}
	return string(c)
}

// reserved are the parameters that signing in depends on (RFC 6749, OpenID
// Connect Core, RFC 7636).
var reserved = []string{
	"response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "registration", "id_token_hint",
}

func (t *translator) authParams(field string, in map[string]v1alpha1.AuthParam) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		switch value := string(in[name]); {
		case slices.Contains(reserved, name):
			t.wrong(field, "%q: signing in depends on this parameter, so it cannot be set here", name)
		case !isWord(name):
			t.wrong(field, "%q: the name of a parameter is one word", name)
		case utf8.RuneCountInString(value) > 1024:
			t.wrong(field+"."+name, "longer than 1024 characters")
		default:
			out[name] = value
		}
	}
	if len(in) > 16 {
		t.wrong(field, "%d parameters, and at most 16 are allowed", len(in))
	}
	return out
}

func (t *translator) certificates(field, pem string) []byte {
	if pem == "" {
		return nil
	}
	if strings.Contains(pem, "PRIVATE KEY") {
		t.wrong(field, "a private key stands here, which everybody can read now: remove it, and make another; the certificates are enough")
	} else if !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
		t.wrong(field, "no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----")
	}
	return []byte(pem)
}

func checkIssuer(issuer string) string {
	u, err := url.Parse(issuer)
	switch {
	case err != nil, u.Hostname() == "", !isPrintable(issuer), strings.Contains(issuer, " "):
		return "write the address of the provider, such as https://sso.example.com"
	case len(issuer) > 255:
		return "longer than 255 characters"
	case u.User != nil || strings.ContainsAny(issuer, "?#"):
		return "an issuer has no user name, no query and no fragment"
	case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
		return "leave out /.well-known/openid-configuration: the issuer is what stands before it"
	case u.Scheme != "https" && (u.Scheme != "http" || !isLocal(u.Hostname())):
		return "an issuer is https: http is for this machine alone (localhost, *.localhost, 127.0.0.1)"
	default:
		return ""
	}
}

func isLocal(host string) bool {
	a, err := netip.ParseAddr(host)
	host = strings.ToLower(host)
	return err == nil && a.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
