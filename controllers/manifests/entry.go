// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/ostiary/ostiary/api/v1alpha1"
	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests/secrets"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Kinds that stand in files beside AccessPolicy.
const (
	tokenKind       = "ServiceToken"
	groupKind       = "AccessGroup"
	policyKind      = "AccessPolicy"
	providerKind    = "IdentityProvider"
	revocationKind  = "SessionRevocation"
	tokenIssuerKind = "TokenIssuer"
	clientKind      = "OAuthClient"
	secretKind      = "Secret"
	ingressKind     = "Ingress"
	routeKind       = translate.HTTPRouteKind
)

// An entry is an object of another kind than AccessPolicy.
type entry struct {
	object
	kind       string
	provider   *v1alpha1.IdentityProvider  // nil if it cannot be decoded
	revocation *v1alpha1.SessionRevocation // nil if it cannot be decoded
	group      *v1alpha1.AccessGroup       // nil if it cannot be decoded
	token      *v1alpha1.ServiceToken      // nil if it cannot be decoded
	issuer     *v1alpha1.TokenIssuer       // nil if it cannot be decoded
	client     *v1alpha1.OAuthClient       // nil if it cannot be decoded
	check      func() []policy.Issue       // says what is wrong with one that can, other files aside
	secret     map[string][]byte
	within     string           // the namespace of a Secret, as it is written
	route      *translate.Route // of an Ingress or an HTTPRoute
}

func (e *entry) namesake(o *entry) bool { return e.key() == o.key() }

func (e *entry) key() string { return e.kind + "/" + e.title() }

// problem gives an issue its place.
func (e *entry) problem(i policy.Issue) Problem {
	return Problem{File: e.file, Line: e.line(i.Source.Field), Object: e.kind + " " + e.title(), Field: i.Source.Field, Message: i.Message, Code: string(i.Code), Warning: i.Warning()}
}

// readEntry reads a document of one of the kinds.
func (d *document) readEntry(root *yamlv3.Node, kind string) *entry {
	e := &entry{object: object{file: d.file, start: d.start, root: root, name: scalar(find(root, "metadata.name"))}, kind: kind}
	if e.name == "" {
		e.name = d.madeUpName()
		e.defect("metadata.name", "an object needs a name")
	}
	e.checkName()
	if e.namespaced() {
		e.readNamespace()
	} else if kind != secretKind && scalar(find(root, "metadata.namespace")) != "" {
		e.defect("metadata.namespace", "an object of this kind belongs to the whole cluster: remove the namespace")
	}
	switch kind {
	case secretKind:
		e.readSecret()
	case providerKind:
		e.provider = decode(e, d, translate.ProviderAlone)
	case revocationKind:
		e.revocation = decode(e, d, translate.Revocation)
	case groupKind:
		e.group = decode(e, d, checkGroup)
	case tokenKind:
		e.token = decode(e, d, translate.ServiceToken)
	case tokenIssuerKind:
		e.issuer = decode(e, d, translate.TokenIssuer)
	case clientKind:
		e.client = decode(e, d, checkClient)
	}
	return e
}

// decode reads the fields of an object, which its own check judges, too. nil: it cannot be decoded.
func decode[T, U any](e *entry, d *document, check func(*T) (U, []policy.Issue)) *T {
	o := new(T)
	found, ok := d.judge(&e.object, e.kind, o)
	if !ok {
		e.refuse(found, nil)
		return nil
	}
	e.check = func() []policy.Issue { _, known := check(o); return known }
	e.refuse(found, e.check())
	return o
}

// readSecret takes the values as they stand: no decoder could quote one that way.
func (e *entry) readSecret() {
	e.secret, e.within = map[string][]byte{}, scalar(find(e.root, "metadata.namespace"))
	for _, list := range []string{"data", "stringData"} { // the second wins, as with the API server
		for _, wrong := range secrets.Read(find(e.root, list), list == "data", e.secret) {
			e.defect(list, "%s", wrong)
		}
	}
}

// Text that may hold a secret is never quoted, not even by a parser's error.
var mayHoldSecrets = regexp.MustCompile(`(?m)["']?kind["']?[ \t]*:[ \t]*["']?Secret\b|^[ \t{,]*["']?(stringData|data|passwordHash)["']?[ \t]*:`)

var (
	revocationText = regexp.MustCompile(`(?m)^[ \t{,]*["']?kind["']?[ \t]*:[ \t]*["']?SessionRevocation\b`)
	revokedUser    = regexp.MustCompile(`["']?\buser["']?[ \t]*:[ \t]*["']?([^\s"',}]+)`)
)

