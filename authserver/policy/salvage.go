// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

// salvageHosts keeps what a defective policy meant to claim, so that it is
// denied, and not left to whatever else matches.
func salvageHosts(hosts []string) []string {
	var out []string
	seen := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		h = strings.ToLower(strings.TrimSpace(h))
		if _, after, ok := strings.Cut(h, "://"); ok {
			h = after
		}
		if i := strings.IndexAny(h, "/:?#"); i >= 0 {
			h = h[:i]
		}
		h = strings.TrimSuffix(h, ".")
		// Whatever a request can name is kept, be it no proper DNS name.
		if checkLabels(trimPattern(h)) == nil && !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	return out
}

func salvagePaths(paths []Path) []Path {
	var out []Path
	for _, p := range paths {
		if checkPath(p.Value).found() {
			p = Path{Value: salvagePath(p.Value)}
		}
		out = append(out, p)
	}
	return out
}

// salvagePath reads a path as its author may have meant it, as a Prefix. Where
// that cannot be told it is the whole host.
func salvagePath(v string) string {
	if i := strings.IndexAny(v, "?#*"); i >= 0 { // "/admin/*" meant /admin and all below
		v = v[:i]
	}
	v, ok := resolve(mergeSlashes("/" + decode(v, true)))
	if !ok {
		return "/"
	}
	return v
}

func (p Path) kind() string {
	if p.Exact {
		return "Exact"
	}
	return "Prefix"
}
