// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Salvaging: what a broken document claims is read from its text, so that it
// is denied and does not fall to another policy.
var (
	salvageHosts = regexp.MustCompile(`(?m)(?:^|[{,])[ \t-]*["']?hosts["']?[ \t]*:([^\n]*(?:\n(?:[^\n:]|:[^ \t\r\n])*$)*)`)
	salvageHost  = regexp.MustCompile(`(?i)(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*`)
	salvagePath  = regexp.MustCompile(`["']?path["']?[ \t]*:[ \t]*["']?(/[^\s"',}\]]*)`)
	salvageNames = regexp.MustCompile(`(?m)^[ \t{,]*["']?(name|namespace)["']?[ \t]*:[ \t]*["']?([a-z0-9.-]+)`)
	salvageFlow  = regexp.MustCompile(`metadata["']?[ \t]*:[ \t]*\{[^}\n]*`)
	flowName     = regexp.MustCompile(`["']?\b(name|namespace)["']?[ \t]*:[ \t]*["']?([a-z0-9.-]+)`)
)

func (d *document) salvage(line int, message string) *object {
	o := &object{file: d.file, start: d.start, at: line, namespace: "default", name: d.madeUpName(), guessed: true}
	text := lineEnds.Replace(string(d.text))
	names := append(flowName.FindAllStringSubmatch(salvageFlow.FindString(text), -1), salvageNames.FindAllStringSubmatch(text, -1)...)
	got := map[string]bool{}
	for _, m := range names {
		if got[m[1]] {
			continue // the first is metadata's
		}
		got[m[1]] = true
		if m[1] == "name" {
			o.name = m[2]
		} else {
			o.namespace = m[2]
		}
	}
	for _, m := range salvageHosts.FindAllStringSubmatch(text, -1) {
		list := strings.TrimSpace(m[1])
		if strings.HasPrefix(list, "[") {
			list, _, _ = strings.Cut(list, "]")
		}
		for _, host := range salvageHost.FindAllString(list, -1) {
			o.salvaged.Hosts = addTo(o.salvaged.Hosts, strings.ToLower(host))
		}
	}
	for _, m := range salvagePath.FindAllStringSubmatch(text, -1) {
		o.salvaged.Paths = addTo(o.salvaged.Paths, policy.Path{Value: m[1]})
	}
	o.since = farFuture
	o.defect("", "%s", message)
	return o
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
		o.salvaged.Hosts = addTo(o.salvaged.Hosts, strings.ToLower(h.Value))
	}
	paths := find(o.root, "spec.paths")
	for _, v := range scalars(paths) {
		if strings.HasPrefix(v.Value, "/") {
			o.salvaged.Paths = addTo(o.salvaged.Paths, policy.Path{Value: v.Value})
		}
	}
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

// remember adds what the object claimed when it could last be read, and gives
// it the rank that it had: a slip of the pen must open nothing.
func (o *object) remember(before *object) {
	p := before.policy()
	for _, h := range p.Hosts {
		o.salvaged.Hosts = addTo(o.salvaged.Hosts, h)
	}
	switch {
	case len(p.Paths) == 0:
		o.salvaged.Paths = nil // the whole host
	case len(o.salvaged.Paths) == 0:
		o.salvaged.Paths = slices.Clone(p.Paths)
	default:
		for _, path := range p.Paths {
			o.salvaged.Paths = addTo(o.salvaged.Paths, path)
		}
	}
	o.since = before.since
	o.salvaged.Since = p.Since
	o.guessed = before.guessed
}

func addTo[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
