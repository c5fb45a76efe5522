// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Expressions are explored as if each could have any answer: what makes no difference then,
// makes none. What does, has to be shown by a request that has these answers. Such a request
// is looked for among the words that stand in the expressions; where none is found, the
// report says that the two cannot be proven equal.

// A world is what the words of expressions could mean.
type world struct {
	conditions []policy.Condition
	emails     []string
	providers  []string
	groups     []string
	amr        []string
	methods    []string
	paths      []string
	hosts      []string
	origins    []string
	networks   []netip.Prefix
}

// maxWords bounds what is taken from expressions.
const maxWords = 24

func worldOf(list []policy.Selector) (w world) {
	for i := range list {
		c := list[i].Condition
		if c == nil || slices.ContainsFunc(w.conditions, func(o policy.Condition) bool { return o.Text() == c.Text() }) {
			continue
		}
		w.conditions = append(w.conditions, c)
		looks := c.Looks()
		for _, g := range looks.Groups {
			w.groups = once(w.groups, g)
		}
		for _, word := range quotes(c.Text()) {
			w.learn(word, &looks)
		}
	}
	return w
}

func once(list []string, s string) []string {
	if slices.Contains(list, s) || len(list) >= maxWords {
		return list
	}
	return append(list, s)
}

// quotes are the texts in quotes of an expression.
func quotes(text string) (out []string) {
	for i := 0; i < len(text); i++ {
		q := text[i]
		if q != '\'' && q != '"' {
			continue
		}
		end := i + 1
		for end < len(text) && text[end] != q {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		if end < len(text) {
			out = append(out, text[i+1:end])
		}
		i = end
	}
	return out
}

// learn takes a word for all that it could be.
func (w *world) learn(word string, looks *policy.Looks) {
	if n, err := netip.ParsePrefix(word); err == nil {
		w.networks = append(w.networks, n.Masked())
		return
	}
	if a, err := netip.ParseAddr(word); err == nil {
		w.networks = append(w.networks, netip.PrefixFrom(a, a.BitLen()))
		return
	}
	switch {
	case strings.HasPrefix(word, "/"):
		w.paths = once(once(w.paths, word), word+"any")
	case strings.Contains(word, "://"):
		w.origins = once(w.origins, strings.ToLower(word))
	case strings.HasPrefix(word, "@"):
		w.emails = once(w.emails, strings.ToLower("somebody"+word))
	case strings.Contains(word, "@"):
		w.emails = once(w.emails, strings.ToLower(word))
	case word != "" && !strings.ContainsAny(word, " :*()[]{}|^$+\\"):
		w.name(word, looks)
	}
}

// name takes a single word for all that it could be.
func (w *world) name(word string, looks *policy.Looks) {
	lower := strings.ToLower(word)
	if strings.ToUpper(word) == word && lower != word {
		w.methods = once(w.methods, word)
	} else if strings.Contains(word, ".") {
		w.hosts = once(w.hosts, lower)
		w.emails = once(w.emails, "somebody@"+strings.TrimPrefix(lower, "."))
	}
	if looks.Identity {
		w.providers = once(w.providers, word)
		w.emails = once(w.emails, lower+"@example.org")
	}
	if looks.AMR {
		w.amr = once(w.amr, word)
	}
}

// realized is what became of differences that hang on expressions.
type realized struct {
	shown    map[groupKey]bool
	failed   map[groupKey]int
	unproven map[groupKey]assumed
	target   []spot
}

// A spot is where a request for a pair can go.
type spot struct {
	target     policy.Target
	url, where string
}

// The bounds of looking for one request.
const (
	maxTries  = 4000
	maxFailed = 4
)

// realize looks for a request that has the effect without anything assumed.
func (x *explorer) realize(r *Request, key groupKey) {
	if x.shown == nil {
		x.shown, x.failed, x.unproven = map[groupKey]bool{}, map[groupKey]int{}, map[groupKey]assumed{}
	}
	if x.failed[key] >= maxFailed && !x.shown[key] {
		return
	}
	tries := min(maxTries, *x.left)
	if x.shown[key] {
		tries = min(tries, maxTries/100)
	}
	base := *r
	base.assumed = nil
	if x.vary(base, x.dimensions(r), key.effect, &tries) {
		x.shown[key] = true
		delete(x.unproven, key)
		return
	}
	if x.failed[key]++; !x.shown[key] && x.unproven[key] == nil {
		x.unproven[key] = r.assumed
	}
}

// A dimension is one part of a request, in all ways that it could be.
type dimension []func(*Request)

// vary goes through all combinations until one has the effect.
func (x *explorer) vary(r Request, left []dimension, want Effect, tries *int) bool {
	if len(left) > 0 {
		return slices.ContainsFunc(left[0], func(set func(*Request)) bool {
			if *tries <= 0 {
				return false
			}
			one := r
			set(&one)
			return x.vary(one, left[1:], want, tries)
		})
	}
	*tries--
	*x.left--
	before, after, effect := r.compare(x.c.old.Table, x.c.now.Table, x.c.Settings)
	if effect != want {
		return false
	}
	x.c.note(x, &r, effect, &before, &after)
	return true
}

// with returns a dimension of a part as it is, and as each of the values.
func with(values []string, set func(r *Request, v string)) dimension {
	d := dimension{func(*Request) {}}
	for _, v := range values {
		d = append(d, func(r *Request) { set(r, v) })
	}
	return d
}

// dimensions are those parts of a request that no question asked for, and that an
// expression looks at.
func (x *explorer) dimensions(r *Request) (out []dimension) {
	var looks policy.Looks
	for _, c := range x.world.conditions {
		l := c.Looks()
		looks.Request, looks.Identity, looks.AMR = looks.Request || l.Request, looks.Identity || l.Identity, looks.AMR || l.AMR
	}
	if looks.Identity && r.Email != "" {
		out = x.identities(looks.AMR)
	}
	if !looks.Request {
		return out
	}
	if !x.answered(question{about: aboutAddress}) && r.Country == "" {
		out = append(out, with(x.answers[aboutAddress], func(r *Request, v string) { r.Address = v }))
	}
	if r.Origin == "" {
		out = append(out, with(x.world.origins, func(r *Request, v string) { r.Origin = v }))
	}
	spots := dimension{func(*Request) {}}
	for _, s := range x.spots() {
		spots = append(spots, func(r *Request) { r.target, r.URL, r.where = s.target, s.url, s.where })
	}
	return append(out, spots)
}

// identities are the dimensions of who is signed in.
func (x *explorer) identities(amr bool) (out []dimension) {
	if !x.answered(question{about: aboutEmail}) {
		out = append(out, with(x.answers[aboutEmail], func(r *Request, v string) { r.Email = v }))
	}
	for _, g := range x.world.groups {
		if !x.answered(question{aboutGroup, g}) {
			out = append(out, with([]string{g}, func(r *Request, v string) { r.Groups = append(slices.Clone(r.Groups), v) }))
		}
	}
	if !x.answered(question{about: aboutProvider}) {
		out = append(out, with(x.world.providers, func(r *Request, v string) { r.Provider = v }))
	}
	if amr {
		out = append(out, with(x.world.amr, func(r *Request, v string) {
			if !x.answered(question{aboutAMR, v}) {
				r.AMR = append(slices.Clone(r.AMR), v)
			}
		}))
	}
	return out
}

// spots are where else requests can go that the same policies decide.
func (x *explorer) spots() []spot {
	if x.target != nil {
		return x.target
	}
	x.target = []spot{}
	for i, p := range x.pair.places {
		paths := append([]string{p.path}, x.world.paths...)
		for _, host := range append([]string{p.host}, x.world.hosts...) {
			for _, path := range paths {
				escaped := path
				if path != p.path {
					escaped = (&url.URL{Path: path}).EscapedPath()
				}
				x.spot(host, escaped)
			}
		}
		if i >= maxWords {
			break
		}
	}
	return x.target
}

func (x *explorer) spot(host, path string) {
	target, err := policy.NewTarget(host, path)
	at := "https://" + host + path
	if err != nil || slices.ContainsFunc(x.target, func(s spot) bool { return s.url == at }) {
		return
	}
	key := x.pair.pairKey
	key.old, key.oldDry, key.oldExempt = x.c.old.decides(target)
	key.now, key.nowDry, key.nowExempt = x.c.now.decides(target)
	if key == x.pair.pairKey {
		x.target = append(x.target, spot{target, at, host + path})
	}
}

// report says which differences hang on answers that no request was found to have.
func (x *explorer) report() {
	worst, of := Nothing, assumed(nil)
	for key, a := range x.unproven {
		switch {
		case x.shown[key] || key.effect == Changes:
		case worst == Nothing, ranks[key.effect] < ranks[worst], key.effect == worst && describe(a) < describe(of):
			worst, of = key.effect, a
		}
	}
	if worst == Nothing {
		return
	}
	x.c.cut(x.pair, fmt.Sprintf("was edited, and cannot be proven equal to what it was: it %s where %s, if any request is like that; none was found",
		worst, describe(of)))
}

// describe says what is assumed.
func describe(a assumed) string {
	words := map[string]string{isSo: "holds", notSo: "does not hold", noAnswer: "has no answer"}
	var out []string
	for text, answer := range a {
		out = append(out, fmt.Sprintf("cel %q %s", text, words[answer]))
	}
	slices.Sort(out)
	return strings.Join(out, " and ")
}
