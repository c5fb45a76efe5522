// SPDX-License-Identifier: Apache-2.0

package ingressnginx

import (
	"net/netip"
	"regexp"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
	"github.com/ostiary/ostiary/controllers/routes"
)

// rules say who may pass. Without an identity, whoever the proxy let in passes by Bypass.
func (in *Ingress) rules() []v1alpha1.Rule {
	r := draft.Rule{Of: in.Of, Name: "as before", From: in.Node, Action: v1alpha1.ActionBypass}
	networks := in.networks("whitelist-source-range", "allowlist-source-range")
	r.Exclude = in.networks("denylist-source-range")
	certificate := in.certificate()
	asks := in.asks()
	in.at("satisfy")
	r.Include = []draft.Part{draft.Is(in.Node, draft.Everyone())}
	switch {
	case asks == closed:
		return nil
	case asks == users:
		r.Action = v1alpha1.ActionAllow
		r.Require = certificate
	case certificate != nil:
		r.Action, r.Include = v1alpha1.ActionServiceAuth, certificate
	default:
		in.Say(draft.Noted, in.Node, in.Of, "the proxy asked nobody who they are, and the Bypass rule does not either: "+
			"write action: Allow to have them sign in")
	}
	if networks == nil {
		return in.Write(r)
	}
	list := draft.Part{From: in.Node, Fit: draft.Exact}
	for _, p := range networks {
		list.Selectors = append(list.Selectors, p.Selectors...)
	}
	if len(list.Selectors) == 0 {
		list = draft.Lacks(in.Node, "no network is left that was allowed")
	}
	if asks == users && certificate == nil && routes.NGINXSatisfy.Choice(in.values) == "any" {
		either := r
		either.Name, either.Action, either.Include = "networks", v1alpha1.ActionBypass, []draft.Part{list}
		return append(in.Write(either), in.Write(r)...)
	}
	r.Require = append(r.Require, list)
	return in.Write(r)
}

// networks are those of annotations, and nil where there are none.
func (in *Ingress) networks(names ...string) []draft.Part {
	text, n := in.at(names...)
	if n == nil {
		return nil
	}
	parts := []draft.Part{}
	for _, network := range routes.SplitList(text) {
		_, isNetwork := netip.ParsePrefix(network)
		if _, err := netip.ParseAddr(network); err != nil && isNetwork != nil {
			parts = append(parts, draft.Lacks(n, "the proxy cannot read the network "+network))
			in.Say(draft.Closed, n, in.Of, "%q is no network", network)
			continue
		}
		parts = append(parts, draft.Is(n, v1alpha1.Selector{IP: []v1alpha1.CIDR{draft.Network(network)}}))
	}
	in.Say(draft.Noted, n, in.Of, "addresses count if the installation lists its proxies (--trusted-proxies)")
	return parts
}

// What the proxy asks visitors for.
type asking int

const (
	nobody asking = iota
	users         // a name and a password
	closed        // something else, which is not known here
)

// asks says what the proxy asks for.
func (in *Ingress) asks() asking {
	if _, n := in.at("auth-url"); n != nil {
		in.Say(draft.Closed, n, in.Of, "who may pass is what this service says: no rules are written, and nobody is "+
			"admitted until there are some "+
			"(of oauth2-proxy, ostiary import oauth2-proxy makes them)")
		return closed
	}
	if in.global && routes.NGINXGlobalAuth.Flag(routes.IngressNGINX, in.values) != routes.Off {
		in.Say(draft.Closed, in.Node, in.Of, "who may pass is what the service at global-auth-url says: no rules are written")
		return closed
	}
	if signin, n := in.at("auth-signin"); n != nil {
		in.Say(draft.Noted, n, in.Of, "%q does nothing without auth-url", signin)
	}
	switch of, n := in.at("auth-type"); {
	case n == nil:
		return nobody
	case of == "basic" || of == "digest":
		return users
	default:
		in.Say(draft.Closed, n, in.Of, "%q is no way of asking: the proxy refuses everybody, and so does the policy", of)
		return closed
	}
}

