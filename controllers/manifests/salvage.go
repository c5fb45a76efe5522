// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Salvaging: what a broken document claims is read from its text, so that it
// is denied and does not fall to another policy.
var (
	salvageHosts   = regexp.MustCompile(`(?m)(?:^|[{,])[ \t-]*["']?hosts["']?[ \t]*:([^\n]*(?:\n(?:[^\n:]|:[^ \t\r\n])*$)*)`)
	salvageHost    = regexp.MustCompile(`(?i)(?:\*\*?\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*`)
	salvagePath    = regexp.MustCompile(`["']?path["']?\s*:\s*(?:(?:[>|][+-]?|!!str|&\w+)\s+)*["']?(/[^\s"',}\]]*)`)
	yamlComment    = regexp.MustCompile(`(?m)(^|[ \t])#[^\n]*`)
	salvageNames   = regexp.MustCompile(`(?m)^[ \t{,]*["']?(name|namespace)["']?[ \t]*:[ \t]*["']?([a-z0-9.-]+)`)
	salvageDate    = regexp.MustCompile(`["']?creationTimestamp["']?[ \t]*:[ \t]*["']?([0-9][0-9TZ:+.-]*)`)
	salvageKind    = regexp.MustCompile(`(?m)(?:^|[{,])[ \t]*["']?kind["']?[ \t]*:`)
	salvageVersion = regexp.MustCompile(`(?m)^[ \t{]*["']?apiVersion["']?[ \t]*:([^\n]*)`)
	salvageOurs    = regexp.MustCompile(`(?i)access\.ostiary\.dev|accesspolic`)
	anyPaths       = regexp.MustCompile(`\bpaths["']?[ \t]*:`)
	salvageFlow    = regexp.MustCompile(`metadata["']?[ \t]*:[ \t]*\{[^}\n]*`)
	flowName       = regexp.MustCompile(`["']?\b(name|namespace)["']?[ \t]*:[ \t]*["']?([a-z0-9.-]+)`)
)

func (d *document) salvage(line int, message string) *object {
	o := &object{file: d.file, start: d.start, at: line, namespace: "default", guessed: true}
	o.name = d.madeUpName()
	named := false
	text := yamlComment.ReplaceAllString(lineEnds.Replace(string(d.text)), "$1")
	object := ownPart(text)
	names := append(flowName.FindAllStringSubmatch(salvageFlow.FindString(object), -1), salvageNames.FindAllStringSubmatch(object, -1)...)
	got := map[string]bool{}
	for _, m := range names {
		if got[m[1]] {
			continue // the first is metadata's
		}
		got[m[1]] = true
		if m[1] == "name" {
			o.name, named = m[2], true
		} else {
			o.namespace = m[2]
		}
	}
	if salvageKind.MatchString(text) && !salvageOurs.MatchString(text) { // it is something else, which claims nothing
		o.since = farFuture
		o.defect("", "%s", message)
		return o
	}
	for _, m := range salvageHosts.FindAllStringSubmatch(text, -1) {
		list := strings.TrimSpace(m[1])
		if strings.HasPrefix(list, "[") {
			list, _, _ = strings.Cut(list, "]")
		}
		for _, host := range salvageHost.FindAllString(list, -1) {
			o.salvaged.Hosts = append(o.salvaged.Hosts, strings.ToLower(host))
		}
	}
	for _, m := range salvagePath.FindAllStringSubmatch(text, -1) {
		o.salvaged.Paths = append(o.salvaged.Paths, policy.Path{Value: m[1]})
	}
	o.salvaged.Hosts, o.salvaged.Paths = union(nil, o.salvaged.Hosts), union(nil, o.salvaged.Paths)
	if optsIn(text) {
		salvageIngress(&o.salvaged, text)
	}
	o.since = salvageRank(text, named, len(o.salvaged.Paths) > 0)
	o.defect("", "%s", message)
	return o
}

