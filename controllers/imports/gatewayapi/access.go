// SPDX-License-Identifier: Apache-2.0

package gatewayapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// cors are the settings of a filter, or of a SecurityPolicy.
func (in *input) cors(n *tree.Node, of string) *v1alpha1.CORS {
	c := draft.CORS{Of: of, From: n, Origins: draft.Entries(n.Get("allowOrigins")), Methods: draft.Entries(n.Get("allowMethods")),
		Headers: draft.Entries(n.Get("allowHeaders")), Exposed: draft.Entries(n.Get("exposeHeaders")),
		Credentials: n.Get("allowCredentials").Flag(false, false), Echoes: true, MaxAge: 5}
	for _, o := range c.Origins {
		if strings.Contains(o.Value, "://*") {
			in.Say(draft.Closed, o.From, of, "%q also meant names several labels below: it is one label here", o.Value)
		}
	}
	if age := n.Get("maxAge"); age != nil {
		c.MaxAge = seconds(age.Text())
	}
	in.Say(draft.Noted, n, of, "the gateway put CORS headers on the application's own answers, too: now the application sends them itself")
	return in.CORS(c)
}

// seconds are those of a number, or of a duration.
func seconds(text string) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	d, _ := time.ParseDuration(text)
	return int(d / time.Second)
}

// alone makes a policy of a SecurityPolicy whose routes are not in the input.
func (in *input) alone(o *tree.Object) {
	in.In = o.Of
	defer func() { in.In = "" }()
	targets(o)
	spec := in.access(o, []*tree.Object{o})
	in.Say(draft.Noted, o.Node, o.Of, "what it is attached to is not in the input: the policy has the hosts of the routes that name it")
	in.add(o, spec)
}

// access is who may pass by SecurityPolicies, and by none of them: everybody.
func (in *input) access(o *tree.Object, over []*tree.Object) v1alpha1.AccessPolicySpec {
	r := draft.Rule{Of: o.Of, Name: "as before", From: o.Node, Action: v1alpha1.ActionBypass,
		Include: []draft.Part{draft.Is(o.Node, draft.Everyone())}}
	if len(over) == 0 {
		in.Say(draft.Noted, o.Node, o.Of, "nobody was asked who they are, and the Bypass rule does not either: "+
			"write action: Allow to have them sign in")
		return v1alpha1.AccessPolicySpec{Rules: in.Write(r)}
	}
	var spec v1alpha1.AccessPolicySpec
	open := true
	for _, p := range over {
		in.used[p] = true
		p.Get("metadata", "annotations").Known()
		targets(p)
		for _, ref := range targets(p) {
			if s := ref.Peek("sectionName"); s != nil {
				in.Say(draft.Closed, s, p.Of, "it counts for a part of what it is attached to: no rules are written")
				open = false
			}
		}
		if n := p.Get("spec", "cors"); n != nil {
			spec.CORS = in.cors(n, p.Of)
		}
		open = in.asks(p, &r, &spec) && open
	}
	if len(over) > 1 {
		in.Say(draft.Closed, o.Node, o.Of, "several SecurityPolicies may count for it: no rules are written")
		open = false
	}
	if open {
		spec.Rules = in.Write(r)
	}
	return spec
}

// asks adds what a SecurityPolicy asks visitors for, and reports whether a rule can.
func (in *input) asks(p *tree.Object, r *draft.Rule, spec *v1alpha1.AccessPolicySpec) bool {
	ways, open := 0, true
	if n := p.Get("spec", "oidc"); n != nil {
		ways++
		r.Action = v1alpha1.ActionAllow
		spec.IdentityProviders = append(spec.IdentityProviders, in.oidc(p, n))
	}
	if n := p.Get("spec", "basicAuth"); n != nil {
		ways++
		r.Action = v1alpha1.ActionAllow
		spec.IdentityProviders = append(spec.IdentityProviders, in.users(p, n.Known()))
	}
	for _, other := range []struct{ key, why string }{
		{"jwt", "write a TokenIssuer, and a ServiceAuth rule with jwt that asks for the claims"},
		{"extAuth", "whom that service lets in, only its own configuration says"},
		{"apiKeyAuth", "make a ServiceToken for each client, and a ServiceAuth rule"},
	} {
		if n := p.Get("spec", other.key); n != nil {
			in.Say(draft.Closed, n.Known(), p.Of, "%s: no rules are written, and nobody is admitted until there are some", other.why)
			open = false
		}
	}
	if ways > 1 {
		in.Say(draft.Closed, p.Node, p.Of, "it asks in several ways at once: no rules are written")
		open = false
	}
	if n := p.Get("spec", "authorization"); n != nil {
		open = in.authorization(p, n, r) && open
	}
	return open
}

