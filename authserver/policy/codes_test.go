// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// alone are mistakes that a policy has by itself, by the code that they must get.
var alone = map[Code]func(p *Policy){
	"service-auth-only": func(p *Policy) { p.Rules[0].Include = anyToken() },
	"service-token-name": func(p *Policy) {
		p.Rules[0].Action, p.Rules[0].Include = ServiceAuth, tokenNamed("a/b/c")
	},
	"linked-app-name": func(p *Policy) {
		p.Rules[0].Action, p.Rules[0].Include = ServiceAuth, linkedTo("a/b/c")
	},
	"external-evaluation-url": func(p *Policy) { p.Rules[0].Include = evaluates("http://eval.x") },
	"external-evaluation-too-many": func(p *Policy) {
		for n := range 5 {
			p.Rules[0].Include = append(p.Rules[0].Include, evaluates(onDuty+fmt.Sprint(n))...)
		}
	},
	"claim-name":              func(p *Policy) { p.Rules[0].Include = hasClaim("*", "x") },
	"claim-value":             func(p *Policy) { p.Rules[0].Include = hasClaim("a", "") },
	"claim-identity-provider": func(p *Policy) { p.Rules[0].Include = hasClaimBy("A b", "a", "x") },
	"jwt-issuer-not-a-name":   looks(TokenMatch{Issuer: "A b", Audience: "app"}),
	"jwt-audience":            looks(TokenMatch{Issuer: "ci", Audience: "a b"}),
	"jwt-claim-name":          looks(TokenMatch{"ci", "app", []ClaimMatch{says("", "x")}}),
	"jwt-claim-no-values":     looks(TokenMatch{"ci", "app", []ClaimMatch{says("sub")}}),
	"jwt-without-claims":      looks(TokenMatch{"ci", "app", nil}),
	"jwt-claim-value":         looks(TokenMatch{"ci", "app", []ClaimMatch{says("sub", "repo:org/na*")}}),
	"too-many-mistakes":       func(p *Policy) { p.Hosts = make([]string, maxIssues+1) },
	"listed-twice":            func(p *Policy) { p.Paths = prefixes("/a", "/a") },
	"unauthenticated-unknown": func(p *Policy) { p.Unauthenticated = 9 },
	"no-hosts":                func(p *Policy) { p.Hosts = nil }, "host-empty": host(""),
	"host-all": host("*"), "host-scheme": host("https://a.x"), "host-path": host("a.x/y"),
	"host-port": host("a.x:80"), "host-wildcard": host("a*.x"),
	"host-trailing-dot": host("a.x."), "host-not-ascii": host("ä.x"), "host-upper-case": host("A.x"),
	"host-underscore": host("a_b.x"), "host-not-dns": host("a..x"), "host-is-address": host("10.0.0.1"),
	"path-no-slash": path("a"), "path-too-long": path("/" + strings.Repeat("a", 1024)),
	"path-query": path("/a?b"), "path-encoded": path("/%61"), "path-wildcard": path("/*"),
	"path-backslash-or-semicolon": path("/a;b"), "path-not-utf8": path("/\xff"),
	"path-space-or-control": path("/a b"), "path-not-canonical": path("//"),
	"dry-run": func(p *Policy) { p.DryRun = DryRunOpen }, "dry-run-unknown": func(p *Policy) { p.DryRun = 9 },
	"exempt-not-claimed":         func(p *Policy) { p.Paths, p.Exempt = prefixes("/a"), []string{"/b"} },
	"session-idle-range":         func(p *Policy) { p.Session.Idle = time.Minute },
	"session-duration-range":     func(p *Policy) { p.Session.Duration = -1 },
	"session-duration-on-bypass": func(p *Policy) { p.Rules = append(does(Bypass), p.Rules...); p.Rules[0].SessionDuration = time.Hour },
	"rule-name-twice": func(p *Policy) {
		p.Rules = append(does(Allow), does(Block)...)
		p.Rules[0].Name, p.Rules[1].Name = "a", "a"
	},
	"action-unknown": func(p *Policy) { p.Rules[0].Action = NoAction }, "include-empty": func(p *Policy) { p.Rules[0].Include = nil },
	"rule-method-all":      func(p *Policy) { p.Rules[0].Methods = []string{"*"} },
	"identity-never-seen":  func(p *Policy) { p.Rules[0] = Rule{Action: Bypass, Include: emails("ann@x")} },
	"selector-unknown":     selects(NoProperty, ""),
	"email-not-an-address": selects(Email, "ann"), "email-domain-not-a-domain": selects(EmailDomain, "@x"),
	"ip-no-network": selects(Address, ""), "country-empty": selects(Country, ""),
	"certificate-name":      func(p *Policy) { p.Rules[0].Include = certificate("a\nb") },
	"certificate-on-bypass": func(p *Policy) { p.Rules[0] = Rule{Action: Bypass, Include: certificate("")} },
	"country-not-a-country": func(p *Policy) { p.Rules[0].Include = countries("NL", "UK") },
	"cel-not-valid":         func(p *Policy) { p.Rules[0].Include = cel(nil) },
	"cel-too-much":          func(p *Policy) { p.Rules[0].Include = cel(&tiny{text: "POST", cost: MaxConditionsCost + 1}) },
	"ip-not-a-network": func(p *Policy) {
		p.Rules[0].Include = []Selector{{Property: Address, Networks: make([]netip.Prefix, 1)}}
	},
	"login-method-not-a-name": selects(LoginMethod, "A b"), "provider-text-unprintable": selects(IdPGroup, "\n"),
	"group-not-a-name":             selects(AccessGroup, "A b"),
	"identity-provider-not-a-name": func(p *Policy) { p.IdentityProviders = []string{"A b"} },
	"cookie-same-site-unknown":     func(p *Policy) { p.Session.Cookie.SameSite = 9 },
	"cookie-partitioned-unused":    func(p *Policy) { p.Session.Cookie.Partitioned = true },
	"cookie-script-readable":       func(p *Policy) { p.Session.Cookie.ScriptReadable = true },
	"path-scoped-without-paths":    func(p *Policy) { p.Session.Cookie.PathScoped = true },
	"denied-message-text":          func(p *Policy) { p.Denied.Message = "\n" }, "denied-url": func(p *Policy) { p.Denied.URL = "help" },

	"launcher-title-text":        func(p *Policy) { p.Launcher.Title = "a\u2028b" },
	"launcher-logo-url":          func(p *Policy) { p.Launcher.LogoURL = "http://a.x" },
	"oauth-authorization-server": func(p *Policy) { p.OAuth = &OAuth{Issuer: "A b"} },
	"oauth-client":               func(p *Policy) { p.OAuth = &OAuth{Clients: []OAuthClient{{ID: "cli"}}} },
	"oauth-resource-name":        func(p *Policy) { p.OAuth = &OAuth{ResourceName: "a\u2028b"} },
	"oauth-scope":                func(p *Policy) { p.OAuth = &OAuth{Scopes: []string{"a b"}} },
	"oauth-token-duration":       func(p *Policy) { p.OAuth = &OAuth{AccessTokenDuration: 2 * time.Hour} },
	"client-id":                  func(p *Policy) { p.Rules[0].Include = client("a b") },
	"launcher-tags":              func(p *Policy) { p.Launcher.Tags = []string{""} },

	"preflight-bypass-not-alone":         cross(func(c *CORS) { c.BypassPreflight = true }),
	"cors-all-and-list":                  cross(func(c *CORS) { c.AllowAllMethods = true }),
	"cors-neither-all-nor-list":          cross(func(c *CORS) { c.AllowedMethods = nil }),
	"credentials-with-all-origins":       cross(func(c *CORS) { c.AllowAllOrigins, c.AllowedOrigins = true, nil }),
	"tokens-without-credentials":         cross(func(c *CORS) { c.Tokens, c.AllowCredentials = true, false }),
	"max-age-range":                      cross(func(c *CORS) { c.MaxAge = -2 }),
	"plain-http-origin-with-credentials": origin("http://a.x:8080"),
	"private-network-unused":             cross(func(c *CORS) { c.AllowPrivateNetwork = true }),
	"null-origin-with-credentials":       origin("null"), "origin-all": origin("*"),
	"origin-no-scheme": origin("a.x"), "origin-scheme": origin("1s://a.x"),
	"origin-user-information": origin("https://u@a.x"), "origin-trailing-slash": origin("https://a.x/"),
	"origin-path": origin("https://a.x/a/"), "origin-not-ascii": origin("https://ä.x"),
	"origin-too-long": origin("https://" + strings.Repeat("a.", 300) + "x"),
	"origin-port":     origin("https://a.x:0"), "default-port": origin("https://a.x:443"),
	"origin-host": origin("https://a..x"), "origin-wildcard": origin("https://a.*.x"),
	"origin-port-wildcard": origin("https://a.x:*"), "origin-pattern-scheme": origin("app://*.a.x"),
	"origin-pattern-address": origin("https://*.1.2.3.4"), "origin-pattern-too-wide": origin("https://*.com"),
	"origin-ipv6": origin("https://[x]"), "origin-ipv6-mapped": origin("https://[::ffff:1.2.3.4]"), "origin-ipv6-form": origin("https://[0::1]"),
	"method-all": method("*"), "method-not-a-token": method("G T"), "method-forbidden": method("TRACE"), "method-lower-case": method("get"),
	"header-all": header("*"), "header-not-a-name": header("a b"), "header-forbidden": header("cookie"),
	"exposed-header-all":       cross(func(c *CORS) { c.ExposedHeaders = []string{"*"} }),
	"exposed-header-forbidden": cross(func(c *CORS) { c.ExposedHeaders = []string{"set-cookie"} }),
}

