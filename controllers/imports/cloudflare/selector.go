// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// A selector translates the value of one, which the API writes as an object, and version 4 of
// the Terraform provider as a text, a list, or blocks.
type selector func(*translator, *tree.Node) draft.Part

// selectors are those that there are, by every name that they have.
var selectors map[string]selector

func init() { // they name groups, which have selectors
	selectors = map[string]selector{
		"email": each("email", func(s string) v1alpha1.Selector { return v1alpha1.Selector{Email: s} }),
		"email_domain": each("domain", func(s string) v1alpha1.Selector {
			return v1alpha1.Selector{EmailDomain: draft.Host(strings.TrimPrefix(s, "@"))}
		}),
		"ip": each("ip", func(s string) v1alpha1.Selector { return v1alpha1.Selector{IP: []v1alpha1.CIDR{draft.Network(s)}} }),
		"geo": each("country_code", func(s string) v1alpha1.Selector {
			return v1alpha1.Selector{Country: []v1alpha1.Country{v1alpha1.Country(strings.ToUpper(s))}}
		}),
		"auth_method": each("auth_method", func(s string) v1alpha1.Selector { return v1alpha1.Selector{AuthMethod: s} }),
		"common_name": each("common_name", func(s string) v1alpha1.Selector {
			return v1alpha1.Selector{Certificate: &v1alpha1.ClientCertificate{CommonName: s}}
		}),
		"everyone":                  flag(draft.Everyone()),
		"certificate":               flag(v1alpha1.Selector{Certificate: &v1alpha1.ClientCertificate{}}),
		"any_valid_service_token":   flag(v1alpha1.Selector{AnyServiceToken: &v1alpha1.AnyServiceToken{}}),
		"group":                     (*translator).groupSelector,
		"email_list":                (*translator).listSelector,
		"ip_list":                   (*translator).listSelector,
		"service_token":             (*translator).tokenSelector,
		"login_method":              (*translator).loginSelector,
		"linked_app_token":          (*translator).linkedSelector,
		"external_evaluation":       (*translator).evaluation,
		"oidc":                      (*translator).claimSelector,
		"azureAD":                   idpGroup("id"),
		"azure":                     idpGroup("id"),
		"azure_ad":                  idpGroup("id"),
		"okta":                      idpGroup("name"),
		"gsuite":                    idpGroup("email"),
		"github":                    (*translator).github,
		"github-organization":       (*translator).github,
		"github_organization":       (*translator).github,
		"saml":                      lacking("a SAML attribute (what a bridge to OpenID Connect makes a claim of, claim can ask for)"),
		"device_posture":            lacking("device posture (Ostiary has no client on devices)"),
		"auth_context":              lacking("the authentication context of Entra (claim can ask for acrs, where it is in the ID token)"),
		"user_risk_score":           lacking("a user risk score"),
		"cloudflare_account_member": lacking("membership of a Cloudflare account"),
	}
	selectors["common_names"] = selectors["common_name"]
	selectors["ip_list_id"], selectors["email_list_id"] = selectors["ip_list"], selectors["email_list"]
}

// each is a selector of one text, at a key of the object.
func each(key string, of func(string) v1alpha1.Selector) selector {
	return func(_ *translator, n *tree.Node) draft.Part {
		if u := n.Unclear(); u != nil {
			return draft.Lacks(u, u.Why)
		}
		text := strings.TrimSpace(value(n, key))
		if text == "" {
			return draft.Lacks(n, "it has no "+key+" that can be read")
		}
		return draft.Is(n, of(text))
	}
}

// value is the text of a selector, or that at a key of it.
func value(n *tree.Node, key string) string {
	if n != nil && n.Kind == tree.Map {
		return n.Get(key).Text()
	}
	return n.Text()
}

// flag is a selector that is there, or not.
func flag(s v1alpha1.Selector) selector {
	return func(_ *translator, n *tree.Node) draft.Part {
		if u := n.Unclear(); u != nil {
			return draft.Lacks(u, u.Why)
		}
		if n.Kind != tree.Map && !n.Flag(false, false) {
			return draft.Lacks(n, "whether it holds cannot be read")
		}
		return draft.Is(n, s)
	}
}

func lacking(what string) selector {
	return func(_ *translator, n *tree.Node) draft.Part {
		return draft.Lacks(n.Known(), "there is no equivalent of "+what)
	}
}

