// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// refBearer reports whether a bearer token counts for a policy: its issuer is one that a
// rule names, that namespace n may name, and that is the issuer by which it was verified.
func refBearer(p *Policy, r *Request) bool {
	if r.Token != (PresentedToken{}) || r.Bearer == nil || !refTrusted(p.Source.Namespace, r.Bearer) {
		return false
	}
	for _, ru := range p.Rules {
		for _, sel := range slices.Concat(ru.Include, ru.Require, ru.Exclude) {
			if sel.Property == JWT && sel.JWT.Issuer == r.Bearer.Name {
				return true
			}
		}
	}
	return false
}

func refTrusted(namespace string, b *Bearer) bool {
	for _, i := range tokenIssuers() {
		if i.Name == b.Name && i.Issuer == b.Issuer && (i.Everywhere || slices.Contains(i.Namespaces, namespace)) {
			return true
		}
	}
	return false
}

// refVouches: of a ServiceAuth rule, a selector of tokens has to match, and no other.
func refVouches(ru *Rule, r *Request, groups []Group) bool {
	return refAsks(ru.lists(), r, groups, func(sel Selector) bool { return refJWT(sel, r, false) })
}

// refAsks: such a selector is included or required, by a group that matches, too.
func refAsks(lists [3][]Selector, r *Request, groups []Group, fits func(Selector) bool) bool {
	return slices.ContainsFunc(slices.Concat(lists[0], lists[1]), func(sel Selector) bool {
		if sel.Property != AccessGroup || refBroken(sel.Value, groups) {
			return fits(sel)
		}
		g := refGroup(sel.Value, groups)[0].lists()
		return refAmong(g, nil, r, false, groups) && refAsks(g, r, groups, fits)
	})
}

func refJWT(sel Selector, r *Request, ifUnknown bool) bool {
	switch {
	case sel.Property != JWT:
		return false
	case r.Bearer == nil:
		return ifUnknown && r.BearerRefused != NoReason
	case r.Bearer.Name != sel.JWT.Issuer || !refTrusted("n", r.Bearer) || !slices.Contains(r.Bearer.Audience, sel.JWT.Audience):
		return false
	}
	for _, c := range sel.JWT.Claims {
		texts := refSaid(said[r.Bearer], c.Path)
		if !slices.ContainsFunc(texts, func(text string) bool {
			return slices.ContainsFunc(c.Values, func(v string) bool { return refValue(v, text) })
		}) {
			return false
		}
	}
	return true
}

// said is the payload of each token of the tests.
var said = map[*Bearer]string{}

// refSaid returns what stands at a path: it tries every way to put the names together.
func refSaid(payload, path string) []string {
	var ways [][]string
	words := strings.Split(path, ".")
	for set := range 1 << (len(words) - 1) {
		way := []string{words[0]}
		for i, w := range words[1:] {
			if set>>i&1 == 0 {
				way = append(way, w)
			} else {
				way[len(way)-1] += "." + w
			}
		}
		ways = append(ways, way)
	}
	slices.SortFunc(ways, func(a, b []string) int { // the longer first name comes first
		for i := range min(len(a), len(b)) {
			if d := len(b[i]) - len(a[i]); d != 0 {
				return d
			}
		}
		return 0
	})
	for _, way := range ways {
		raw, ok := json.RawMessage(payload), true
		for _, name := range way {
			var o map[string]json.RawMessage
			if json.Unmarshal(raw, &o) != nil || o[name] == nil {
				ok = false
				break
			}
			raw = o[name]
		}
		if ok {
			return refTexts(raw)
		}
	}
	return nil
}

func refTexts(raw json.RawMessage) (out []string) {
	list := []json.RawMessage{raw}
	if raw[0] == '[' {
		_ = json.Unmarshal(raw, &list)
	}
	for _, e := range list {
		var s string
		switch {
		case json.Unmarshal(e, &s) == nil && e[0] == '"':
			out = append(out, s)
		case strings.Contains("-0123456789tf", string(e[:1])):
			out = append(out, string(e))
		}
	}
	return out
}

func refValue(v, text string) bool {
	if !strings.HasSuffix(v, "*") {
		return v == text
	}
	if !regexp.MustCompile(`[/:]\*$`).MatchString(v) {
		return false
	}
	return regexp.MustCompile(`(?s)^` + regexp.QuoteMeta(strings.TrimSuffix(v, "*")) + `.+$`).MatchString(text)
}