func host(h string) func(*Policy)   { return func(p *Policy) { p.Hosts = []string{h} } }
func path(v string) func(*Policy)   { return func(p *Policy) { p.Paths = prefixes(v) } }
func origin(o string) func(*Policy) { return cross(func(c *CORS) { c.AllowedOrigins = []string{o} }) }
func method(m string) func(*Policy) { return cross(func(c *CORS) { c.AllowedMethods = []string{m} }) }
func header(h string) func(*Policy) { return cross(func(c *CORS) { c.AllowedHeaders = []string{h} }) }

func looks(m TokenMatch) func(*Policy) {
	return func(p *Policy) { p.Rules[0] = Rule{Action: ServiceAuth, Include: []Selector{{Property: JWT, JWT: &m}}} }
}

func cross(change func(*CORS)) func(*Policy) {
	return func(p *Policy) { p.CORS = spa(); change(p.CORS) }
}

func selects(what Property, value string) func(*Policy) {
	return func(p *Policy) { p.Rules[0].Include = []Selector{{Property: what, Value: value}} }
}

// odd is what Lint finds.
var odd = map[Code]func(p *Policy){
	"no-rules":            func(p *Policy) { p.Rules = nil },
	"rule-matches-nobody": func(p *Policy) { p.Rules[0].Exclude = []Selector{{Property: Everyone}} },
	"rule-never-reached":  func(p *Policy) { p.Rules = append(p.Rules, does(Block)...) },
	"rule-bypassed":       func(p *Policy) { p.Rules = append(p.Rules, does(Bypass)...) },
}

