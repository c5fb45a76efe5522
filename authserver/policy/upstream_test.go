// SPDX-License-Identifier: Apache-2.0

package policy

import (
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
