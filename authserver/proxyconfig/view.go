// SPDX-License-Identifier: Apache-2.0

package proxyconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/ostiary/ostiary/authserver/contract"
)

// A view is what the templates see.
type view struct{ Options }

var functions = template.FuncMap{
	"host":     hostOf,
	"port":     func(address string) string { _, port, _ := net.SplitHostPort(address); return port },
	"lower":    strings.ToLower,
	"snake":    func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "_")) },
	"join":     func(sep string, s []string) string { return strings.Join(s, sep) },
	"pattern":  pattern,
	"first":    func(s []string) string { return s[0] },
	"wildcard": isWildcard,
	"replace":  strings.ReplaceAll,
	"list":     func(s ...string) []string { return s },
	"dict":     dict,
	"addressType": func(address string) string {
		if strings.Contains(hostOf(address), ":") {
			return "IPv6"
		}
		return "IPv4"
	},
	"yaml":         yamlString,
	"notWebSocket": notWebSocket,
	"codes":        func() []int { return []int{401, 403} },
}

// pattern is a regular expression of a host; "*." is exactly one label.
func pattern(host string) string {
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		return `[a-z0-9-]+\.` + regexp.QuoteMeta(rest)
	}
	return regexp.QuoteMeta(host)
}

// notWebSocket is a regular expression of what is not "websocket". RE2 has no "not", and
// of several lines of Upgrade each has to be looked at.
func notWebSocket() string {
	const name = "websocket"
	parts := []string{fmt.Sprintf(".{0,%d}", len(name)-1), fmt.Sprintf(".{%d,}", len(name)+1)}
	for i := range len(name) {
		parts = append(parts, fmt.Sprintf(".{%d}[^%c].{%d}", i, name[i], len(name)-1-i))
	}
	return "(?i)^(" + strings.Join(parts, "|") + ")$"
}

// AllIdentity are those of both sets and the upstream headers: a client sends none of them.
func (v view) AllIdentity() []string { return append(contract.AllIdentity(), v.Upstreams()...) }

// Upstreams are the headers that policies may set, in canonical form.
func (v view) Upstreams() []string {
	names, _ := contract.ParseUpstream(v.UpstreamHeaders) // check has looked
	return names
}

// UpstreamPattern is a regular expression of every spelling of an upstream header.
func (v view) UpstreamPattern() string {
	var out []string
	for _, name := range v.Upstreams() {
		out = append(out, strings.ReplaceAll(strings.ToLower(name), "-", "[-_]"))
	}
	return "^(" + strings.Join(out, "|") + ")$"
}

// Identity are the headers that tell the application who is calling.
func (v view) Identity() []string {
	if v.IdentityHeaders == "cloudflare" {
		return v.AllIdentity()
	}
	return append(contract.Identity(), v.Upstreams()...)
}

// Told are those of Identity that our answer fills in. The others are empty on every
// request that passes.
func (v view) Told() []string {
	return slices.DeleteFunc(v.Identity(), func(name string) bool { return slices.Contains(v.TokenHeaders(), name) })
}

// NotTold are those of AllIdentity that no answer fills in.
func (v view) NotTold() []string {
	return slices.DeleteFunc(v.AllIdentity(), func(name string) bool { return slices.Contains(v.Told(), name) })
}

// Stripped are the headers that a client may not send, where they can be named
// one by one only: those that nothing replaces, and every one with "_" in place of
// "-". To applications that read headers from the environment (CGI, WSGI) they are
// the same.
func (v view) Stripped() []string {
	var out []string
	for _, name := range v.AllIdentity() {
		spellings := contract.Spellings(name)
		if slices.Contains(v.Identity(), name) {
			spellings = spellings[1:]
		}
		out = append(out, spellings...)
	}
	return out
}

// Cleared are patterns of all headers that no client may send, ours, Cloudflare's and upstream headers,
// where "*" stands for any end; those of service tokens in use are not among them.
func (v view) Cleared() []string {
	var out []string
	for _, family := range contract.IdentityFamilies() {
		out = append(out, strings.ReplaceAll(family, "-", "_")+"*", family+"_*")
	}
	for _, name := range v.Upstreams() {
		out = append(out, contract.Spellings(name)...)
	}
	for _, name := range contract.AllIdentity() {
		for _, spelling := range contract.Spellings(name) {
			family := slices.ContainsFunc(contract.IdentityFamilies(), func(f string) bool { return strings.HasPrefix(spelling, f+"-") })
			if family && !slices.Contains(v.TokenHeaders(), spelling) {
				out = append(out, spelling)
			}
		}
	}
	return out
}

// TokenHeaders are those in which a machine sends what it proves itself by.
func (v view) TokenHeaders() []string {
	return slices.DeleteFunc(v.Identity(), func(name string) bool { return !contract.IsCredential(name) })
}