// beside are mistakes that show beside other policies, and on the platform's terms.
func beside() map[Code]Input {
	a, b := of("a", "p", 1, Allow, []string{"h.x"}), of("b", "p", 2, Allow, []string{"h.x"})
	wild := of("b", "w", 1, Allow, []string{"*.x"})
	of := func(policies ...Policy) Input { return Input{Policies: CompileAll(policies)} }
	on := func(t Terms, policies ...Policy) Input {
		in := of(policies...)
		in.Terms = t
		return in
	}
	by := func(ledger *Ledger, policies ...Policy) Input {
		in := of(policies...)
		in.Ledger = ledger
		return in
	}
	second, own, abroad, evaluated := a, a, a, a
	evaluated.Rules = []Rule{{Action: Allow, Include: evaluates(onDuty)}}
	abroad.Rules = []Rule{{Action: Allow, Include: everyone(), Require: countries("NL")}}
	telling := a
	telling.UpstreamHeaders = []UpstreamHeader{{Name: "X-A", From: UserFact}, {Name: "X-B", From: UserFact}}
	bearers := func(issuer, audience string) Input {
		p := a
		p.Rules = []Rule{{Action: ServiceAuth, Include: jwt(issuer, audience, says("sub", "x"))}}
		return Input{Policies: CompileAll([]Policy{p}), TokenIssuers: NewTokenIssuers(
			TokenIssuer{Name: "ci", Audiences: []string{"app"}, Namespaces: []string{"a"}},
			TokenIssuer{Name: "theirs", Audiences: []string{"app"}})}
	}
	links := func(name string) Input {
		return of(append(linkables(), one(Rule{Action: ServiceAuth, Include: linkedTo(name)}))...)
	}
	naming := func(action Action, set []Group, names ...string) Input {
		in := of(one(Rule{Action: action, Include: named(names...)}))
		in.Groups = CompileGroups(set)
		return in
	}
	second.Source.Name, own.Paths = "q", prefixes("/.access/x")
	rehearsing := second
	rehearsing.DryRun = DryRunOpen
	return map[Code]Input{
		"oauth-client-not-used": listing("cli", clientAt("cli", "cli")),
		"linked-app-itself":     links("p"), "linked-app-missing": links("gone"),
		"linked-app-mistaken": links("broken"), "linked-app-of-others": links("m/shut"),
		"jwt-issuer-unknown": bearers("nobodys", "app"), "jwt-issuer-of-others": bearers("theirs", "app"),
		"jwt-audience-not-listed": bearers("ci", "other"),
		"path-enforced-elsewhere": of(a, rehearsing),
		"policy-name-twice":       of(a, a), "path-already-claimed": of(a, second), "own-path": on(Terms{PathPrefix: "/.access"}, own),
		"team-host": on(Terms{TeamHost: "h.x"}, a), "team-host-parent": on(Terms{TeamHost: "team.h.x"}, a), "host-reserved": on(Terms{Reservations: []Grant{{"h.x", "b"}}}, a),
		"country-without-database": on(Terms{NoCountries: true}, abroad), "upstream-header-not-listed": on(Terms{UpstreamHeaders: []string{"X-B"}}, telling),
		"external-evaluation-origin-not-listed": of(evaluated),
		"host-not-granted":                      on(Terms{GrantedOnly: true}, a), "host-owned": of(a, b), "host-contended": of(a, b),
		"certificate-not-told": {Policies: CompileAll([]Policy{one(Rule{Action: Allow, Include: certificate("")})}), Bindings: []Binding{{"n/i", "n/p"}}},
		"host-owner-unknown":   by(NewLedger(nil, time.Hour), a, b), "host-below-unsettled": by(NewLedger(nil, time.Hour), a, wild),
		"group-missing": naming(Allow, nil, "g"), "group-mistaken": naming(Allow, []Group{groupOf("g", nil, nil, nil)}, "g"),
		"group-identity-never-seen": naming(Bypass, chain(1), "g1"), "group-certificate-on-bypass": naming(Bypass, []Group{groupOf("g", certificate(""), nil, nil)}, "g"),
		"group-machine-in-rule-for-people": naming(Allow, []Group{groupOf("g", anyToken(), nil, nil)}, "g"),
		"group-cycle":                      naming(Allow, []Group{groupOf("g", named("g"), nil, nil)}),
		"group-too-deep":                   naming(Allow, chain(9)), "group-too-large": naming(Allow, fan(6, 6)),
		"group-name-twice": naming(Allow, append(chain(1), chain(1)...)),
		"host-held":        by(NewLedger([]Claim{{"h.x", "b", birth, now}}, time.Hour), a),
		"host-owner-left":  by(NewLedger([]Claim{{"h.x", "b", birth, time.Time{}}}, time.Hour), a),
	}
}

