// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// to is a request to a URL, as the changes make it.
func to(t *testing.T, url string, more ...func(r *Request)) func(r *Request) {
	target := mustTarget(t, url)
	return func(r *Request) {
		r.Target = target
		for _, change := range more {
			change(r)
		}
	}
}

func tellTargets(t *testing.T) map[string]telling {
	broken, slash := of("n", "broken", 0, Bypass, []string{"bad.x"}), of("n", "slash", 0, Bypass, []string{"s.x"})
	broken.Rules, slash.AllowEncodedSlashes = []Rule{{}}, true
	list := []Policy{of("n", "p", 0, Bypass, []string{"a.x"}), of("n", "under", 1, Allow, []string{"a.x"}, prefixes("/under")...),
		of("n", "part", 2, Bypass, []string{"b.x"}, Path{Value: "/one", Exact: true}), broken, slash, of("o", "late", 3, Bypass, []string{"a.x"})}
	table, _ := build(list)
	table = table.bound([]Binding{{"n/web", "n/p"}, {"n/two", "n/p"}, {"n/two", "n/q"}, {RouteKind + "n/web", "n/under"}})
	by := func(kind Pin, pin string) func(r *Request) {
		return func(r *Request) { r.Pin, r.Ingress = kind, pin }
	}
	web := by(IngressPin, "n/web")
	return map[string]telling{
		"no table":                          {nil, nil},
		"found":                             {table, web},
		"disputed":                          {table, nil},
		"no host":                           {table, to(t, "https://c.x/")},
		"no path":                           {table, to(t, "https://b.x/")},
		"a mistake":                         {table, to(t, "https://bad.x/")},
		"two readings of one policy":        {table, to(t, "https://a.x/b/../c", web)},
		"readings of two policies":          {table, to(t, "https://a.x/b/../under", web)},
		"an encoded slash":                  {table, to(t, "https://a.x/b%2fc", web)},
		"an encoded slash that is allowed":  {table, to(t, "https://s.x/b%2fc")},
		"an encoded slash of nobody":        {table, to(t, "https://c.x/b%2fc")},
		"an encoded slash between policies": {table, to(t, "https://b.x/one%2f..%2fone")},
		"by an Ingress that names nothing":  {table, by(IngressPin, "n/gone")},
		"by an Ingress that names two":      {table, by(IngressPin, "n/two")},
		"by a route that names another":     {table, by(RoutePin, "n/web")},
		"by either, of which each names one": {table,
			by(EitherPin, "n/web")},
	}
}

