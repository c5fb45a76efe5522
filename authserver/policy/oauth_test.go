// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"
	"time"
)

const agent = "https://agent.example/client.json"

// enforcedOAuth is for TestEveryFieldIsEnforced.
var enforcedOAuth = map[string]func(*Policy){
	"OAuth":                     func(p *Policy) { p.OAuth = &OAuth{} },
	"OAuth.Issuer":              func(p *Policy) { p.OAuth = &OAuth{Issuer: "corp"} },
	"OAuth.ResourceName":        func(p *Policy) { p.OAuth = &OAuth{ResourceName: "Notes"} },
	"OAuth.Scopes":              func(p *Policy) { p.OAuth = &OAuth{Scopes: []string{"a"}} },
	"OAuth.AccessTokenDuration": func(p *Policy) { p.OAuth = &OAuth{AccessTokenDuration: time.Minute} },
	"OAuth.RefreshTokenDuration": func(p *Policy) {
		p.OAuth = &OAuth{RefreshTokenDuration: time.Hour}
	},
	"OAuth.Clients":              clients(OAuthClient{ID: "cli", RedirectURIs: []string{"http://localhost/cb"}}),
	"OAuth.Clients.ID":           clients(OAuthClient{ID: "cli2", RedirectURIs: []string{"http://localhost/cb"}}),
	"OAuth.Clients.Name":         clients(OAuthClient{ID: "cli", Name: "CLI", RedirectURIs: []string{"http://localhost/cb"}}),
	"OAuth.Clients.RedirectURIs": clients(OAuthClient{ID: "cli", RedirectURIs: []string{"http://localhost/"}}),
	"Selector of a client":       func(p *Policy) { p.Rules[0].Require = client("") },
}

func clients(c OAuthClient) func(*Policy) {
	return func(p *Policy) { p.OAuth = &OAuth{Clients: []OAuthClient{c}} }
}

func client(id string) []Selector { return []Selector{{Property: Client, Value: id}} }

// agentOf is what a client holds for the person whom session names.
func agentOf(id, audience string) *Subject {
	s := session(audience)
	s.Client = id
	return s
}

// THREATS I9. A client's token counts where the policy is for clients alone, and in Authorization
// alone; there, rules judge it as they do the person.
func TestClientsOfPeople(t *testing.T) {
	here := &OAuth{}
	people := Rule{Action: Allow, Include: []Selector{{Property: EmailDomain, Value: "x"}}}
	clients := Rule{Action: Allow, Include: client("")}
	rules := func(include, require, exclude []Selector) []Rule {
		return []Rule{{Action: Allow, Include: include, Require: require, Exclude: exclude}}
	}
	block, all := Rule{Action: Block, Include: client("")}, Rule{Action: Allow, Include: everyone()}
	for name, tc := range map[string]struct {
		oauth    *OAuth
		rules    []Rule
		client   string
		inCookie bool
		want     string
	}{
		"a client":                        {here, []Rule{people}, agent, false, "allow signed-in"},
		"no oauth":                        {nil, []Rule{people}, agent, false, "challenge wrong-audience"},
		"another authorization server":    {&OAuth{Issuer: "corp"}, []Rule{people}, agent, false, "challenge wrong-audience"},
		"in a cookie":                     {here, []Rule{people}, agent, true, "challenge wrong-audience"},
		"a browser":                       {here, []Rule{people}, "", true, "allow signed-in"},
		"a browser, no oauth":             {nil, []Rule{people}, "", true, "allow signed-in"},
		"any client":                      {here, []Rule{clients}, agent, false, "allow signed-in"},
		"that client":                     {here, []Rule{{Action: Allow, Include: client(agent)}}, agent, false, "allow signed-in"},
		"another client":                  {here, []Rule{{Action: Allow, Include: client(agent + "x")}}, agent, false, "deny no-rule-matched"},
		"in other capitals":               {here, rules(client("HTTPS"+agent[5:]), nil, nil), agent, false, "deny no-rule-matched"},
		"a browser is no client":          {here, []Rule{clients}, "", true, "deny no-rule-matched"},
		"blocked":                         {here, []Rule{block, all}, agent, false, "deny blocked"},
		"blocked are clients alone":       {here, []Rule{block, all}, "", true, "allow signed-in"},
		"but one":                         {here, rules(client(""), nil, client(agent)), agent, false, "deny no-rule-matched"},
		"a person who may not":            {here, rules(emails("bob@x"), client(""), nil), agent, false, "deny no-rule-matched"},
		"nothing is open to clients":      {nil, []Rule{clients}, agent, false, "challenge wrong-audience"},
		"without any session it bypasses": {nil, []Rule{{Action: Bypass, Include: everyone()}}, agent, false, "allow bypass"},
	} {
		t.Run(name, func(t *testing.T) {
			p := one(tc.rules...)
			p.OAuth = tc.oauth
			table := mustBuild(t, p)
			r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}
			r.Subject, r.InHeader = agentOf(tc.client, "n/p"), !tc.inCookie
			d := table.Decide(r)
			if got := fmt.Sprintf("%s %s", d.Verdict, d.Reason); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if (d.Resource != "") != (tc.oauth != nil) {
				t.Errorf("resource %q", d.Resource)
			}
			if tc.client != "" && !tc.inCookie && tc.oauth == nil && table.At(&r).Counts(r.Subject) {
				t.Error("it counts as a session")
			}
			if tc.client != "" && table.Session("a.x", r.Subject, now, 0) == NoReason {
				t.Error("it counts for the host, as a browser's session")
			}
			if tc.client != "" && table.TokenAudience("a.x", "https://o.x", r.Subject, now) != nil {
				t.Error("it is enough for a token at another application")
			}
		})
	}
}

