// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// An Effect is what a difference does for whoever sends the request.
type Effect string

// The effects.
const (
	Nothing Effect = ""
	// Opens: what was refused passes now, or the answer permits a page of another origin
	// more.
	Opens Effect = "opens"
	// Closes is the other way about.
	Closes Effect = "closes"
	// Changes: it is refused, or answered, in another way.
	Changes Effect = "changes"
)

// A Result is all that differs.
type Result struct {
	Differences []*Difference `json:"differences"`
	// Incomplete says what could not be compared. Whatever is there may open.
	Incomplete []string `json:"incomplete,omitempty"`
}

// Has reports whether a difference has the effect.
func (r *Result) Has(e Effect) bool {
	return slices.ContainsFunc(r.Differences, func(d *Difference) bool { return d.Effect == e })
}

// A Difference are requests that are all decided by one rule before, and by one after.
type Difference struct {
	Effect Effect `json:"effect"`
	// Where are parts of hosts: "app.example.com/api/*" is what is below /api.
	Where []string `json:"where"`
	// Who are those that send them, in words: "anybody", "everybody at example.com".
	Who []string `json:"who"`
	// Methods are methods, "every method", "every other method" (than those that rules
	// name), of these the reading or the writing ones, "WebSocket" or "preflight".
	Methods []string `json:"methods"`
	// Origins are those of the pages that make the requests; empty: no page does.
	Origins []string `json:"origins,omitempty"`
	// Count is how many cases there are: requests that the rules tell apart.
	Count   int     `json:"count"`
	Before  Outcome `json:"before"`
	After   Outcome `json:"after"`
	Witness Request `json:"witness"`

	seen map[string]bool // what the lists hold, by their letter
	last *pair           // whose places it has
}

// maxListed is how many of a kind a Difference lists.
const maxListed = 1000

func (d *Difference) add(list *[]string, letter, s string) {
	if !d.seen[letter+s] && len(*list) < maxListed {
		d.seen[letter+s] = true
		*list = append(*list, s)
	}
}

// An Outcome is what is decided.
type Outcome struct {
	Verdict policy.Verdict `json:"verdict"`
	Reason  policy.Reason  `json:"reason"`
	Source  policy.Source  `json:"source,omitzero"`
	Rule    string         `json:"rule,omitempty"`
	// CORS are headers of the answer to a preflight, and of answers of the application
	// where the policy manages them.
	CORS map[string]string `json:"cors,omitempty"`
}

// A groupKey is what requests have in common that make one Difference.
type groupKey struct {
	effect            Effect
	kind              string // "", "preflight", "page", "token"
	before, after     policy.Source
	rule, now         string
	why, whyNow       policy.Reason
	verdict, verdict2 policy.Verdict
	cors              string
}

// effectOf judges two decisions about one request.
func effectOf(before, after *policy.Decision) Effect {
	switch was, is := passes(before), passes(after); {
	case !was && is:
		return Opens
	case was && !is:
		return Closes
	case !was:
		return refusals(before, after)
	case before.Verdict != after.Verdict:
		return Changes // the application answers preflights itself, or no more
	}
	x, y := shown(before), shown(after)
	switch {
	case x == y:
		return Nothing
	case more(&x, &y):
		return Opens
	case more(&y, &x):
		return Closes
	default:
		return Changes
	}
}

// refusals judges two of them. What the page is told that made the request, its preflight
// decides.
func refusals(before, after *policy.Decision) Effect {
	if before.Verdict != after.Verdict || before.Verdict == policy.Challenge && before.Unauthenticated != after.Unauthenticated {
		return Changes
	}
	return Nothing
}

func passes(d *policy.Decision) bool {
	return d.Verdict == policy.Admit || d.Verdict == policy.AnswerPreflight
}

// shown are the headers that make an answer readable: those of the answer to a preflight,
// and of the application's answer where Ostiary puts them there.
func shown(d *policy.Decision) policy.CORSHeaders {
	if d.Verdict == policy.AnswerPreflight || d.ManageResponses {
		return d.CORS
	}
	return policy.CORSHeaders{}
}

// more reports whether the second answer permits what the first does not.
func more(x, y *policy.CORSHeaders) bool {
	return x.AllowOrigin == "" && y.AllowOrigin != "" || !x.AllowCredentials && y.AllowCredentials ||
		!x.AllowPrivateNetwork && y.AllowPrivateNetwork
}

// note enters one request.
func (c *comparison) note(x *explorer, r *Request, effect Effect, before, after *policy.Decision) {
	b, a := outcome(before), outcome(after)
	key := keyOf(r, effect, before, after)
	d := c.groups[key]
	if d == nil {
		d = &Difference{Effect: effect, Before: b, After: a, Witness: *r, seen: map[string]bool{}}
		c.groups[key] = d
		c.out.Differences = append(c.out.Differences, d)
	}
	d.Count += len(x.pair.places)
	if r.weight() < d.Witness.weight() {
		d.Witness, d.Before, d.After = *r, b, a
	}
	if r.where != "" {
		d.add(&d.Where, "w", r.where)
	} else if d.last != x.pair {
		d.last = x.pair
		for _, p := range x.pair.places {
			d.add(&d.Where, "w", p.where)
		}
	}
	d.add(&d.Methods, "m", x.class)
	d.add(&d.Who, "p", x.who(r))
	for _, class := range x.origins {
		if class[0] == r.Origin {
			for _, o := range class {
				d.add(&d.Origins, "o", o)
			}
		}
	}
}

