// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"strings"

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
	page := web.ProviderDown("Example Company").Page("app1.example.com")
	page.Action, page.URL, page.RequestID = web.TryAgain, "https://app1.example.com/", "4f1d09c2a7be6634"
	page.DocsURL = "https://docs.example.com/reasons#provider-unavailable"
	long.DocsURL = "https://docs.example.com/reasons#no-rule-matched"
	return []sample{
		{"page", web.Render(page), ""},
		{"refusal", web.Refusal(web.RefusalView{Status: 403, Reason: "no-policy", Host: "app1.example.com", RequestID: "4f1d09c2a7be6634"}), ""},
		{"refusal-login", web.Refusal(web.RefusalView{Status: 401, Reason: "no-session", Host: "app1.example.com", LoginURL: "https://app1.example.com/.access/login", RequestID: "4f1d09c2a7be6634"}), ""},
		{"page-bare", web.Render(web.Page{Title: "Page not found", Message: "There is no page at this address."}), ""},
		{"login", web.Login(login), "'self'"},
		{"login-wrong", web.Login(wrong), "'self'"},
		{"login-long", web.Login(web.LoginView{Host: longHost, Provider: rightway, Username: strings.Repeat("name", 40), Problem: rightway}), "'self'"},
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
		{"continue", web.Continue(web.ContinueView{URL: next}), ""},
		{"launcher", web.Launcher(web.LauncherView{Host: "login.example.com", SignedInAs: "ada@example.com", SignOutURL: "/.access/logout", Apps: []web.AppLink{
			{Title: "Payroll", URL: "https://payroll.example.com/"}, {Title: "Wiki", URL: "https://wiki.example.com/"}, {URL: "https://" + longHost + "/"}, {Title: "الموارد البشرية", URL: "https://hr.example.com/start"}}}), ""},
		{"launcher-empty", web.Launcher(web.LauncherView{Host: "login.example.com", SignedInAs: "ada@example.com", SignOutURL: "/.access/logout"}), ""},
		{"launcher-nobody", web.Launcher(web.LauncherView{Host: "login.example.com"}), ""},
	}
}
