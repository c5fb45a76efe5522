// SPDX-License-Identifier: Apache-2.0

package oauth2proxy

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/ingressnginx"
	"github.com/ostiary/ostiary/controllers/imports/tree"
	"github.com/ostiary/ostiary/controllers/routes"
)

const of = "oauth2-proxy"

// all are the values of a setting.
func (s *settings) all(name string) []*tree.Node { return s.Get(name).List() }

// last is the value that counts of a setting which has one.
func (s *settings) last(name string) *tree.Node {
	if list := s.all(name); len(list) > 0 {
		return list[len(list)-1]
	}
	return nil
}

// write makes a policy for each Ingress that asks oauth2-proxy, and one without hosts if there
// is none.
func (s *settings) write() {
	s.See()
	s.In = of
	provider := s.provider()
	spec := v1alpha1.AccessPolicySpec{IdentityProviders: []v1alpha1.ProviderName{v1alpha1.ProviderName(provider)}, Session: s.session()}
	if preflight := s.last("skip-auth-preflight"); preflight.Flag(false, false) {
		spec.CORS = &v1alpha1.CORS{Preflight: v1alpha1.PreflightBypass}
		s.Say(draft.Noted, preflight, of, "genuine preflights go to the application; any other OPTIONS request needs a session")
	}
	free := s.free()
	if len(s.ingresses) == 0 {
		own := spec
		own.Rules = append(free, s.rules(nil)...)
		p := s.Policy(s.Node, of, own, "oauth2-proxy")
		s.Say(draft.Noted, s.Node, of, "no Ingress is in the input: the policy has the hosts of those that name it (%s: %s)",
			routes.PolicyAnnotation, p.Name)
	}
	for _, o := range s.ingresses {
		s.ingress(o, spec, free)
	}
	for _, name := range s.Keys {
		switch n := s.Peek(name); {
		case meaningless[name], s.kind() == "github" && gitHubs[name]:
			n.Known()
		case reasons[name] != "" && (len(n.Items) != 1 || n.Items[0].Value != "false"):
			s.Say(draft.Left, n.Known(), of, "%s", reasons[name])
		case reasons[name] != "":
			n.Known()
		}
	}
	s.Draft.Rest(s.Node, of)
}

// ingress makes the policy of an Ingress.
func (s *settings) ingress(o *tree.Object, spec v1alpha1.AccessPolicySpec, free []v1alpha1.Rule) {
	defer o.Known()
	values := o.Annotations()
	asks := routes.NGINXAuthURL.Text(values)
	if asks == "" {
		s.Say(draft.Noted, o.Node, o.Of, "it has no auth-url, and nothing of it is imported (the one of /oauth2 goes away in the end)")
		return
	}
	if routes.NGINXCORS.Flag(routes.IngressNGINX, values) == routes.On {
		s.Say(draft.Left, o.Node, o.Of, "enable-cors: see what ostiary import ingress-nginx makes of it")
	}
	s.In = o.Of
	defer func() { s.In = of }()
	spec.Rules = append(slices.Clone(free), s.rules(s.query(o, asks))...)
	for _, p := range ingressnginx.PlacesOf(s.Draft, o) {
		own := *spec.DeepCopy()
		own.Hosts, own.Paths = p.Hosts, p.Paths
		before := s.Draft.Namespace
		s.Draft.Namespace = cmp.Or(o.Namespace, before)
		made := s.Policy(o.Node, o.Of, own, o.Name, "ingress")
		s.Draft.Namespace = before
		s.Say(draft.Noted, o.Node, o.Of, "the Ingress has to name the policy: %s: %s, in the same write that removes auth-url and auth-signin",
			routes.PolicyAnnotation, made.Name)
	}
}