func tellPreflights(t *testing.T) map[string]telling {
	plain, asks, passes, all := one(does(Allow)...), one(does(Allow)...), one(does(Allow)...), one(does(Allow)...)
	asks.CORS = &CORS{AllowedOrigins: []string{"https://a.y", "https://pr-*.z.y:8443", "https://*.w.y", "http://localhost:*", "null"},
		AllowedMethods: []string{"GET", "PATCH"}, AllowedHeaders: []string{"X-Token", "x-taken"}, AllowCredentials: true}
	passes.CORS = &CORS{BypassPreflight: true}
	all.CORS = &CORS{AllowAllMethods: true, AllowAllHeaders: true, AllowedOrigins: []string{"https://c.y", "https://b.y"}}
	none, some, through, any := mustBuild(t, plain), mustBuild(t, asks), mustBuild(t, passes), mustBuild(t, all)
	ask := func(origin, method, headers string) func(r *Request) {
		return func(r *Request) {
			r.Method, r.Origin, r.Preflight = "OPTIONS", origin, Preflight{Method: method, Headers: headers}
		}
	}
	from := func(origin string) func(r *Request) { return func(r *Request) { r.Origin = origin } }
	good := ask("https://a.y", "GET", "")
	out := map[string]telling{
		"not configured": {none, ask("https://A.y", "PUT", "")}, "not configured, of no origin": {none, ask("https://a.y/", "PUT", "")},
		"not configured, of no method": {none, ask("https://a.y", "TRACE", "")}, "answered": {some, ask("https://A.y", "GET", "X-TOKEN")},
		"let through": {through, good}, "let through, but ambiguous": {through, to(t, "https://a.x/b/../c", good)},
		"let through, but of a host that the client says": {through, func(r *Request) { good(r); r.HostUnproven = true }},
		"no origin": {none, ask("", "GET", "")}, "no method": {none, ask("https://a.y", "", "")}, "neither": {none, ask("", "", "")},
		"readable": {some, from("https://a.y")}, "not readable": {some, from("https://b.y")},
		"not readable without CORS": {none, from("https://b.y")},
	}
	for _, o := range []string{"null", "https://a.y/", "https://*.w.y", "http://a.y", "https://a.y:444", "http://a.y:444", "http://a.y:80",
		"https://a.w.y", "http://a.w.y", "https://a.b.w.y", "https://www.a.y", "https://b.y", "https://bcd.y", "https://pr-.z.y:8443",
		"https://localhost:3000", "http://localhast:81", "https://[::1]", "http://[::1]:81", "https://far.example.com",
		"https://" + strings.Repeat("x", 300) + ".y"} {
		out["origin "+o[:min(len(o), 30)]] = telling{some, ask(o, "GET", "")}
	}
	out["origin between two"] = telling{any, ask("https://d.y", "GET", "")}
	for _, m := range []string{"PUT", "patch", "TRACE", "G T"} {
		out["method "+m] = telling{some, ask("https://a.y", m, "")}
		out["any method "+m] = telling{any, ask("https://b.y", m, "")}
	}
	for _, h := range []string{"x-tokem", "x-tiken", "x-other", "x-token, a b", "x-token,, X-Takes", "x-tok", "x-to", "cookie", "*",
		strings.Repeat("h", 129)} {
		out["headers "+h[:min(len(h), 30)]] = telling{some, ask("https://a.y", "GET", h)}
	}
	for _, n := range []int{maxRequestHeaders, maxRequestHeaders + 1} {
		out[fmt.Sprint("headers of ", n)] = telling{some, ask("https://a.y", "GET", "x-other,"+strings.Repeat(" ", n-8))}
	}
	return out
}

func tellSessions(t *testing.T) map[string]telling {
	p := one(Rule{Name: "staff", Action: Allow, Include: everyone(), SessionDuration: 2 * time.Hour})
	p.Session.RevokedBefore, p.IdentityProviders = now.Add(-10*time.Hour), []string{"corp", "guests"}
	users := Provider{Name: "corp", Listed: true, Users: []User{{"1", "ann@x"}}}
	table := mustBuild(t, p).providing(NewProviders(users, Provider{Name: "guests"}, Provider{Name: "other"})).revoking([]Revocation{
		{Source: Source{Name: "left"}, User: "left@x", Before: now}})
	change := func(change func(s *Subject)) func(r *Request) {
		return func(r *Request) {
			r.Subject = session("n/p")
			r.Subject.Provider = "corp"
			change(r.Subject)
		}
	}
	good := change(func(*Subject) {})
	from := func(kind func(r *Request)) func(r *Request) {
		return func(r *Request) {
			good(r)
			r.Site = SiteOther
			kind(r)
		}
	}
	return map[string]telling{
		"good": {table, good}, "none": {table, nil}, "not good": {table, func(r *Request) { r.Refused = SessionExpired }},
		"of another host":               {table, change(func(s *Subject) { s.Host = "b.x" })},
		"of other policies":             {table, change(func(s *Subject) { s.Audience = []string{"n/q", "n/r"} })},
		"of pages":                      {table, change(func(s *Subject) { s.AuthorizedParty = "https://o.x" })},
		"of pages, for other policies":  {table, change(func(s *Subject) { s.Audience, s.AuthorizedParty = []string{"n/q"}, "https://o.x" })},
		"of a provider that is not for": {table, change(func(s *Subject) { s.Provider = "other" })},
		"of no provider":                {table, change(func(s *Subject) { s.Provider = "" })},
		"of a provider that is gone":    {table, change(func(s *Subject) { s.Provider = "gone" })},
		"of a user who is gone":         {table, change(func(s *Subject) { s.ID = "2" })},
		"before all were revoked":       {table, change(func(s *Subject) { s.SignedInAt = now.Add(-11 * time.Hour) })},
		"before theirs were revoked":    {table, change(func(s *Subject) { s.Email = "Left@x" })},
		"over":                          {table, change(func(s *Subject) { s.ExpiresAt = now })},
		"too old for the rule":          {table, change(func(s *Subject) { s.IssuedAt = now.Add(-3 * time.Hour) })},
		"another site":                  {table, from(func(r *Request) { r.Method = "POST" })},
		"another origin":                {table, from(func(r *Request) { r.Method, r.Origin = "PUT", "https://o.x" })},
		"another site's WebSocket":      {table, from(func(r *Request) { r.WebSocket, r.Origin = true, "https://o.x" })},
	}
}

