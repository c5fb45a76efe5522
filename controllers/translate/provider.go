// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
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

// ProviderOf translates one IdentityProvider, with what its Secrets hold. It must
// not be used if one of the issues is more than a warning.
func ProviderOf(o *v1alpha1.IdentityProvider, secrets Secrets) (config.Provider, []policy.Issue) {
	t := translator{source: policy.Source{Name: o.Name}}
	p := config.Provider{Name: o.Name, DisplayName: o.Spec.DisplayName}
	t.oneOf("spec.userNames", string(o.Spec.UserNames), string(v1alpha1.UserNamesPlain), string(v1alpha1.UserNamesQualified))
	switch oidc, gitHub, users := o.Spec.OIDC, o.Spec.GitHub, o.Spec.Users; {
	case oidc != nil && users != nil, oidc != nil && gitHub != nil, gitHub != nil && users != nil:
		t.wrong("spec", "exactly one of oidc, github and users: make two IdentityProviders of them")
	case oidc != nil:
		p.Type = config.OIDC
		t.oidc(&p, oidc, secrets)
	case gitHub != nil:
		p.Type = config.GitHub
		t.gitHub(&p, gitHub, secrets)
	case users != nil:
		p.Type = config.Users
		p.Users = t.secret("spec.users.secretRef", users.SecretRef, usersKey, secrets)
		if f := users.SecondFactor; f != nil {
			// Its Secret is read at sign-ins. One of no mode, or no name, is refused below.
			p.SecondFactor, p.Factors = cmp.Or(string(f.Mode), "none"), f.SecretRef.Name
		}
	default:
		t.wrong("spec", "set one of oidc, for an OpenID provider, github, and users, for a list of users with passwords")
	}
	t.check(&p)
	return p, t.defects
}

func (t *translator) oidc(p *config.Provider, o *v1alpha1.OIDC, secrets Secrets) {
	p.Issuer, p.ClientID, p.Scopes = o.Issuer, o.ClientID, stringsOf(o.Scopes)
	p.TrustUnverifiedEmail, p.DiscoveryURL = o.TrustUnverifiedEmail, o.DiscoveryURL
	p.GraphURL = o.GraphURL
	p.NonceOptional, p.FormPost = o.Nonce == v1alpha1.NonceOptional, o.ResponseMode == v1alpha1.ResponseModeFormPost
	t.oneOf("spec.oidc.nonce", string(o.Nonce), string(v1alpha1.NonceRequired), string(v1alpha1.NonceOptional))
	t.oneOf("spec.oidc.responseMode", string(o.ResponseMode), string(v1alpha1.ResponseModeQuery), string(v1alpha1.ResponseModeFormPost))
	p.EndSession, p.EndSessionURL = o.Logout == v1alpha1.LogoutEndSession, o.EndSessionURL
	t.oneOf("spec.oidc.logout", string(o.Logout), string(v1alpha1.LogoutLocal), string(v1alpha1.LogoutEndSession))
	if o.ClientSecretRef != nil {
		p.ClientSecret = string(t.secret("spec.oidc.clientSecretRef", *o.ClientSecretRef, clientSecretKey, secrets))
	}
	if c := o.Claims; c != nil {
		p.EmailClaim, p.GroupsClaim, p.UserClaim, p.AMRClaim = string(c.Email), string(c.Groups), string(c.User), string(c.AMR)
		p.GroupsFormat = string(c.GroupsFormat)
	}
	if o.AuthParams != nil {
		p.AuthParams = make(map[string]string, len(o.AuthParams))
		for name, value := range o.AuthParams {
			p.AuthParams[name] = string(value)
		}
	}
	t.stepUp(p, o.StepUp)
	if o.CABundle != "" {
		p.CABundle = []byte(o.CABundle)
	}
}

// stepUp reads how a stronger sign-in is asked for. A maxAge that is none is refused, as what is
// left out would let older sign-ins count.
func (t *translator) stepUp(p *config.Provider, list []v1alpha1.StepUp) {
	for i, s := range list {
		one := config.StepUp{Method: s.AuthMethod, ACRValues: stringsOf(s.ACRValues)}
		field := fmt.Sprintf("spec.oidc.stepUp[%d]", i)
		t.oneOf(field+".prompt", string(s.Prompt), string(v1alpha1.PromptLogin))
		if s.MaxAge != "" {
			age, err := time.ParseDuration(s.MaxAge)
			if one.MaxAge = age; err != nil || age <= 0 {
				t.wrong(field+".maxAge", "%.40q: write how long ago at most, such as 5m", s.MaxAge)
				one.MaxAge = 0
			}
		}
		one.Login = s.Prompt == v1alpha1.PromptLogin || len(s.ACRValues) == 0 && s.MaxAge == ""
		p.StepUp = append(p.StepUp, one)
	}
}

func (t *translator) gitHub(p *config.Provider, g *v1alpha1.GitHub, secrets Secrets) {
	p.Site, p.ClientID, p.Organizations = g.URL, g.ClientID, stringsOf(g.Organizations)
	p.ClientSecret = string(t.secret("spec.github.clientSecretRef", g.ClientSecretRef, clientSecretKey, secrets))
	t.oneOf("spec.github.user", string(g.User), string(v1alpha1.GitHubUserID), string(v1alpha1.GitHubUserLogin))
	if g.User == v1alpha1.GitHubUserLogin {
		p.UserClaim = config.GitHubLogin
	}
	if g.CABundle != "" {
		p.CABundle = []byte(g.CABundle)
	}
}

// oneOf refuses a word that is none of those that a field knows. None stands for the default.
func (t *translator) oneOf(field, word string, known ...string) {
	if word != "" && !slices.Contains(known, word) {
		t.wrong(field, "%.40q: %s", word, strings.Join(known, " or "))
	}
}

// check adds what is wrong with the configuration, in the words of the object.
func (t *translator) check(p *config.Provider) {
	for _, i := range config.Check(p) {
		switch i.Field {
		case "name":
			i.Field = "metadata.name"
		case "displayName":
			i.Field = "spec.displayName"
		case "type": // said above
			continue
		case "users":
			if p.Users == nil { // said by secret
				continue
			}
			i.Field = "spec.users"
		case "clientSecret":
			if p.Type == config.GitHub && p.ClientSecret == "" { // said by secret
				continue
			}
			i.Field = "spec." + p.Type + ".clientSecretRef"
		default:
			i.Field = "spec." + p.Type + "." + i.Field
		}
		reason := policy.Invalid
		if i.Partial {
			reason = policy.Unwise
		}
		t.add(i.Field, policy.Issue{Reason: reason, Code: i.Code, Message: i.Message})
	}
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
		t.add(field+".name", policy.Issue{Reason: SecretMissing, Code: config.CodeSecretMissing,
			Message: fmt.Sprintf("there is no Secret %q in the namespace that Ostiary runs in: create it, with the key %q", ref.Name, key)})
	case len(value) == 0:
		t.add(field, policy.Issue{Reason: policy.Invalid, Code: config.CodeSecretEmpty,
			Message: fmt.Sprintf("the Secret %q has nothing under the key %q: add it, or name another key", ref.Name, key)})
	default:
		return value
	}
	return nil
}

func isKeyRune(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r == '-' || r == '_' || r == '.'
}
