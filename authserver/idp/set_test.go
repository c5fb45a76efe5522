// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
)

func corp(name string) Config {
	return Config{Name: name, DisplayName: "P " + name, Type: TypeOIDC, Issuer: "https://sso.example.com", ClientID: "client", ClientSecret: "secret"}
}

func nameAll(list []*Provider) string {
	var all []string
	for _, p := range list {
		all = append(all, p.Name())
	}
	return strings.Join(all, " ")
}

func TestSet(t *testing.T) {
	var none *Set
	if none.Find("a") != nil || none.Permitted(nil) != nil || New(Options{}).Find("a") != nil || New(Options{}).Permitted([]string{"a"}) != nil {
		t.Error("an empty set has somebody")
	}
	s := New(Options{})
	a, b, c := corp("a"), corp("b"), corp("c")
	if problems := s.Update([]Config{c, a, b}); len(problems) > 0 {
		t.Fatal(problems)
	}
	for want, names := range map[string][]string{"a b c": nil, "a c": {"c", "a", "x", "c"}, "": {"x"}} {
		if got := nameAll(s.Permitted(names)); got != want {
			t.Errorf("%q: %q", names, got)
		}
	}
	if got := nameAll(s.Permitted([]string{})); got != "a b c" {
		t.Error(got)
	}
	pa, pb := s.Find("a"), s.Find("b")
	b.ClientSecret = "new"
	bad := corp("c")
	bad.Issuer = "http://sso.example.com"
	problems := s.Update([]Config{bad, a, b, corp("d"), corp("d"), corp("d")})
	if len(problems) != 2 || problems[0].Provider != "c" || problems[0].Field != "issuer" || problems[1].Provider != "d" || problems[1].Field != "name" {
		t.Error(problems)
	}
	if s.Find("a") != pa || s.Find("b") == pb || s.Find("b") == nil || s.Find("c") != nil || s.Find("d") != nil {
		t.Error("the wrong ones were kept")
	}
	if pa.Name() != "a" || pa.DisplayName() != "P a" || pa.Type() != TypeOIDC || pa.Password() || !pa.Knows("anybody") {
		t.Errorf("%+v", pa)
	}
	if _, err := pa.CheckPassword(t.Context(), Turn{}, "a", "b"); err == nil {
		t.Error("it takes passwords")
	}
	if s.Update(nil); s.Permitted(nil) != nil {
		t.Error("some are left")
	}
}

