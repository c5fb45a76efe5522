// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// full is a policy in which every field, at every depth, is set.
func full() Policy {
	sel := func() []Selector {
		return []Selector{{Property: Email, Value: "a@x", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			Countries: []string{"NL"}, Condition: isAnn, Certificate: CertificateNames{"a", "b", "c"},
			JWT:        &TokenMatch{Issuer: "ci", Audience: "app", Claims: []ClaimMatch{{Path: "sub", Values: []string{"x"}}}},
			Claim:      &ClaimValue{"n", "v", "corp"},
			Evaluation: &Evaluation{URL: "https://a.x", KeysURL: "https://b.x"}}}
	}
	return Policy{
		Source: Source{"n", "p", "f"}, Since: birth, Hosts: []string{"a.x"}, Paths: []Path{{"/a", true}}, AllowEncodedSlashes: true, Salvaged: true,
		CORS: &CORS{BypassPreflight: true, AllowAllOrigins: true, AllowedOrigins: []string{"https://a.x"}, AllowAllMethods: true, AllowedMethods: []string{"GET"},
			AllowAllHeaders: true, AllowedHeaders: []string{"x-a"}, AllowCredentials: true, MaxAge: 1, ExposedHeaders: []string{"x-b"}, AllowPrivateNetwork: true, Tokens: true, ManageResponses: true},
		Rules:             []Rule{{Name: "r", Action: Allow, Methods: []string{"GET"}, Include: sel(), Require: sel(), Exclude: sel(), SessionDuration: time.Hour}},
		IdentityProviders: []string{"corp"},
		Session: Session{Duration: time.Hour, RevokedBefore: birth,
			Cookie:           Cookie{SameSite: SameSiteLax, ScriptReadable: true, Partitioned: true, PathScoped: true},
			PolicyNamespaces: []string{"k"}, Idle: time.Hour},
		Unauthenticated: Redirect,
		AllowCrossSite:  true,
		Exempt:          []string{"/sw.js"},
		DryRun:          DryRunOpen,
		UpstreamHeaders: []UpstreamHeader{{Name: "X-A", From: GroupsFact, Groups: []string{"g"}, Claim: "c", Separator: ";", Encoding: RFC8187Encoding}},
		Denied:          Denied{Message: "no", URL: "https://help.x"},
		Launcher:        Launcher{Hidden: true, Title: "t", LogoURL: "https://logo.x", Tags: []string{"a"}},
		OAuth: &OAuth{Issuer: "corp", ResourceName: "r", Scopes: []string{"a"}, AccessTokenDuration: time.Minute, RefreshTokenDuration: time.Hour,
			Clients: []OAuthClient{{ID: "cli", Name: "CLI", RedirectURIs: []string{"http://localhost/cb"}}}},
		Defects: []Issue{{Source{"n", "p", "g"}, Invalid, "c", "bad"}},
	}
}

// eachChange calls visit with the value changed at every place, and then puts
// the old value back. It knows every kind of field there is, or fails.
func eachChange(t *testing.T, path string, v reflect.Value, visit func(path string)) {
	set := func(to any) {
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		v.Set(reflect.ValueOf(to).Convert(v.Type()))
		visit(path)
		v.Set(old)
	}
	switch old := v.Interface().(type) {
	case time.Time:
		set(old.Add(time.Nanosecond))
		set(old.Add(time.Hour))
		return
	case Condition:
		set(&tiny{text: old.Text() + "x"})
		set(&tiny{text: old.Text() + "y"})
		return
	case netip.Prefix:
		set(netip.PrefixFrom(old.Addr(), old.Bits()+1))
		set(netip.PrefixFrom(old.Addr().Next(), old.Bits()))
		return
	}
	if v.IsZero() {
		t.Errorf("%s is not set in full(): a change of it would not be noticed", path)
	}
	switch v.Kind() {
	case reflect.String:
		set(v.String() + "x")
	case reflect.Bool:
		set(!v.Bool())
	case reflect.Int, reflect.Int64:
		set(v.Int() + 1)
	case reflect.Uint8:
		set(v.Uint() + 1)
	case reflect.Pointer:
		set(reflect.Zero(v.Type()).Interface())
		eachChange(t, path, v.Elem(), visit)
	case reflect.Slice:
		set(reflect.Zero(v.Type()).Interface())
		set(reflect.AppendSlice(v, v).Interface())
		eachChange(t, path+"[0]", v.Index(0), visit)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() { // else it is made of the others
				eachChange(t, path+"."+f.Name, v.Field(i), visit)
			}
		}
	default:
		t.Fatalf("%s: a %s, which this test does not know how to change", path, v.Kind())
	}
}