// THREATS I8. A client's token is nothing to a linked application: whoever it was given to would pass
// for the person at the next one.
func TestClientsAreNoLinks(t *testing.T) {
	p := of("n", "p", 0, Allow, []string{"a.x"})
	p.OAuth = &OAuth{}
	caller := of("n", "caller", 1, ServiceAuth, []string{"c.x"})
	caller.Rules[0].Include = linkedTo("n/p")
	table := mustBuild(t, p, caller)
	for id, want := range map[string]Verdict{"": Admit, agent: Deny} {
		s := agentOf(id, "n/p")
		s.Host = "a.x"
		if d := table.Decide(Request{Target: mustTarget(t, "https://c.x/"), Method: "GET", Now: now, Linked: NewLinked(s)}); d.Verdict != want {
			t.Errorf("client %q: %s", id, brief(d))
		}
	}
}

// TestTokensOfOthers: where programs bring tokens of a TokenIssuer, whoever brings nothing is asked
// for one. Who brings one that no rule takes, or is signed in, is denied as everywhere.
func TestTokensOfOthers(t *testing.T) {
	const mine = `{"iss":"https://ci.x","sub":"a","groups":["staff"]}`
	token := func(claims ...ClaimMatch) []Rule {
		return []Rule{{Action: ServiceAuth, Include: jwt("ci", "app", claims...)}}
	}
	bears := func(r *Request) { r.Bearer = bearing(t, "ci", "https://ci.x", mine) }
	staff := token(says("groups", "staff"))
	never := append([]Rule{{Action: Block, Include: everyone()}}, Rule{Action: Allow, Include: emails("ann@x")})
	for name, c := range map[string]struct {
		oauth *OAuth
		rules []Rule
		ask   func(r *Request)
		want  string
	}{
		"nothing":                     {&OAuth{Issuer: "ci"}, staff, nil, "challenge no-rule-matched"},
		"nothing, a preflight's like": {&OAuth{Issuer: "ci"}, staff, func(r *Request) { r.Method = "OPTIONS" }, "deny no-rule-matched"},
		"no oauth":                    {nil, staff, nil, "deny no-rule-matched"},
		"of the team host":            {&OAuth{}, staff, nil, "deny no-rule-matched"},
		"an issuer of others":         {&OAuth{Issuer: "theirs"}, staff, nil, "deny no-rule-matched"},
		"an issuer that is not there": {&OAuth{Issuer: "gone"}, staff, nil, "deny no-rule-matched"},
		"somebody may sign in":        {&OAuth{Issuer: "ci"}, append(staff, does(Allow)...), nil, "challenge no-session"},
		"all are blocked":             {&OAuth{Issuer: "ci"}, never, nil, "deny blocked"},
		"a token that does":           {&OAuth{Issuer: "ci"}, staff, bears, "allow service-auth"},
		"a token that does not": {&OAuth{Issuer: "ci"}, token(says("groups", "ops")),
			bears, "deny no-rule-matched"},
		"a token that is over": {&OAuth{Issuer: "ci"}, staff, func(r *Request) { r.BearerRefused = TokenExpired }, "challenge token-expired"},
		"a session":            {&OAuth{Issuer: "ci"}, staff, func(r *Request) { r.Subject = session("n/p") }, "deny no-rule-matched"},
	} {
		p := one(c.rules...)
		p.OAuth = c.oauth
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}
		if c.ask != nil {
			c.ask(&r)
		}
		table, _ := Build(Input{Policies: CompileAll([]Policy{p}), TokenIssuers: NewTokenIssuers(tokenIssuers()...)})
		d := table.Decide(r)
		if got := fmt.Sprintf("%s %s", d.Verdict, d.Reason); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if d.Verdict == Challenge && d.Reason == NoRuleMatched && d.Unauthenticated != Unauthorized {
			t.Errorf("%s: people are sent to sign in", name)
		}
	}
}

