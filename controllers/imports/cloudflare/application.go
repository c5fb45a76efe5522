// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// application makes the AccessPolicies of an application.
func (t *translator) application(it *item) {
	t.In = it.of
	defer func() { t.In = "" }()
	known(t, it, applicationFields)
	if multiple(it.Node) != nil {
		t.Say(draft.Left, it.Node, it.of, "it is made several times, or not at all (count, for_each): it is written once")
	}
	spec := v1alpha1.AccessPolicySpec{CORS: t.cors(it), Session: t.session(it), Denied: t.denied(it), Launcher: t.launcher(it)}
	for _, id := range it.Get("allowed_idps").List() {
		if id.Kind != tree.Text {
			t.Say(draft.Closed, id.Known(), it.of, "%s: nobody can sign in with it until it is written", cmp.Or(id.Why, "it is no text"))
			spec.IdentityProviders = append(spec.IdentityProviders, "not-known")
			continue
		}
		name, known := t.provider(id.Text())
		if !known {
			t.Say(draft.Closed, id, it.of, notHere, id.Value, name)
		}
		spec.IdentityProviders = append(spec.IdentityProviders, v1alpha1.ProviderName(name))
	}
	if idps := it.Get("allowed_idps"); idps != nil && idps.Kind == tree.Unknown {
		idps.Known()
	}
	slices.Sort(spec.IdentityProviders)
	spec.IdentityProviders = slices.Compact(spec.IdentityProviders)
	spec.Rules = t.rules(it)
	for _, p := range t.hosts[it] {
		own := *spec.DeepCopy()
		own.Paths = p.paths
		if len(p.paths) == 1 && p.paths[0].Path == "/" && p.paths[0].Type == v1alpha1.PathPrefix {
			own.Paths = nil
		}
		for _, h := range p.hosts {
			own.Hosts = append(own.Hosts, v1alpha1.Host(h))
		}
		t.Named(it.See(), it.of, p.name, own)
	}
	it.See()
}

func (t *translator) session(it *item) *v1alpha1.Session {
	s := &v1alpha1.Session{Duration: t.Duration(it.Get("session_duration"), it.of)}
	cookie := &v1alpha1.Cookie{PathScoped: it.Get("path_cookie_attribute").Flag(false, true)}
	if !it.Get("http_only_cookie_attribute").Flag(true, true) {
		no := false
		cookie.HTTPOnly = &no
	}
	modes := map[string]v1alpha1.SameSiteMode{
		"none": v1alpha1.SameSiteNone, "lax": v1alpha1.SameSiteLax, "strict": v1alpha1.SameSiteStrict, "": "",
	}
	at := it.Get("same_site_cookie_attribute")
	mode, known := modes[at.Text()]
	if cookie.SameSite = mode; !known {
		cookie.SameSite = v1alpha1.SameSiteStrict
		t.Say(draft.Closed, at, it.of, "%q is no mode of SameSite: Strict is written", at.Text())
	}
	if *cookie != (v1alpha1.Cookie{}) {
		s.Cookie = cookie
	}
	if s.Cookie == nil && s.Duration == "" {
		return nil
	}
	return s
}

// launcher is how the application stands on the start page.
func (t *translator) launcher(it *item) *v1alpha1.Launcher {
	out := &v1alpha1.Launcher{}
	if !it.Get("app_launcher_visible").Flag(true, true) {
		hidden := false
		out.Visible = &hidden
	}
	if l := (v1alpha1.Launcher{Title: it.name}); t.shown(it, it.Peek("name"), l) {
		out.Title = it.name
	}
	logo := it.Get("logo_url")
	if l := (v1alpha1.Launcher{LogoURL: logo.Text()}); t.shown(it, logo, l) {
		out.LogoURL = l.LogoURL
	}
	for _, e := range draft.Entries(it.Get("tags")) {
		tag := v1alpha1.LauncherTag(e.Value)
		if slices.Contains(out.Tags, tag) {
			continue
		}
		if l := (v1alpha1.Launcher{Tags: append(slices.Clone(out.Tags), tag)}); t.shown(it, e.From, l) {
			out.Tags = l.Tags
		}
	}
	if reflect.DeepEqual(*out, v1alpha1.Launcher{}) {
		return nil
	}
	return out
}

// shown reports whether a part of a launcher can be written. One that cannot decides about
// nobody.
func (t *translator) shown(it *item, n *tree.Node, l v1alpha1.Launcher) bool {
	why := draft.Wrong(v1alpha1.AccessPolicySpec{Launcher: &l})
	if why != "" {
		t.Say(draft.Left, n, it.of, "it cannot be shown on the start page: %s", why)
	}
	return why == ""
}

