// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"cmp"
	"fmt"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// translator makes the draft of the input.
type translator struct {
	*input
	tokens    map[*item]string // names of ServiceTokens
	groups    map[*item]draft.Part
	lists     map[*item]draft.Part
	saidBy    map[string]draft.Part
	providers map[string]string // names, by id
	missing   map[string]bool   // those of them that are not in the input
	hosts     map[*item][]*place
	places    []*place
	attached  map[*item]bool // policies
	starred   []starred
}

func newTranslator(in *input) *translator {
	return &translator{
		input: in, tokens: map[*item]string{}, groups: map[*item]draft.Part{}, lists: map[*item]draft.Part{},
		saidBy: map[string]draft.Part{}, providers: map[string]string{}, missing: map[string]bool{},
		hosts: map[*item][]*place{}, attached: map[*item]bool{},
	}
}

func (t *translator) of(k kind) (out []*item) {
	for _, it := range t.items {
		if it.kind == k {
			out = append(out, it)
		}
	}
	return out
}

func (t *translator) run() {
	for _, it := range t.of(provider) {
		t.identityProvider(it)
	}
	for _, it := range t.of(serviceToken) {
		t.token(it)
	}
	for _, it := range t.of(application) {
		t.place(it)
	}
	t.fallThrough()
	t.below()
	for _, it := range t.of(list) {
		t.list(it)
	}
	for _, it := range t.of(accessGroup) {
		if p := t.group(it); p.Fit == draft.None {
			t.Say(draft.Closed, it.See(), it.of, "%s: it is not written, and rules that name it are narrower", p.Why)
		}
	}
	for _, it := range t.of(application) {
		t.application(it)
	}
	for _, it := range t.of(accessPolicy) {
		if !t.attached[it] {
			t.Say(draft.Left, it.Known(), it.of, "no application in the input has it")
		}
	}
	for _, it := range t.items {
		t.Rest(it.See(), it.of)
	}
}

// token makes a ServiceToken. Its secret is a new one: Cloudflare tells nobody the old one.
func (t *translator) token(it *item) {
	known(t, it, tokenFields)
	var spec v1alpha1.ServiceTokenSpec
	switch text := it.Get("duration").Text(); text {
	case "", "8760h": // the default of both
	case "forever":
		spec.Duration = "87600h"
		t.Say(draft.Noted, it.Get("duration"), it.of, "a token ends after ten years at the latest")
	default:
		spec.Duration = v1alpha1.TokenDuration(text)
		probe := &v1alpha1.ServiceToken{Spec: spec}
		probe.APIVersion, probe.Kind, probe.Name, probe.Namespace = v1alpha1.GroupVersion.String(), "ServiceToken", "fit", "fit"
		if why := draft.First(probe); why != "" {
			spec.Duration = ""
			t.Say(draft.Closed, it.Get("duration"), it.of, "%s: the default of a year is used", why)
		}
	}
	t.tokens[it] = t.Token(it.See(), it.of, spec, it.name)
	t.Say(draft.Noted, it.Node, it.of, "its clients need the new client ID and secret, which are in the Secret of the same name")
}

// group makes an AccessGroup, once.
func (t *translator) group(it *item) draft.Part {
	if p, done := t.groups[it]; done {
		return p
	}
	t.groups[it] = draft.Lacks(it.Node, it.of+" contains itself")
	known(t, it, groupFields)
	if why := multiple(it.Node); why != nil {
		t.groups[it] = draft.Lacks(why, it.of+" is made several times, or not at all (count, for_each)")
		return t.groups[it]
	}
	p := t.Group(it.See(), it.of, cmp.Or(it.name, "group"), t.parts(it.Get("include")), t.parts(it.Get("require")), t.parts(it.Get("exclude")))
	t.groups[it] = p
	return p
}

// multiple is what makes a resource of Terraform several ones, or none.
func multiple(n *tree.Node) *tree.Node {
	for _, key := range []string{"count", "for_each"} {
		if v := n.Get(key); v != nil && (v.Kind != tree.Number || v.Value != "1") {
			return v.Known()
		}
	}
	return nil
}