// authorization adds networks, if they are all that it looks at.
func (in *input) authorization(p *tree.Object, n *tree.Node, r *draft.Rule) bool {
	list := draft.Part{From: n, Fit: draft.Exact}
	plain := n.Get("defaultAction").Text() != "Allow"
	for _, rule := range n.Get("rules").List() {
		rule.Get("name").Known()
		principal := rule.Get("principal")
		only := principal != nil && principal.Kind == tree.Map && len(principal.Keys) == 1 && !rule.Has("operation")
		plain = plain && only && rule.Get("action").Text() == "Allow" && principal.Has("clientCIDRs")
		for _, network := range principal.Get("clientCIDRs").Texts() {
			list.Selectors = append(list.Selectors, v1alpha1.Selector{IP: []v1alpha1.CIDR{draft.Network(network)}})
		}
	}
	if !plain || len(list.Selectors) == 0 {
		in.Say(draft.Closed, n.Known(), p.Of, "of authorization, Allow rules of clientCIDRs alone have an equivalent, "+
			"with Deny for the rest: no rules are written")
		return false
	}
	r.Require = append(r.Require, list)
	return true
}

// oidc makes an IdentityProvider, and returns its name.
func (in *input) oidc(p *tree.Object, n *tree.Node) v1alpha1.ProviderName {
	name := in.Name("IdentityProvider", p.Name+"-oidc", "oidc")
	o := &v1alpha1.OIDC{Issuer: n.Get("provider", "issuer").Text(), ClientID: n.Get("clientID").Text()}
	for _, s := range n.Get("scopes").Texts() {
		o.Scopes = append(o.Scopes, v1alpha1.Scope(s))
	}
	if n.Get("clientSecret").Known() != nil {
		o.ClientSecretRef = &v1alpha1.SecretKey{Name: name}
	}
	for _, key := range []string{"redirectURL", "logoutPath", "cookieNames", "defaultTokenTTL", "refreshToken", "defaultRefreshTokenTTL"} {
		n.Get(key).Known()
	}
	n.Get("provider").Known()
	if o.Issuer == "" || o.ClientID == "" {
		in.Say(draft.Closed, n, p.Of, "it has no issuer, or no clientID: write an IdentityProvider of the name %s; "+
			"nobody can sign in until then", name)
		return v1alpha1.ProviderName(name)
	}
	in.Provider(n, p.Of, name, v1alpha1.IdentityProviderSpec{OIDC: o})
	in.Say(draft.Noted, n, p.Of, "write the client secret into the Secret %s (key clientSecret) of Ostiary's namespace, "+
		"and register the team host's /.access/idp/%s/callback with the provider", name, name)
	return v1alpha1.ProviderName(name)
}

// users makes an IdentityProvider of people with a password, and returns its name.
func (in *input) users(p *tree.Object, n *tree.Node) v1alpha1.ProviderName {
	name := in.Name("IdentityProvider", p.Name+"-users", "users")
	in.Provider(n, p.Of, name, v1alpha1.IdentityProviderSpec{Users: &v1alpha1.Users{SecretRef: v1alpha1.SecretKey{Name: name}}})
	in.Say(draft.Left, n, p.Of, "clients that send a name and a password with each request have no equivalent: "+
		"give them a ServiceToken. People sign in, once users.yaml of the Secret %s in Ostiary's namespace has them, with bcrypt hashes", name)
	return v1alpha1.ProviderName(name)
}