// parts are the selectors of a list such as include. Each is a part of its own.
func (t *translator) parts(list *tree.Node) []draft.Part {
	if list != nil && list.Kind == tree.Unknown {
		return []draft.Part{draft.Lacks(list.Known(), list.Why)}
	}
	var out []draft.Part
	for _, entry := range list.List() {
		switch {
		case entry.Kind == tree.Map:
			for _, key := range entry.Keys {
				out = append(out, t.values(key, entry.Get(key))...)
			}
			if len(entry.Keys) == 0 {
				out = append(out, draft.Lacks(entry, "an entry without a selector"))
			}
		case entry.Kind == tree.Unknown:
			out = append(out, draft.Lacks(entry.Known(), entry.Why))
		default:
			out = append(out, draft.Lacks(entry.Known(), fmt.Sprintf("a selector is wanted here, and this is %s", entry.Kind)))
		}
	}
	return out
}

// values are the parts of one selector: version 4 of the Terraform provider has lists of
// values. What is empty or false there is not set.
func (t *translator) values(key string, n *tree.Node) []draft.Part {
	switch {
	case n == nil, n.Kind == tree.Text && n.Value == "", n.Kind == tree.Bool && n.Value == "false":
		return nil
	case n.Kind == tree.List:
		var out []draft.Part
		for _, item := range n.List() {
			out = append(out, t.values(key, item)...)
		}
		return out
	}
	translate := selectors[key]
	if translate == nil {
		return []draft.Part{draft.Lacks(n.Known(), fmt.Sprintf("the selector %s is not known", key))}
	}
	if n.Kind == tree.Map {
		if parts, found := t.spread(key, n); found {
			return parts
		}
	}
	return []draft.Part{translate(t, n)}
}

// spread has an object whose value is a list stand for an object of each value: okta { name =
// ["a", "b"] } of Terraform.
func (t *translator) spread(key string, n *tree.Node) (out []draft.Part, found bool) {
	for _, field := range []string{"id", "name", "email", "teams"} {
		many := n.Peek(field)
		if many == nil || many.Kind != tree.List {
			continue
		}
		if many.Known(); len(many.Items) == 0 {
			if field == "teams" {
				continue
			}
			return []draft.Part{draft.Lacks(n.Known(), "it has no "+field)}, true
		}
		for _, item := range many.Items {
			one := &tree.Node{File: item.File, Line: item.Line, Kind: tree.Map}
			for _, k := range n.Keys {
				v := *n.Get(k).Known()
				if k == field {
					v = *item
				}
				one.Set(k, &v)
			}
			for _, p := range t.values(key, one) {
				p.From = n
				out = append(out, p)
			}
		}
		return out, true
	}
	return nil, false
}

func (t *translator) groupSelector(n *tree.Node) draft.Part {
	id := value(n, "id")
	if u := n.Unclear(); u != nil {
		return draft.Lacks(u, u.Why)
	}
	it := t.find(accessGroup, id)
	if it == nil {
		return draft.Lacks(n, fmt.Sprintf("the group %q is not in the input", id))
	}
	p := t.group(it)
	p.From = n
	return p
}

func (t *translator) listSelector(n *tree.Node) draft.Part {
	id := value(n, "id")
	if u := n.Unclear(); u != nil {
		return draft.Lacks(u, u.Why)
	}
	it := t.find(list, id)
	if it == nil {
		return draft.Lacks(n, fmt.Sprintf("the list %q is not in the input", id))
	}
	p := t.list(it)
	p.From = n
	return p
}

func (t *translator) tokenSelector(n *tree.Node) draft.Part {
	id := value(n, "token_id")
	if u := n.Unclear(); u != nil {
		return draft.Lacks(u, u.Why)
	}
	it := t.find(serviceToken, id)
	if it == nil {
		return draft.Lacks(n, fmt.Sprintf("the service token %q is not in the input", id))
	}
	if name := t.tokens[it]; name != "" {
		return draft.Is(n, v1alpha1.Selector{ServiceToken: t.Namespace + "/" + name})
	}
	return draft.Lacks(n, it.of+" could not be written")
}

func (t *translator) loginSelector(n *tree.Node) draft.Part {
	if u := n.Unclear(); u != nil {
		return draft.Lacks(u, u.Why)
	}
	return t.named(n, value(n, "id"))
}

const notHere = "the identity provider %q is not in the input: name the IdentityProvider %s, or the right one here"

