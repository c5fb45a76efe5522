// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func init() {
	set := func(change func(h *UpstreamHeader)) func(*Policy) {
		return func(p *Policy) {
			h := UpstreamHeader{Name: "X-A", From: UserFact}
			change(&h)
			p.UpstreamHeaders = []UpstreamHeader{h}
		}
	}
	groups := func(change func(h *UpstreamHeader)) func(*Policy) {
		return set(func(h *UpstreamHeader) { h.From = GroupsFact; change(h) })
	}
	enforced["UpstreamHeaders.Name"] = set(func(h *UpstreamHeader) { h.Name = "X-B" })
	enforced["UpstreamHeaders.From"] = set(func(h *UpstreamHeader) { h.From = EmailFact })
	enforced["UpstreamHeaders.Groups"] = groups(func(h *UpstreamHeader) { h.Groups = []string{"dev"} })
	enforced["UpstreamHeaders.Separator"] = groups(func(h *UpstreamHeader) { h.Separator = ";" })
	enforced["UpstreamHeaders.Encoding"] = set(func(h *UpstreamHeader) { h.Encoding = NoEncoding })
	enforced["UpstreamHeaders.Claim"] = set(func(h *UpstreamHeader) { h.From, h.Claim = ClaimFact, "name" })
	alone["upstream-header-claim"] = set(func(h *UpstreamHeader) { h.From = ClaimFact })
	alone["upstream-headers-too-many"] = func(p *Policy) { p.UpstreamHeaders = make([]UpstreamHeader, maxUpstream+1) }
	alone["upstream-header-from"] = set(func(h *UpstreamHeader) { h.From = NoFact })
	alone["upstream-header-groups"] = groups(func(h *UpstreamHeader) { h.Separator = "\n" })
	alone["upstream-header-encoding"] = set(func(h *UpstreamHeader) { h.Encoding = 9 })
}