func keyOf(r *Request, effect Effect, before, after *policy.Decision) groupKey {
	b, a := outcome(before), outcome(after)
	return groupKey{
		effect: effect, kind: kindOf(r), before: b.Source, after: a.Source, rule: b.Rule, now: a.Rule, why: b.Reason, whyNow: a.Reason,
		verdict: b.Verdict, verdict2: a.Verdict, cors: changed(b.CORS, a.CORS),
	}
}

// machine says what a machine proves itself by; empty: by nothing.
func (r *Request) machine() string {
	var parts []string
	if r.ServiceToken != "" {
		parts = append(parts, "service token "+r.ServiceToken)
	}
	if len(r.LinkedApps) > 0 {
		parts = append(parts, "the token of a user of "+strings.Join(r.LinkedApps, " and "))
	}
	if r.Bearer != nil {
		text := fmt.Sprint("a token of ", r.Bearer["iss"], " for ", plain(r.Bearer["aud"]))
		for _, path := range slices.Sorted(maps.Keys(r.Bearer)) {
			if path != "iss" && path != "aud" {
				text += " with " + path + " " + plain(r.Bearer[path])
			}
		}
		parts = append(parts, text)
	}
	if r.Certificate != nil && r.Certificate[0] != noCertificate {
		parts = append(parts, "a client certificate "+strings.Join(r.Certificate, ", "))
	}
	return strings.Join(parts, " and ")
}

// plain writes the value of a claim.
func plain(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprint(e))
	}
	return strings.Join(out, " and ")
}

// who says who sends a request.
func (x *explorer) who(r *Request) string {
	out := "anybody without signing in"
	switch by := r.machine(); {
	case r.Email != "" && by != "":
		out = cmp.Or(x.words[r.Email], r.Email) + " with " + by
	case r.Email != "":
		out = cmp.Or(x.words[r.Email], r.Email)
	case by != "":
		out = "whoever has " + by
	}
	for _, part := range [...]struct{ before, what string }{
		{" in group ", strings.Join(r.Groups, " and ")}, {" with ", strings.Join(r.AMR, " and ")},
		{" with ", strings.Join(r.Claims, " and ")}, {" of whom ", r.approvals()}, {" signed in by ", r.Provider},
		{" from ", cmp.Or(r.Country, r.Address)}, {" through ", r.Ingress}, {" by the client ", r.Client},
	} {
		if part.what != "" {
			out += part.before + part.what
		}
	}
	if r.Age > 0 {
		out += ", signed in " + ago(r.Age)
	}
	return out
}

// ago is how long ago something was.
func ago(d time.Duration) string {
	s := d.String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, end) {
			s = s[:len(s)-2]
		}
	}
	return s + " ago"
}

func kindOf(r *Request) string {
	switch {
	case r.Preflight != "":
		return "preflight"
	case r.Token:
		return "token"
	case r.Origin != "":
		return "page"
	default:
		return ""
	}
}

func outcome(d *policy.Decision) Outcome {
	out := Outcome{Verdict: d.Verdict, Reason: d.Reason, Source: d.Source, Rule: d.Rule}
	h := shown(d)
	if !passes(d) || h == (policy.CORSHeaders{}) {
		return out
	}
	out.CORS = map[string]string{}
	for name, value := range map[string]string{
		"allow-origin": h.AllowOrigin, "allow-methods": h.AllowMethods, "allow-headers": h.AllowHeaders, "max-age": h.MaxAge,
		"expose-headers": h.ExposeHeaders, "allow-credentials": yes(h.AllowCredentials), "allow-private-network": yes(h.AllowPrivateNetwork),
	} {
		if value != "" {
			out.CORS["access-control-"+name] = value
		}
	}
	return out
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// changed names the headers that differ.
func changed(x, y map[string]string) string {
	if x == nil || y == nil {
		return ""
	}
	var out []string
	for _, m := range []map[string]string{x, y} {
		for name := range m {
			if x[name] != y[name] && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

var ranks = map[Effect]int{Opens: 0, Closes: 1, Changes: 2}

// finish sorts: what opens first, and the plainest of it.
func (r *Result) finish() {
	for _, d := range r.Differences {
		d.Where, d.Methods, d.Who = joined(d.Where), joinedMethods(d.Methods), broadest(d.Who)
	}
	slices.SortStableFunc(r.Differences, func(x, y *Difference) int {
		return cmp.Or(cmp.Compare(ranks[x.Effect], ranks[y.Effect]), cmp.Compare(x.Witness.weight(), y.Witness.weight()),
			cmp.Compare(x.Witness.URL, y.Witness.URL))
	})
}

// joined writes "/api" and "/api/*" as one, which is what a Prefix is.
func joined(where []string) []string {
	slices.Sort(where)
	return slices.DeleteFunc(slices.Clone(where), func(w string) bool { return slices.Contains(where, strings.TrimSuffix(w, "/")+"/*") })
}

// joinedMethods writes reading and writing ones as one.
func joinedMethods(list []string) []string {
	for _, every := range []string{"every ", "every other "} {
		i, j := slices.Index(list, every+"reading method"), slices.Index(list, every+"writing method")
		if i >= 0 && j >= 0 {
			list[i] = every + "method"
			list = slices.Delete(list, j, j+1)
		}
	}
	slices.SortStableFunc(list, func(x, y string) int { return cmp.Compare(strings.Count(x, "every"), strings.Count(y, "every")) })
	return list
}

// broadest leaves out who is among others: "anybody from 10.0.0.1" is among "anybody".
func broadest(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		return slices.ContainsFunc(list, func(o string) bool {
			rest, among := strings.CutPrefix(s, o)
			return among && rest != "" && (rest[0] == ' ' || rest[0] == ',')
		})
	})
}