// TestEveryCode: each code is produced, has the reason that the list says, and is
// described; and no code is made anywhere else.
func TestEveryCode(t *testing.T) {
	seen, messages := map[Code]bool{}, map[Code]string{}
	check := func(want Code, issues []Issue) {
		at := slices.IndexFunc(issues, func(i Issue) bool { return i.Code == want })
		if at < 0 {
			t.Errorf("%s: not among %v", want, issues)
			return
		}
		seen[want], messages[want] = true, cmp.Or(messages[want], issues[at].Source.Field+": "+issues[at].Message)
		coded(t, issues)
	}
	for want, change := range alone {
		p := one(does(Allow)...)
		change(&p)
		check(want, Validate(&p))
	}
	for want, change := range odd {
		p := one(does(Allow)...)
		change(&p)
		check(want, Lint([]Policy{p}, nil))
	}
	for want, in := range beside() {
		_, issues := Build(in)
		check(want, issues)
	}
	for want, list := range registeredMistakes() {
		check(want, NewOAuthClients(list...).Issues(list[0].Source.Name))
	}
	for _, c := range Codes() {
		if !seen[c.Code] {
			t.Errorf("%s: nothing produces it", c.Code)
		}
		if c.Fix == "" || !strings.HasSuffix(c.Fix, ".") || strings.Contains(c.Fix, "\n") || c.Reason == "" {
			t.Errorf("%+v: not described", c)
		}
		delete(seen, c.Code)
	}
	if len(seen) > 0 {
		t.Errorf("not in the list: %v", seen)
	}
	keptMessages(t, messages)
}