func tellTokens(t *testing.T) map[string]telling {
	asks := one(Rule{Action: ServiceAuth, Include: slices.Concat(jwt("ci", "app", says("sub", "repo:o/n:*")), certificate("ci"),
		linkedTo("n/desk"))},
		Rule{Action: ServiceAuth, Include: anyToken()}, Rule{Action: Allow, Include: everyone()})
	table, _ := build(append(linkables(), asks))
	table = table.knowing(tokens()).trusting(tokenIssuers()...)
	token := func(id, secret string) func(r *Request) {
		return func(r *Request) { r.Token = PresentedToken{ID: id, Secret: secret} }
	}
	bearer := func(name, payload string, refused Reason) func(r *Request) {
		return func(r *Request) {
			if r.BearerRefused = refused; refused == NoReason {
				r.Bearer = bearing(t, name, "https://"+name+".x", payload)
			}
		}
	}
	link := func(l *Linked) func(r *Request) { return func(r *Request) { r.Linked = l } }
	proves := func(c PresentedCertificate) func(r *Request) { return func(r *Request) { r.Certificate = c } }
	return map[string]telling{
		"none": {table, nil}, "good": {table, token("id-ci", "new")}, "of another namespace": {table, token("id-m", "m")},
		"guessed": {table, token("id-ci", "guess")}, "bearer": {table, bearer("ci", `{"sub":"repo:o/n:main"}`, NoReason)},
		"bearer of another subject":              {table, bearer("ci", `{"sub":"repo:o/m:main"}`, NoReason)},
		"bearer of an issuer that no rule names": {table, bearer("hub", `{"sub":"s"}`, NoReason)},
		"bearer that is over":                    {table, bearer("ci", "", TokenExpired)},
		"link":                                   {table, link(linkedAt("desk.y", nil, "n/desk"))},
		"link to another":                        {table, link(linkedAt("mine.y", nil, "n/mine"))},
		"link that is not good":                  {table, func(r *Request) { r.LinkedRefused = TokenInvalid }},
		"certificate":                            {table, proves(cards[1])},
		"certificate of another":                 {table, proves(cards[3])},
		"no certificate":                         {table, proves(cards[2])},
	}
}

