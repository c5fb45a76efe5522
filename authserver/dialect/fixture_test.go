// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

var (
	everyone = []policy.Selector{{Property: policy.Everyone}}
	allow    = []policy.Rule{{Name: "staff", Action: policy.Allow, Include: everyone}}
	bypass   = []policy.Rule{{Name: "all", Action: policy.Bypass, Include: everyone}}
	block    = []policy.Rule{{Name: "nobody", Action: policy.Block, Include: everyone}}
	apiCORS  = &policy.CORS{
		AllowedOrigins: []string{"https://spa.example.com", "https://*.dev.example.com"}, AllowCredentials: true,
		AllowedMethods: []string{"GET", "POST", "PATCH"}, AllowedHeaders: []string{"content-type", "x-csrf"},
		MaxAge: 600, ExposedHeaders: []string{"x-request-id"},
	}
)

// sets are what an installation can choose: without headers for applications of their own
// choice, with some, and with as many and as long ones as there may be.
var sets = []dialect.IdentityHeaders{dialect.DefaultIdentityHeaders, dialect.CloudflareIdentityHeaders, dialect.DefaultIdentityHeaders.With(webauthNames),
	dialect.CloudflareIdentityHeaders.With(slices.Concat(webauthNames, longNames()))}

var webauthNames = []string{"X-Webauth-User", "X-Webauth-Email", "X-Webauth-Groups"}

// webauth are what some policies of the fixture set: one that is listed nowhere is not sent.
var webauth = []policy.UpstreamHeader{{Name: "X-Webauth-User", From: policy.UserFact}, {Name: "X-Webauth-Groups", From: policy.GroupsFact, Separator: ";"},
	{Name: "X-Webauth-Email", From: policy.EmailFact, Encoding: policy.RFC8187Encoding}, {Name: "X-Webauth-Unlisted", From: policy.UserFact}}

func longNames() (out []string) {
	for i := range contract.MaxUpstream - len(webauthNames) {
		out = append(out, "X-Aaaaaaaa-Aaaaaaaa-Aaaaaaaa-Aaaaaaaa-Aaaaaaaa"+string(rune('a'+i)))
	}
	return out
}

// fixture is the table that these tests ask.
func fixture(t testing.TB, bindings ...policy.Binding) *policy.Table {
	t.Helper()
	managed := *apiCORS
	managed.ManageResponses = true
	p := func(name string, hosts []string, rules []policy.Rule, cors *policy.CORS, paths ...policy.Path) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "shop", Name: name}, Hosts: hosts, Rules: rules, CORS: cors, Paths: paths}
	}
	app := []string{"app.example.com"}
	all := []policy.Policy{
		p("app", app, allow, nil),
		p("public", app, bypass, nil, policy.Path{Value: "/public"}),
		p("api", app, allow, apiCORS, policy.Path{Value: "/api"}),
		p("open", []string{"public.example.com"}, bypass, nil),
		p("wild", []string{"*.apps.example.com"}, allow, nil),
		p("managed", []string{"managed.example.com"}, allow, &managed),
		p("blocked", []string{"blocked.example.com"}, block, apiCORS),
		p("norule", []string{"norule.example.com"}, nil, nil),
		p("passing", []string{"passing.example.com"}, allow, &policy.CORS{BypassPreflight: true}),
		p("redirect", []string{"redirect.example.com"}, allow, apiCORS),
		p("unauthorized", []string{"unauthorized.example.com"}, allow, apiCORS),
		p("partitioned", []string{"partitioned.example.com"}, allow, apiCORS),
		p("broken", []string{"broken.example.com"}, append(bypass, policy.Rule{}), nil),
	}
	for i := range all {
		switch all[i].Source.Name {
		case "partitioned":
			all[i].Session.Cookie.Partitioned = true
		case "redirect":
			all[i].Unauthenticated = policy.Redirect
		case "unauthorized":
			all[i].Unauthenticated = policy.Unauthorized
		case "api", "managed", "public":
			all[i].UpstreamHeaders = webauth
		}
	}
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll(all), Bindings: bindings})
	for _, i := range issues {
		if i.Source.Name != "broken" {
			t.Fatalf("the fixture is not valid: %v", i)
		}
	}
	return table
}

var pages = &dialect.Pages{Scheme: "https", PathPrefix: "/.access", Look: web.Plain(), Home: "https://auth.example.com/"}

// request is what a browser sent to the proxy.
type request struct {
	method, host, uri string
	headers           []string // "name: value"
	as                *policy.Subject
	refused           policy.Reason
}

// endpoint is a dialect, and what its proxy makes of a request.
type endpoint struct {
	name  string
	d     dialect.Dialect
	proxy func(r request, v *view)
}