func TestUpstreamValues(t *testing.T) {
	person := &Subject{ID: "u7", User: "jнrgen", Email: "jнrgen@example.com", Groups: []string{"dev", "cn=a,dc=b", "Bнro", "100%=a|b"}, Claims: []IdentityClaim{
		{Name: "gone", Unknown: true}, {Name: "name", Values: []string{"Lee, Ann"}}, {Name: "part", Values: []string{"x"}, Asked: "y"}, {Name: "roles", Values: []string{"a,b", "c"}}}}
	job := &Machine{Name: "service:shop/ci", ID: "id"}
	all := func(e Encoding, separator string, groups ...string) UpstreamHeader {
		return UpstreamHeader{From: GroupsFact, Encoding: e, Separator: separator, Groups: groups}
	}
	for _, tc := range []struct {
		h    UpstreamHeader
		s    *Subject
		m    *Machine
		want string
	}{
		{UpstreamHeader{From: UserFact}, person, nil, "j%D0%BDrgen"},
		{UpstreamHeader{From: UserFact, Encoding: RFC8187Encoding}, person, nil, "UTF-8''j%D0%BDrgen"},
		{UpstreamHeader{From: UserFact, Encoding: QuotedPrintable}, person, nil, "j=D0=BDrgen"},
		{UpstreamHeader{From: UserFact, Encoding: NoEncoding}, person, nil, ""},
		{UpstreamHeader{From: UserFact, Encoding: NoEncoding}, &Subject{ID: "u7"}, nil, "u7"},
		{UpstreamHeader{From: EmailFact}, person, nil, "j%D0%BDrgen@example.com"},
		{UpstreamHeader{From: EmailFact}, &Subject{ID: "u7"}, nil, ""},
		{UpstreamHeader{From: EmailFact, Encoding: RFC8187Encoding}, &Subject{Email: "a@x"}, nil, "UTF-8''a%40x"},
		{UpstreamHeader{From: UserFact}, nil, nil, ""},
		{UpstreamHeader{}, person, nil, ""},
		// A machine is told of by its name, and a person beside it is not.
		{UpstreamHeader{From: UserFact}, person, job, "service:shop/ci"},
		{UpstreamHeader{From: EmailFact}, person, job, ""},
		{all(PercentEncoding, ""), person, job, ""},

		{all(PercentEncoding, ""), person, nil, "dev,cn=a%2Cdc=b,B%D0%BDro,100%25=a|b"},
		{all(PercentEncoding, "|"), person, nil, "dev|cn=a,dc=b|B%D0%BDro|100%25=a%7Cb"},
		{all(PercentEncoding, ",", "dev", "other"), person, nil, "dev"},
		{all(PercentEncoding, ",", "Bнro", "dev"), person, nil, "dev,B%D0%BDro"},
		{all(PercentEncoding, ",", "other"), person, nil, ""},
		{all(RFC8187Encoding, "|"), person, nil, "UTF-8''dev|UTF-8''cn%3Da%2Cdc%3Db|UTF-8''B%D0%BDro|UTF-8''100%25%3Da%7Cb"},
		// Applications undo this one before they split, so an element must not hold a separator.
		{all(QuotedPrintable, ","), person, nil, ""},
		{all(QuotedPrintable, ";"), person, nil, "dev;cn=3Da,dc=3Db;B=D0=BDro;100%=3Da|b"},
		{all(NoEncoding, ",", "dev", "cn=a,dc=b"), person, nil, ""},
		{all(NoEncoding, ";", "dev", "cn=a,dc=b"), person, nil, "dev;cn=a,dc=b"},
		{all(NoEncoding, ";"), person, nil, ""},

		// A claim of several values needs a separator, or one value could pass for two.
		{UpstreamHeader{From: ClaimFact, Claim: "name"}, person, nil, "Lee, Ann"},
		{UpstreamHeader{From: ClaimFact, Claim: "name", Separator: ","}, person, nil, "Lee%2C Ann"},
		{UpstreamHeader{From: ClaimFact, Claim: "roles"}, person, nil, ""},
		{UpstreamHeader{From: ClaimFact, Claim: "roles", Separator: ";"}, person, nil, "a,b;c"},
		{UpstreamHeader{From: ClaimFact, Claim: "roles", Separator: ","}, person, nil, "a%2Cb,c"},
		{UpstreamHeader{From: ClaimFact, Claim: "gone"}, person, nil, ""},
		{UpstreamHeader{From: ClaimFact, Claim: "other"}, person, nil, ""},
		{UpstreamHeader{From: ClaimFact, Claim: "part", Separator: ","}, person, nil, ""},
		{UpstreamHeader{From: ClaimFact, Claim: "name"}, person, job, ""},

		// What proxies take off, or would break a line.
		{UpstreamHeader{From: UserFact}, &Subject{ID: " root "}, nil, "%20root%20"},
		{UpstreamHeader{From: UserFact}, &Subject{ID: "Ann Lee"}, nil, "Ann Lee"},
		{UpstreamHeader{From: UserFact, Encoding: NoEncoding}, &Subject{ID: " root"}, nil, ""},
		{UpstreamHeader{From: UserFact}, &Subject{ID: "a\r\nX-Role: admin"}, nil, ""},
		{UpstreamHeader{From: UserFact, Encoding: RFC8187Encoding}, &Subject{ID: "a\x00"}, nil, ""},
		{UpstreamHeader{From: UserFact, Encoding: QuotedPrintable}, &Subject{ID: "a\u0085b"}, nil, ""},
		{UpstreamHeader{From: UserFact}, &Subject{ID: "a\xff"}, nil, ""},
		{all(PercentEncoding, ""), &Subject{Groups: []string{"dev", "a\nb"}}, nil, ""},
		{all(PercentEncoding, ""), &Subject{Groups: []string{"", "dev"}}, nil, "dev"},
	} {
		if got := tc.h.value(tc.s, tc.m); got != tc.want {
			t.Errorf("%+v of %+v: %q, want %q", tc.h, tc.s, got, tc.want)
		}
	}
}

// undone is what an application does.
func undone(t *testing.T, e Encoding, s string) string {
	t.Helper()
	var err error
	switch e {
	case RFC8187Encoding:
		rest, ok := strings.CutPrefix(s, "UTF-8''")
		if !ok {
			t.Fatalf("%q is no ext-value", s)
		}
		s, err = url.PathUnescape(rest)
	case PercentEncoding:
		s, err = url.PathUnescape(s)
	case QuotedPrintable:
		var b []byte
		b, err = io.ReadAll(quotedprintable.NewReader(strings.NewReader(s)))
		s = string(b)
	case NoEncoding:
	}
	if err != nil {
		t.Fatalf("%s: %q: %v", e, s, err)
	}
	return s
}

