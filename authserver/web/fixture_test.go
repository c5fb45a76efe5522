// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

const (
	longHost = "quarterly-numbers.department-of-long-names.subsidiary-with-an-even-longer-name.applications.eu-central-1.example.com"
	rightway = "لا يمكنك فتح هذا التطبيق. اكتب إلى فريق الدعم على support@example.com."
)

var providers = []web.ProviderLink{
	{Name: "Example Company", URL: "https://login.example.com/.access/login/app1.example.com?attempt=x&idp=company"},
	{Name: "Partners and suppliers", URL: "https://login.example.com/.access/login/app1.example.com?attempt=x&idp=partners"},
	{Name: "Local accounts", URL: "https://login.example.com/.access/login/app1.example.com?attempt=x&idp=local"},
}

var signedIn = time.Date(2026, 1, 31, 8, 5, 0, 0, time.UTC)

// A sample is a page with what people would see in it.
type sample struct {
	name string
	html []byte
	form string // where its form may lead
}

// samples are all pages. next is an address that Continue may move on to.
func samples(next string) []sample {
	login := web.LoginView{Host: "app1.example.com", Provider: "Local accounts", Action: "https://login.example.com/.access/login/app1.example.com",
		Hidden: []web.Field{{Name: "attempt", Value: "sealed"}, {Name: "idp", Value: "local"}}, RequestID: "4f1d09c2a7be6634"}
	wrong := login
	wrong.Username, wrong.Problem = "ada@example.com", "Wrong user name or password."
	denied := web.DeniedView{Host: "app1.example.com", SignedInAs: "ada@example.com", Reason: "no-rule-matched", RequestID: "4f1d09c2a7be6634",
		Why:     web.WhyDenied(policy.NoRuleMatched),
		Message: "The payroll is open to the finance team.\nAsk in #finance-help, and name your manager.", HelpURL: "https://wiki.example.com/payroll",
		SwitchURL: "https://login.example.com/.access/logout", HomeURL: "https://login.example.com/"}
	plain := denied
	plain.Message, plain.HelpURL = "", ""
	long := denied
	long.Host, long.SignedInAs = longHost, strings.Repeat("firstname.", 12)+"lastname@"+longHost
	long.Message = rightway + "\n" + strings.Repeat("https://wiki.example.com/a/very/long/path", 5)
	long.Why = web.WhyDenied(policy.SessionExpired)
	down := web.ProviderDown("Example Company").Page("app1.example.com")
	down.Action, down.URL, down.RequestID = web.TryAgain, "https://app1.example.com/", "4f1d09c2a7be6634"
	down.DocsURL = "https://docs.example.com/reasons#provider-unavailable"
	long.DocsURL = "https://docs.example.com/reasons#no-rule-matched"
	full, none, sessions, never := consoleViews(imagesOf("launcher", next))
	rows := append(append(consoleSamples(), append(factorSamples(), passkeySamples()...)...), []row{
		{"page", web.Render(down), ""},
		{"refusal", web.Refusal(web.RefusalView{Status: 403, Reason: "no-policy", Host: "app1.example.com", RequestID: "4f1d09c2a7be6634",
			RetryURL: "https://app1.example.com/x", Looked: true, HomeURL: "https://login.example.com/"}), ""},
		{"refusal-broken", web.Refusal(web.RefusalView{Status: 403, Reason: "invalid-policy", Host: "app1.example.com",
			RequestID: "4f1d09c2a7be6634"}), ""},
		{"refusal-unsent", web.Refusal(web.RefusalView{Status: 401, Reason: "session-expired", Host: "app1.example.com", Unsent: true,
			LoginURL: "https://app1.example.com/.access/login", RequestID: "4f1d09c2a7be6634"}), ""},
		{"refusal-login", web.Refusal(web.RefusalView{Status: 401, Reason: "no-session", Host: "app1.example.com", LoginURL: "https://app1.example.com/.access/login", RequestID: "4f1d09c2a7be6634"}), ""},
		{"frame", web.Frame(framedView), within},
		{"frame-denied", web.Frame(web.FrameView{RefusalView: web.RefusalView{Status: 403, Reason: "no-rule-matched", Host: longHost,
			RequestID: "4f1d09c2a7be6634"}, URL: "https://" + longHost + "/"}), ""},
		{"page-bare", web.Render(web.Page{Title: "Page not found", Message: "There is no page at this address."}), ""},
		{"login", web.Login(login), typing},
		{"login-wrong", web.Login(wrong), typing},
		{"login-long", web.Login(web.LoginView{Host: longHost, Provider: rightway, Username: strings.Repeat("name", 40), Problem: rightway}), typing},
		{"chooser", web.Chooser(web.ChooserView{Host: "app1.example.com", Providers: providers}), ""},
		{"chooser-long", web.Chooser(web.ChooserView{Host: longHost, Providers: []web.ProviderLink{{Name: rightway, URL: "/a"}, {Name: longHost, URL: "/b"}}}), ""},
		{"denied", web.Denied(denied), ""},
		{"denied-plain", web.Denied(plain), ""},
		{"denied-bare", web.Denied(web.DeniedView{Host: "app1.example.com", Why: web.WhyDenied(policy.NoRuleMatched)}), ""},
		{"denied-long", web.Denied(long), ""},
		{"signed-out", web.SignedOut(web.SignedOutView{Host: "app1.example.com", SignInURL: "https://app1.example.com/.access/login", EverywhereURL: "https://app1.example.com/.access/logout?all="}), ""},
		{"signed-out-everywhere", web.SignedOut(web.SignedOutView{Host: "login.example.com", Everywhere: true}), ""},
		{"confirm-logout", web.ConfirmLogout(web.ConfirmLogoutView{Host: "app1.example.com", Action: "/.access/logout"}), "'self'"},
		{"confirm-logout-everywhere", web.ConfirmLogout(web.ConfirmLogoutView{Host: "login.example.com", Action: "/.access/logout?all=", Everywhere: true}), "'self'"},
		{"loop", web.Loop(web.LoopView{Host: "app1.example.com", Why: web.WhyLoop(false, policy.NoReason), AgainURL: "https://app1.example.com/.access/login?rd=%2F&again=1", RequestID: "4f1d09c2a7be6634"}), ""},
		{"signed-in", web.SignedIn(next), closing},
		{"continue", web.Continue(web.ContinueView{URL: next}), ""},
		{"onward", web.Onward(web.OnwardView{Host: "app1.example.com", Origin: onward, Action: next, To: next,
			Hidden: []web.Field{{Name: "rd", Value: "/"}}, Next: "https://login.example.com/", Plain: next}), onward},
		{"keep", web.Keep(web.KeepView{Host: "app1.example.com", Address: "/x?" + strings.Repeat("y", 3000), Next: next}), keeping},
		{"kept", web.Kept("app1.example.com", next, "4f1d09c2a7be6634"), keeping},
		{"launcher", web.Launcher(full), "'self'"},
		{"launcher-none", web.Launcher(none), "'self'"},
		{"sessions", web.Sessions(sessions), "'self'"},
		{"sessions-none", web.Sessions(never), ""},
		{"sessions-nobody", web.Sessions(web.SessionsView{Host: "login.example.com", SignInURL: "/.access/login"}), ""},
		{"launcher-empty", web.Launcher(web.LauncherView{Host: team, SignedInAs: ada, SignOutURL: "/.access/logout"}), ""},
		{"launcher-nobody", web.Launcher(web.LauncherView{Host: "login.example.com"}), ""},
		{"launcher-sign-in", web.Launcher(web.LauncherView{Host: "login.example.com", SignInURL: "/.access/login"}), ""},
	}...)
	var out []sample
	for _, r := range rows {
		out = append(out, sample{r.name, page(r.doc), r.form})
		if slices.Contains([]string{"login-wrong", "denied-plain", "launcher", "sessions", "why", "frame", "enrol", "passkeys"}, r.name) {
			for _, lang := range []string{"de", "ja"} {
				out = append(out, sample{r.name + "-" + lang, web.Plain().Render(r.doc, lang), r.form})
			}
		}
	}
	return out
}

