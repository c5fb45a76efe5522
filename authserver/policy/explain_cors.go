// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// list returns the origins and patterns as they are written, but for their case, sorted.
func (o *origins) list() (out []string) {
	out = append(out, o.exact.list()...)
	for _, zone := range o.labels.list() {
		out = append(out, strings.Replace(zone, ".", "://*.", 1))
	}
	for _, p := range o.parts {
		out = append(out, strings.Replace(p.zone, ".", "://"+p.before+"*"+p.after+".", 1))
	}
	for _, host := range o.ports.list() {
		out = append(out, host+":*")
	}
	slices.Sort(out)
	return out
}

func (s *set) list() []string {
	return slices.Concat(s.few, slices.Collect(maps.Keys(s.many)))
}

// originRefused says why an origin is not on the list, by what is most like it there.
func (c *cors) originRefused(origin string) string {
	var why string
	switch {
	case origin == "null":
		why = "the page has no origin that it could name: it is in a sandboxed frame or a file, or a redirect led through another site"
	case checkOrigin(strings.ToLower(origin)).found() || strings.Contains(origin, "*"):
		return fmt.Sprintf("origin %s is not listed, and no browser sends it: an origin is scheme://host[:port], without a path or a slash at "+
			"the end", shown(origin))
	default:
		why = c.nearOrigin(strings.ToLower(origin))
	}
	return strings.TrimSuffix(fmt.Sprintf("origin %s is not listed: %s", shown(origin), why), ": ")
}

// nearOrigin says what is listed that is most like an origin; empty: nothing is.
func (c *cors) nearOrigin(origin string) string {
	best, out := far, ""
	for _, listed := range c.origins.list() {
		if score, why := unlike(listed, origin); score < best {
			best, out = score, fmt.Sprintf("%s is, and %s", listed, why)
		}
	}
	return out
}

// far is from where on two origins have nothing to do with one another.
const far = 5

// unlike says in what an origin differs from one that is listed, and how far.
func unlike(listed, origin string) (int, string) {
	scheme, host, port := splitOrigin(origin)
	s, h, p := splitOrigin(listed)
	labels := oneLabel(h, host)
	if h == host || labels == 1 {
		switch {
		case p == port:
			return 0, fmt.Sprintf("the scheme differs, %s and %s", scheme, s)
		case s == scheme:
			return 1, fmt.Sprintf("the port differs, %s and %s", cmp.Or(port, "none"), cmp.Or(p, "none"))
		default:
			return 2, "scheme and port differ"
		}
	}
	switch {
	case labels > 0:
		return 2, fmt.Sprintf("\"*\" stands for one label, and %s has %d in its place", host, labels)
	case "www."+h == host || "www."+host == h:
		return 2, "with and without www. are two origins"
	default:
		return 2 + Distance(h, host), "the host differs"
	}
}

func splitOrigin(origin string) (scheme, host, port string) {
	scheme, rest, _ := strings.Cut(origin, "://")
	host, port, _ = splitOriginPort(rest)
	return scheme, host, port
}

// oneLabel returns how many labels of a host stand where a pattern has its only one; 0: it
// is no host of the pattern's zone.
func oneLabel(pattern, host string) int {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || !strings.HasPrefix(pattern, wildPrefix) {
		return 0
	}
	labels, below := strings.CutSuffix(host, pattern[1:])
	if !below || labels == "" {
		return 0
	}
	return 1 + strings.Count(labels, ".")
}

// methodRefused says why a method is not on the list.
func (c *cors) methodRefused(method string) string {
	switch {
	case isForbiddenMethod(method):
		return fmt.Sprintf("method %s is one that no page may use (Fetch standard, forbidden method)", shown(method))
	case c.allMethods:
		return fmt.Sprintf("%s is no name of a method", shown(method))
	}
	for _, m := range c.methods {
		if strings.EqualFold(m, method) {
			return fmt.Sprintf("method %s is not listed: %s is, and methods are case-sensitive, so the page has to write it so", shown(method), m)
		}
	}
	return fmt.Sprintf("method %s is not listed: %s", shown(method), "allowed are "+shownList(c.methods))
}

// headerRefused says which header of a list is not allowed, and names it; empty: none can be
// named.
func (c *cors) headerRefused(list string) (why, name string) {
	if len(list) > maxRequestHeaders {
		return fmt.Sprintf("the list of headers is %d bytes long, and %d are allowed", len(list), maxRequestHeaders), ""
	}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.Trim(name, " \t"); name == "" || c.allowsHeader(name) {
			continue
		}
		if !isToken(name) {
			return fmt.Sprintf("%s is no name of a header", shown(name)), ""
		}
		lower, near, best := strings.ToLower(name), "", 3
		for _, h := range slices.Sorted(slices.Values(c.headers.list())) {
			if d := Distance(lower, h); d < best {
				best, near = d, h
			}
		}
		if near != "" {
			return fmt.Sprintf("header %s is not listed: %s is", shown(name), near), lower
		}
		return fmt.Sprintf("header %s is not listed", shown(name)), lower
	}
	return "a header is not listed", ""
}

// A Fix is what would allow what a policy refuses: a line of YAML to add at a field.
type Fix struct {
	Field string `json:"field"` // "spec.cors.allowedMethods"
	Line  string `json:"line"`  // `- "DELETE"`
}

// remedy is what would have a preflight answered that was refused; nil: nothing would.
func (r *Request) remedy(c *cors, why Reason) *Fix {
	origin, method := strings.ToLower(shown(r.Origin)), shown(r.Preflight.Method)
	isOrigin := !checkOrigin(origin).found() && !strings.Contains(origin, "*")
	isMethod := !checkMethod(method).found()
	switch why {
	case PreflightNotConfigured:
		return add(isOrigin && isMethod, "spec", "cors: {allowedOrigins: [%q], allowedMethods: [%q]}", origin, method)
	case OriginNotAllowed:
		return add(isOrigin, "spec.cors.allowedOrigins", "- %q", origin)
	case MethodNotAllowed:
		return add(isMethod && !slices.ContainsFunc(c.methods, func(m string) bool { return strings.EqualFold(m, method) }),
			"spec.cors.allowedMethods", "- %q", method)
	case HeaderNotAllowed:
		_, name := c.headerRefused(r.Preflight.Headers)
		return add(name != "" && !checkRequestHeader(name).found(), "spec.cors.allowedHeaders", "- %q", name)
	default:
		return nil
	}
}

func add(good bool, field, line string, values ...any) *Fix {
	if !good {
		return nil
	}
	return &Fix{field, fmt.Sprintf(line, values...)}
}

// notPreflight says which of the three parts of a preflight a request lacks that may have
// been meant as one (Fetch standard, CORS-preflight fetch).
func (tr *Trace) notPreflight(r *Request) {
	if tr == nil || r.Method != "OPTIONS" {
		return
	}
	var missing []string
	if r.Origin == "" {
		missing = append(missing, "Origin")
	}
	if r.Preflight.Method == "" {
		missing = append(missing, "Access-Control-Request-Method")
	}
	words := strings.Join(missing, " and ") + " is missing"
	if len(missing) > 1 {
		words = strings.Join(missing, " and ") + " are missing"
	}
	tr.add("preflight", Source{}, "none", "this OPTIONS is no preflight, as %s: it is judged like any other request", words)
}