// FuzzUpstream: whatever a provider says, a header is what every proxy and application
// reads alike, and says that or nothing.
func FuzzUpstream(f *testing.F) {
	for _, s := range []string{"", "ann", "jнrgen", " a ", "a,b", "100%", "a=3D", "a\r\nb", "\u2028", "a\xff", "UTF-8''x", "\t"} {
		f.Add(s, "dev", uint8(0), uint8(0))
		f.Add("dev", s, uint8(2), uint8(3))
	}
	f.Fuzz(func(t *testing.T, a, b string, encoding, sep uint8) {
		e, separator := Encoding(encoding%4), string(separators[int(sep)%len(separators)])
		one := (&UpstreamHeader{From: UserFact, Encoding: e}).value(&Subject{ID: a}, nil)
		list := (&UpstreamHeader{From: GroupsFact, Encoding: e, Separator: separator}).value(&Subject{Groups: []string{a, b}}, nil)
		for _, value := range []string{one, list} {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || value != strings.TrimSpace(value) {
				t.Fatalf("%s: %q is no value of a field that comes as it was sent", e, value)
			}
		}
		sayable := utf8.ValidString(a) && !strings.ContainsFunc(a, unicode.IsControl)
		if one != "" && (!sayable || undone(t, e, one) != a) {
			t.Fatalf("%s: %q for %q", e, one, a)
		}
		if one == "" && a != "" && sayable && e != NoEncoding {
			t.Fatalf("%s: %q is not said", e, a)
		}
		if list == "" {
			return
		}
		var got []string
		if e == QuotedPrintable { // undone as a whole
			got = strings.Split(undone(t, e, list), separator)
		} else {
			for part := range strings.SplitSeq(list, separator) {
				got = append(got, undone(t, e, part))
			}
		}
		if want := slices.DeleteFunc([]string{a, b}, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
			t.Fatalf("%s, %q: %q for %q", e, separator, list, want)
		}
	})
}

// TestUpstreamDecision: a decision has the headers of the policy that decides, and no
// header changes what it decides.
func TestUpstreamDecision(t *testing.T) {
	p := one(Rule{Action: Allow, Include: emails("ann@x")}, Rule{Action: ServiceAuth, Include: anyToken()}, Rule{Action: Bypass, Methods: []string{"HEAD"}, Include: everyone()})
	known := tokens()
	plain := mustBuild(t, p).knowing(known)
	p.UpstreamHeaders = []UpstreamHeader{{Name: "X-A", From: UserFact}}
	table := mustBuild(t, p, of("n", "other", 1, Bypass, []string{"b.x"})).knowing(known)
	for _, r := range []Request{
		{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now},
		{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now},
		{Target: mustTarget(t, "https://a.x/"), Method: "HEAD", Now: now},
		{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now, Token: PresentedToken{ID: "id-ci", Secret: "new"}},
	} {
		d := table.Decide(r)
		if !slices.Equal(d.Upstream.Names(), []string{"X-A"}) || d.Upstream.Value("X-A", session("n/p"), nil) == "" || d.Upstream.Value("X-B", session("n/p"), nil) != "" {
			t.Errorf("%s: %+v", brief(d), d.Upstream)
		}
		other := plain.Decide(r)
		if d.Machine != nil && other.Machine != nil { // each table has its own
			d.Machine = other.Machine
		}
		if d.Upstream = nil; d != other {
			t.Errorf("%s: without the header %s", brief(d), brief(plain.Decide(r)))
		}
		if n := testing.AllocsPerRun(100, func() { table.Decide(r) }); n != 0 {
			t.Errorf("%s: %v allocations", brief(d), n)
		}
	}
	if d := table.Decide(Request{Target: mustTarget(t, "https://b.x/"), Method: "GET", Now: now}); d.Verdict != Admit || d.Upstream.Names() != nil || d.Upstream.Value("X-A", session("n/p"), nil) != "" {
		t.Errorf("another policy: %+v", d)
	}
}