// CORS are the headers by which an answer lets a page of another origin read it. The
// application's go where the policy says responses: Managed. (All others mean something
// to a preflight alone.)
func (v view) CORS() []string {
	return []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"}
}

// Variable begins the names of an nginx's variables and upstreams, which are one space
// for all of its files. nginx has room for 46 characters, and for 32 in names of groups of
// expressions: 8 are left.
func (v view) Variable() string {
	const most = 16
	name := v.Policy
	if v.Namespace != defaultNamespace {
		name = v.Namespace + "_" + name
	}
	name = strings.ReplaceAll(name, "-", "_")
	if len(name) > most {
		sum := sha256.Sum256([]byte(v.Namespace + "/" + v.Policy))
		name = name[:8] + "_" + hex.EncodeToString(sum[:])[:7]
	}
	return "ostiary_" + name
}

// Managed tells that the answer's CORS headers take the place of the application's.
func (v view) Managed() string { return contract.ManagedHeader }

// NginxPrefix and NginxCanaryPrefix begin the URLs that ingress-nginx asks.
func (v view) NginxPrefix() string { return contract.NginxPrefix }

// NginxAsk begins the URLs that nginx asks.
func (v view) NginxAsk() string {
	if v.ClientCertificates {
		return contract.CertificatePrefix + v.nginxCertificate() + strings.TrimPrefix(contract.NginxPrefix, contract.Endpoints+"/")
	}
	return contract.NginxPrefix
}

// NginxShow begins the URLs at which nginx has refusals shown.
func (v view) NginxShow() string {
	if v.ClientCertificates {
		return contract.RenderCertificatePrefix + v.nginxCertificate()
	}
	return contract.RenderPrefix
}

// nginxCertificate has nginx say what it verified.
func (v view) nginxCertificate() string {
	return contract.CertificateInURL + "/$" + v.Variable() + "_verified/$ssl_client_escaped_cert/"
}

// CertificateHeader is in which other proxies say what they verified.
func (v view) CertificateHeader() string { return contract.ClientCertificate }

// NginxCanaryPrefix is for a canary that takes preflights.
func (v view) NginxCanaryPrefix() string { return contract.NginxCanaryPrefix }

// RenderPrefix begins the URLs at which refusals are shown.
func (v view) RenderPrefix() string { return contract.RenderPrefix }

// Asked are the client's headers that a decision depends on.
func (v view) Asked() []string { return contract.Asked() }

// EnvoyAsked are the same for Envoy, which knows the client's address better than
// its own connection tells.
func (v view) EnvoyAsked() []string { return contract.EnvoyAsked() }

// Bound is the beginning of the endpoints that decide about the hosts of this
// configuration alone.
func (v view) Bound() string {
	bound := contract.BoundPrefix + strings.Join(v.Hosts, ",")
	if v.ClientCertificates {
		return contract.CertificatePrefix + contract.CertificateInHeader + strings.TrimPrefix(bound, contract.Endpoints)
	}
	return bound
}

// Certified begins the endpoints that HAProxy's script asks.
func (v view) Certified() string { return contract.CertificatePrefix + contract.CertificateInHeader }

func isWildcard(host string) bool { return strings.HasPrefix(host, "*.") }

// Service and ServiceNamespace split the address of a Service.
func (v view) Service(address string) string {
	name, _, _ := strings.Cut(hostOf(address), ".")
	return name
}

// ServiceNamespace is the application's where the address does not say.
func (v view) ServiceNamespace(address string) string {
	if parts := strings.Split(hostOf(address), "."); len(parts) > 1 {
		return parts[1]
	}
	return v.Namespace
}

// Name begins the names of what is made for the application.
func (v view) Name() string { return v.Policy }

// ListenOr is the address to listen at, or the default.
func (v view) ListenOr(otherwise string) string {
	if v.Listen == "" {
		return otherwise
	}
	return v.Listen
}

// GatewayNamespace and GatewayName split Gateway.
func (v view) GatewayNamespace() string { ns, _, _ := strings.Cut(v.Gateway, "/"); return ns }

// GatewayName is what GatewayNamespace leaves.
func (v view) GatewayName() string { _, name, _ := strings.Cut(v.Gateway, "/"); return name }

// Bind is the IP of Listen, "" if it names none.
func (v view) Bind() string { return hostOf(v.Listen) }

// yamlString quotes the names that YAML would read as something else: numbers,
// and the words that stand for null and the booleans in its versions.
func yamlString(name string) string {
	switch name {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return `"` + name + `"`
	}
	if name[0] >= '0' && name[0] <= '9' {
		return `"` + name + `"`
	}
	return name
}

// dict makes a map of names and values, for templates that take several.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1] // the templates are ours, and tested
	}
	return m
}