func TestResources(t *testing.T) {
	whole := of("n", "whole", 0, Allow, []string{"a.x", "*.w.x"})
	whole.OAuth, whole.Launcher = &OAuth{Scopes: []string{"s"}}, Launcher{Title: "Notes"}
	part := of("n", "part", 1, Allow, []string{"a.x"}, Path{Value: "/mcp"}, Path{Value: "/ä"}, Path{Value: "/one", Exact: true})
	part.OAuth = &OAuth{Issuer: "corp", AccessTokenDuration: time.Minute}
	none := of("n", "none", 2, Allow, []string{"a.x"}, Path{Value: "/none"})
	bad := of("n", "bad", 3, Allow, []string{"a.x"}, Path{Value: "/bad"})
	bad.OAuth = &OAuth{Issuer: "NO NAME"}
	many := make([]Path, 40)
	for i := range many {
		many[i] = Path{Value: fmt.Sprintf("/m/%d", i), Exact: i%2 == 0}
	}
	wide := of("n", "wide", 4, Allow, []string{"m.x"}, many...)
	wide.OAuth = &OAuth{}
	table, _ := build([]Policy{whole, part, none, bad, wide})
	if _, ok := table.Resource(mustTarget(t, "https://a.x/mcp")); ok {
		t.Error("a resource whose authorization server nobody knows")
	}
	table = table.trusting(TokenIssuer{Name: "corp", Issuer: "https://corp.x", Audiences: []string{"https://a.x/mcp"}, Everywhere: true})
	for url, want := range map[string]string{
		"https://a.x/": "n/whole a.x /", "https://a.x/x/y?z": "n/whole a.x /", "https://any.w.x/q": "n/whole any.w.x /",
		"https://a.x/mcp": "n/part a.x /mcp", "https://a.x/mcp/": "n/part a.x /mcp", "https://a.x/mcp/x": "n/part a.x /mcp",
		"https://a.x/mcpx": "n/whole a.x /", "https://a.x/%c3%a4/x": "n/part a.x /%C3%A4",
		"https://a.x/one": "n/part a.x /one", "https://a.x/one/": "n/whole a.x /",
		"https://a.x/none": "", "https://a.x/bad": "", "https://b.x/": "", "https://a.x/mcp%2f..": "",
		"https://m.x/m/2": "n/wide m.x /m/2", "https://m.x/m/3/x": "n/wide m.x /m/3", "https://m.x/m/2/x": "",
	} {
		target, err := ParseTarget(url[len("https://"):])
		if err != nil {
			target = mustTarget(t, url)
		}
		r, ok := table.Resource(target)
		got := ""
		if ok {
			got = r.Audience + " " + r.Host + " " + r.Path
		}
		if got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
		if r.OAuth.Issuer != "" && r.Issuer != "https://corp.x" {
			t.Errorf("%s: %+v", url, r)
		}
		if d := table.Decide(Request{Target: target, Method: "GET", Now: now}); (d.Resource != "") != ok {
			t.Errorf("%s: the decision says %q", url, d.Resource)
		}
	}
	r, _ := table.Resource(mustTarget(t, "https://a.x/"))
	if r.Launcher.Title != "Notes" || len(r.OAuth.Scopes) != 1 ||
		r.OAuth.AccessTokenDuration != 10*time.Minute || r.OAuth.RefreshTokenDuration != 720*time.Hour {
		t.Errorf("%+v", r)
	}
	if r, _ = table.Resource(mustTarget(t, "https://a.x/mcp")); r.OAuth.Issuer != "corp" || r.OAuth.AccessTokenDuration != time.Minute {
		t.Errorf("%+v", r)
	}
	if _, ok := (*Table)(nil).Resource(mustTarget(t, "https://a.x/")); ok {
		t.Error("a resource of no table")
	}
}