// TestUpstreamReads: the groups that an application is told of, a session holds, and one
// that was made before is renewed.
func TestUpstreamReads(t *testing.T) {
	p := one(Rule{Action: Allow, Include: everyone()})
	before := mustBuild(t, p)
	p.UpstreamHeaders = []UpstreamHeader{{Name: "X-A", From: GroupsFact, Groups: []string{"editors", "admins"}}}
	table := mustBuild(t, p)
	reads := table.Reads()
	if got := reads.Keep([]string{"admins", "staff", "editors"}); !slices.Equal(got, []string{"admins", "editors"}) {
		t.Errorf("a session holds %q", got)
	}
	p.UpstreamHeaders = []UpstreamHeader{{Name: "X-A", From: ClaimFact, Claim: "name"}}
	if c, ok := mustReads(t, p).Claim("name"); !ok || !c.All {
		t.Errorf("the claim is not looked at: %+v", c)
	}
	s := session("n/p")
	s.Asked = before.AskedAll()
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}
	if d := before.Decide(r); d.Verdict != Admit {
		t.Fatal(brief(d))
	}
	if d := table.Decide(r); d.Reason != SessionExpired {
		t.Errorf("a session that holds none of them: %s", brief(d))
	}
	if s.Asked = table.AskedAll(); table.Decide(r).Verdict != Admit {
		t.Errorf("a session that was made since: %s", brief(table.Decide(r)))
	}
}

func mustReads(t *testing.T, p Policy) *Reads {
	t.Helper()
	reads := mustBuild(t, p).Reads()
	return &reads
}

// TestUpstreamUnlisted: a header that the installation does not list is a warning, which
// names it, and costs nobody access. Where it is not known what is listed, nothing is said.
func TestUpstreamUnlisted(t *testing.T) {
	p := one(Rule{Action: Allow, Include: everyone()})
	p.UpstreamHeaders = []UpstreamHeader{{Name: "X-A", From: UserFact}, {Name: "X-B", From: EmailFact}}
	for _, tc := range []struct {
		listed []string
		want   []string
	}{{nil, nil}, {[]string{}, []string{"spec.upstreamHeaders[0].name", "spec.upstreamHeaders[1].name"}},
		{[]string{"X-A"}, []string{"spec.upstreamHeaders[1].name"}}, {[]string{"X-B", "X-A"}, nil}} {
		table, issues := Build(Input{Policies: CompileAll([]Policy{p}), Terms: Terms{UpstreamHeaders: tc.listed}})
		var got []string
		for _, i := range issues {
			if !i.Warning() || i.Code != codeUpstreamUnlisted || !strings.Contains(i.Message, "platform team") {
				t.Errorf("%+v", i)
			}
			got = append(got, i.Source.Field)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("listed %q: %q, want %q", tc.listed, got, tc.want)
		}
		if d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now}); d.Verdict != Admit {
			t.Errorf("listed %q: %s", tc.listed, brief(d))
		}
	}
}

func TestUpstreamValueAllocates(t *testing.T) {
	s := session("n/p")
	s.Groups = []string{"dev", "staff"}
	for _, h := range []UpstreamHeader{{From: UserFact}, {From: EmailFact}, {From: GroupsFact, Groups: []string{"dev"}}, {From: UserFact, Encoding: QuotedPrintable}} {
		if n := testing.AllocsPerRun(100, func() { h.value(s, nil) }); n != 0 {
			t.Errorf("%s: %v allocations", h.From, n)
		}
	}
}

// TestUpstreamBytes: an encoding leaves letters and digits as they are, and of what else is
// printable, what its own specification does.
func TestUpstreamBytes(t *testing.T) {
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for c := byte(' '); c <= '~'; c++ {
		for e, plain := range map[Encoding]bool{
			PercentEncoding: c != '%', QuotedPrintable: c != '=', NoEncoding: true,
			RFC8187Encoding: strings.IndexByte(alphanumeric+"!#$&+-.^_`|~", c) >= 0,
		} {
			want := "a" + string(c) + "b"
			if !plain {
				mark := map[Encoding]string{PercentEncoding: "%", RFC8187Encoding: "%", QuotedPrintable: "="}[e]
				want = fmt.Sprintf("a%s%02Xb", mark, c)
			}
			if e == RFC8187Encoding {
				want = "UTF-8''" + want
			}
			if got := e.encode("a"+string(c)+"b", 0); got != want {
				t.Errorf("%s of %q: %q, want %q", e, c, got, want)
			}
		}
	}
}

