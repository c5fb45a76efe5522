// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// A Grant lets the policies of a namespace claim a host that another namespace
// owns. One for a pattern is for what the pattern stands for, too: "*.example.com" for one
// label below example.com, and "**.example.com" for every host and pattern below it. Of
// "*.example.com", neither "**.example.com" nor what is deeper is a part.
type Grant struct {
	Host      string
	Namespace string
}

// Terms are the platform's word on who may claim what. The zero Terms let every
// namespace claim whatever nobody claimed before.
type Terms struct {
	// Grants let namespaces claim hosts that are not theirs.
	Grants []Grant
	// Reservations are grants that shut all others out: only those may claim the
	// host, and for a pattern, be it "*." or "**.", anything below it, at any depth,
	// patterns included. Of two that hold a host the longer one counts. No pattern from
	// outside decides within, if it is of those who may not claim that.
	Reservations []Grant
	// GrantedOnly: nobody claims what is neither granted nor reserved to them.
	GrantedOnly bool
	// TeamHost is where people sign in: no policy may claim it, but for the console (see
	// Console), and none decides there by a pattern. Its parent domains take a grant. Empty:
	// there is none.
	TeamHost string
	// Console are the namespaces whose policies may claim the console on the team host,
	// beside those with a grant or a reservation for that host by name.
	Console []string
	// AnyConsole: every namespace may. It is for files, which the platform team writes.
	AnyConsole bool
	// PathPrefix is our own path on every host: no policy may claim a part of it.
	PathPrefix string
	// NoCountries: no database tells in which country clients are. Policies that look at
	// it are in force, and are told so.
	NoCountries bool
	// UpstreamHeaders are those that proxies replace, in canonical form: a policy that sets
	// another one is in force, and is told that it is not sent. nil: that is not known.
	UpstreamHeaders []string
	// EvaluationOrigins are those of the services that policies may have asked about people
	// (ParseEvaluationOrigins).
	EvaluationOrigins []string
	// AllEvaluations: which those are is not known, and nobody asks any: for commands that
	// only look.
	AllEvaluations bool
}

// ParseGrants reads grants of the form HOST=NAMESPACE[,NAMESPACE...].
func ParseGrants(specs []string) ([]Grant, error) {
	var out []Grant
	for _, s := range specs {
		host, namespaces, ok := strings.Cut(s, "=")
		if problem := CheckHost(host); !ok || problem != "" || namespaces == "" {
			if problem == "" {
				problem = "write HOST=NAMESPACE, as in *.example.com=shop"
			}
			return nil, fmt.Errorf("%q: %s", s, problem)
		}
		for ns := range strings.SplitSeq(namespaces, ",") {
			if ns == "" {
				return nil, fmt.Errorf("%q: a namespace is empty", s)
			}
			out = append(out, Grant{Host: host, Namespace: ns})
		}
	}
	return out, nil
}

// terms are Terms made ready to be asked about every claim.
type terms struct {
	Terms
	grants   map[Grant]bool
	reserved map[string][]string // host → namespaces
	zones    map[string][]string // zone of a pattern → namespaces
	deep     bool                // there are grants for "**." patterns
	free     bool                // nothing is refused
	sum      sum
}

func newTerms(in Terms) *terms {
	t := &terms{Terms: in, grants: make(map[Grant]bool, len(in.Grants)), reserved: map[string][]string{}, zones: map[string][]string{}}
	for _, g := range in.Grants {
		t.grants[g], t.deep = true, t.deep || isDeep(g.Host)
	}
	for _, g := range in.Reservations {
		if zone := trimPattern(g.Host); zone != g.Host {
			t.zones[zone] = append(t.zones[zone], g.Namespace)
		} else {
			t.reserved[g.Host] = append(t.reserved[g.Host], g.Namespace)
		}
	}
	t.sum = *digested(t.digest)
	t.free = !in.GrantedOnly && in.TeamHost == "" && len(in.Reservations) == 0
	return t
}