var framedView = web.FrameView{RefusalView: web.RefusalView{Status: 401, Reason: "no-session", Host: "app1.example.com",
	RequestID: "4f1d09c2a7be6634"}, URL: "https://app1.example.com/board",
	SignInURL:   "https://app1.example.com/.access/login?rd=%2F.access%2Fdone",
	IdentityURL: "https://app1.example.com/.access/get-identity"}

// A row is a sample that is not rendered yet.
type row struct {
	name string
	doc  web.Document
	form string
}

func page(d web.Document) []byte { return web.Plain().Render(d, "") }

// langOf is the language of a sample.
func langOf(name string) string {
	for _, lang := range []string{"de", "ja"} {
		if strings.HasSuffix(name, "-"+lang) {
			return lang
		}
	}
	return "en"
}

// imagesOf is from where a page has pictures; empty: it has none.
func imagesOf(name, next string) string {
	if !strings.HasPrefix(name, "launcher") {
		return ""
	}
	scheme, rest, _ := strings.Cut(next, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

const team, ada = "login.example.com", "ada@example.com"

// consoleViews are what the team host shows whoever is signed in.
func consoleViews(origin string) (full, none web.LauncherView, sessions, never web.SessionsView) {
	full = web.LauncherView{
		Host: team, SignedInAs: ada, SignOutURL: "/.access/logout", SessionsURL: "/.access/sessions", HomeURL: "/",
		Search: true, More: 12,
		Tags: []web.TagLink{
			{Name: "finance", URL: "/?tag=finance"}, {Name: "tools", URL: "/", Chosen: true},
			{Name: "الموارد البشرية", URL: "/?tag=hr"},
		},
		Apps: []web.AppLink{
			{Title: "Payroll", Address: "payroll.example.com", URL: "https://payroll.example.com/", Initial: "P", LogoURL: origin + "/logo.svg"},
			{Title: "Wiki", Address: "wiki.example.com", URL: "https://wiki.example.com/", Initial: "W"},
			{Address: longHost, URL: "https://" + longHost + "/", Initial: "Q"},
			{Title: "الموارد البشرية", Address: "hr.example.com/start", URL: "https://hr.example.com/start", Initial: "ا"},
		},
	}
	none = full
	none.Apps, none.Query, none.More = nil, "ledger", 0
	never = web.SessionsView{
		Host: team, SignedInAs: ada, Provider: "Example Company", Since: signedIn, Until: signedIn.Add(24 * time.Hour),
		Action: "/.access/sessions", SignOutURL: "/.access/logout", HomeURL: "/",
	}
	sessions = never
	sessions.Apps = []web.SessionAt{
		{Host: "payroll.example.com", URL: "https://payroll.example.com/", Since: signedIn, Until: signedIn.Add(time.Hour)},
		{Host: longHost, URL: "https://" + longHost + "/", Since: signedIn, Until: signedIn.Add(24 * time.Hour)},
	}
	sessions.Agents = []web.AgentAt{{Client: "https://agent.example.net/x", Name: "Example Agent", Host: "mcp.example.com", Since: signedIn,
		Until: signedIn.Add(720 * time.Hour)}}
	return full, none, sessions, never
}
