// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A noted is a Condition that keeps the facts it is held against.
type noted struct {
	tiny
	facts *Facts
}

func (n *noted) Holds(f *Facts) (bool, error) {
	n.facts = f
	return true, nil
}

// TestFacts: an expression is told of the request and of who sent it as they are, field by
// field, and of a request that can be read in several ways, that it can.
func TestFacts(t *testing.T) {
	all := &noted{tiny: tiny{text: "all", looks: Looks{Request: true, Identity: true}, cost: 1}}
	table := mustBuild(t, one(Rule{Action: Allow, Include: cel(all)}))
	s := session("n/p")
	s.Groups, s.AMR, s.Provider = []string{"dev"}, []string{"mfa"}, "corp"
	r := Request{Target: mustTarget(t, "https://a.x/b/c"), Method: "PUT", Origin: "https://o.x", Now: now, Subject: s,
		Address: netip.MustParseAddr("::ffff:10.1.1.1")}
	want := Facts{Method: "PUT", Host: "a.x", Path: "/b/c", Origin: "https://o.x", Address: netip.MustParseAddr("10.1.1.1"), Now: now,
		Email: s.Email, Provider: "corp", Groups: []string{"dev"}, AMR: []string{"mfa"}}
	for name, change := range map[string]func(r *Request, f *Facts){
		"plain":     func(*Request, *Facts) {},
		"no origin": func(r *Request, f *Facts) { r.Origin, f.Origin = "", "" },
		"an origin that cannot be read": func(r *Request, f *Facts) {
			r.Origin, f.Origin, r.OriginUnread, f.OriginUnknown = "", "", true, true
		},
		"a path of two readings": func(r *Request, f *Facts) {
			r.Target = mustTarget(t, "https://a.x/b/../c")
			f.Path, f.PathUnknown = r.Target.path, true
		},
	} {
		r, want := r, want
		change(&r, &want)
		if table.Decide(r); all.facts == nil || !reflect.DeepEqual(*all.facts, want) {
			t.Errorf("%s: %+v, want %+v", name, all.facts, want)
		}
		all.facts = nil
	}
}

// TestBoundsOfTexts: what is as long as it may be is taken, and what is longer by one is not.
func TestBoundsOfTexts(t *testing.T) {
	for n, want := range map[int]bool{1: true, maxName: true, maxName + 1: false, 2 * maxName: false} {
		s := certificate(strings.Repeat("a", n))[0]
		if ok := s.checkCertificate().text == ""; ok != want {
			t.Errorf("a certificate's name of %d bytes: %v", n, ok)
		}
	}
	for n, want := range map[int]int{1: 1, maxFailure: maxFailure, maxFailure + 1: maxFailure + len("…")} {
		if got := failure(errors.New(strings.Repeat("a", n))); len(got) != want {
			t.Errorf("a failure of %d bytes becomes one of %d, want %d", n, len(got), want)
		}
	}
}

// TestCut: what is too long is cut as late as it can be, and never within a character.
func TestCut(t *testing.T) {
	for _, text := range []string{"", "a", "abcdef", "ääääää", "a你b你c", "🙂🙂🙂", "ab\xffcd", strings.Repeat("\x80", 20)} {
		for most := range len(text) + 2 {
			got := Cut(text, most)
			switch {
			case !strings.HasPrefix(text, got) || len(got) > most:
				t.Errorf("%q becomes %q", text, got)
			case len(text) <= most && got != text, len(got) <= most-utf8.UTFMax && got != text:
				t.Errorf("of %q only %q is left, of %d bytes", text, got, most)
			case utf8.ValidString(text) && !utf8.ValidString(got):
				t.Errorf("%q is cut within a character: %q", text, got)
			}
		}
	}
	for _, cut := range []string{shown(strings.Repeat("你", 100)), failure(errors.New(strings.Repeat("你", 100)))} {
		if cut != strings.Repeat("你", 66)+"…" {
			t.Errorf("%q", cut)
		}
	}
}

// TestWouldPass: what passes is what is let through or answered, and what is no decision has a
// text as well.
func TestWouldPass(t *testing.T) {
	for v := range verdictNames {
		for why := range Reasons {
			w := Would{Verdict: Verdict(v), Reason: Reason(why)}
			if w.Passes() != (w.Verdict == Admit || w.Verdict == AnswerPreflight) || w.String() != w.Verdict.String()+" "+w.Reason.String() {
				t.Errorf("%s: %v", w, w.Passes())
			}
		}
	}
	for _, w := range []Would{{Verdict: Verdict(len(verdictNames))}, {Verdict: Verdict(len(verdictNames) + 1)}, {Reason: Reason(Reasons)},
		{Reason: Reason(Reasons + 1)}} {
		if w.String() != "invalid" || w.Passes() {
			t.Errorf("%+v: %s", w, w)
		}
	}
}