func endpoints(id dialect.IdentityHeaders) []endpoint {
	inURL := func(prefix string) func(request, *view) {
		return func(r request, v *view) { v.target = prefix + r.method + "/" + r.host + r.uri }
	}
	asItIs := func(r request, v *view) { v.method, v.target = r.method, r.uri }
	render := func(code string) func(request, *view) {
		return func(r request, v *view) {
			v.method, v.target = r.method, "/"
			v.set("X-Original-Uri", r.uri)
			v.set("X-Code", code)
		}
	}
	nginx := dialect.Nginx{Identity: id}
	return []endpoint{
		{"nginx", nginx, inURL(contract.NginxPrefix)},
		{"nginx-pass", dialect.Nginx{Identity: id, PassPreflights: true}, inURL(contract.NginxPassPrefix)},
		{"nginx-headers", dialect.NginxHeaders{Nginx: nginx}, func(r request, v *view) {
			v.target = contract.NginxHeaderPath
			v.set("X-Original-Url", "https://"+r.host+r.uri)
			v.set("X-Original-Method", r.method)
		}},
		{"forward", dialect.Forward{Identity: id, Pages: pages}, func(r request, v *view) {
			v.target = contract.ForwardPath
			v.set("X-Forwarded-Method", r.method)
			v.set("X-Forwarded-Proto", "https")
			v.set("X-Forwarded-Host", r.host)
			v.set("X-Forwarded-Uri", r.uri)
		}},
		{"render-401", dialect.Render{Pages: pages}, render("401")},
		{"render-403", dialect.Render{Pages: pages}, render("403")},
		{"render-url", dialect.Render{Pages: pages}, func(r request, v *view) {
			v.target = contract.RenderPrefix + "401/" + r.method + "/" + r.host + r.uri
		}},
		{"preflight", dialect.Preflight{}, asItIs},
		{"browser", dialect.Browser{Identity: id, Pages: pages}, asItIs},
		{"envoy", dialect.Envoy{Identity: id, Pages: pages}, func(r request, v *view) {
			v.method, v.target = r.method, contract.EnvoyPrefix+
				r.uri
		}},
	}
}

// ask takes the way of authserver.Server.handle.
func (e endpoint) ask(table *policy.Table, r request) (*dialect.Answer, *policy.Decision) {
	v := newView(r)
	e.proxy(r, v)
	return put(e.d, v, table, r)
}

func newView(r request) *view {
	v := &view{method: "GET", host: r.host, headers: map[string][]string{}}
	for _, h := range r.headers {
		name, value, _ := strings.Cut(h, ":")
		name = textproto.CanonicalMIMEHeaderKey(name)
		v.headers[name] = append(v.headers[name], strings.TrimSpace(value))
	}
	return v
}

// put returns a nil Decision if the request was refused before there was one.
func put(d dialect.Dialect, v *view, table *policy.Table, r request) (*dialect.Answer, *policy.Decision) {
	var a dialect.Answer
	var q dialect.Ask
	a.Reset()
	if refusal := d.Read(v, &q); refusal != nil {
		q.RequestID = "0123456789abcdef"
		q.ReadClient(v)
		dialect.WriteRefusal(d, &a, &q, refusal)
		return &a, nil
	}
	q.Now, q.Subject, q.Refused = now, r.as, r.refused
	decision := table.Decide(q.Request)
	name := d.String()
	if q.RequestID == "" && (decision.Verdict != policy.Admit || name == "render" || name == "preflight") {
		q.RequestID = "0123456789abcdef"
	}
	if decision.Verdict != policy.Admit || name == "render" {
		q.ReadClient(v)
	}
	d.Write(&a, &q, &decision)
	return &a, &decision
}

func ann(audience string) *policy.Subject {
	return &policy.Subject{
		ID: "u1", Email: "ann@example.com", Groups: []string{"dev", "ops"}, Audience: []string{"shop/" + audience},
		IssuedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour), Token: "t.o.k",
	}
}

func field(a *dialect.Answer, name string) (value string, lines int) {
	for _, f := range a.Fields() {
		if strings.EqualFold(f.Name, name) {
			if lines++; lines == 1 {
				value = f.Value
			}
		}
	}
	return value, lines
}

// view is a dialect.View.
type view struct {
	method, target, host string
	headers              map[string][]string
}

func (v *view) set(name, value string) { v.headers[name] = append(v.headers[name], value) }

func (v *view) Method() string        { return v.method }
func (v *view) RequestTarget() string { return v.target }
func (v *view) Host() string          { return v.host }

func (v *view) Header(name string) (string, int) {
	lines := v.headers[name]
	if len(lines) == 0 {
		return "", 0
	}
	return lines[0], len(lines)
}

func (v *view) Joined(name string) string { return strings.Join(v.headers[name], ",") }
