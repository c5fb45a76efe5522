// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// Gaps: annotations that let requests pass whatever we say.
func (f nginx) Gaps(x *routes.Index, r *routes.Route, at *routes.Served, report Reporter) {
	passthrough(routes.NGINXPassthrough, r, at, report)
	if routes.NGINXSatisfy.Choice(r.Annotations) == "any" {
		report(routes.SatisfyAny, at.Paths, "%s says nginx.ingress.kubernetes.io/satisfy: any, so whoever passes its address list or its password reaches %s whatever Ostiary says. Remove the annotation.", r.Ref, at.Where())
	}
	if routes.NGINXAuthCacheKey.Text(r.Annotations) != "" {
		report(routes.AuthCache, at.Paths, "%s says nginx.ingress.kubernetes.io/auth-cache-key, so an answer for one visitor may be given to another, and outlives sign-outs. Remove the annotation.", r.Ref)
	}
	if routes.NGINXAuthHeaders.Text(r.Annotations) != "" {
		report(routes.AuthMethodSnippet, at.Paths, "%s sends headers of its own with the question about %s (nginx.ingress.kubernetes.io/auth-proxy-set-headers); a Cookie or Authorization among them signs everybody in. Remove the annotation.", r.Ref, at.Where())
	}
	for _, n := range []*routes.Annotation{routes.NGINXAuthSnippet, routes.NGINXSnippet, routes.NGINXServerSnippet} {
		if what := overriding(x, n, n.Text(r.Annotations)); what != "" {
			report(routes.AuthMethodSnippet, at.Paths, "%s has %s in %s, which may override what Ostiary says about %s. Remove it, or have the platform team put it into the controller's ConfigMap.", r.Ref, what, n.Key(), at.Where())
		}
	}
	for _, p := range at.Written {
		for _, free := range NeverAsked(x) {
			if strings.HasPrefix(p.Value, free) {
				report(routes.NoAuthLocations, []policy.Path{p}, "%s serves %s%s, and the controller never asks about paths that begin with %s (no-auth-locations of its ConfigMap). Choose another path, or take %s off the list.", r.Ref, routes.ShowHost(at.Host), p.Value, free, free)
			}
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
func overriding(x *routes.Index, n *routes.Annotation, snippet string) string {
	if snippet == "" || n == routes.NGINXAuthSnippet {
		return map[bool]string{false: "directives"}[snippet == ""]
	}
	for line := range strings.Lines(snippet) {
		line, _, _ = strings.Cut(line, "#")
		for statement := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ';' || r == '{' || r == '}' }) {
			words := strings.Fields(statement)
			if len(words) == 0 || harmless.MatchString(words[0]) || words[0] == "proxy_set_header" && len(words) > 2 && !isIdentity(x, words[1]) {
				continue
			}
			return fmt.Sprintf("%q", words[0])
		}
	}
	return ""
}

// isIdentity reports whether an application believes a header about who calls.
func isIdentity(x *routes.Index, header string) bool {
	header = strings.Trim(header, `"'`)
	return strings.EqualFold(header, "Cookie") || strings.EqualFold(header, "Authorization") || strings.EqualFold(header, "Host") ||
		slices.ContainsFunc(x.Settings.IdentityHeaders, func(h string) bool { return strings.EqualFold(h, header) })
}