// TestNarrow: of the providers of the policy that decides, those are offered that a dry run
// beside it takes, too, unless it takes none of them, or asks nobody to sign in.
func TestNarrow(t *testing.T) {
	deciding := &app{}
	dry := func(mode DryRun, providers ...string) *app {
		return &app{dryRun: mode, signIn: &signIn{providers: providers}}
	}
	for name, c := range map[string]struct {
		dry  *app
		have []string
		want []string
	}{
		"no dry run":      {nil, []string{"a"}, []string{"a"}},
		"its own":         {deciding, []string{"a"}, []string{"a"}},
		"open":            {dry(DryRunOpen, "b"), []string{"a", "b"}, []string{"a", "b"}},
		"enforced":        {dry(DryRunNone, "b"), []string{"a", "b"}, []string{"a", "b"}},
		"any":             {dry(DryRunAuthenticate), []string{"a", "b"}, []string{"a", "b"}},
		"nothing said":    {&app{dryRun: DryRunAuthenticate}, []string{"a"}, []string{"a"}},
		"one of two":      {dry(DryRunAuthenticate, "b"), []string{"a", "b"}, []string{"b"}},
		"two of three":    {dry(DryRunAuthenticate, "c", "a"), []string{"a", "b", "c"}, []string{"a", "c"}},
		"none in common":  {dry(DryRunAuthenticate, "c"), []string{"a", "b"}, []string{"a", "b"}},
		"of any, its own": {dry(DryRunAuthenticate, "c", "a"), nil, []string{"c", "a"}},
	} {
		if got := c.dry.narrow(deciding, c.have); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	self := dry(DryRunAuthenticate, "b")
	if got := self.narrow(self, []string{"a", "b"}); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the policy that decides narrows itself: %v", got)
	}
}

// stepOf returns the outcomes and details of the steps of a kind.
func stepOf(tr Trace, what string) string {
	var found []string
	for _, s := range tr.Steps {
		if s.What == what {
			found = append(found, s.Outcome+": "+s.Detail)
		}
	}
	return strings.Join(found, "\n")
}

// TestToldOfDryRuns: an explanation says how far a policy is enforced, and which one is
// instead.
func TestToldOfDryRuns(t *testing.T) {
	enforced := of("n", "q", 0, Bypass, []string{"*.x"})
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}
	for mode, want := range map[DryRun][2]string{
		DryRunNone: {},
		DryRunOpen: {"would challenge no-session: dryRun: Open: nothing is enforced",
			"would challenge no-session: dryRun: Open; n/q is enforced here, and decides"},
		DryRunAuthenticate: {"would challenge no-session: dryRun: Authenticate: any valid session passes",
			"would challenge no-session: dryRun: Authenticate; n/q is enforced here, and decides"},
	} {
		for i, list := range [][]Policy{{rehearsal(mode)}, {rehearsal(mode), enforced}} {
			table, _ := build(list)
			if _, tr := table.Explain(r); stepOf(tr, "dryRun") != want[i] {
				t.Errorf("%s, %d: %q, want %q", mode, i, stepOf(tr, "dryRun"), want[i])
			}
		}
	}
}

// TestToldOfCountries: an explanation says what it is that is not known of where a client is.
func TestToldOfCountries(t *testing.T) {
	table := mustBuild(t, one(Rule{Action: Allow, Include: countries("NL")}))
	db := atlas{netip.MustParseAddr("192.0.2.1"): "NL"}
	known, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9")
	for _, c := range []struct {
		at   netip.Addr
		db   Countries
		want string
	}{
		{known, db, "known: 192.0.2.1 is in NL"},
		{other, db, "not known: the GeoIP database has no country for 192.0.2.9, which counts against the client"},
		{known, nil, "not known: there is no GeoIP database, which counts against the client"},
		{netip.Addr{}, db, "not known: the client's address is not known, which counts against it"},
		{netip.Addr{}, nil, "not known: the client's address is not known, which counts against it"},
	} {
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now, Address: c.at, Countries: c.db}
		if _, tr := table.Explain(r); stepOf(tr, "country") != c.want {
			t.Errorf("%q, want %q", stepOf(tr, "country"), c.want)
		}
	}
}

// TestPoliciesOfAHostAreSorted: by name, be there few or many claims.
func TestPoliciesOfAHostAreSorted(t *testing.T) {
	for _, n := range []int{2, 3, 40} {
		var list []Policy
		for i := range n {
			name := string(rune('a'+(n-1-i)%26)) + strings.Repeat("z", i/26)
			list = append(list, of("n", name, i, Bypass, []string{"a.x"}, prefixes("/"+strings.Repeat("p", n-i))...))
		}
		table, _ := build(list)
		var names []string
		for _, a := range table.claims("a.x").apps() {
			names = append(names, a.audience)
		}
		if !slices.IsSorted(names) || len(names) != n {
			t.Errorf("%d: %v", n, names)
		}
	}
}

// TestOwnersInFilesAreToldOfDates: nothing but files has dates that an author can write, so
// only there they are advised; and without a ledger, nothing is to be written down.
func TestOwnersInFilesAreToldOfDates(t *testing.T) {
	a, b := of("a", "p", 1, Allow, []string{"h.x"}), of("b", "p", 2, Allow, []string{"h.x"})
	advised := func(in Input) (n int) {
		_, issues := Build(in)
		for _, i := range issues {
			if strings.Contains(i.Message, "so does metadata.creationTimestamp in the files") {
				n++
			}
		}
		return n
	}
	if n := advised(Input{Policies: CompileAll([]Policy{a, b})}); n != 0 {
		t.Errorf("with dates, %d are advised to write them", n)
	}
	undated := []Policy{a, b}
	for i := range undated {
		undated[i].Since = time.Time{}
	}
	in := Input{Policies: CompileAll(undated)}
	if n := advised(in); n != 2 {
		t.Errorf("of two without dates, %d are advised", n)
	}
	if table, _ := Build(in); len(table.unrecorded) > 0 {
		t.Errorf("without a ledger: %v", table.unrecorded)
	}
	in.Policies = in.Policies[:1]
	if table, _ := Build(in); len(table.unrecorded) > 0 {
		t.Errorf("without a ledger: %v", table.unrecorded)
	}
	in = Input{Policies: CompileAll(undated), Ledger: NewLedger(nil, 1)}
	if n := advised(in); n != 0 {
		t.Errorf("in a cluster, %d are advised to write dates in files", n)
	}
}
