// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// A place is hosts that an application has the same paths of: one AccessPolicy.
type place struct {
	app   *item
	name  string
	hosts []string
	paths []v1alpha1.PathMatch
}

// starred is a path of which only what is below it was the application's.
type starred struct {
	host, path string
}

// place reads where an application is.
func (t *translator) place(it *item) {
	found := map[string][]v1alpha1.PathMatch{}
	var hosts []string
	web := t.web(it)
	for _, uri := range t.destinations(it) {
		host, path, below, why := split(uri)
		if web && why == "" {
			why = draft.WrongPlace(host, path)
		}
		if !web || why != "" {
			t.refuse(it, uri, host, path, why)
			continue
		}
		if _, has := found[host]; !has {
			hosts = append(hosts, host)
		}
		if !slices.Contains(found[host], path) {
			found[host] = append(found[host], path)
		}
		if below {
			t.starred = append(t.starred, starred{host, string(path.Path)})
		}
	}
	t.addPlaces(it, hosts, found)
	if len(hosts) == 0 && web {
		t.Say(draft.Closed, it.Node, it.of, "it has no host that can be written: there is no AccessPolicy of it")
	}
}

// web reports whether an application is one that a proxy of the cluster can serve.
func (t *translator) web(it *item) bool {
	of := it.Get("type")
	if of == nil || of.Text() == "self_hosted" {
		return true
	}
	t.Say(draft.Left, of.Known(), it.of, "only self_hosted applications are translated")
	return false
}

// refuse closes a place that cannot be written.
func (t *translator) refuse(it *item, uri *tree.Node, host string, path v1alpha1.PathMatch, why string) {
	if why != "" {
		t.Say(draft.Closed, uri, it.of, "%s: it is not written, and nobody is admitted there by policies for more of the host", why)
	}
	t.Shut(host, string(path.Path), nil)
}

// addPlaces has hosts of the same paths be one place.
func (t *translator) addPlaces(it *item, hosts []string, found map[string][]v1alpha1.PathMatch) {
	for _, host := range hosts {
		i := slices.IndexFunc(t.hosts[it], func(p *place) bool { return slices.Equal(p.paths, found[host]) })
		if i < 0 {
			t.addPlace(it, host, found[host])
			continue
		}
		t.hosts[it][i].hosts = append(t.hosts[it][i].hosts, host)
	}
}

func (t *translator) addPlace(it *item, host string, paths []v1alpha1.PathMatch) {
	p := &place{app: it, name: t.Name("AccessPolicy", it.name, host), hosts: []string{host}, paths: paths}
	t.hosts[it] = append(t.hosts[it], p)
	t.places = append(t.places, p)
}

// destinations are the public ones. Of one that cannot be read, nobody knows what it was.
func (t *translator) destinations(it *item) []*tree.Node {
	var out []*tree.Node
	add := func(n *tree.Node) {
		switch {
		case n == nil || n.Empty():
		case n.Kind == tree.Text:
			n.See()
			if !slices.ContainsFunc(out, func(o *tree.Node) bool { return o.Value == n.Value }) {
				out = append(out, n)
			}
		default:
			t.Say(draft.Closed, n.Known(), it.of, "%s: as nobody knows what it protects, nobody is admitted anywhere until it is written "+
				"(name a file of variables, *.tfvars, or import the state)", cmp.Or(n.Why, "it is no text"))
			t.Shut("*", "", nil)
		}
	}
	for _, d := range it.Get("destinations").List() {
		if d.Kind != tree.Map {
			add(d)
			continue
		}
		if of := d.Get("type").Text(); of != "" && of != "public" {
			t.Say(draft.Left, d.Known(), it.of, "a destination of type %s is none that a proxy of the cluster serves", of)
			continue
		}
		add(d.Get("uri"))
	}
	domains := it.Get("self_hosted_domains")
	if domains != nil && domains.Kind == tree.Unknown {
		add(domains)
	} else {
		for _, d := range domains.List() {
			add(d)
		}
	}
	add(it.Get("domain"))
	return out
}