// salvageRevocation makes out whom a text that cannot be read is about. All of
// their sessions are void, unless it is known what it said before.
func (s *Set) salvageRevocation(d *document, o *object) {
	if m := revokedUser.FindSubmatch(d.text); o != nil && m != nil && revocationText.Match(d.text) {
		r, _ := translate.Revocation(&v1alpha1.SessionRevocation{Spec: v1alpha1.SessionRevocationSpec{User: string(m[1])}})
		r.Source = policy.Source{Name: o.name}
		s.salvaged = append(s.salvaged, r)
	}
}

// wrong reports whether the entry has a mistake, other files aside.
func (e *entry) wrong() bool {
	var issues []policy.Issue
	if e.check != nil {
		issues = e.check()
	}
	return len(e.defects) > 0 || slices.ContainsFunc(issues, func(i policy.Issue) bool { return i.Reason != translate.SecretMissing })
}

// settle takes from the entries of all files what is in force: what they say, or
// where they have mistakes what they said before. A revocation that never could be
// read voids all sessions of whom it seems to be about.
func (l *Loader) settle(s *Set) {
	first := s.distinct(l)
	found := l.secretsOf(s)
	names := l.userNames(s, first)
	s.TokenIssuers = map[bool][]bearerconfig.Issuer{false: {}}[l.forCluster]
	s.clientsOf(first)
	providers, revocations := map[string]config.Provider{}, map[string]policy.Revocation{}
	for _, e := range s.entries {
		switch {
		case e.kind == revocationKind:
			said := l.revocationOf(s, e)
			for _, r := range said {
				s.Revocations = addTo(s.Revocations, r)
			}
			if _, taken := revocations[e.name]; !taken && len(said) > 0 {
				revocations[e.name] = said[0]
			}
		case e.kind == groupKind:
			s.Groups = append(s.Groups, s.groupOf(e))
		case slices.Contains([]string{tokenKind, tokenIssuerKind}, e.kind):
			s.machinesOf(e, first[e.key()] == e, l.forCluster)
		case e.kind == providerKind && first[e.key()] != e:
			s.report(e, nil)
		case e.kind == providerKind:
			if p, ok := l.providerOf(s, e, names[e.name], found); ok {
				providers[e.name] = p
				s.Providers = append(s.Providers, p)
			}
		}
	}
	s.reportSecrets(found)
	l.providers, l.revocations = providers, revocations
	s.addSalvaged()
	s.settleProviderNames()
}

// secretsOf are the Secrets of a set: in a cluster those of the namespace that Ostiary runs in.
func (l *Loader) secretsOf(s *Set) *secrets.Set {
	out := secrets.New(l.systemNamespace)
	for _, e := range s.entries {
		if e.kind == secretKind {
			out.Add(secrets.Secret{Name: e.name, Namespace: e.within, File: e.file, Line: e.start, Data: e.secret})
		}
	}
	return out
}

// reportSecrets reports those that are used. What others hold does not matter.
func (s *Set) reportSecrets(of *secrets.Set) {
	for _, e := range s.entries {
		if e.kind == secretKind && of.Used(e.name) && !of.Elsewhere(e.within) {
			s.report(e, nil)
		}
	}
}

// addSalvaged adds the revocations of which it is not known what they said before.
func (s *Set) addSalvaged() {
	for _, r := range s.salvaged {
		if !slices.ContainsFunc(s.Revocations, func(o policy.Revocation) bool { return strings.EqualFold(o.User, r.User) }) {
			s.Revocations = append(s.Revocations, r)
		}
	}
}

// distinct reports entries of one name, and returns the first of each.
func (s *Set) distinct(l *Loader) map[string]*entry {
	first := map[string]*entry{}
	for i, e := range s.entries {
		key := e.key()
		if l.forCluster && e.kind == secretKind {
			key += " " + e.within
		}
		switch f := first[key]; {
		case f == nil:
			first[key] = e
		case !e.missing:
			c := *e // the Loader remembers what was read
			c.defects = slices.Clone(e.defects)
			c.defect("", "another %s of this name stands in %s:%d already", e.kind, f.file, f.start)
			s.entries[i] = &c
		}
	}
	return first
}