// users makes an IdentityProvider of people with a password, and returns its name.
func (in *Ingress) users() string {
	_, n := in.at("auth-type")
	secret, _ := in.at("auth-secret")
	in.at("auth-secret-type")
	in.at("auth-realm")
	if n == nil || in.asks() != users {
		return ""
	}
	name := in.Draft.Name("IdentityProvider", in.Object.Name+"-users", "users")
	in.Provider(n, in.Of, name, v1alpha1.IdentityProviderSpec{Users: &v1alpha1.Users{SecretRef: v1alpha1.SecretKey{Name: name}}})
	in.Say(draft.Left, n, in.Of, "clients that send a name and a password with each request (curl -u) have no equivalent: "+
		"give them a ServiceToken")
	in.Say(draft.Noted, n, in.Of, "write the users of the Secret %q into users.yaml of the Secret %s in Ostiary's namespace, "+
		"with bcrypt hashes: until then nobody can sign in", secret, name)
	return name
}

var plainName = regexp.MustCompile(`^CN=([A-Za-z0-9 _@-]+)$`)

// certificate is the client certificate that the proxy asks for; nil: none.
func (in *Ingress) certificate() []draft.Part {
	_, secret := in.at("auth-tls-secret")
	verify, _ := in.at("auth-tls-verify-client")
	match, at := in.at("auth-tls-match-cn")
	for _, name := range []string{"auth-tls-verify-depth", "auth-tls-error-page", "auth-tls-pass-certificate-to-upstream"} {
		in.at(name)
	}
	switch {
	case secret == nil || verify == "off":
		return nil
	case verify == "optional" || verify == "optional_no_ca":
		in.Say(draft.Noted, secret, in.Of, "a certificate is not asked of everybody, so no rule asks for one")
		return nil
	}
	in.Say(draft.Noted, secret, in.Of, "certificates count where the proxy tells Ostiary of them (an endpoint below "+contract.CertificatePrefix+")")
	names := &v1alpha1.ClientCertificate{}
	if at != nil {
		m := plainName.FindStringSubmatch(match)
		if m == nil {
			return []draft.Part{draft.Lacks(at, "a pattern for the common name has no equivalent")}
		}
		p := draft.Lacks(at, "the proxy takes "+match+" anywhere in a subject, and no rule can say so")
		names.CommonName = m[1]
		p.Selectors, p.Fit = []v1alpha1.Selector{{Certificate: names}}, draft.Narrower
		return []draft.Part{p}
	}
	return []draft.Part{draft.Is(secret, v1alpha1.Selector{Certificate: names})}
}

// What ingress-nginx takes where an annotation is missing.
const (
	defaultMethods = "GET, PUT, POST, DELETE, PATCH, OPTIONS"
	defaultHeaders = "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range," +
		"Authorization"
	defaultMaxAge = 1728000
)

// cors are the settings by which the proxy answers preflights.
func (in *Ingress) cors() *v1alpha1.CORS {
	_, on := in.at("enable-cors")
	switch routes.NGINXCORS.Flag(routes.IngressNGINX, in.values) {
	case routes.On:
	case routes.Unclear:
		in.Say(draft.Closed, on, in.Of, "the proxy cannot read it: cors is not written")
		return nil
	case routes.Off, routes.Unsaid:
		return nil
	}
	list := func(name, otherwise string) []draft.Entry {
		text, n := in.at(name)
		if text == "" {
			text = otherwise
		}
		if n == nil {
			n = on
		}
		var out []draft.Entry
		for _, value := range routes.SplitList(text) {
			out = append(out, draft.Entry{Value: value, From: n})
		}
		return out
	}
	c := draft.CORS{Of: in.Of, From: on, Origins: list("cors-allow-origin", "*"), Methods: list("cors-allow-methods", defaultMethods),
		Headers: list("cors-allow-headers", defaultHeaders), Exposed: list("cors-expose-headers", ""), MaxAge: defaultMaxAge, Literal: true}
	c.Credentials = in.flag("cors-allow-credentials", true)
	if _, n := in.at("cors-max-age"); n != nil {
		if age, ok := n.Number(); ok {
			c.MaxAge = age
		}
	}
	in.Say(draft.Noted, on, in.Of, "the proxy put CORS headers on the application's own answers, too, and answered every OPTIONS: "+
		"now the application sends them itself (or write %s: static beside the policy annotation)", routes.ModeAnnotation)
	return in.CORS(c)
}

// flag is a switch; what cannot be read is as if it were not there.
func (in *Ingress) flag(name string, otherwise bool) bool {
	_, n := in.at(name)
	if n == nil {
		return otherwise
	}
	text := &tree.Node{File: n.File, Line: n.Line, Kind: tree.Text, Value: n.Value}
	return text.Flag(otherwise, otherwise)
}