// split reads a host and path as Cloudflare has them. below: the path itself is not meant, but
// what is below it. why: it cannot be written.
func split(uri *tree.Node) (host string, path v1alpha1.PathMatch, below bool, why string) {
	text := strings.TrimSpace(uri.Text())
	for _, scheme := range []string{"https://", "http://"} {
		text = strings.TrimPrefix(text, scheme)
	}
	host, rest, _ := strings.Cut(text, "/")
	name, port, hasPort := strings.Cut(host, ":")
	host, path = draft.Host(name), v1alpha1.PathMatch{Path: "/" + v1alpha1.Path(rest), Type: v1alpha1.PathPrefix}
	if hasPort && port != "443" && port != "80" {
		return host, path, false, "a port says nothing here"
	}
	trimmed := strings.TrimSuffix(strings.TrimSuffix(rest, "*"), "/")
	switch {
	case rest == "" || rest == "*":
		path.Path = "/"
		return host, path, false, ""
	case strings.Contains(trimmed, "*") || strings.HasSuffix(rest, "*") && !strings.HasSuffix(rest, "/*"):
		return host, path, false, "a pattern within a path has no equivalent"
	}
	path.Path = "/" + v1alpha1.Path(trimmed)
	return host, path, rest != trimmed, ""
}

// fallThrough has a host of which only some paths are claimed keep what a pattern decided about
// the rest of it: here a host that is claimed never falls through to a pattern.
func (t *translator) fallThrough() {
	for _, p := range slices.Clone(t.places) {
		for _, host := range p.hosts {
			for _, above := range t.patterns(host) {
				var paths []v1alpha1.PathMatch
				for _, path := range above.paths {
					if t.claims(host, path) == nil {
						paths = append(paths, path)
					}
				}
				if len(paths) > 0 {
					t.addPlace(above.app, host, paths)
				}
			}
		}
	}
}

// patterns are the places of the pattern that a host is in.
func (t *translator) patterns(host string) (out []*place) {
	_, rest, _ := strings.Cut(host, ".")
	for _, p := range t.places {
		if !strings.HasPrefix(host, "*") && slices.Contains(p.hosts, "*."+rest) {
			out = append(out, p)
		}
	}
	return out
}

func (t *translator) claims(host string, path v1alpha1.PathMatch) *place {
	for _, p := range t.places {
		if slices.Contains(p.hosts, host) && slices.Contains(p.paths, path) {
			return p
		}
	}
	return nil
}

// below gives a path itself back to the application above it, where the one that has a Prefix
// of it had only what is below.
func (t *translator) below() {
	for _, s := range t.starred {
		exact := v1alpha1.PathMatch{Path: v1alpha1.Path(s.path), Type: v1alpha1.PathExact}
		own := t.claims(s.host, v1alpha1.PathMatch{Path: exact.Path, Type: v1alpha1.PathPrefix})
		if own == nil {
			continue
		}
		above := t.above(s.host, s.path, own)
		switch {
		case above == nil:
			t.Say(draft.Noted, own.app.Node, own.app.of, "%s%s was not protected itself, only what is below: now it is", s.host, s.path)
		case above.app == own.app || t.claims(s.host, exact) != nil:
		default:
			t.addPlace(above.app, s.host, []v1alpha1.PathMatch{exact})
		}
	}
}

// above is the place of the nearest path above one, of the same host.
func (t *translator) above(host, path string, but *place) (nearest *place) {
	length := -1
	for _, p := range t.places {
		for _, at := range p.paths {
			prefix := strings.TrimSuffix(string(at.Path), "/")
			if p != but && at.Type == v1alpha1.PathPrefix && slices.Contains(p.hosts, host) && strings.HasPrefix(path+"/", prefix+"/") &&
				len(prefix) > length && prefix != path {
				nearest, length = p, len(prefix)
			}
		}
	}
	return nearest
}