func TestRevisionSeesEveryField(t *testing.T) {
	p := full()
	seen := map[string]string{}
	note := func(path string) {
		table, _ := build([]Policy{p})
		if before, ok := seen[table.Revision()]; ok {
			t.Errorf("%s: the same revision as %s", path, before)
		}
		seen[table.Revision()] = path
	}
	note("nothing changed")
	eachChange(t, "Policy", reflect.ValueOf(&p).Elem(), note)
	for _, g := range [][]Grant{{{}}, {{"a.x", ""}}, {{"", "a.x"}}, {{"a.x", "n"}}, {{"a.x", "n"}, {"a.x", "n"}}} {
		table, _ := build([]Policy{p}, g...)
		if before, ok := seen[table.Revision()]; ok {
			t.Errorf("%v: the same revision as %s", g, before)
		}
		seen[table.Revision()] = fmt.Sprint(g)
	}
	// Values do not run into their neighbours.
	q := full()
	q.Hosts, q.Paths = []string{"ab", "c"}, nil
	a, _ := build([]Policy{q})
	q.Hosts = []string{"a", "bc"}
	if b, _ := build([]Policy{q}); a.Revision() == b.Revision() {
		t.Error("hosts ab, c and a, bc: the same revision")
	}
}

// enforced are changes of one field each, and what they must change. The key is
// the field: a new one that is missing here fails the test.
var enforced = map[string]func(*Policy){
	"Source.Namespace":              func(p *Policy) { p.Source.Namespace = "o" },
	"Source.Name":                   func(p *Policy) { p.Source.Name = "q" },
	"Since":                         func(p *Policy) { p.Since = birth.Add(9 * time.Hour) },
	"Hosts":                         func(p *Policy) { p.Hosts = []string{"z.x"} },
	"Paths":                         func(p *Policy) { p.Paths = prefixes("/b") },
	"Paths.Value":                   func(p *Policy) { p.Paths[0].Value = "/b" },
	"Paths.Exact":                   func(p *Policy) { p.Paths[0].Exact = true },
	"AllowEncodedSlashes":           func(p *Policy) { p.AllowEncodedSlashes = true },
	"CORS":                          func(p *Policy) { p.CORS = nil },
	"CORS.BypassPreflight":          func(p *Policy) { p.CORS = &CORS{BypassPreflight: true} },
	"CORS.AllowAllOrigins":          func(p *Policy) { p.CORS.AllowAllOrigins, p.CORS.AllowedOrigins = true, nil },
	"CORS.AllowedOrigins":           func(p *Policy) { p.CORS.AllowedOrigins = []string{"https://o2.x"} },
	"CORS.AllowAllMethods":          func(p *Policy) { p.CORS.AllowAllMethods, p.CORS.AllowedMethods = true, nil },
	"CORS.AllowedMethods":           func(p *Policy) { p.CORS.AllowedMethods = []string{"PUT"} },
	"CORS.AllowAllHeaders":          func(p *Policy) { p.CORS.AllowAllHeaders, p.CORS.AllowedHeaders = true, nil },
	"CORS.AllowedHeaders":           func(p *Policy) { p.CORS.AllowedHeaders = []string{"x-b"} },
	"CORS.AllowCredentials":         func(p *Policy) { p.CORS.AllowCredentials = true },
	"CORS.MaxAge":                   func(p *Policy) { p.CORS.MaxAge = 7 },
	"CORS.ExposedHeaders":           func(p *Policy) { p.CORS.ExposedHeaders = []string{"x-e"} },
	"CORS.Tokens":                   func(p *Policy) { p.CORS.Tokens, p.CORS.AllowCredentials = true, true },
	"CORS.AllowPrivateNetwork":      func(p *Policy) { p.CORS.AllowPrivateNetwork = true },
	"CORS.ManageResponses":          func(p *Policy) { p.CORS.ManageResponses = true },
	"Rules":                         func(p *Policy) { p.Rules = nil },
	"Rules.Name":                    func(p *Policy) { p.Rules[0].Name = "renamed" },
	"Rules.Action":                  func(p *Policy) { p.Rules[0].Action = Block },
	"Rules.Methods":                 func(p *Policy) { p.Rules[0].Methods = []string{"PUT"} },
	"Rules.Include":                 func(p *Policy) { p.Rules[0].Include = emails("bob@y") },
	"Rules.Include.Property":        func(p *Policy) { p.Rules[0].Include = []Selector{{Property: Email, Value: "y.x"}} },
	"Rules.Include.Value":           func(p *Policy) { p.Rules[0].Include = []Selector{{Property: EmailDomain, Value: "y"}} },
	"Rules.Include.Networks":        func(p *Policy) { p.Rules[0].Include = networks("11.0.0.0/8") },
	"Rules.Include.Countries":       func(p *Policy) { p.Rules[0].Include = countries("DE") },
	"Rules.Include.Condition":       func(p *Policy) { p.Rules[0].Include = cel(isDev) },
	"Rules.Require":                 func(p *Policy) { p.Rules[0].Require = emails("bob@y") },
	"Rules.Exclude":                 func(p *Policy) { p.Rules[0].Exclude = emails("ann@x") },
	"Rules.SessionDuration":         func(p *Policy) { p.Rules[0].SessionDuration = time.Minute },
	"Session.Duration":              func(p *Policy) { p.Session.Duration = time.Minute },
	"Session.RevokedBefore":         func(p *Policy) { p.Session.RevokedBefore = now },
	"IdentityProviders":             func(p *Policy) { p.IdentityProviders = []string{"corp"} },
	"Session.Cookie.SameSite":       func(p *Policy) { p.Session.Cookie.SameSite = SameSiteStrict },
	"Session.Cookie.ScriptReadable": func(p *Policy) { p.Session.Cookie.ScriptReadable = true },
	"Session.Cookie.Partitioned":    func(p *Policy) { p.Session.Cookie.Partitioned = true },
	"Session.Cookie.PathScoped":     func(p *Policy) { p.Session.Cookie.PathScoped = true },
	"Denied.Message":                func(p *Policy) { p.Denied.Message = "no" },
	"Denied.URL":                    func(p *Policy) { p.Denied.URL = "https://help.x" },
	"Selector of a group":           func(p *Policy) { p.Rules[0].Require = groups("dev") },
	"Selector of a provider":        func(p *Policy) { p.Rules[0].Require = provider("corp") },
	"Selector of a method":          func(p *Policy) { p.Rules[0].Require = proof("mfa") },
	"DryRun":                        func(p *Policy) { p.DryRun = DryRunAuthenticate },
	"Exempt":                        func(p *Policy) { p.Exempt = []string{"/a"} },
	"Selector of an AccessGroup":    func(p *Policy) { p.Rules[0].Require = named("staff") },
	"AllowCrossSite":                func(p *Policy) { p.AllowCrossSite = true },
	"Unauthenticated":               func(p *Policy) { p.Unauthenticated = Unauthorized },
	"Salvaged":                      func(p *Policy) { p.Salvaged = true },
	"Defects":                       func(p *Policy) { p.Defects = []Issue{{p.Source, Invalid, "c", "bad"}} },
	"Selector of an address":        func(p *Policy) { p.Rules[0].Require = networks("11.0.0.0/8") },
	"Selector of a country":         func(p *Policy) { p.Rules[0].Require = countries("DE") },
	"Selector of a claim":           func(p *Policy) { p.Rules[0].Require = hasClaim("a", "b") },
	"Selector of a domain":          func(p *Policy) { p.Rules[0].Exclude = []Selector{{Property: EmailDomain, Value: "X"}} },
}