func (t *translator) denied(it *item) *v1alpha1.Denied {
	d := &v1alpha1.Denied{Message: it.Get("custom_deny_message").Text(), URL: it.Get("custom_deny_url").Text()}
	if *d == (v1alpha1.Denied{}) {
		return nil
	}
	if why := draft.Wrong(v1alpha1.AccessPolicySpec{Denied: d}); why != "" {
		t.Say(draft.Left, it.Node, it.of, "what people are told who are denied (custom_deny_message, custom_deny_url): %s", why)
		return nil
	}
	return d
}

func (t *translator) cors(it *item) *v1alpha1.CORS {
	bypass := it.Get("options_preflight_bypass")
	var headers *tree.Node
	for _, h := range it.Get("cors_headers").List() { // a block, to version 4 of the Terraform provider
		if !h.Empty() {
			headers = h
		}
	}
	passes := bypass.Flag(false, false)
	switch {
	case headers == nil && passes:
		t.Say(draft.Noted, bypass, it.of, "genuine preflights go to the application; any other OPTIONS request needs a session")
		return &v1alpha1.CORS{Preflight: v1alpha1.PreflightBypass}
	case headers == nil:
		return nil
	case passes:
		t.Say(draft.Closed, bypass, it.of, "cors_headers answers preflights already: they are not passed on to the application")
	}
	c := draft.CORS{Of: it.of, From: headers, Credentials: headers.Get("allow_credentials").Flag(false, false), Echoes: true,
		Origins: draft.Entries(headers.Get("allowed_origins")), Methods: draft.Entries(headers.Get("allowed_methods")),
		Headers: draft.Entries(headers.Get("allowed_headers"))}
	c.MaxAge, _ = headers.Get("max_age").Number()
	for _, all := range []struct {
		key  string
		list *[]draft.Entry
	}{{"allow_all_origins", &c.Origins}, {"allow_all_methods", &c.Methods}, {"allow_all_headers", &c.Headers}} {
		if n := headers.Get(all.key); n.Flag(false, false) {
			*all.list = append(*all.list, draft.Entry{Value: "*", From: n})
		}
	}
	return t.CORS(c)
}

// An entry is a policy of an application, where it stands among the others.
type entry struct {
	precedence int
	known      bool // the precedence
	policy     *item
	from       *tree.Node
	why        string // there is no policy
}

// rules are those of an application, in the order in which they are tried.
func (t *translator) rules(app *item) []v1alpha1.Rule {
	entries := t.entries(app)
	unordered := false
	for i, e := range entries {
		unordered = unordered || !e.known || slices.ContainsFunc(entries[:i], func(o entry) bool { return o.precedence == e.precedence })
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.precedence - b.precedence })
	var out []v1alpha1.Rule
	for _, e := range entries {
		for _, r := range t.rule(app, e) {
			r.Name = draft.RuleName(r.Name, out)
			out = append(out, r)
		}
	}
	if unordered && slices.ContainsFunc(out, func(r v1alpha1.Rule) bool { return r.Action == v1alpha1.ActionBlock }) {
		t.Say(draft.Closed, app.Node, app.of, "the order of its policies is not known: Block rules come first")
		slices.SortStableFunc(out, func(a, b v1alpha1.Rule) int { return late(a) - late(b) })
	}
	return out
}

func late(r v1alpha1.Rule) int {
	if r.Action == v1alpha1.ActionBlock {
		return 0
	}
	return 1
}

// entries are the policies that an application lists, and those that name it.
func (t *translator) entries(app *item) []entry {
	list := app.Get("policies")
	var out []entry
	if list != nil && list.Kind == tree.Unknown {
		list.Known()
		out = append(out, entry{known: true, from: list, why: list.Why})
	} else {
		for i, n := range list.List() {
			out = append(out, t.listed(n, i+1))
		}
	}
	for _, it := range t.of(accessPolicy) {
		of := it.Peek("application_id")
		if of != nil && t.find(application, of.Text()) == app {
			t.attached[it] = true
			precedence, ok := it.Get("precedence").Number()
			out = append(out, entry{precedence, ok, it, it.Node, ""})
		}
	}
	if apps := t.of(application); len(out) == 0 && len(apps) == 1 {
		for _, it := range t.of(accessPolicy) { // of GET /access/apps/ID/policies
			if it.Peek("application_id") == nil && !it.Peek("reusable").Flag(false, false) {
				t.attached[it] = true
				precedence, ok := it.Get("precedence").Number()
				out = append(out, entry{precedence, ok, it, it.Node, ""})
				t.Say(draft.Noted, it.Node, it.of, "it names no application: it is taken for one of %s", app.of)
			}
		}
	}
	return out
}

