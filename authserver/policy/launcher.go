// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Launcher is how an application stands on the team host's start page. It decides
// nothing.
type Launcher struct {
	Hidden  bool
	Title   string
	LogoURL string // https
	Tags    []string
}

func (l *Launcher) isZero() bool {
	return !l.Hidden && l.Title == "" && l.LogoURL == "" && len(l.Tags) == 0
}

// Bounds of a Launcher.
const (
	maxTitle = 80 // characters
	maxTag   = 40 // characters
	maxTags  = 8
)

// launcher checks what a policy says of the start page.
func (v *validator) launcher(l *Launcher) {
	if !isLine(l.Title, maxTitle) {
		v.wrong("spec.launcher.title", codeLauncherTitle, "one line of at most %d printable characters", maxTitle)
	}
	if l.LogoURL != "" {
		u, err := url.Parse(l.LogoURL)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(l.LogoURL) > 2048 || strings.ContainsFunc(l.LogoURL, notPlain) {
			v.wrong("spec.launcher.logoURL", codeLauncherLogo, "%q: write it like https://cdn.example.com/wiki.png", l.LogoURL)
		}
	}
	if len(l.Tags) > maxTags {
		v.wrong("spec.launcher.tags", codeLauncherTags, "%d: at most %d", len(l.Tags), maxTags)
		return
	}
	v.each("spec.launcher.tags", l.Tags, func(tag string) problem {
		if tag == "" || !isLine(tag, maxTag) {
			return problem{codeLauncherTags, fmt.Sprintf("one line of 1 to %d printable characters", maxTag)}
		}
		return problem{}
	})
}

// isLine reports whether s is one line of text that people can read.
func isLine(s string, longest int) bool {
	return utf8.RuneCountInString(s) <= longest && utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable)
}

// notPlain: what must be escaped in a URL, and what ends a source expression in a
// Content-Security-Policy.
func notPlain(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`;,'"\`, r) }

// An Application is where people open what a policy protects.
type Application struct {
	Policy   Source
	Target   Target
	Launcher Launcher
}

// Applications lists the policies that have an address to open, where they decide: an exact
// host, the first that the policy names, and there the most general of its paths. Left out
// are those that their launcher hides, and those with mistakes. They are sorted by host and
// path.
func (t *Table) Applications() []Application {
	if t == nil {
		return nil
	}
	best := map[*app]opening{}
	t.exact.each(func(host string, c *claims) {
		c.each(func(one claim) {
			o := opening{claim: one, host: host}
			if old, ok := best[one.app]; one.app.launcher.hidden() || ok && !o.before(&old) || !t.opens(&o) {
				return
			}
			best[one.app] = o
		})
	})
	out := make([]Application, 0, len(best))
	for a, o := range best {
		out = append(out, Application{Policy: a.source, Target: o.target, Launcher: a.launcher.words()})
	}
	slices.SortFunc(out, func(x, y Application) int {
		return cmp.Or(cmp.Compare(x.Target.host, y.Target.host), cmp.Compare(x.Target.path, y.Target.path))
	})
	return out
}

// An opening is a claim where people could be led to.
type opening struct {
	claim
	host   string
	target Target
}

// opens finds the target, and reports whether the claim's policy decides there: a more
// specific claim may.
func (t *Table) opens(o *opening) bool {
	target, err := NewTarget(o.host, cookiePath(cmp.Or(o.path, "/")))
	if err != nil {
		return false
	}
	o.target = target
	a, _, why := t.guarding(&target, true)
	return a == o.app && why == NoReason
}

// before reports whether people are rather led here.
func (o *opening) before(other *opening) bool {
	l := o.app.launcher
	if d := cmp.Or(cmp.Compare(l.rank(o.host), l.rank(other.host)), cmp.Compare(o.host, other.host)); d != 0 {
		return d == -1
	}
	if o.exact != other.exact {
		return other.exact
	}
	return cmp.Or(cmp.Compare(len(o.path), len(other.path)), cmp.Compare(o.path, other.path)) == -1
}

// A launch is a Launcher compiled. Most policies say nothing, which is nil, and have one
// host or name them in order.
type launch struct {
	Launcher
	hosts []string // in the order of the policy, if that is not the order of the alphabet
}

func compileLauncher(p *Policy) *launch {
	l := &launch{Launcher: p.Launcher}
	l.Tags = slices.Clone(p.Launcher.Tags)
	if !slices.IsSorted(p.Hosts) {
		l.hosts = slices.Clone(p.Hosts)
	}
	if l.isZero() && l.hosts == nil {
		return nil
	}
	return l
}

func (l *launch) hidden() bool { return l != nil && l.Hidden }

func (l *launch) words() Launcher {
	if l == nil {
		return Launcher{}
	}
	return l.Launcher
}

// rank is a host's place in the policy.
func (l *launch) rank(host string) int {
	if l == nil {
		return 0
	}
	return slices.Index(l.hosts, host)
}