func init() {
	maps.Copy(enforced, enforcedCertificates)
	enforced["Session.Idle"] = func(p *Policy) { p.Session.Idle = 30 * time.Minute }
	enforced["Session.PolicyNamespaces"] = func(p *Policy) { p.Session.PolicyNamespaces = []string{"k"} }
	maps.Copy(enforced, enforcedEvaluations)
	maps.Copy(enforced, enforcedOAuth)
}

func TestEveryFieldIsEnforced(t *testing.T) {
	build := func(change func(*Policy)) *Table {
		p := one(Rule{Name: "r", Action: Allow, Include: []Selector{{Property: EmailDomain, Value: "x"}}},
			Rule{Name: "machines", Action: ServiceAuth, Include: everyone()},
			Rule{Name: "jobs", Action: ServiceAuth, Include: jwt("ci", "app", says("sub", "job"))})
		p.Paths = prefixes("/a")
		p.CORS = &CORS{AllowedOrigins: []string{"https://o.x"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-a"}}
		change(&p)
		caller := of("k", "caller", 1, ServiceAuth, []string{"c.x"})
		caller.Rules[0].Include = linkedTo("n/p")
		table, _ := build([]Policy{p, of("n", "rival", 1, Block, []string{"a.x"}, prefixes("/a")...), caller})
		return table
	}
	person := session("n/p")
	person.Claims = []IdentityClaim{saying("a", "b")}
	job := bearing(t, "ci", "https://ci.x", `{"sub":"job"}`)
	linked := linkedAt("a.x", nil, "n/p")
	defer clear(said)
	decisions := func(table *Table) []any {
		var out []any
		for _, url := range []string{"https://a.x/a", "https://a.x/b", "https://a.x/a/c", "https://a.x/a/b%2fc"} {
			target := mustTarget(t, url)
			out = append(out, table.knowing(tokens()).Decide(Request{Target: target, Method: "GET", Now: now,
				Token: PresentedToken{ID: "id-ci", Secret: "new"}, Address: netip.MustParseAddr("10.1.1.1"), Countries: earth}))
			out = append(out, table.trusting(tokenIssuers()...).Decide(Request{
				Target: target, Method: "GET", Now: now, Address: netip.MustParseAddr("10.1.1.1"), Bearer: job}))
			for _, s := range []*Subject{nil, person} {
				r := Request{Target: target, Method: "GET", Origin: "https://o.x", Subject: s, Address: netip.MustParseAddr("10.1.1.1"), Countries: earth, Now: now,
					Certificate: cards[1]}
				out = append(out, table.Decide(r))
				r.WebSocket, r.Origin = true, "https://other.x"
				out = append(out, table.Decide(r))
			}
			out = append(out, table.Decide(Request{Target: mustTarget(t, "https://c.x/"), Method: "GET", Now: now, Linked: linked}))
			signIn, ok := table.SignIn(target, "https://a.x")
			out = append(out, signIn, ok, table.TokenAudience("a.x", "https://o.x", session("n/p"), now), table.Applications())
			for _, origin := range []string{"https://o.x", "https://o2.x"} {
				for _, method := range []string{"GET", "PUT"} {
					r := preflight(t, url, origin, method, "x-a")
					r.Preflight.PrivateNetwork = true
					out = append(out, table.Decide(r))
					r.Preflight.Headers = "x-b"
					out = append(out, table.Decide(r))
				}
			}
		}
		return out
	}
	base := decisions(build(func(*Policy) {}))
	for field, change := range enforced {
		if reflect.DeepEqual(decisions(build(change)), base) {
			t.Errorf("%s changes no decision", field)
		}
	}
	missing := func(path string) bool {
		return !slices.Contains([]string{"Source.Field"}, path) && enforced[path] == nil
	}
	var walk func(prefix string, typ reflect.Type)
	walk = func(prefix string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ.PkgPath() != reflect.TypeFor[Policy]().PkgPath() || strings.HasPrefix(prefix, "Defects") {
			if missing(prefix) {
				t.Errorf("no test fails when %s is ignored", prefix)
			}
			return
		}
		for i := range typ.NumField() {
			p := strings.TrimPrefix(prefix+"."+typ.Field(i).Name, ".")
			p = strings.NewReplacer("Rules.Require.", "Rules.Include.", "Rules.Exclude.", "Rules.Include.").Replace(p)
			walk(p, typ.Field(i).Type)
		}
	}
	walk("", reflect.TypeFor[Policy]())
	for _, f := range []string{"Rules", "Rules.Include", "Rules.Require", "Rules.Exclude", "CORS", "Paths"} {
		if missing(f) {
			t.Errorf("no test fails when %s is ignored", f)
		}
	}
}

// Selectors must not be led astray by how an address or a name is written.
func TestSelectors(t *testing.T) {
	mapped := []Selector{{Property: Address, Networks: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}}
	for name, tc := range map[string]struct {
		sel     []Selector
		email   string
		address string
		want    bool
	}{
		"plain":               {networks("10.0.0.0/8"), "", "10.1.1.1", true},
		"mapped address":      {networks("10.0.0.0/8"), "", "::ffff:10.1.1.1", true},
		"mapped network":      {mapped, "", "10.1.1.1", true},
		"both mapped":         {mapped, "", "::ffff:10.1.1.1", true},
		"zoned address":       {networks("fe80::/10"), "", "fe80::1%eth0", true},
		"host bits":           {networks("10.9.9.9/8"), "", "10.1.1.1", true},
		"other":               {networks("10.0.0.0/8"), "", "11.1.1.1", false},
		"other family":        {networks("0.0.0.0/0"), "", "::1", false},
		"case":                {emails("Ann@X"), "aNN@x", "", true},
		"Kelvin sign":         {emails("kim@x"), "\u212aim@x", "", false},
		"long s":              {[]Selector{{Property: EmailDomain, Value: "staff.x"}}, "a@\u017ftaff.x", "", false},
		"domain case":         {[]Selector{{Property: EmailDomain, Value: "STAFF.x"}}, "a@staff.X", "", true},
		"last at":             {[]Selector{{Property: EmailDomain, Value: "x"}}, `"a@evil.y"@x`, "", true},
		"first at":            {[]Selector{{Property: EmailDomain, Value: "x"}}, `"a@x"@evil.y`, "", false},
		"only an at":          {[]Selector{{Property: EmailDomain, Value: "x"}}, "@x", "", false},
		"subdomain":           {[]Selector{{Property: EmailDomain, Value: "x"}}, "a@b.x", "", false},
		"suffix":              {[]Selector{{Property: EmailDomain, Value: "x.y"}}, "a@ax.y", "", false},
		"blank":               {emails("ann@x"), "ann@x ", "", false},
		"no email":            {emails("ann@x"), "", "", false},
		"email with a domain": {[]Selector{{Property: EmailDomain, Value: "x"}}, "ann", "", false},
	} {
		for _, action := range []Action{Allow, Block} {
			table := mustBuild(t, one(Rule{Action: action, Include: tc.sel}, Rule{Action: Block + Allow - action, Include: everyone()}))
			s := session("n/p")
			s.Email = tc.email
			r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}
			r.Address, _ = netip.ParseAddr(tc.address)
			if d := table.Decide(r); (d.Source.Field == "spec.rules[0]") != tc.want {
				t.Errorf("%s, %s: %s by %s", name, action, brief(d), d.Source.Field)
			}
		}
	}
}