// TestUpstreamMistakes: what is wrong with headers is told of where it stands; at the bounds,
// nothing is.
func TestUpstreamMistakes(t *testing.T) {
	const (
		noName    = "spec.upstreamHeaders[0].name header-not-a-name: %q: not the name of a header such as X-Webauth-User"
		noFact    = "spec.upstreamHeaders[0].from upstream-header-from: one of User, Email, Groups, Claim"
		noGroups  = "spec.upstreamHeaders[0] upstream-header-groups: groups are for from: Groups, and separator for Groups and Claim"
		noClaim   = "spec.upstreamHeaders[0].claim upstream-header-claim: from: Claim names the claim of the identity provider, and no other does"
		separator = "spec.upstreamHeaders[0].separator upstream-header-groups: %q: a comma, a semicolon, a vertical bar or a space"
	)
	many := func(n int) (out []UpstreamHeader) {
		for i := range n {
			out = append(out, UpstreamHeader{Name: fmt.Sprint("X-", i), From: UserFact})
		}
		return out
	}
	one := func(change func(h *UpstreamHeader)) []UpstreamHeader {
		h := UpstreamHeader{Name: "X-A", From: UserFact}
		change(&h)
		return []UpstreamHeader{h}
	}
	of := func(from Fact, claim, separator string, groups ...string) []UpstreamHeader {
		return []UpstreamHeader{{Name: "X-A", From: from, Claim: claim, Separator: separator, Groups: groups}}
	}
	for _, tc := range []struct {
		list []UpstreamHeader
		want []string
	}{
		{many(maxUpstream), nil},
		{many(maxUpstream + 1), []string{"spec.upstreamHeaders upstream-headers-too-many: 17 headers, at most 16"}},
		{one(func(h *UpstreamHeader) { h.Name = "" }), []string{fmt.Sprintf(noName, "")}},
		{one(func(h *UpstreamHeader) { h.Name = "X A" }), []string{fmt.Sprintf(noName, "X A")}},
		{one(func(h *UpstreamHeader) { h.Name = "X_A" }), []string{fmt.Sprintf(noName, "X_A")}},
		{append(many(2), many(1)...), []string{`spec.upstreamHeaders[2].name listed-twice: "X-0": listed twice`}},
		{one(func(h *UpstreamHeader) { h.From = NoFact }), []string{noFact}},
		{one(func(h *UpstreamHeader) { h.From = ClaimFact + 1 }), []string{noFact}},
		{one(func(h *UpstreamHeader) { h.Encoding = NoEncoding }), nil},
		{one(func(h *UpstreamHeader) { h.Encoding = NoEncoding + 1 }),
			[]string{"spec.upstreamHeaders[0].encoding upstream-header-encoding: one of Percent, RFC8187, QuotedPrintable, None"}},
		{of(GroupsFact, "", ";", "dev", strings.Repeat("g", 256)), nil},
		{of(GroupsFact, "", "", "dev", "", "\n"), []string{
			`spec.upstreamHeaders[0].groups[1] provider-text-unprintable: "" is not what an identity provider says: 1 to 256 printable characters`,
			`spec.upstreamHeaders[0].groups[2] provider-text-unprintable: "\n" is not what an identity provider says: 1 to 256 printable characters`,
		}},
		{of(UserFact, "", "", "dev"), []string{noGroups}}, {of(ClaimFact, "a", "", "dev"), []string{noGroups}},
		{of(UserFact, "", ","), []string{noGroups}}, {of(EmailFact, "", ","), []string{noGroups}},
		{of(GroupsFact, "", ","), nil}, {of(ClaimFact, "a", "|"), nil}, {of(ClaimFact, "a", " "), nil},
		{of(GroupsFact, "", ",;"), []string{fmt.Sprintf(separator, ",;")}}, {of(GroupsFact, "", "/"), []string{fmt.Sprintf(separator, "/")}},
		{of(UserFact, "a", ""), []string{noClaim}}, {of(ClaimFact, "", ""), []string{noClaim}},
		{of(ClaimFact, "a=b", ""), []string{`spec.upstreamHeaders[0].claim claim-name: "a=b": claim: name is that of a claim, such as department or ` +
			`realm_access.roles: printable, with at most 8 dots, and without "*" and "="`}},
	} {
		v := validator{}
		v.upstreamHeaders(tc.list)
		var got []string
		for _, i := range v.issues {
			got = append(got, fmt.Sprintf("%s %s: %s", i.Source.Field, i.Code, i.Message))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%+v:\n%q, want\n%q", tc.list, got, tc.want)
		}
	}
}
