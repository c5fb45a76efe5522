// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// consolePath is where the console for operators is, below our own path.
const consolePath = "/console"

// Console returns the path below which the team host has pages for operators: those whom
// a policy on that path admits. It is the one part of the team host that a policy can claim.
func Console(pathPrefix string) string { return pathPrefix + consolePath }

// isConsole reports whether a path is the console, or below it.
func (t *terms) isConsole(path string) bool {
	rest, ok := strings.CutPrefix(path, Console(t.PathPrefix))
	return t.PathPrefix != "" && ok && (rest == "" || rest[0] == '/')
}

// mayNameOperators reports whether a namespace may say who the operators are. A grant or a
// reservation has to be of the team host by name: one for a pattern is for applications.
func (t *terms) mayNameOperators(namespace string) bool {
	g := Grant{t.TeamHost, namespace}
	return t.AnyConsole || slices.Contains(t.Console, namespace) || t.grants[g] || slices.Contains(t.reserved[t.TeamHost], namespace)
}

// saysOperators reports whether a policy claims the console and nothing else, and may. Where
// the team host is not known, that may be the policy's host; no claim is in force then.
func (t *terms) saysOperators(c *Compiled) bool {
	return (t.TeamHost == "" || slices.Contains(c.hosts, t.TeamHost)) && t.noConsole(c) == ""
}

// noConsole says why a policy that names the team host does not say who the operators are;
// empty: it does. It is to be a set of rules for people who are signed in, and no more.
func (t *terms) noConsole(c *Compiled) string {
	a := c.app
	switch {
	case len(c.hosts) != 1:
		return "spec.hosts has other hosts, too"
	case len(c.paths) == 0 || slices.ContainsFunc(c.paths, func(p Path) bool { return !t.isConsole(p.Value) }):
		return "spec.paths has to name that path, or paths below it, and no others"
	case !t.mayNameOperators(a.source.Namespace):
		return fmt.Sprintf("namespace %s may not: only the installation's own namespace may, and those with a host grant for %s",
			a.source.Namespace, t.TeamHost)
	case len(a.relaxing) > 0:
		return "operators have to sign in, so its rules can be Allow and Block rules only"
	case a.cors != nil, len(a.exempt) > 0, a.dryRun != DryRunNone, a.upstream != nil, a.crossSite, a.encodedSlashes:
		return "it can have rules only: remove cors, exempt, dryRun, upstreamHeaders, crossSite and allowEncodedSlashes"
	}
	return ""
}

// toldAtTeamHost reports whether what is said of a policy's claim on the team host (noConsole)
// says all that is to be said of one of its paths: that it is our own, and whose it may be.
func (t *terms) toldAtTeamHost(c *Compiled, path string) bool {
	return slices.Contains(c.hosts, t.TeamHost) && (len(c.hosts) == 1 || t.isConsole(path))
}

// refuseTeamHost words why a claim on the team host is not in force.
func (t *terms) refuseTeamHost(why string) string {
	return fmt.Sprintf("%s is the team host, where users sign in: a policy can claim %s alone there, to say who the operators are "+
		"(%s); choose another host for an application", t.TeamHost, Console(t.PathPrefix), why)
}
