// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"strings"
)

// parentOf returns what stands behind the first dot.
func parentOf(host string) string {
	_, parent, _ := strings.Cut(host, ".")
	return parent
}

// overlap reports whether a host that somebody serves ("app.x", "*.x" for one
// label, ".x" for any number, "" for all) and one that somebody claims ("app.x" or
// "*.x") have a name in common.
func overlap(serves, claimed string) bool {
	switch parent, wild := strings.CutPrefix(claimed, "*."); {
	case serves == "", serves == claimed:
		return true
	case serves[0] == '.':
		return strings.HasSuffix(claimed, serves)
	case strings.HasPrefix(serves, "*."):
		return !wild && parentOf(claimed) == serves[2:]
	default:
		return wild && parentOf(serves) == parent
	}
}

// isPattern reports whether a host that somebody serves stands for several.
func isPattern(host string) bool {
	return host == "" || host[0] == '.' || strings.HasPrefix(host, "*.")
}

// canonical is a host as a browser would ask for it.
func canonical(host string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(host)), ".")
}

// pathsOverlap reports whether two lists of paths have a path in common.
func pathsOverlap(a, b []Path) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	for _, x := range a {
		for _, y := range b {
			if pathOverlap(x, y) {
				return true
			}
		}
	}
	return false
}

func pathOverlap(x, y Path) bool {
	switch {
	case x.Exact && y.Exact:
		return x.Path == y.Path
	case x.Exact:
		return below(x.Path, y.Path)
	case y.Exact:
		return below(y.Path, x.Path)
	default:
		return below(x.Path, y.Path) || below(y.Path, x.Path)
	}
}

// below reports whether a path is a prefix's own or below it, in whole segments.
func below(path, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func anyHost(host string) string { return cmp.Or(shown(host), "any host") }

// shown is a host as people write it.
func shown(host string) string {
	if strings.HasPrefix(host, ".") {
		return "*" + host
	}
	return host
}

func quoted(class string) string {
	if class == "" {
		return "(none)"
	}
	return class
}