// report notes what is wrong with an entry, and returns whether something is.
func (s *Set) report(e *entry, more []policy.Issue) bool {
	for _, i := range append(slices.Clone(e.defects), more...) {
		s.problems = append(s.problems, e.problem(i))
	}
	return len(e.defects)+len(more) > 0
}

func (l *Loader) providerOf(s *Set, e *entry, name translate.UserName, found *secrets.Set) (config.Provider, bool) {
	var p config.Provider
	var issues []policy.Issue
	asked := ""
	if e.provider != nil {
		p, issues = translate.ProviderOf(e.provider, func(secret string) (map[string][]byte, bool) {
			asked = secret
			return found.Find(secret)
		})
		p.Name, p.QualifiedUsers = e.name, name.Qualified
	}
	usable := e.provider != nil && len(e.defects) == 0 && !slices.ContainsFunc(issues, func(i policy.Issue) bool { return !i.Warning() })
	missing := func(i policy.Issue) bool { return i.Reason == translate.SecretMissing }
	if l.forCluster && s.made[asked] && slices.ContainsFunc(issues, missing) {
		s.report(e, slices.DeleteFunc(issues, missing))
		return p, false
	}
	for i := range issues {
		if issues[i].Reason == translate.SecretMissing { // nobody keeps secrets beside the manifests of a cluster
			issues[i].Reason = policy.Unwise
			issues[i].Message += found.Missing(asked) + ", so users cannot sign in by this provider"
		} else if l.forCluster { // what is in use without one of its users is still not as it should be
			issues[i].Reason = policy.Invalid
		}
	}
	s.report(e, append(issues, name.Issues(e.name)...))
	if usable {
		return p, true
	}
	p, ok := l.providers[e.name]
	p.QualifiedUsers = name.Qualified
	return p, ok
}

func (s *Set) machinesOf(e *entry, first, forCluster bool) {
	if e.kind == tokenKind {
		s.tokenOf(e, first, forCluster)
	} else if i, issues := translate.TokenIssuer(e.issuer); !s.report(e, issues) && first {
		s.TokenIssuers = append(s.TokenIssuers, i)
	}
}

// userNames settles what applications are told of whose users. A text that cannot be
// read is a provider, too: whoever was Plain beside it does not become so by that.
func (l *Loader) userNames(s *Set, first map[string]*entry) map[string]translate.UserName {
	var all []*v1alpha1.IdentityProvider
	for _, e := range s.entries {
		if e.kind != providerKind || first[e.key()] != e {
			continue
		}
		o := &v1alpha1.IdentityProvider{}
		if e.provider != nil {
			o = e.provider.DeepCopy()
		}
		o.Name = e.name
		all = append(all, o)
	}
	names := translate.UserNames(all, l.qualified)
	l.qualified = map[string]bool{}
	for _, o := range all {
		l.qualified[o.Name] = o.Spec.UserNames == "" && names[o.Name].Qualified
	}
	return names
}

// revocationOf returns what is in force because of an entry: what it says, or if
// it has mistakes what it said before, and as much of it as can be read.
func (l *Loader) revocationOf(s *Set, e *entry) []policy.Revocation {
	o := &v1alpha1.SessionRevocation{}
	if e.revocation != nil {
		o = e.revocation
	} else {
		o.Spec.User = scalar(find(e.root, "spec.user"))
	}
	o.Name = e.name
	r, issues := translate.Revocation(o)
	readable := e.revocation != nil && len(issues) == 0
	if e.revocation == nil {
		issues = nil // the text has been reported
	}
	wrong := s.report(e, issues)
	before, ok := l.revocations[e.name]
	switch {
	case !wrong, readable && before == r, !ok && r.User != "":
		return []policy.Revocation{r}
	case !ok:
		return nil
	case readable:
		return []policy.Revocation{before, r}
	default:
		return []policy.Revocation{before}
	}
}

// settleProviderNames warns of policies that name a provider which is nowhere.
func (s *Set) settleProviderNames() {
	known := map[string]bool{}
	for _, e := range s.entries {
		if e.kind == providerKind {
			known[e.name] = true
		}
	}
	for _, o := range s.objects {
		if o.api == nil {
			continue
		}
		for i, name := range o.api.Spec.IdentityProviders {
			if field := fmt.Sprintf("spec.identityProviders[%d]", i); !known[string(name)] && name != "" {
				s.problems = append(s.problems, Problem{File: o.file, Line: o.line(field), Object: o.namespace + "/" + o.name, Field: field, Warning: true,
					Message: "no file that is read here holds an IdentityProvider " + string(name)})
			}
		}
	}
}
