// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"strings"

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
	wrong.Username, wrong.Problem = "ada@example.com", "The name or the password is wrong."
	denied := web.DeniedView{Host: "app1.example.com", SignedInAs: "ada@example.com", Reason: "no-rule", RequestID: "4f1d09c2a7be6634",
		Why:     "Your account is signed in, and no rule of this application admits it.",
		Message: "The payroll is open to the finance team.\nAsk in #finance-help, and name your manager.", HelpURL: "https://wiki.example.com/payroll",
		SwitchURL: "https://login.example.com/.access/logout", HomeURL: "https://login.example.com/"}
	long := denied
	long.Host, long.SignedInAs = longHost, strings.Repeat("firstname.", 12)+"lastname@"+longHost
	long.Message = rightway + "\n" + strings.Repeat("https://wiki.example.com/a/very/long/path", 5)
	long.Why = "You signed in, and the application asks for a newer sign-in all the same. A clock may be wrong, or your access was ended a moment ago."
	return []sample{
		{"page", web.Render(web.Page{Title: "Signing in does not work right now", Message: "The identity provider Example Company does not answer. Try again in a moment; applications that you are signed in to go on working.",
			Action: "Try again", URL: "https://app1.example.com/", Host: "app1.example.com", Reason: "provider-unavailable", RequestID: "4f1d09c2a7be6634"}), ""},
		{"page-bare", web.Render(web.Page{Title: "Nothing here", Message: "There is no page at this address."}), ""},
		{"login", web.Login(login), "'self'"},
		{"login-wrong", web.Login(wrong), "'self'"},
		{"login-long", web.Login(web.LoginView{Host: longHost, Provider: rightway, Username: strings.Repeat("name", 40), Problem: rightway}), "'self'"},
		{"chooser", web.Chooser(web.ChooserView{Host: "app1.example.com", Providers: providers}), ""},
		{"chooser-long", web.Chooser(web.ChooserView{Host: longHost, Providers: []web.ProviderLink{{Name: rightway, URL: "/a"}, {Name: longHost, URL: "/b"}}}), ""},
		{"denied", web.Denied(denied), ""},
		{"denied-bare", web.Denied(web.DeniedView{Host: "app1.example.com", Why: "Your account is signed in, and no rule of this application admits it."}), ""},
		{"denied-long", web.Denied(long), ""},
		{"signed-out", web.SignedOut(web.SignedOutView{Host: "app1.example.com", SignInURL: "https://app1.example.com/.access/login", EverywhereURL: "https://app1.example.com/.access/logout?all="}), ""},
		{"signed-out-everywhere", web.SignedOut(web.SignedOutView{Host: "login.example.com", Everywhere: true}), ""},
		{"confirm-logout", web.ConfirmLogout(web.ConfirmLogoutView{Host: "app1.example.com", Action: "/.access/logout"}), "'self'"},
		{"confirm-logout-everywhere", web.ConfirmLogout(web.ConfirmLogoutView{Host: "login.example.com", Action: "/.access/logout?all=", Everywhere: true}), "'self'"},
		{"loop", web.Loop(web.LoopView{Host: "app1.example.com", Why: "Your browser does not send this site's cookie back. Allow cookies for it.", AgainURL: "https://app1.example.com/.access/login?rd=%2F&again=1", RequestID: "4f1d09c2a7be6634"}), ""},
		{"continue", web.Continue(web.ContinueView{URL: next}), ""},
		{"launcher", web.Launcher(web.LauncherView{Host: "login.example.com", SignedInAs: "ada@example.com", SignOutURL: "/.access/logout", Apps: []web.AppLink{
			{Title: "Payroll", URL: "https://payroll.example.com/"}, {Title: "Wiki", URL: "https://wiki.example.com/"}, {URL: "https://" + longHost + "/"}, {Title: "الموارد البشرية", URL: "https://hr.example.com/start"}}}), ""},
		{"launcher-empty", web.Launcher(web.LauncherView{Host: "login.example.com", SignedInAs: "ada@example.com", SignOutURL: "/.access/logout"}), ""},
		{"launcher-nobody", web.Launcher(web.LauncherView{Host: "login.example.com"}), ""},
	}
}
