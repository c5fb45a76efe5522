// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// undone reports what undoes the question that the proxy of an Ingress asks.
func (c *coverage) undone(d *door, s *served) {
	c.passthrough(d, s)
	if !routes.IsNGINX(d.proxy) {
		return
	}
	a := around{object: d.ref, host: s.host, paths: s.paths}
	if routes.NGINXSatisfy.Choice(d.Annotations) == "any" {
		a.reason = routes.SatisfyAny
		c.report(a, "%s says nginx.ingress.kubernetes.io/satisfy: any, so whoever passes its address list or its password reaches %s whatever Ostiary says. Remove the annotation.", d.ref, s.where())
	}
	if routes.NGINXAuthCacheKey.Text(d.Annotations) != "" {
		a.reason = routes.AuthCache
		c.report(a, "%s says nginx.ingress.kubernetes.io/auth-cache-key, so an answer for one visitor may be given to another, and outlives sign-outs. Remove the annotation.", d.ref)
	}
	if routes.NGINXAuthHeaders.Text(d.Annotations) != "" {
		a.reason = routes.AuthMethodSnippet
		c.report(a, "%s sends headers of its own with the question about %s (nginx.ingress.kubernetes.io/auth-proxy-set-headers); a Cookie or Authorization among them signs everybody in. Remove the annotation.", d.ref, s.where())
	}
	for _, n := range []*routes.Annotation{routes.NGINXAuthSnippet, routes.NGINXSnippet, routes.NGINXServerSnippet} {
		if what := c.overriding(n, n.Text(d.Annotations)); what != "" {
			a.reason = routes.AuthMethodSnippet
			c.report(a, "%s has %s in %s, which may override what Ostiary says about %s. Remove it, or have the platform team put it into the controller's ConfigMap.", d.ref, what, n.Key(), s.where())
		}
	}
	for _, p := range s.written {
		for _, free := range family.NeverAsked(c.Index) {
			if strings.HasPrefix(p.Value, free) {
				a.reason, a.paths = routes.NoAuthLocations, []policy.Path{p}
				c.report(a, "%s serves %s%s, and the controller never asks about paths that begin with %s (no-auth-locations of its ConfigMap). Choose another path, or take %s off the list.", d.ref, routes.ShowHost(s.host), p.Value, free, free)
			}
		}
	}
}

// unread reports what a proxy cannot read. What names a policy is a plan's matter.
func (c *coverage) unread(d *door, s *served) {
	if problems, refused := routes.UnreadBy(d.Ingress, d.proxy); len(problems) > 0 && !d.opted {
		c.report(around{object: d.ref, reason: routes.AnnotationUnread, host: s.host, paths: s.paths}, "%s", routes.UnreadMessage(d.ref, problems, refused))
	}
}

// passthrough reports connections that no proxy looks into.
func (c *coverage) passthrough(d *door, s *served) {
	for _, n := range []*routes.Annotation{routes.NGINXPassthrough, routes.HAProxyPassthrough} {
		if n.Reads(d.proxy) && n.Flag(d.proxy, d.Annotations) == routes.On {
			c.report(around{object: d.ref, reason: routes.TLSPassthrough, host: s.host, paths: s.paths},
				"%s says %s, so TLS connections for %s go to the application as they are, and nobody is asked. Remove the annotation.", d.ref, n.Key(), routes.ShowHost(s.host))
		}
	}
}

// harmless are directives that change no decision, and not who the application
// believes is calling.
var harmless = regexp.MustCompile(`^(add_header|more_set_headers|more_clear_headers|expires|etag|gzip\w*|brotli\w*|charset|default_type|client_max_body_size|` +
	`client_body_\w+|(client_header|send|keepalive|lingering|proxy_connect|proxy_read|proxy_send)_timeout|proxy_(buffer\w*|busy_buffers_size|request_buffering|max_temp_file_size)|` +
	`limit_(req|conn|rate)\w*|access_log|error_log|log_not_found|large_client_header_buffers)$`)

// overriding names the first directive of a snippet that may undo the question.
// What is sent with the question itself may always.
func (c *coverage) overriding(n *routes.Annotation, snippet string) string {
	if snippet == "" || n == routes.NGINXAuthSnippet {
		return map[bool]string{false: "directives"}[snippet == ""]
	}
	for line := range strings.Lines(snippet) {
		line, _, _ = strings.Cut(line, "#")
		for statement := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ';' || r == '{' || r == '}' }) {
			words := strings.Fields(statement)
			if len(words) == 0 || harmless.MatchString(words[0]) || words[0] == "proxy_set_header" && len(words) > 2 && !c.isIdentity(words[1]) {
				continue
			}
			return fmt.Sprintf("%q", words[0])
		}
	}
	return ""
}

// isIdentity reports whether an application believes a header about who calls.
func (c *coverage) isIdentity(header string) bool {
	header = strings.Trim(header, `"'`)
	return strings.EqualFold(header, "Cookie") || strings.EqualFold(header, "Authorization") || strings.EqualFold(header, "Host") ||
		slices.ContainsFunc(c.Settings.IdentityHeaders, func(h string) bool { return strings.EqualFold(h, header) })
}

// strayAliases reports aliases of a guarded Ingress that no policy claims.
func (c *coverage) strayAliases(d *door) {
	var mine string
	for i := range d.Spec.Rules {
		if host := d.Spec.Rules[i].Host; host != "" && c.claims(host) {
			mine = host
			break
		}
	}
	if mine == "" {
		return
	}
	for _, alias := range aliasesOf(d.Ingress, d.proxy) {
		host := routes.CanonicalHost(alias)
		if strings.HasPrefix(alias, "~") {
			host = alias // lower case would make another expression of it
		} else if c.claims(host) {
			continue
		}
		c.report(around{object: d.ref, reason: routes.ServerAlias, host: host, owner: mine},
			"%s has the server-alias %s, which is no host of a policy by that name, so everybody is refused there, and whatever other Ingress of %s does not ask serves it. Put it into the policy's hosts as a name of its own, or remove it.", d.ref, alias, mine)
	}
}

// innerDoors reports an Ingress that leads the world to what only proxies may ask.
func (c *coverage) innerDoors(d *door) {
	for _, b := range routes.Backends(d.Ingress) {
		for _, s := range routes.ServicesOf(b) {
			if part := c.OwnPart(d.Namespace, s.Name); part == "authz" || part == "render" {
				c.findings = append(c.findings, routes.Finding{Object: d.ref, Reason: routes.ExposedService,
					Message: fmt.Sprintf("%s leads to Service %s/%s, which only proxies may reach: it tells anybody what a policy decides. Remove the Ingress.", d.ref, d.Namespace, s.Name)})
			}
		}
	}
}
