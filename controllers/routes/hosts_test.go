// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// combined are all lists of letters, from one to most of them, joined.
func combined(letters []string, most int, joint string) []string {
	all, last := slices.Clone(letters), letters
	for range most - 1 {
		var next []string
		for _, w := range last {
			for _, l := range letters {
				next = append(next, w+joint+l)
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// refServes is what a host stands for, written down from what proxies say of theirs.
func refServes(host, name string) bool {
	labels, of := strings.Split(name, "."), strings.Split(strings.TrimLeft(host, "*."), ".")
	tail := len(labels) > len(of) && slices.Equal(labels[len(labels)-len(of):], of)
	switch {
	case host == "":
		return true
	case strings.HasPrefix(host, "."), strings.HasPrefix(host, "**."):
		return tail
	case strings.HasPrefix(host, "*."):
		return tail && len(labels) == len(of)+1
	default:
		return host == name
	}
}

// Two hosts overlap exactly if some name is served by both: of all hosts and patterns of up
// to three labels over two letters, by all names of up to five.
func TestHostsOverlapIsExact(t *testing.T) {
	labels := []string{"a", "b"}
	hosts, names := combined(labels, 3, "."), combined(labels, 5, ".")
	claimed, serves := slices.Clone(hosts), append(slices.Clone(hosts), "")
	for _, h := range hosts {
		claimed, serves = append(claimed, "*."+h, "**."+h), append(serves, "*."+h, "."+h)
	}
	for _, s := range serves {
		if pattern := s == "" || s[0] == '.' || s[0] == '*'; IsPattern(s) != pattern {
			t.Errorf("%q is a pattern: %v", s, !pattern)
		}
		for _, c := range claimed {
			want := slices.ContainsFunc(names, func(n string) bool { return refServes(s, n) && refServes(c, n) })
			if got := HostsOverlap(s, c); got != want {
				t.Errorf("%q and %q overlap: %v, want %v", s, c, got, want)
			}
		}
	}
}

// What a browser asks for is the same host in any case, and with a dot at its end; once
// made canonical it stays as it is.
func TestCanonicalHost(t *testing.T) {
	for _, h := range combined([]string{"a", "B", "*"}, 3, ".") {
		want := strings.ToLower(h)
		for _, odd := range []string{h, h + ".", " " + h, h + ". ", strings.ToUpper(h)} {
			if got := CanonicalHost(odd); got != want || CanonicalHost(got) != got {
				t.Errorf("%q is %q, want %q", odd, got, want)
			}
		}
	}
}

// refPath reports whether a path of a policy or a rule is that of a request: a prefix is
// whole segments.
func refPath(p policy.Path, request string) bool {
	if p.Exact {
		return request == p.Value
	}
	want, got := strings.Split(strings.Trim(p.Value, "/"), "/"), strings.Split(strings.TrimPrefix(request, "/"), "/")
	if p.Value == "/" {
		return true
	}
	return len(got) >= len(want) && slices.Equal(got[:len(want)], want)
}

// Two paths overlap exactly if some request is of both, and two lists of them if one of each
// does; an empty list is every path.
func TestPathsOverlapIsExact(t *testing.T) {
	var paths []policy.Path
	for _, w := range append(combined([]string{"a", "b", "ab"}, 2, "/"), "") {
		paths = append(paths, policy.Path{Value: "/" + w}, policy.Path{Value: "/" + w, Exact: true})
		if w != "" {
			paths = append(paths, policy.Path{Value: "/" + w + "/"})
		}
	}
	var requests []string
	for _, w := range append(combined([]string{"a", "b", "ab"}, 3, "/"), "") {
		requests = append(requests, "/"+w, "/"+w+"/")
	}
	for _, a := range paths {
		for _, b := range paths {
			want := slices.ContainsFunc(requests, func(r string) bool { return refPath(a, r) && refPath(b, r) })
			if got := PathsOverlap([]policy.Path{a}, []policy.Path{b}); got != want {
				t.Errorf("%+v and %+v overlap: %v, want %v", a, b, got, want)
			}
			if !PathsOverlap(nil, []policy.Path{b}) || !PathsOverlap([]policy.Path{a}, nil) {
				t.Errorf("%+v, %+v: an empty list is every path", a, b)
			}
			for _, c := range paths[:6] {
				both := PathsOverlap([]policy.Path{a, c}, []policy.Path{b})
				if want := PathsOverlap([]policy.Path{a}, []policy.Path{b}) || PathsOverlap([]policy.Path{c}, []policy.Path{b}); both != want {
					t.Errorf("%+v or %+v, and %+v: %v, want %v", a, c, b, both, want)
				}
			}
		}
	}
}