// ownPart returns what of a text of several objects, between which something is amiss, is
// about one of ours.
func ownPart(text string) string {
	for _, at := range salvageVersion.FindAllStringSubmatchIndex(text, -1) {
		if salvageOurs.MatchString(text[at[2]:at[3]]) {
			return text[at[0]:]
		}
	}
	return text
}

// salvageRank returns the time that decides who wins an equal claim: that of the text, as
// if it could be read. Of what is not known by its name, or which paths it means, it cannot
// be told which claims it lost: it loses none. An Ingress makes no claim of its own, and so
// loses all.
func salvageRank(text string, named, paths bool) time.Time {
	if optsIn(text) {
		return farFuture
	}
	if !named || !paths && anyPaths.MatchString(text) {
		return farPast
	}
	if m := salvageDate.FindStringSubmatch(text); m != nil {
		t, err := time.Parse(time.RFC3339, m[1])
		if err != nil {
			return farPast
		}
		return t
	}
	return time.Time{}
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func (d *document) madeUpName() string {
	return fmt.Sprintf("%s-line-%d", filepath.Base(d.file), d.start)
}

// failed makes do with what can be made out of an object that cannot be decoded.
// Its name is known for certain, so it keeps its rank, and does not lose what it
// claims to a policy that it shuts out; but where its paths cannot be told, the
// whole host is a guess, and must take nothing from others.
func (o *object) failed(s *object) {
	o.salvaged = s.salvaged
	for _, h := range scalars(find(o.root, "spec.hosts")) {
		o.salvaged.Hosts = append(o.salvaged.Hosts, strings.ToLower(h.Value))
	}
	paths := find(o.root, "spec.paths")
	for _, v := range scalars(paths) {
		if strings.HasPrefix(v.Value, "/") {
			o.salvaged.Paths = append(o.salvaged.Paths, policy.Path{Value: v.Value})
		}
	}
	o.salvaged.Hosts, o.salvaged.Paths = union(nil, o.salvaged.Hosts), union(nil, o.salvaged.Paths)
	if paths != nil && len(paths.Content) > 0 && len(o.salvaged.Paths) == 0 {
		o.since = farFuture
	}
}

// scalars lists the values below a node, aliases aside.
func scalars(n *yamlv3.Node) []*yamlv3.Node {
	if n == nil || n.Kind == yamlv3.ScalarNode {
		if scalar(n) == "" {
			return nil
		}
		return []*yamlv3.Node{n}
	}
	var out []*yamlv3.Node
	for _, c := range n.Content {
		out = append(out, scalars(c)...)
	}
	return out
}

// remember adds what the object claimed when nothing was wrong with it, and
// gives it the rank that it had: a slip of the pen must open nothing.
func (o *object) remember(last *object) {
	p := last.policy()
	o.before = &policy.Policy{Hosts: p.Hosts, Paths: p.Paths, Since: p.Since}
	o.since, o.guessed = last.since, last.guessed
}

// wrong reports whether the object will be denied, and notes why.
func (o *object) wrong() bool {
	p := o.policy()
	for _, i := range policy.Validate(&p) { // at most a hundred
		if !i.Warning() {
			o.defects = addTo(o.defects, i)
		}
	}
	return len(o.defects) > 0 || slices.ContainsFunc(p.Defects, func(i policy.Issue) bool { return !i.Warning() })
}

// everGood reports whether the object claimed something when nothing was wrong
// with it. One that never did leaves nothing behind when it is mended.
func (o *object) everGood() bool {
	return len(o.defects) == 0 || o.before != nil || o.missing
}

// union has what is in either list once, in their order.
func union[T comparable](a, b []T) []T {
	var out []T
	seen := make(map[T]bool, len(a)+len(b))
	for _, list := range [...][]T{a, b} {
		for _, v := range list {
			if !seen[v] {
				seen[v] = true
				out = append(out, v)
			}
		}
	}
	return out
}

// unionPaths adds what was claimed before, where no paths are the whole host. An
// edit with mistakes that names no path claims no more than before.
func unionPaths(a, b []policy.Path) []policy.Path {
	if len(a) == 0 || len(b) == 0 {
		return b
	}
	return union(a, b)
}

func addTo[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