// named is who signed in with a provider. Of one that is not in the input the name is made up:
// nobody comes from there until somebody gives it to the right one.
func (t *translator) named(n *tree.Node, id string) draft.Part {
	if id == "" {
		return draft.Lacks(n, "it names no identity provider")
	}
	name, known := t.provider(id)
	p := draft.Is(n, v1alpha1.Selector{LoginMethod: v1alpha1.ProviderName(name)})
	if !known {
		p.Fit, p.Why = draft.Narrower, fmt.Sprintf(notHere, id, name)
	}
	return p
}

func (t *translator) linkedSelector(n *tree.Node) draft.Part {
	id := value(n, "app_uid")
	if u := n.Unclear(); u != nil {
		return draft.Lacks(u, u.Why)
	}
	it := t.find(application, id)
	if it == nil || len(t.hosts[it]) != 1 {
		return draft.Lacks(n, fmt.Sprintf("the application %q is not in the input, or is no single AccessPolicy", id))
	}
	app := &v1alpha1.LinkedApp{Name: t.hosts[it][0].name, Namespace: v1alpha1.NamespaceName(t.Namespace)}
	return draft.Is(n, v1alpha1.Selector{LinkedApp: app})
}

func (t *translator) evaluation(n *tree.Node) draft.Part {
	url, keys := n.Get("evaluate_url").Text(), n.Get("keys_url").Text()
	if u := n.Unclear(); u != nil {
		return draft.Lacks(u, u.Why)
	}
	if url == "" || keys == "" {
		return draft.Lacks(n, "it has no evaluate_url, or no keys_url")
	}
	t.Say(draft.Noted, n, "", "list the origins of the service in --external-evaluation-origins")
	e := &v1alpha1.ExternalEvaluation{URL: v1alpha1.EvaluationURL(url), KeysURL: v1alpha1.EvaluationURL(keys)}
	return draft.Is(n, v1alpha1.Selector{ExternalEvaluation: e})
}

func (t *translator) claimSelector(n *tree.Node) draft.Part {
	name, is, id := n.Get("claim_name").Text(), n.Get("claim_value").Text(), n.Get("identity_provider_id").Text()
	if u := n.Unclear(); u != nil {
		return draft.Lacks(u, u.Why)
	}
	if name == "" || is == "" {
		return draft.Lacks(n, "it has no claim_name, or no claim_value")
	}
	claim := &v1alpha1.OIDCClaim{Name: name, Value: is}
	p := draft.Is(n, v1alpha1.Selector{Claim: claim})
	if id != "" {
		from := t.named(n, id)
		claim.IdentityProvider = string(from.Selectors[0].LoginMethod)
		p.Fit, p.Why = from.Fit, from.Why
	}
	return p
}

// idpGroup is a group that a provider says somebody is in.
func idpGroup(key string) selector {
	return func(t *translator, n *tree.Node) draft.Part {
		if u := n.Unclear(); u != nil {
			return draft.Lacks(u, u.Why)
		}
		return t.said(n, value(n, key))
	}
}

// github is membership of an organization, or of a team of it, in the words of Dex.
func (t *translator) github(n *tree.Node) draft.Part {
	if u := n.Unclear(); u != nil {
		return draft.Lacks(u, u.Why)
	}
	name := value(n, "name")
	if team := cmp.Or(n.Get("team").Text(), n.Get("teams").Text()); team != "" && name != "" {
		name += ":" + team
	}
	t.Say(draft.Noted, n, "", "GitHub is no OpenID provider: a bridge such as Dex calls the group %q", name)
	return t.said(n, name)
}

// said is that a provider says somebody is in a group. As another provider could say so of
// somebody else, it is a group of both.
func (t *translator) said(n *tree.Node, name string) draft.Part {
	id := n.Get("identity_provider_id").Text()
	id = cmp.Or(id, n.Get("connection_id").Text())
	if name == "" {
		return draft.Lacks(n, "it names no group")
	}
	group := draft.Is(n, v1alpha1.Selector{IdPGroup: name})
	if id == "" {
		return group
	}
	key := id + "\x00" + name
	p, done := t.saidBy[key]
	if !done {
		provider, _ := t.provider(id)
		of := fmt.Sprintf("group %q of the identity provider %q", name, id)
		p = t.Group(n, of, provider+" "+name, []draft.Part{group}, []draft.Part{t.named(n, id)}, nil)
		t.saidBy[key] = p
	}
	p.From = n
	return p
}