// listed is a policy in an application's list: whole, by its id, or by an object with its id.
func (t *translator) listed(n *tree.Node, place int) entry {
	e := entry{precedence: place, known: true, from: n}
	id := n.Text
	if n.Kind == tree.Map {
		if p := n.Get("precedence"); p != nil {
			e.precedence, e.known = p.Number()
		}
		if n.Has("decision") {
			e.policy = &item{kind: accessPolicy, Node: n, name: n.Get("name").Text()}
			e.policy.of = fmt.Sprintf("policy %q", e.policy.name)
			if it := t.find(accessPolicy, n.Peek("id").Text()); it != nil {
				t.attached[it] = true
				it.Known()
			}
			return e
		}
		id = n.Get("id").Text
	}
	e.policy = t.find(accessPolicy, id())
	if e.policy == nil {
		e.why = fmt.Sprintf("the policy %q is not in the input", id())
		if n.Kind == tree.Unknown {
			e.why = n.Why
		}
		n.Known()
		return e
	}
	t.attached[e.policy] = true
	return e
}

// narrowing is what makes a policy admit fewer than its selectors say.
var narrowing = []struct{ key, why string }{
	{"purpose_justification_required", "people had to say why they come"},
	{"approval_required", "others had to approve it"},
	{"isolation_required", "it was for a remote browser alone"},
}

// actions are what a policy does. deny is called Block by people.
var actions = map[string]v1alpha1.RuleAction{
	"allow": v1alpha1.ActionAllow, "deny": v1alpha1.ActionBlock, "bypass": v1alpha1.ActionBypass, "non_identity": v1alpha1.ActionServiceAuth,
}

// rule makes the rule of a policy. One that is not known could have been a Block.
func (t *translator) rule(app *item, e entry) []v1alpha1.Rule {
	if e.policy == nil {
		t.Say(draft.Closed, e.from, app.of, "%s: as it could refuse anybody, everybody is refused in its place", e.why)
		return []v1alpha1.Rule{{Name: "not in the input", Action: v1alpha1.ActionBlock, Include: []v1alpha1.Selector{draft.Everyone()}}}
	}
	it := e.policy
	known(t, it, policyFields)
	r := draft.Rule{Of: it.of, Name: draft.RuleName(it.name, nil), From: it.See(), Action: actions[it.Get("decision").Text()],
		Include: t.parts(it.Get("include")), Require: t.parts(it.Get("require")), Exclude: t.parts(it.Get("exclude"))}
	if r.Action == "" {
		t.Say(draft.Closed, it.Peek("decision").Known(), it.of, "what it does is not known: whoever it matches is refused")
		r.Action = v1alpha1.ActionBlock
	}
	if d := t.Duration(it.Get("session_duration"), it.of); r.Action == v1alpha1.ActionAllow {
		r.SessionDuration = d
	}
	for _, n := range narrowing {
		if set := it.Get(n.key); set.Flag(false, true) {
			r.Narrowed = append(r.Narrowed, draft.Lacks(set.Known(), n.why+" ("+n.key+"), which has no equivalent"))
		}
	}
	if n := multiple(it.Node); n != nil {
		r.Doubtful = append(r.Doubtful, draft.Lacks(n, "it is made several times, or not at all (count, for_each)"))
	}
	t.mfa(app, it, &r)
	return t.Write(r)
}

// mfa is the second factor that Cloudflare asks for itself: here the provider has to say that
// it asked for one.
func (t *translator) mfa(app, policy *item, r *draft.Rule) {
	config := policy.Get("mfa_config")
	if config.Empty() {
		config = app.Get("mfa_config")
	}
	off := config.Known() != nil && config.Kind == tree.Map &&
		(config.Peek("mfa_disabled").Flag(false, false) || config.Peek("mfa_bypass").Flag(false, false))
	if config.Empty() || off {
		return
	}
	if r.Action == v1alpha1.ActionAllow {
		p := draft.Is(config, v1alpha1.Selector{AuthMethod: "mfa"})
		p.Why = "Cloudflare's own second factor has no equivalent: the identity provider has to say mfa"
		r.Demands = append(r.Demands, p)
	}
}