// TestEveryField: a change of any one field makes another provider, so that none
// is forgotten; and what is handed in can be changed without harm.
func TestEveryField(t *testing.T) {
	base := corp("a")
	base.Organizations = []string{"example"}
	base.StepUp = []StepUp{{Method: "mfa", ACRValues: []string{"gold"}}}
	base.Scopes, base.AuthParams = []string{"openid"}, map[string]string{"hd": "example.com"}
	fields := reflect.TypeFor[Config]()
	for i := range fields.NumField() {
		s := New(Options{})
		s.Update([]Config{base})
		before := s.Find("a")
		changed := before.config.Clone()
		switch f := reflect.ValueOf(&changed).Elem().Field(i); f.Interface().(type) {
		case string:
			f.SetString(f.String() + "x")
		case bool:
			f.SetBool(!f.Bool())
		case []string:
			f.Index(0).SetString("email")
		case []StepUp:
			changed.StepUp[0].ACRValues[0] = "silver"
		case []byte:
			f.SetBytes([]byte("x"))
		case map[string]string:
			f.SetMapIndex(reflect.ValueOf("hd"), reflect.ValueOf("example.net"))
		default:
			t.Fatalf("%s: teach this test", fields.Field(i).Name)
		}
		if s.Update([]Config{changed}); s.Find("a") == before {
			t.Errorf("%s changed, and nothing else", fields.Field(i).Name)
		}
		if before.config.Scopes[0] != "openid" || before.config.StepUp[0].ACRValues[0] != "gold" ||
			before.config.AuthParams["hd"] != "example.com" {
			t.Errorf("%s reaches the provider in use", fields.Field(i).Name)
		}
	}
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		edit        func(*Config)
		field, want string // "": none
	}{
		"fine":                 {func(*Config) {}, "", ""},
		"with a path":          {func(c *Config) { c.Issuer = "https://sso.example.com/realms/x/" }, "", ""},
		"in the network":       {func(c *Config) { c.Issuer = "https://keycloak.sso.svc:8443/x" }, "", ""},
		"on this machine":      {func(c *Config) { c.Issuer = "http://localhost:5556/dex" }, "", ""},
		"on 127.0.0.1":         {func(c *Config) { c.Issuer = "http://127.0.0.1:5556" }, "", ""},
		"on ::1":               {func(c *Config) { c.Issuer = "http://[::1]:5556" }, "", ""},
		"a.localhost":          {func(c *Config) { c.Issuer = "http://a.localhost" }, "", ""},
		"no issuer":            {func(c *Config) { c.Issuer = "" }, "issuer", "not the address"},
		"http":                 {func(c *Config) { c.Issuer = "http://sso.example.com" }, "issuer", "is https"},
		"http by name":         {func(c *Config) { c.Issuer = "http://localhost.example.com" }, "issuer", "is https"},
		"http, a network":      {func(c *Config) { c.Issuer = "http://10.0.0.1" }, "issuer", "is https"},
		"odd number":           {func(c *Config) { c.Issuer = "http://127.1" }, "issuer", "not the address"},
		"no scheme":            {func(c *Config) { c.Issuer = "sso.example.com" }, "issuer", "not the address"},
		"ftp":                  {func(c *Config) { c.Issuer = "ftp://sso.example.com" }, "issuer", "is https"},
		"query":                {func(c *Config) { c.Issuer = "https://sso.example.com?x" }, "issuer", "query"},
		"empty query":          {func(c *Config) { c.Issuer = "https://sso.example.com/?" }, "issuer", "query"},
		"fragment":             {func(c *Config) { c.Issuer = "https://sso.example.com/#" }, "issuer", "fragment"},
		"user":                 {func(c *Config) { c.Issuer = "https://a:b@sso.example.com" }, "issuer", "user"},
		"line end":             {func(c *Config) { c.Issuer = "https://sso.example.com\n" }, "issuer", "not the address"},
		"well-known":           {func(c *Config) { c.Issuer = "https://sso.example.com/.well-known/openid-configuration" }, "issuer", "leave out"},
		"no client":            {func(c *Config) { c.ClientID = "" }, "clientID", "printable"},
		"public client":        {func(c *Config) { c.ClientSecret = "" }, "", ""},
		"secret, line end":     {func(c *Config) { c.ClientSecret = "secret\n" }, "clientSecret", "line end"},
		"scope with a blank":   {func(c *Config) { c.Scopes = []string{"a b"} }, "scopes[0]", "one word"},
		"empty scope":          {func(c *Config) { c.Scopes = []string{""} }, "scopes[0]", "one word"},
		"odd claim":            {func(c *Config) { c.GroupsClaim = "a\nb" }, "claims.groups", "path of a claim"},
		"deep claim":           {func(c *Config) { c.UserClaim = "a.b.c.d.e.f.g.h.i.j" }, "claims.user", "path of a claim"},
		"odd email claim":      {func(c *Config) { c.EmailClaim = " " }, "claims.email", "path of a claim"},
		"odd amr claim":        {func(c *Config) { c.AMRClaim = " " }, "claims.amr", "path of a claim"},
		"state":                {func(c *Config) { c.AuthParams = map[string]string{"state": "x"} }, "authParams", "parameter"},
		"PKCE":                 {func(c *Config) { c.AuthParams = map[string]string{"code_challenge_method": "plain"} }, "authParams", "parameter"},
		"response mode":        {func(c *Config) { c.AuthParams = map[string]string{"response_mode": "fragment"} }, "authParams", "parameter"},
		"no parameter":         {func(c *Config) { c.AuthParams = map[string]string{"": "x"} }, "authParams", "parameter"},
		"hd":                   {func(c *Config) { c.AuthParams = map[string]string{"hd": "example.com", "prompt": "select_account"} }, "", ""},
		"no bundle":            {func(c *Config) { c.CABundle = []byte("x") }, "caBundle", "no certificate"},
		"no name":              {func(c *Config) { c.Name = "" }, "name", "lower-case"},
		"name with a slash":    {func(c *Config) { c.Name = "a/b" }, "name", "lower-case"},
		"name with dots":       {func(c *Config) { c.Name = ".." }, "name", "lower-case"},
		"name in upper case":   {func(c *Config) { c.Name = "A" }, "name", "lower-case"},
		"odd display name":     {func(c *Config) { c.DisplayName = "a\u202eb" }, "displayName", "printable"},
		"no type":              {func(c *Config) { c.Type = "" }, "type", "none of"},
		"type in another case": {func(c *Config) { c.Type = "OIDC" }, "type", "none of"},
	} {
		one := corp("a")
		c.edit(&one)
		s := New(Options{})
		problems := s.Update([]Config{one})
		if c.field == "" {
			if len(problems) > 0 || s.Find("a") == nil {
				t.Errorf("%s: %v", name, problems)
			}
			continue
		}
		if len(problems) != 1 || problems[0].Field != c.field || !strings.Contains(problems[0].String(), c.want) || s.Permitted(nil) != nil {
			t.Errorf("%s: %v", name, problems)
		}
		if text := problems[0].String(); oidc.Printable(text, 1000) != text || strings.Contains(text, "secret\n") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// TestUpdateWhileInUse is for the race detector.
func TestUpdateWhileInUse(t *testing.T) {
	s := New(Options{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 100 {
				c := corp("a")
				c.ClientID = string(rune('a' + i))
				s.Update([]Config{c})
				if p := s.Find("a"); p == nil || len(s.Permitted(nil)) != 1 {
					t.Error("it is gone")
				}
			}
		})
	}
	all.Wait()
}

// What a table knows of providers is what the Set knows: until there is an Update,
// nothing, and then which can be used, and who is on a list.
func TestInUse(t *testing.T) {
	var none *Set
	s := New(Options{})
	if none.InUse() != nil || s.InUse() != nil {
		t.Error("something is known before the first Update")
	}
	bad := corp("bad")
	bad.Issuer = "http://sso.example.com"
	people := Config{Name: "people", Type: TypeUsers, Users: []byte("- {name: Ann, email: Ann@Example.com, passwordHash: \"" + hash(t, "x", 10) + "\"}\n- {name: eve, passwordHash: cut}\n")}
	for n, configs := range [][]Config{{corp("a"), bad, people}, {people}, nil} {
		s.Update(configs)
		table, _ := policy.Build(policy.Input{Providers: s.InUse()})
		for _, provider := range []string{"a", "bad", "people", "gone"} {
			for _, id := range []string{"ann", "Ann", "ann@example.com", "eve", ""} {
				p := s.Find(provider)
				if want := p == nil || !p.Knows(id); table.Revoked(&policy.Subject{ID: id, Provider: provider}) != want {
					t.Errorf("%d: %s of %s: void is not %v", n, id, provider, want)
				}
			}
			if table.Provided(provider) != (s.Find(provider) != nil) {
				t.Errorf("%d: %s", n, provider)
			}
		}
		if id, ok := table.UserID("people", "ANN@example.com"); n < 2 && (id != "ann" || !ok) {
			t.Errorf("%d: %q %v", n, id, ok)
		}
	}
}