// granted reports whether the platform lets a namespace claim a host, whoever
// claimed it before.
func (t *terms) granted(host, namespace string) bool {
	if len(t.grants) == 0 && len(t.Reservations) == 0 {
		return false
	}
	if t.grants[Grant{host, namespace}] || !isDeep(host) && t.grants[Grant{wildPrefix + parentOf(host), namespace}] {
		return true
	}
	for zone := parentOf(host); t.deep && zone != ""; zone = parentOf(zone) {
		if t.grants[Grant{deepPrefix + zone, namespace}] {
			return true
		}
	}
	holders, _ := t.reservedTo(host)
	return slices.Contains(holders, namespace)
}

// reservedTo returns the namespaces of the longest reservation that holds a host.
func (t *terms) reservedTo(host string) (holders []string, zone string) {
	if holders, ok := t.reserved[host]; ok {
		return holders, host
	}
	for rest := parentOf(host); rest != ""; rest = parentOf(rest) {
		if t.zones[rest] != nil {
			return t.zones[rest], wildPrefix + rest
		}
	}
	return nil, ""
}

// refusal says why a namespace may not claim a host at all; empty: it may, as far as
// nobody else has it.
func (t *terms) refusal(host, namespace string) Code {
	switch {
	case t.free:
		return ""
	case host == t.TeamHost:
		return codeTeamHost
	case t.granted(host, namespace):
		return ""
	}
	switch _, zone := t.reservedTo(host); {
	case zone != "":
		return codeReserved
	case t.GrantedOnly:
		return codeNotGranted
	case strings.HasSuffix(t.TeamHost, "."+host):
		return codeTeamParent
	}
	return ""
}

// refuse words a refusal.
func (t *terms) refuse(why Code, host, namespace string) string {
	switch why {
	case codeReserved:
		holders, _ := t.reservedTo(host)
		return fmt.Sprintf("%s is reserved: only policies of namespace %s can claim it; this claim is not active. Ask the "+
			"platform team for a host grant, or choose another host",
			host, strings.Join(holders, " or "))
	case codeNotGranted:
		return fmt.Sprintf("%s is not granted to namespace %s, and here a policy can claim granted hosts only; this claim is not "+
			"active. Ask the platform team for a host grant",
			host, namespace)
	default:
		return fmt.Sprintf("%s is a parent domain of %s, where users sign in, and could set its cookies; this claim is not "+
			"active. Ask the platform team for a host grant, or choose another host",
			host, t.TeamHost)
	}
}

// protected are the hosts on which a pattern that stands for them may not decide for
// namespaces that may not claim them. Of a reserved zone it is the "**." pattern: within, all
// that nobody claims has that before the patterns from outside. They are in no order, and a host
// can be there twice.
func (t *terms) protected() []string {
	var out []string
	for host := t.TeamHost; host != ""; {
		out = append(out, host)
		_, host, _ = strings.Cut(host, ".")
	}
	for host := range t.reserved {
		out = append(out, host)
	}
	for zone := range t.zones {
		out = append(out, deepPrefix+zone)
	}
	return out
}

// ownPath reports whether a path of a policy is our own, or below it.
func (t *terms) ownPath(path string) bool {
	rest, ok := strings.CutPrefix(path, t.PathPrefix)
	return t.PathPrefix != "" && ok && (rest == "" || rest[0] == '/')
}

func (t *terms) digest(d *digest) {
	for _, list := range [][]Grant{t.Grants, t.Reservations} {
		d.num(len(list))
		for _, g := range list {
			d.str(g.Host, g.Namespace)
		}
	}
	d.bools(t.GrantedOnly, t.NoCountries, t.AllEvaluations)
	d.str(t.TeamHost, t.PathPrefix)
	d.bools(t.UpstreamHeaders != nil)
	d.strs(t.UpstreamHeaders)
	d.strs(t.EvaluationOrigins)
	d.strs(t.Console)
	d.bools(t.AnyConsole)
}