// query is what the question of an Ingress asks for beyond the settings.
func (s *settings) query(o *tree.Object, asks string) (out []draft.Part) {
	u, err := url.Parse(strings.ReplaceAll(asks, "$", "x"))
	if err != nil {
		return []draft.Part{draft.Lacks(o.Node, "the auth-url cannot be read")}
	}
	query := u.Query()
	for _, key := range routes.SortedKeys(query) {
		part := draft.Part{From: o.Node, Fit: draft.Exact}
		for _, v := range routes.SplitList(strings.Join(query[key], ",")) {
			switch key {
			case "allowed_groups":
				part.Selectors = append(part.Selectors, v1alpha1.Selector{IdPGroup: v})
			case "allowed_emails":
				part.Selectors = append(part.Selectors, v1alpha1.Selector{Email: v})
			case "allowed_email_domains":
				part.Selectors = append(part.Selectors, v1alpha1.Selector{EmailDomain: v})
			}
		}
		if len(part.Selectors) == 0 || strings.Contains(asks, "$"+key) {
			part = draft.Lacks(o.Node, "the auth-url asks for "+key+", which is not known")
		}
		out = append(out, part)
	}
	return out
}

// rules say who may pass who is signed in: by address, and in a group if any is asked for.
func (s *settings) rules(more []draft.Part) []v1alpha1.Rule {
	r := draft.Rule{Of: of, Name: "signed in", From: s.Node, Action: v1alpha1.ActionAllow, Require: more}
	for _, n := range s.all("email-domain") {
		switch v := n.Text(); {
		case v == "*":
			r.Include = append(r.Include, draft.Is(n, draft.Everyone()))
		case strings.HasPrefix(v, ".") || strings.HasPrefix(v, "*."):
			r.Include = append(r.Include, draft.Lacks(n, "domains below "+v+" have no equivalent: list each"))
		default:
			r.Include = append(r.Include, draft.Is(n, v1alpha1.Selector{EmailDomain: draft.Host(strings.TrimPrefix(v, "@"))}))
		}
	}
	if file := s.last("authenticated-emails-file"); file != nil {
		r.Include = append(r.Include, draft.Lacks(file, "the file of addresses is not in the input: write each as email"))
	}
	if groups := s.groups(); len(groups.Selectors) > 0 {
		r.Require = append(r.Require, groups)
	}
	gitHub := []string{"github-org", "github-team", "github-repo", "github-user"}
	lacking := []string{"google-group", "gitlab-project", "bitbucket-team", "bitbucket-repository", "keycloak-group", "allowed-email"}
	if s.kind() == "github" {
		r.Require = append(r.Require, s.members()...)
		for _, key := range gitHub {
			s.Get(key).Known()
		}
	} else {
		lacking = append(lacking, gitHub...)
	}
	for _, key := range lacking {
		if n := s.last(key); n != nil {
			r.Require = append(r.Require, draft.Lacks(s.Get(key), "who had to be what "+key+" says has no equivalent"))
			s.Get(key).Known()
		}
	}
	return s.Write(r)
}

// groups are those of which one is enough.
func (s *settings) groups() draft.Part {
	groups := draft.Part{From: s.Node, Fit: draft.Exact}
	for _, key := range []string{"allowed-group", "gitlab-group"} {
		for _, n := range s.all(key) {
			groups.From = n
			groups.Selectors = append(groups.Selectors, v1alpha1.Selector{IdPGroup: n.Text()})
		}
	}
	for _, n := range s.all("allowed-role") {
		claim := &v1alpha1.OIDCClaim{Name: "realm_access.roles", Value: n.Text()}
		if client, role, ofClient := strings.Cut(n.Text(), ":"); ofClient {
			claim = &v1alpha1.OIDCClaim{Name: "resource_access." + client + ".roles", Value: role}
		}
		groups.From = n
		groups.Selectors = append(groups.Selectors, v1alpha1.Selector{Claim: claim})
	}
	return groups
}

var (
	route   = regexp.MustCompile(`^(?:([A-Za-z]+)=)?(.*)$`)
	literal = regexp.MustCompile(`^\^(/(?:[A-Za-z0-9/_~@:,=-]|\\[.-])*)(\$|/\.\*\$?|\(/\|\$\)|\(/\.\*\)\?\$|\.\*\$?)?$`)
)