// keptMessages: a message of each code is in a file, which the documentation shows.
func keptMessages(t *testing.T, messages map[Code]string) {
	t.Helper()
	var b strings.Builder
	for _, code := range slices.Sorted(maps.Keys(messages)) {
		message := strings.Map(func(r rune) rune {
			if r < ' ' {
				return -1
			}
			return r
		}, strings.ToValidUTF8(messages[code], "?"))
		fmt.Fprintf(&b, "%s\t%.300s\n", code, message)
	}
	const file = "testdata/messages.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != b.String() {
		t.Errorf("%s is not what is said (%v): go test ./authserver/policy -run TestEveryCode -update, and go run ./hack/docs", file, err)
	}
}

// coded fails unless every issue has a code from the list, and its reason.
func coded(tb testing.TB, issues []Issue) {
	tb.Helper()
	for _, i := range issues {
		if reasons[i.Code] == "" || reasons[i.Code] != i.Reason {
			tb.Errorf("%+v: code %q is for %q", i, i.Code, reasons[i.Code])
		}
	}
}

// Every code that is declared stands once in the list, and no other does.
func TestCodesAreListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				value, _ := strconv.Unquote(lit.Value)
				if declared[Code(value)] {
					t.Errorf("%s is declared twice", value)
				}
				declared[Code(value)] = true
			}
		}
		return true
	})
	for _, c := range Codes() {
		if !declared[c.Code] {
			t.Errorf("%s: listed twice, or not declared", c.Code)
		}
		delete(declared, c.Code)
	}
	if len(declared) > 0 {
		t.Errorf("not in the list: %v", declared)
	}
}
