// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// An Evaluation is a service of somebody's that is asked about people while they sign in,
// and says yes or no: External Evaluation, as Cloudflare Access calls it. What it said, the
// session carries (Subject.Evaluations), as a decision waits for nobody.
type Evaluation struct {
	// URL is asked.
	URL string
	// KeysURL has the keys that sign its answers (RFC 7517 §5).
	KeysURL string
	// Once compiled: what Key returns, and the origins of both.
	key              string
	origin, keysFrom string
}

// MaxEvaluations is how many services are asked about somebody at a sign-in, and
// maxOwnEvaluations how many one policy or group names.
const (
	MaxEvaluations    = 16
	maxOwnEvaluations = 4
)

// compiled returns a copy that decisions can use.
func (e *Evaluation) compiled() *Evaluation {
	if e == nil {
		return nil
	}
	return &Evaluation{URL: e.URL, KeysURL: e.KeysURL, key: e.Key(), origin: originOf(e.URL), keysFrom: originOf(e.KeysURL)}
}

// evaluationKey is the length of Evaluation.Key.
const evaluationKey = 22

// Key stands for both addresses, in 128 bits: what one service said is never taken for
// what another did, nor what other keys signed.
func (e *Evaluation) Key() string {
	if e.key != "" {
		return e.key
	}
	text := []byte("ostiary external evaluation, v1\x00")
	for _, s := range [...]string{e.URL, e.KeysURL} {
		text = binary.AppendUvarint(text, uint64(len(s)))
		text = append(text, s...)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Origin is that of URL.
func (e *Evaluation) Origin() string { return originOf(e.URL) }

// originOf returns the origin of an address, in lower case.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// An Outcome is what came of asking an Evaluation about somebody.
type Outcome byte

// What came of asking.
const (
	Unasked  Outcome = 0 // nobody asked
	Approved Outcome = '1'
	Rejected Outcome = '0'
	Untold   Outcome = '?' // there was no answer that counts
)

// Outcome writes one for Subject.Evaluations.
func (e *Evaluation) Outcome(o Outcome) string { return e.Key() + string(rune(o)) }

// outcome is what came of asking about the subject.
func (s *Subject) outcome(e *Evaluation) Outcome {
	for _, said := range s.Evaluations {
		if len(said) == evaluationKey+1 && said[:evaluationKey] == e.key {
			return Outcome(said[evaluationKey])
		}
	}
	return Unasked
}

// approves matches by what a service said of who is signed in. What cannot be told counts
// against them.
func (e *Evaluation) approves(v *visitor, ifUnknown bool) match {
	switch {
	case e == nil || !v.table.mayAsk(e):
		return matchIf(ifUnknown)
	case v.subject == nil:
		return maybe
	}
	switch v.subject.outcome(e) {
	case Approved:
		return yes
	case Rejected:
		return no
	default:
		return matchIf(ifUnknown)
	}
}

// mayAsk reports whether the platform lets us ask a service.
func (t *Table) mayAsk(e *Evaluation) bool {
	return t != nil && (t.allEvaluators || e.among(t.evaluators))
}

// among reports whether both addresses are at listed origins.
func (e *Evaluation) among(origins []string) bool {
	return contains(origins, e.origin) && contains(origins, e.keysFrom)
}

// An Asking is an Evaluation that a policy wants asked.
type Asking struct {
	*Evaluation
	Policy Source // the first one that does
}

// evaluationsOf are those that the rules of a policy look at, and the groups that it names.
func (t *Table) evaluationsOf(a *app) (own, byGroups []*Evaluation) {
	if a.signIn != nil {
		own = a.signIn.reads.evaluations
	}
	if g := t.readByGroups(a); g != nil {
		byGroups = g.reads.evaluations
	}
	return own, byGroups
}

// wasEvaluated reports whether all services were asked about somebody that the policy wants
// asked: those that were not when the session was made have to be.
func (t *Table) wasEvaluated(a *app, s *Subject) bool {
	own, byGroups := t.evaluationsOf(a)
	for _, list := range [...][]*Evaluation{own, byGroups} {
		for _, e := range list {
			if t.mayAsk(e) && s.outcome(e) == Unasked {
				return false
			}
		}
	}
	return true
}

// askings are the services that policies want asked, of the first ones first.
func (t *Table) askings(apps []*app) (out []Asking) {
	for _, a := range apps {
		own, byGroups := t.evaluationsOf(a)
		for _, e := range slices.Concat(own, byGroups) {
			if t.mayAsk(e) && !slices.ContainsFunc(out, func(o Asking) bool { return o.key == e.key }) {
				out = append(out, Asking{e, a.source})
			}
		}
	}
	return out
}

// evaluations says what services said of who is signed in, if a rule asks.
func (tr *Trace) evaluations(t *Table, a *app, s *Subject) {
	if tr == nil {
		return
	}
	own, byGroups := t.evaluationsOf(a)
	for _, e := range slices.Concat(own, byGroups) {
		switch {
		case !t.mayAsk(e):
			tr.add("evaluation", a.source, "not asked", "%s", e.unlisted(t.evaluators))
		case s == nil:
			tr.add("evaluation", a.source, "not asked", "%s is asked about people when they sign in", e.URL)
		case s.outcome(e) == Approved:
			tr.add("evaluation", a.source, "true", "%s approves of %s", e.URL, s.Email)
		case s.outcome(e) == Rejected:
			tr.add("evaluation", a.source, "false", "%s does not approve of %s", e.URL, s.Email)
		default:
			tr.add("evaluation", a.source, "not known", "what %s says of %s is not known, which counts against them; to see what an answer "+
				"would do, assume it: --assume-evaluation %s=true", e.URL, s.Email, e.URL)
		}
	}
}

// ParseEvaluationOrigins reads origins of services that policies may have asked.
func ParseEvaluationOrigins(list []string) ([]string, error) {
	var out []string
	for _, o := range list {
		lower := strings.ToLower(o)
		scheme, host, _ := strings.Cut(lower, "://")
		name, _, _ := splitOriginPort(host)
		switch problem := CheckOrigin(lower); {
		case problem != "" || lower == "null":
			return nil, fmt.Errorf("%q is no origin such as https://eval.example.com: %s", o, problem)
		case strings.Contains(lower, "*"):
			return nil, fmt.Errorf("%q: list each origin; whoever may have us ask a service is to be known", o)
		case scheme != "https" && (scheme != "http" || !isLoopback(name)):
			return nil, fmt.Errorf("%q: services are asked over https; http is for this machine alone (localhost, *.localhost, 127.0.0.1)", o)
		}
		if !slices.Contains(out, lower) {
			out = append(out, lower)
		}
	}
	slices.Sort(out)
	return out, nil
}

// maxEvaluationURL bounds an address, in bytes.
const maxEvaluationURL = 1024

func (e *Evaluation) check() problem {
	if e == nil {
		return problem{codeEvaluationURL, "externalEvaluation: write url and keysURL"}
	}
	for _, f := range [...]struct{ name, value string }{{"url", e.URL}, {"keysURL", e.KeysURL}} {
		if wrong := checkEvaluationURL(f.value); wrong != "" {
			return problem{codeEvaluationURL, fmt.Sprintf("externalEvaluation: %s: %q: %s", f.name, f.value, wrong)}
		}
	}
	return problem{}
}

// checkEvaluationURL says what is wrong with an address; empty: nothing.
func checkEvaluationURL(address string) string {
	u, err := url.Parse(address)
	switch {
	case len(address) > maxEvaluationURL:
		return "longer than 1024 characters"
	case err != nil, u.Host == "", strings.ContainsFunc(address, notInURL):
		return "not an address such as https://eval.example.com/staff"
	case u.User != nil || strings.Contains(address, "#"):
		return "no user name and no fragment: whoever may read the policy would read a password"
	case !isHTTP(strings.ToLower(u.Scheme)):
		return "services are asked over https"
	}
	if _, err := ParseEvaluationOrigins([]string{originOf(address)}); err != nil {
		return err.Error()
	}
	return ""
}

func notInURL(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }

// evaluations refuses a policy or a group that wants too many services asked.
func (v *validator) evaluations(field string, rules []Rule) {
	keys := map[string]bool{}
	for i := range rules {
		for _, list := range rules[i].lists() {
			for j := range list {
				if list[j].Property == ExternalEvaluation && list[j].Evaluation != nil {
					keys[list[j].Evaluation.Key()] = true
				}
			}
		}
	}
	if len(keys) > maxOwnEvaluations {
		v.wrong(field, codeEvaluations, "externalEvaluation names %d services, and everybody waits for them who signs in: at most %d; "+
			"have one service ask the others", len(keys), maxOwnEvaluations)
	}
}

// unlisted says which services of a policy the platform does not let us ask.
func (t *terms) unlisted(a *app) (out []Issue) {
	for i := range a.identity { // the others see no identity
		out = append(out, t.unlistedIn(a.source, a.identity[i].field, a.identity[i].lists())...)
	}
	return out
}

// unlistedInGroups is unlisted, of groups.
func (t *terms) unlistedInGroups(g *groupSet) (out []Issue) {
	if g == nil {
		return nil
	}
	for _, name := range g.names {
		out = append(out, t.unlistedIn(Source{Name: name}, "spec", g.byName[name].lists)...)
	}
	return out
}

func (t *terms) unlistedIn(source Source, field string, lists [3][]Selector) (out []Issue) {
	for n, list := range lists {
		for j := range list {
			if e := list[j].Evaluation; list[j].Property == ExternalEvaluation && e != nil && !t.AllEvaluations && !e.among(t.EvaluationOrigins) {
				out = append(out, newIssue(source.at(item(field+listNames[n], j)), codeEvaluationOrigin, e.unlisted(t.EvaluationOrigins)))
			}
		}
	}
	return out
}

// unlisted words that a service may not be asked.
func (e *Evaluation) unlisted(origins []string) string {
	origin := e.origin
	if contains(origins, origin) {
		origin = e.keysFrom
	}
	return fmt.Sprintf("externalEvaluation: %s is not an origin of --external-evaluation-origins, so nothing there is asked: "+
		"the selector matches nobody in a rule that admits, and everybody in exclude and in a rule that blocks", origin)
}