func tellRules(t *testing.T) map[string]telling {
	named := one(Rule{Name: "open", Action: Bypass, Methods: []string{"GET"}, Include: everyone()},
		Rule{Name: "no deletes", Action: Block, Methods: []string{"DELETE", "PURGE"}, Include: everyone()},
		Rule{Name: "machines", Action: ServiceAuth, Include: anyToken()}, Rule{Name: "people", Action: Allow, Include: everyone()})
	broken := one(Rule{Action: Bypass, Include: cel(fails)}, Rule{Action: Block, Include: everyone(), Require: cel(isPost)},
		Rule{Name: "staff", Action: Allow, Include: cel(fails)}, Rule{Action: Allow, Include: emails("ann@x")})
	broken.Exempt = []string{"/exempt"}
	dry := rehearsal(DryRunAuthenticate)
	open, exempt := mustBuild(t, named).knowing(tokens()), mustBuild(t, broken)
	rehearsed, other := mustBuild(t, dry), mustBuild(t, dry, of("n", "q", 0, Bypass, []string{"*.x"}))
	method := func(m string, changes ...func(r *Request)) func(r *Request) {
		return func(r *Request) {
			r.Method = m
			for _, change := range changes {
				change(r)
			}
		}
	}
	machine := func(r *Request) { r.Token = PresentedToken{ID: "id-ci", Secret: "new"} }
	person := func(r *Request) { r.Subject = session("n/p") }
	unproven := func(r *Request) { r.HostUnproven = true }
	return map[string]telling{
		"Bypass": {open, nil}, "Bypass of two readings": {open, to(t, "https://a.x/b/../c")}, "Bypass of an unproven host": {open, unproven},
		"POST": {open, method("POST")}, "POST by a machine": {open, method("POST", machine)}, "DELETE": {open, method("delete")},
		"DELETE by a machine": {open, method("DELETE", machine)}, "POST by a person": {open, method("POST", person)},
		"a method that does not end": {open, method(strings.Repeat("M", 300))}, "no answer": {exempt, person},
		"no answer, exempt": {exempt, to(t, "https://a.x/exempt")}, "exempt but for two readings": {exempt, to(t, "https://a.x/b/../exempt")},
		"exempt but for an unproven host": {exempt, to(t, "https://a.x/exempt", unproven)}, "exempt but blocked": {mustBuild(t, blocking(broken)),
			to(t, "https://a.x/exempt")},
		"a dry run": {rehearsed, person}, "a dry run beside another policy": {other, person},
	}
}

// blocking is the policy with a rule before all others that blocks everybody.
func blocking(p Policy) Policy {
	p.Rules = append(does(Block), p.Rules...)
	return p
}

// tellPeople has a rule with a selector of each kind that looks at who somebody is.
func tellPeople(t *testing.T) map[string]telling {
	list := slices.Concat(emails("bob@y"), []Selector{{Property: EmailDomain, Value: "y"}}, groups("dev"), provider("corp"), proof("mfa"),
		hasClaim("department", "eng"), hasClaimBy("corp", "team", "a"), hasClaimBy("guests", "team", "a"), evaluates(onDuty))
	table := mustBuild(t, one(Rule{Action: Allow, Include: list})).evaluating(evaluators...).knowing(tokens())
	person := func(change func(s *Subject)) func(r *Request) {
		return func(r *Request) {
			r.Subject = session("n/p")
			r.Subject.Evaluations = []string{outcome(onDuty, Untold)}
			change(r.Subject)
		}
	}
	return map[string]telling{
		"nobody": {table, nil}, "a machine": {table, func(r *Request) { r.Token = PresentedToken{ID: "id-ci", Secret: "new"} }},
		"of a provider": {table, person(func(s *Subject) {
			s.Provider, s.Groups, s.AMR = "corp", []string{"ops", "dev"}, []string{"pwd", "otp"}
			s.Claims = []IdentityClaim{saying("department", "sales", "hr"), saying("team", "a"), untold("other")}
		})},
		"of no provider": {table, person(func(s *Subject) { s.Claims = []IdentityClaim{untold("department")} })},
		"of many groups": {table, person(func(s *Subject) {
			for i := range 25 {
				s.Groups = append(s.Groups, fmt.Sprint("g\n", i))
			}
			s.AMR = s.Groups[:20]
		})},
		"of a long name": {table, person(func(s *Subject) {
			s.Email, s.Provider = strings.Repeat("x", maxShown), strings.Repeat("p", maxShown+1)
		})},
	}
}