// list makes an AccessGroup of a list of addresses or networks, once.
func (t *translator) list(it *item) draft.Part {
	if p, done := t.lists[it]; done {
		return p
	}
	known(t, it, listFields)
	selector, of := selectors["ip"], it.Get("type").Text()
	switch of {
	case "IP":
	case "EMAIL":
		selector = selectors["email"]
	default:
		t.lists[it] = draft.Lacks(it.See(), fmt.Sprintf("%s is a list of %s", it.of, of))
		t.Say(draft.Left, it.Known(), it.of, "a list of %s has no equivalent", of)
		return t.lists[it]
	}
	var parts []draft.Part
	for _, key := range []string{"items", "items_with_description"} {
		for _, entry := range it.Get(key).List() {
			if entry.Kind == tree.Map {
				entry.Get("description").Known()
				entry.Get("created_at").Known()
				entry = entry.Get("value")
			}
			if entry != nil {
				parts = append(parts, selector(t, entry))
			}
		}
	}
	p := t.Group(it.See(), it.of, it.name, parts, nil, nil)
	if p.Fit == draft.None {
		t.Say(draft.Closed, it.Node, it.of, "%s (the API tells the items of a list at .../lists/ID/items)", p.Why)
	}
	t.lists[it] = p
	return p
}

// provider is the name of an identity provider, and whether it is in the input.
func (t *translator) provider(id string) (name string, known bool) {
	if t.providers[id] == "" {
		t.providers[id] = t.Name("IdentityProvider", "provider-"+id)
		t.missing[id] = true
	}
	return t.providers[id], !t.missing[id]
}

// identityProvider makes an IdentityProvider where its issuer is known.
func (t *translator) identityProvider(it *item) {
	known(t, it, providerFields)
	name := t.Name("IdentityProvider", it.name, it.Get("type").Text())
	for _, id := range it.ids {
		t.providers[id] = name
	}
	var config *tree.Node
	for _, c := range it.Get("config").List() { // a block, to version 4 of the Terraform provider
		config = c
	}
	kind := it.Get("type").Text()
	oidc := &v1alpha1.OIDC{Issuer: issuer(kind, config), ClientID: config.Get("client_id").Text()}
	config.Get("client_secret").Known()
	if oidc.Issuer == "" || oidc.ClientID == "" {
		t.Say(draft.Left, config.Known(), it.of, "its issuer is not known from its settings: write an IdentityProvider of the name %s", name)
		it.See()
		return
	}
	if domain := config.Get("apps_domain"); domain != nil {
		t.Say(draft.Closed, config.Known(), it.of, "it admitted accounts of %s alone, and an IdentityProvider of Google admits all: "+
			"it is not written. Write one of the name %s, once rules ask for that emailDomain", domain.Text(), name)
		it.See()
		return
	}
	oidc.ClientSecretRef = &v1alpha1.SecretKey{Name: name}
	for _, s := range config.Get("scopes").Texts() {
		oidc.Scopes = append(oidc.Scopes, v1alpha1.Scope(s))
	}
	if claim := config.Get("email_claim_name").Text(); claim != "" {
		oidc.Claims = &v1alpha1.Claims{Email: v1alpha1.ClaimPath(claim)}
	}
	for _, key := range []string{"claims", "support_groups", "redirect_url", "pkce_enabled", "okta_account", "directory_id",
		"authorization_server_id"} {
		config.Get(key).Known()
	}
	t.Provider(it.See(), it.of, name, v1alpha1.IdentityProviderSpec{DisplayName: displayName(it.name), OIDC: oidc})
	t.Say(draft.Noted, it.Node, it.of, "write its client secret into the Secret %s (key clientSecret) of Ostiary's namespace, "+
		"and register the team host's /.access/idp/%s/callback with it", name, name)
}

// displayName is a name that people may be shown.
func displayName(name string) string { return draft.RuleName(name, nil) }

// issuer is where an OpenID provider is, as its type has it.
func issuer(kind string, config *tree.Node) string {
	switch kind {
	case "google", "google-apps":
		return "https://accounts.google.com"
	case "azureAD", "azure_ad":
		if id := config.Get("directory_id").Text(); id != "" {
			return "https://login.microsoftonline.com/" + id + "/v2.0"
		}
	case "okta":
		if server := config.Get("authorization_server_id").Text(); server != "" {
			return config.Get("okta_account").Text() + "/oauth2/" + server
		}
		return config.Get("okta_account").Text()
	}
	return ""
}
