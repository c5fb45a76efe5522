// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
)

// hinted fails unless a problem holds the hint; an empty hint is no problem.
func hinted(t *testing.T, what, problem, hint string) {
	t.Helper()
	if hint == "" && problem != "" || !strings.Contains(problem, hint) {
		t.Errorf("%q: %q, want %q", what, problem, hint)
	}
}

// The author of a policy is told what to write instead.
func TestCheckOriginHints(t *testing.T) {
	for origin, hint := range map[string]string{
		"https://a.x": "", "null": "", "HTTPS://A.X": "", "https://a.x:8443": "", "http://localhost:3000": "", "https://*.a.x": "", "http://*.localhost": "",
		"https://1.2.3.4": "", "https://[::1]": "", "chrome-extension://abc": "", "https://*.a.x:8443": "", "https://a_b.x": "",
		"": "scheme is missing", "a.x": "scheme is missing", "NULL": "scheme is missing", "*": "allowAllOrigins", "1https://a.x": "scheme is not one",
		"https://u@a.x": "user information", "https://a.x/": "trailing slash", "https://a.x?q": "trailing slash", "https://a.x#f": "trailing slash",
		"https://bücher.x": "xn--", "https://a.x:443": "default port", "http://a.x:80": "default port", "https://*.a.x:443": "default port",
		"https://a.x:0": "port", "https://a.x:08": "port", "https://a.x:": "port", "https://a.x:65536": "port", "https://": "DNS name", "https://a..x": "DNS name",
		"https://a.x.": "DNS name", "https://a x": "DNS name", "https://*": "two labels", "https://a*.x": "two labels", "https://*.*.x": "at most one",
		"https://*a.x.y": "", "https://pr-*.x.y": "", "https://pr-*-app.x.y:8443": "", "HTTPS://PR-*.X.Y": "", "http://pr-*.localhost": "", "https://a.pr-*.x.y": "within the first label",
		"https://pr-**.x.y": "at most one", "https://pr-*": "two labels", "https://pr-*.1.2.3.4": "no subdomains", "https://pr-*.x..y": "DNS name", "https://pr-*.x.y:443": "default port",
		"https://" + strings.Repeat("a", 62) + "*.x.y": "", "https://" + strings.Repeat("a", 63) + "*.x.y": "DNS name", "https://pr-*.x.*": "at most one", "https://[::*]": "DNS name",
		"http://localhost:*": "", "https://localhost:*": "", "http://app.localhost:*": "", "http://127.0.0.1:*": "", "http://[::1]:*": "", "http://LOCALHOST:*": "",
		"http://*.localhost:*": "at most one", "https://a.x:*": "any port", "http://127.0.0.2:*": "any port", "http://notlocalhost:*": "any port", "http://[::2]:*": "any port",
		"http://localhost.x:*": "any port", "app://localhost:*": "http or https", "http://localhost:8*": "port is not", "http://localhost:**": "port is not", "http://:*": "DNS name", "app://*.a.x": "http or https", "https://*.1.2.3.4": "no subdomains", "https://*.com": "too wide", "https://*..x": "DNS name",
		"https://[::1": "IPv6", "https://[[::1]]": "IPv6", "https://[fe80::1%25a]": "IPv6", "https://[1.2.3.4]": "IPv6", "https://[::1]x": "IPv6",
		"https://[0::1]": "[::1]", "https://[::ffff:1.2.3.4]": "IPv4", "https://" + strings.Repeat("a.", 300) + "x": "too long",
	} {
		hinted(t, origin, CheckOrigin(origin), hint)
	}
}

func TestCheckHostAndPathHints(t *testing.T) {
	for host, hint := range map[string]string{
		"a.x": "", "*.a.x": "", "localhost": "", "xn--bcher-kva.x": "", "*.x": "",
		"": "empty", "*": "names its hosts", "https://a.x": "scheme", "a.x/y": "path", "a.x?y": "path", "a.x:80": "port", "[::1]": "port", "a.*.x": "first label", "***.x": "first label", "**.*.x": "first label", "**x.y": "first label", "**": "first label", "**.": "DNS name", "**.x.": "trailing dot",
		"*a.x": "first label", "a.x.": "trailing dot", "bücher.x": "xn--", "A.x": "lower case", "a_b.x": "_", "-a.x": "DNS name", "a-.x": "DNS name", "a..x": "DNS name", ".x": "DNS name",
		"a b.x": "DNS name", "*.": "DNS name", strings.Repeat("a", 64) + ".x": "DNS name", "10.0.0.1": "address", "*.1": "address", "a.x\n": "DNS name",
	} {
		hinted(t, host, CheckHost(host), hint)
	}
	for path, hint := range map[string]string{
		"/": "", "/a": "", "/a/": "", "/a.b/~c/$d": "", "/é": "",
		"": "begins", "a": "begins", "/a?b": "query", "/a#b": "query", "/%61": "decoded", "/a/*": "wildcards", "/a;b": "servers", `/a\b`: "servers", "/\xff": "UTF-8",
		"/a b": "spaces", "/a\n": "spaces", "/a\u0085": "spaces", "//": "canonical", "/a//b": "canonical", "/a/../b": "canonical", "/.": "canonical", "/" + strings.Repeat("a", 1024): "1024",
	} {
		hinted(t, path, checkPath(path).text, hint)
	}
}