// tellPlaces has a rule with a selector of each kind that looks at the request.
func tellPlaces(t *testing.T) map[string]telling {
	of := func(n CertificateNames) Selector { return Selector{Property: ClientCertificate, Certificate: n} }
	list := slices.Concat(networks("10.0.0.0/8", "2001:db8::/32"), countries("NL", "BE"), cel(isPost), cel(fails), certificate("ci"),
		[]Selector{of(CertificateNames{}), of(CertificateNames{URI: "spiffe://x/ci"}), of(CertificateNames{DNSName: "cd.x"})})
	table := mustBuild(t, one(Rule{Action: Block, Include: list, Exclude: everyone()},
		Rule{Action: Allow, Include: everyone(), Exclude: list[:2]}))
	at := func(address string, certificate PresentedCertificate) func(r *Request) {
		return func(r *Request) {
			r.Address, r.Countries, r.Certificate = netip.MustParseAddr(address), earth, certificate
		}
	}
	return map[string]telling{
		"nowhere": {table, nil}, "in NL": {table, at("10.1.2.3", cards[1])}, "in no country": {table, at("11.11.11.11", cards[2])},
		"in DE": {table, at("11.1.2.3", cards[3])}, "with a certificate that is over": {table, at("10.1.1.1", cards[4])},
	}
}

// tellMachines has a rule with a selector of each kind that looks at machines.
func tellMachines(t *testing.T) map[string]telling {
	list := slices.Concat(tokenNamed("n/ci", "bot"), anyToken(), jwt("ci", "app"), jwt("hub", "app"), jwt("ci", "third"), jwt("theirs", "app"),
		jwt("ci", "app", says("sub", "s"), says("a.b", "1", "x")), jwt("ci", "app", says("none", "1")), linkedTo("n/desk", "n/mine"))
	table, _ := build(append(linkables(), one(Rule{Action: ServiceAuth, Include: list})))
	table = table.knowing(tokens()).trusting(tokenIssuers()...)
	bearer := func(name, payload string) func(r *Request) {
		return func(r *Request) { r.Bearer = bearing(t, name, "https://"+name+".x", payload) }
	}
	return map[string]telling{
		"none": {table, nil}, "a token": {table, func(r *Request) { r.Token = PresentedToken{ID: "id-bot", Secret: "bot"} }},
		"a bearer token":                  {table, bearer("ci", `{"sub":"s","a":{"b":["2",true]}}`)},
		"a bearer token of theirs":        {table, bearer("theirs", `{"sub":"s"}`)},
		"a bearer token that is not good": {table, func(r *Request) { r.BearerRefused = TokenInvalid }},
		"a link":                          {table, func(r *Request) { r.Linked = linkedAt("desk.y", nil, "n/desk") }},
		"a link of another":               {table, func(r *Request) { r.Linked = linkedAt("near.y", nil, "n/near") }},
	}
}

func tellGroups() map[string]telling {
	mistaken := groupOf("mistaken", emails("ann@x"), nil, nil)
	mistaken.Defects = []Issue{newIssue(mistaken.Source, codeInclude, "bad")}
	set := []Group{groupOf("staff", emails("ann@x", "bob@y"), nil, named("office")), groupOf("office", networks("10.0.0.0/8"), nil, nil),
		groupOf("machines", anyToken(), nil, nil), mistaken}
	rules := func(a Action) []Rule {
		return []Rule{{Action: a, Include: named("office", "stuff"), Exclude: named("staff", "mistaken")},
			{Action: a, Include: named("machines", "nothing")},
			{Action: a, Include: named("office")}}
	}
	out := map[string]telling{}
	from := map[Action]func(r *Request){
		Bypass:      func(r *Request) { r.Address = netip.MustParseAddr("10.1.1.1") },
		Allow:       func(r *Request) { r.Address, r.Subject = netip.MustParseAddr("11.1.1.1"), session("n/p") },
		Block:       func(r *Request) { r.Address, r.Subject = netip.MustParseAddr("10.1.1.1"), session("n/p") },
		ServiceAuth: func(r *Request) { r.Token = PresentedToken{ID: "id-ci", Secret: "new"} },
	}
	for a, change := range from {
		table, _ := withGroups(set, one(rules(a)...))
		out[a.String()] = telling{table.knowing(tokens()), change}
	}
	return out
}
