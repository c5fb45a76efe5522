// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

// A host of a policy is a name or a pattern: "*.example.com" is one label below
// example.com, "**.example.com" is one or more. Neither is example.com itself.
//
// What decides about a host of a request, and whose it is, goes along a chain: the
// name, the "*." pattern of what follows its first label, and then the "**." patterns
// from the nearest to the farthest.
//
//	a.b.example.com → *.b.example.com → **.b.example.com → **.example.com → **.com
//
// A pattern is in the chains of the names it stands for, and its own is what follows it.
const (
	wildPrefix = "*."
	deepPrefix = "**."
)

func isWild(host string) bool { return strings.HasPrefix(host, wildPrefix) }

func isDeep(host string) bool { return strings.HasPrefix(host, deepPrefix) }

// zoneOf is what a pattern stands before.
func zoneOf(pattern string) string { return parentOf(pattern) }

// parentOf is what follows the first label; empty: nothing does.
func parentOf(host string) string {
	_, rest, _ := strings.Cut(host, ".")
	return rest
}

// firstDeep is the zone of the first "**." pattern that can follow a host in its chain. The
// others are its parents.
func firstDeep(host string) string {
	if isDeep(host) {
		return parentOf(zoneOf(host))
	}
	return parentOf(host)
}

// trimPattern takes off what makes a host a pattern.
func trimPattern(host string) string {
	if isWild(host) || isDeep(host) {
		return zoneOf(host)
	}
	return host
}

// Patterns returns what follows a host, or a pattern, in its chain: the patterns that stand for
// it, in the order in which they would decide.
func Patterns(host string) (out []string) {
	if zone := parentOf(host); zone != "" && trimPattern(host) == host {
		out = append(out, wildPrefix+zone)
	}
	for zone := firstDeep(host); zone != ""; zone = parentOf(zone) {
		out = append(out, deepPrefix+zone)
	}
	return out
}

// IsPattern reports whether a host of a policy stands for others.
func IsPattern(host string) bool { return isWild(host) || isDeep(host) }
