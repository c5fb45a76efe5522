// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// ParentOf returns what stands behind the first dot.
func ParentOf(host string) string {
	_, parent, _ := strings.Cut(host, ".")
	return parent
}

// HostsOverlap reports whether a host that somebody serves ("app.x", "*.x" for one
// label, ".x" for any number, "" for all) and one that somebody claims ("app.x", "*.x" or
// "**.x", for any number of labels) have a name in common.
func HostsOverlap(serves, claimed string) bool {
	if zone, deep := strings.CutPrefix(claimed, "**."); deep {
		served := strings.TrimPrefix(strings.TrimPrefix(serves, "*"), ".")
		return served == "" || strings.HasSuffix("."+served, "."+zone) && serves != zone ||
			serves[0] == '.' && strings.HasSuffix(zone, serves)
	}
	switch parent, wild := strings.CutPrefix(claimed, "*."); {
	case serves == "", serves == claimed:
		return true
	case serves[0] == '.':
		return strings.HasSuffix(claimed, serves)
	case strings.HasPrefix(serves, "*."):
		return !wild && ParentOf(claimed) == serves[2:]
	default:
		return wild && ParentOf(serves) == parent
	}
}

// IsPattern reports whether a host that somebody serves stands for several.
func IsPattern(host string) bool {
	return host == "" || host[0] == '.' || policy.IsPattern(host)
}

// CanonicalHost is a host as a browser would ask for it.
func CanonicalHost(host string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(host)), ".")
}

// PathsOverlap reports whether two lists of paths have a path in common.
func PathsOverlap(a, b []policy.Path) bool {
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

func pathOverlap(x, y policy.Path) bool {
	switch {
	case x.Exact && y.Exact:
		return x.Value == y.Value
	case x.Exact:
		return Below(x.Value, y.Value)
	case y.Exact:
		return Below(y.Value, x.Value)
	default:
		return Below(x.Value, y.Value) || Below(y.Value, x.Value)
	}
}

// Below reports whether a path is a prefix's own or below it, in whole segments.
func Below(path, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// AnyHost is ShowHost with words for "".
func AnyHost(host string) string { return cmp.Or(ShowHost(host), "any host") }

// ShowHost is a host as people write it.
func ShowHost(host string) string {
	if strings.HasPrefix(host, ".") {
		return "*" + host
	}
	return host
}

// ShowClass is the name of a class as messages have it.
func ShowClass(class string) string {
	if class == "" {
		return "(none)"
	}
	return class
}