// TestPathKinds: a path is told with its kind, by which two of one value differ.
func TestPathKinds(t *testing.T) {
	both := []Path{{"/a", true}, {"/a", false}}
	p := of("n", "p", 0, Allow, []string{"a.x"}, both...)
	if issues := Validate(&p); len(issues) > 0 {
		t.Error(issues)
	}
	p.Paths = append(both, both...)
	old, young := of("n", "old", 0, Allow, []string{"a.x"}, both...), of("n", "young", 1, Allow, []string{"a.x"}, both...)
	_, issues := build([]Policy{old, young})
	var got []string
	for _, i := range append(Validate(&p), issues...) {
		got = append(got, i.Message)
	}
	want := []string{
		`"/a" (Exact): listed twice`, `"/a" (Prefix): listed twice`,
		"a.x/a (Exact) is already claimed by n/old, which is older; this claim is not active",
		"a.x/a (Prefix) is already claimed by n/old, which is older; this claim is not active",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestRuleHints(t *testing.T) {
	email, domain := emails("ann@x"), []Selector{{Property: EmailDomain, Value: "x"}}
	for name, tc := range map[string]struct {
		rules []Rule
		hint  string
	}{
		"good":              {[]Rule{{Name: "a", Action: Allow, Include: email}, {Name: "b", Action: Block, Include: domain}, {Action: Allow, Include: email}, {Action: Allow, Include: email}}, ""},
		"one name twice":    {[]Rule{{Name: "a", Action: Allow, Include: email}, {Name: "a", Action: Allow, Include: email}}, "another rule"},
		"email in Bypass":   {[]Rule{{Action: Bypass, Include: email}}, "never sees an identity"},
		"domain in Bypass":  {[]Rule{{Action: Bypass, Include: everyone(), Require: domain}}, "never sees an identity"},
		"email in Service":  {[]Rule{{Action: ServiceAuth, Include: everyone(), Exclude: email}}, "never sees an identity"},
		"nobody":            {[]Rule{{Action: Allow}}, "at least one selector"},
		"no action":         {[]Rule{{Include: email}}, "one of Allow"},
		"method in lower":   {[]Rule{{Action: Allow, Include: email, Methods: []string{"get"}}}, "write GET"},
		"every method":      {[]Rule{{Action: Allow, Include: email, Methods: []string{"*"}}}, "leave methods out"},
		"email, no at":      {[]Rule{{Action: Allow, Include: emails("ann")}}, "ann@example.com"},
		"email, two ats":    {[]Rule{{Action: Allow, Include: emails("a@b@x")}}, "ann@example.com"},
		"email, no name":    {[]Rule{{Action: Allow, Include: emails("@x")}}, "ann@example.com"},
		"email, blank":      {[]Rule{{Action: Allow, Include: emails("ann @x")}}, "ann@example.com"},
		"email, line break": {[]Rule{{Action: Allow, Include: emails("ann@x\n")}}, "ann@example.com"},
		"domain with an at": {[]Rule{{Action: Allow, Include: []Selector{{Property: EmailDomain, Value: "@x"}}}}, "example.com"},
		"group in Bypass":   {[]Rule{{Action: Bypass, Include: groups("dev")}}, "never sees an identity"},
		"method in Service": {[]Rule{{Action: ServiceAuth, Include: everyone(), Require: proof("mfa")}}, "never sees an identity"},
		"login in Service":  {[]Rule{{Action: ServiceAuth, Include: everyone(), Exclude: provider("corp")}}, "never sees an identity"},
		"identities":        {[]Rule{{Action: Allow, Include: groups("dev", "Équipe, Ω"), Require: proof("mfa"), Exclude: provider("guests.corp-2")}}, ""},
		"group, empty":      {[]Rule{{Action: Allow, Include: groups("")}}, "idpGroup"},
		"group, line break": {[]Rule{{Action: Allow, Include: groups("a\nb")}}, "idpGroup"},
		"group, long":       {[]Rule{{Action: Allow, Include: groups(strings.Repeat("g", 257))}}, "256"},
		"method, not UTF-8": {[]Rule{{Action: Block, Include: proof("\xff")}}, "authMethod"},
		"provider, spelled": {[]Rule{{Action: Allow, Include: provider("Corp")}}, "loginMethod"},
		"no networks":       {[]Rule{{Action: Allow, Include: []Selector{{Property: Address}}}}, "at least one network"},
	} {
		p := one(tc.rules...)
		var all []string
		for _, i := range Validate(&p) {
			all = append(all, i.Message)
		}
		if tc.hint == "" && len(all) > 0 || tc.hint != "" && (len(all) != 1 || !strings.Contains(all[0], tc.hint)) {
			t.Errorf("%s: %q, want %q", name, all, tc.hint)
		}
	}
}

func TestSignInHints(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Policy)
		hint   string
	}{
		"good": {func(p *Policy) {
			p.IdentityProviders, p.Session.Cookie = []string{"corp", "guests.corp"}, Cookie{SameSiteStrict, false, false, true}
			p.Paths, p.Denied = prefixes("/team"), Denied{"Ask Ann.", "https://help.x/a?b#c"}
		}, ""},
		"idle, short": {func(p *Policy) { p.Session.Idle = MinIdle - 1 }, "spec.session.idle Invalid"},
		"idle, least": {func(p *Policy) { p.Session.Idle = MinIdle }, ""},
		"idle, most":  {func(p *Policy) { p.Session.Idle = MaxSessionDuration }, ""},
		"idle, long":  {func(p *Policy) { p.Session.Idle = MaxSessionDuration + 1 }, "spec.session.idle Invalid"},
		"idle, none":  {func(p *Policy) { p.Session.Idle = -1 }, "spec.session.idle Invalid"},
		"no HttpOnly": {func(p *Policy) { p.Session.Cookie.ScriptReadable = true }, "spec.session.cookie.httpOnly Unwise"},
		"partitioned": {func(p *Policy) { // and the page that shows it is listed
			p.Session.Cookie.Partitioned, p.CORS = true, basic()
		}, ""},
		"partitioned, alone": {func(p *Policy) { p.Session.Cookie.Partitioned = true }, "spec.session.cookie.partitioned Unwise"},
		"partitioned, Lax": {func(p *Policy) {
			p.Session.Cookie, p.CORS = Cookie{SameSite: SameSiteLax, Partitioned: true}, basic()
		}, "spec.session.cookie.partitioned Unwise"},
		"partitioned, pattern": {func(p *Policy) {
			p.Session.Cookie.Partitioned, p.CORS = true, basic(func(c *CORS) { c.AllowedOrigins = []string{"https://*.example.com"} })
		}, "spec.session.cookie.partitioned Unwise"},
		"partitioned, everybody": {func(p *Policy) {
			p.Session.Cookie.Partitioned, p.CORS = true, basic(func(c *CORS) { c.AllowAllOrigins, c.AllowedOrigins = true, nil })
		}, "spec.session.cookie.partitioned Unwise"},
		"launcher": {func(p *Policy) {
			p.Launcher = Launcher{true, strings.Repeat("é", 80), "https://cdn.x:8443/a%20b.png?v=1", strings.Split("abcdefgh", "")}
		}, ""},
		"title, long":       {func(p *Policy) { p.Launcher.Title = strings.Repeat("é", 81) }, "spec.launcher.title Invalid"},
		"title, turned":     {func(p *Policy) { p.Launcher.Title = "a\u202eb" }, "spec.launcher.title Invalid"},
		"logo, full":        {func(p *Policy) { p.Launcher.LogoURL = "https://cdn.x/~" + strings.Repeat("a", 2033) }, ""},
		"logo, long":        {func(p *Policy) { p.Launcher.LogoURL = "https://cdn.x/~" + strings.Repeat("a", 2034) }, "spec.launcher.logoURL Invalid"},
		"logo, blank":       {func(p *Policy) { p.Launcher.LogoURL = "https://cdn.x/a b" }, "spec.launcher.logoURL Invalid"},
		"logo, not ASCII":   {func(p *Policy) { p.Launcher.LogoURL = "https://cdn.x/é" }, "spec.launcher.logoURL Invalid"},
		"logo, plain":       {func(p *Policy) { p.Launcher.LogoURL = "http://cdn.x/a.png" }, "spec.launcher.logoURL Invalid"},
		"logo, script":      {func(p *Policy) { p.Launcher.LogoURL = "javascript:alert(1)" }, "spec.launcher.logoURL Invalid"},
		"logo, directive":   {func(p *Policy) { p.Launcher.LogoURL = "https://cdn.x;script-src" }, "spec.launcher.logoURL Invalid"},
		"logo, sources":     {func(p *Policy) { p.Launcher.LogoURL = "https://cdn.x/a,b" }, "spec.launcher.logoURL Invalid"},
		"logo, user":        {func(p *Policy) { p.Launcher.LogoURL = "https://u@cdn.x/" }, "spec.launcher.logoURL Invalid"},
		"logo, no host":     {func(p *Policy) { p.Launcher.LogoURL = "https:///a.png" }, "spec.launcher.logoURL Invalid"},
		"tags, many":        {func(p *Policy) { p.Launcher.Tags = strings.Split("abcdefghi", "") }, "spec.launcher.tags Invalid"},
		"tag, empty":        {func(p *Policy) { p.Launcher.Tags = []string{"a", ""} }, "spec.launcher.tags[1] Invalid"},
		"tag, long":         {func(p *Policy) { p.Launcher.Tags = []string{strings.Repeat("é", 41)} }, "spec.launcher.tags[0] Invalid"},
		"mail":              {func(p *Policy) { p.Denied.URL = "mailto:help@x?subject=access" }, ""},
		"provider, case":    {func(p *Policy) { p.IdentityProviders = []string{"Corp"} }, "spec.identityProviders[0] Invalid"},
		"provider, empty":   {func(p *Policy) { p.IdentityProviders = []string{"a", ""} }, "spec.identityProviders[1] Invalid"},
		"provider, twice":   {func(p *Policy) { p.IdentityProviders = []string{"a", "a"} }, "spec.identityProviders[1] Invalid"},
		"same site":         {func(p *Policy) { p.Session.Cookie.SameSite = 4 }, "spec.session.cookie.sameSite Invalid"},
		"path, everything":  {func(p *Policy) { p.Session.Cookie.PathScoped = true }, "spec.session.cookie.pathScoped Unwise"},
		"path, root":        {func(p *Policy) { p.Session.Cookie.PathScoped, p.Paths = true, prefixes("/a", "/") }, "spec.session.cookie.pathScoped Unwise"},
		"message, long":     {func(p *Policy) { p.Denied.Message = strings.Repeat("é", 501) }, "spec.denied.message Invalid"},
		"message, full":     {func(p *Policy) { p.Denied.Message = strings.Repeat("é", 500) }, ""},
		"message, lines":    {func(p *Policy) { p.Denied.Message = "a\u2028b" }, "spec.denied.message Invalid"},
		"message, turned":   {func(p *Policy) { p.Denied.Message = "a\u202eb" }, "spec.denied.message Invalid"},
		"message, no UTF-8": {func(p *Policy) { p.Denied.Message = "\xff" }, "spec.denied.message Invalid"},
		"script":            {func(p *Policy) { p.Denied.URL = "javascript:alert(1)" }, "spec.denied.url Invalid"},
		"relative":          {func(p *Policy) { p.Denied.URL = "/help" }, "spec.denied.url Invalid"},
		"user information":  {func(p *Policy) { p.Denied.URL = "https://a@help.x/" }, "spec.denied.url Invalid"},
		"blank":             {func(p *Policy) { p.Denied.URL = "https://help.x/ a" }, "spec.denied.url Invalid"},
		"no mail":           {func(p *Policy) { p.Denied.URL = "mailto:help" }, "spec.denied.url Invalid"},
		"tokens, no origin": {func(p *Policy) { p.CORS = &CORS{AllowAllOrigins: true, AllowAllMethods: true, Tokens: true} }, "spec.cors.tokens Invalid"},
		"tokens, anonymous": {func(p *Policy) {
			p.CORS = &CORS{AllowedOrigins: []string{"https://o.x"}, AllowAllMethods: true, Tokens: true}
		}, "spec.cors.tokens Invalid"},
		"tokens, bypass": {func(p *Policy) { p.CORS = &CORS{BypassPreflight: true, Tokens: true} }, "spec.cors Invalid"},
		"tokens":         {func(p *Policy) { p.CORS = spa(); p.CORS.Tokens = true }, ""},
	} {
		p := one(does(Allow)...)
		tc.change(&p)
		_, issues := build([]Policy{p})
		got := strings.Join(told(issues), "; ")
		if want := strings.TrimSuffix("n/p "+tc.hint, "n/p "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