// free are the rules for whom nobody asks: addresses that are trusted, and paths.
func (s *settings) free() (out []v1alpha1.Rule) {
	trusted := draft.Rule{Of: of, Name: "trusted addresses", From: s.Node, Action: v1alpha1.ActionBypass}
	for _, n := range s.all("trusted-ip") {
		trusted.Include = append(trusted.Include, draft.Is(n, v1alpha1.Selector{IP: []v1alpha1.CIDR{draft.Network(n.Text())}}))
	}
	if len(trusted.Include) > 0 {
		out = append(out, s.Write(trusted)...)
	}
	for _, key := range []string{"skip-auth-route", "skip-auth-regex"} {
		for _, n := range s.all(key) {
			text := n.Text()
			m := route.FindStringSubmatch(text)
			if key == "skip-auth-regex" || strings.Contains(text, "!=") {
				m = []string{text, "", text}
			}
			expression, note := pathOf(m[2])
			if expression == "" {
				s.Say(draft.Closed, n, of, "%q is no literal path: requests to it need a session (write a Bypass rule with cel)", text)
				continue
			}
			if note != "" {
				s.Say(draft.Closed, n, of, "%s", note)
			}
			r := draft.Rule{Of: of, Name: draft.RuleName(text, out), From: n, Action: v1alpha1.ActionBypass,
				Include: []draft.Part{draft.Is(n, v1alpha1.Selector{CEL: expression})}}
			for _, rule := range s.Write(r) {
				if m[1] != "" {
					rule.Methods = []v1alpha1.Method{v1alpha1.Method(strings.ToUpper(m[1]))}
				}
				out = append(out, rule)
			}
		}
	}
	return out
}

// pathOf is the expression that stands for a pattern of a path, if that is a path and what is
// below it; note says what it leaves out.
func pathOf(pattern string) (expression, note string) {
	m := literal.FindStringSubmatch(pattern)
	if m == nil {
		return "", ""
	}
	path, end := strings.ReplaceAll(m[1], `\`, ""), m[2]
	below := "request.path.startsWith(" + strconv.Quote(strings.TrimSuffix(path, "/")+"/") + ")"
	switch {
	case end == "$":
		return "request.path == " + strconv.Quote(path), ""
	case end == "/.*" || end == "/.*$" || strings.HasSuffix(path, "/"):
		return below, ""
	case strings.HasPrefix(end, "("):
		return "request.path == " + strconv.Quote(path) + " || " + below, ""
	default:
		return "request.path == " + strconv.Quote(path) + " || " + below,
			"the pattern also meant paths that go on behind " + path + " without a slash: they need a session"
	}
}

func (s *settings) session() *v1alpha1.Session {
	out := &v1alpha1.Session{Duration: "168h"} // the default of oauth2-proxy
	switch n := s.last("cookie-expire"); n.Text() {
	case "":
	case "0", "0s":
		out.Duration = "24h"
		s.Say(draft.Closed, n, of, "sessions that end with the browser have no equivalent: 24h is written")
	default:
		out.Duration = s.Duration(n, of)
	}
	cookie := &v1alpha1.Cookie{}
	switch n := s.last("cookie-samesite"); n.Text() {
	case "":
	case "lax":
		cookie.SameSite = v1alpha1.SameSiteLax
	case "none":
		cookie.SameSite = v1alpha1.SameSiteNone
	case "strict":
		cookie.SameSite = v1alpha1.SameSiteStrict
	default:
		cookie.SameSite = v1alpha1.SameSiteStrict
		s.Say(draft.Closed, n, of, "%q is no mode of SameSite: Strict is written", n.Text())
	}
	if n := s.last("cookie-httponly"); !n.Flag(true, true) {
		no := false
		cookie.HTTPOnly = &no
	}
	if *cookie != (v1alpha1.Cookie{}) {
		out.Cookie = cookie
	}
	return out
}
