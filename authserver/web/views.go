// SPDX-License-Identifier: Apache-2.0

package web

import "time"

// A Page is one short message with, perhaps, one thing to do about it.
type Page struct {
	Title   string
	Message string
	// Args are what stands for {1}, {2} and {3} in Message.
	Args [3]string
	// HomeURL is the start page, beside that; empty: no link.
	HomeURL string
	// Action is the label of the link to URL; empty: no link.
	Action, URL string
	// Beside opens URL in a tab of its own: this one is still needed.
	Beside bool
	// Host, Reason and RequestID go into the small print, for whoever helps. DocsURL is where
	// the reason is explained; empty: no link.
	Host, Reason, RequestID, DocsURL string
}

// A LoginView is the form of the users that are built in. It posts "username"
// and "password" besides what is hidden.
type LoginView struct {
	Host     string // the application that they want to reach
	Provider string // its display name
	Action   string
	Hidden   []Field
	Username string // what was typed last time
	Problem  string // what was wrong with it
	// OthersURL is where the other providers are; empty: there are none.
	OthersURL string
	// RequestID is shown with a problem.
	RequestID string
}

// A Field is a form's field that nobody sees.
type Field struct{ Name, Value string }

// A ChooserView offers several identity providers.
type ChooserView struct {
	Host      string
	Providers []ProviderLink
}

// A ProviderLink leads to one of them.
type ProviderLink struct{ Name, URL string }

// A DeniedView tells somebody who is signed in that they may not pass.
type DeniedView struct {
	Host       string
	SignedInAs string
	Why        string
	// Message and HelpURL are the words of the application's owner.
	Message, HelpURL  string
	Reason, RequestID string
	// DocsURL is where the reason is explained, WhyURL the page that says more of this
	// request; empty: no link.
	DocsURL, WhyURL string
	// SwitchURL signs out, to be somebody else; HomeURL leads to the launcher; RetryURL is what
	// they wanted to open, for whoever was let in just now.
	SwitchURL, HomeURL, RetryURL string
}

// A SignedOutView says what somebody is signed out of: one application, or all.
type SignedOutView struct {
	Host       string
	Everywhere bool
	// Empty: no link.
	SignInURL, EverywhereURL, HomeURL string
}

// A ConfirmLogoutView asks whether they mean it, as another site's link may not
// sign anybody out. It posts nothing but the click.
type ConfirmLogoutView struct {
	Host       string
	Action     string
	Everywhere bool
	StayURL    string // back, without signing out
}

// A LoopView ends a sign-in loop.
type LoopView struct {
	Host, Why, AgainURL, RequestID, DocsURL string
}

// A ContinueView moves on to an absolute http or https address.
type ContinueView struct{ URL string }

// A LauncherView is the team host's front page.
type LauncherView struct {
	Host       string
	SignedInAs string // empty: nobody
	// Empty: no link.
	SignInURL, SignOutURL, SessionsURL string
	HomeURL                            string
	Apps                               []AppLink
	// Search: there is a way to find some of many, Query is what was asked for.
	Search bool
	Query  string
	Tags   []TagLink
	More   int // how many are not shown
}

// An AppLink leads to an application.
type AppLink struct {
	Title   string // empty: its address
	Address string // as people read it
	URL     string
	LogoURL string // an https address; empty: none
	Initial string // in its place
}

// A TagLink shows the applications of a tag, or all again.
type TagLink struct {
	Name, URL string
	Chosen    bool
}

// A SessionsView is what a person sees of their sessions.
type SessionsView struct {
	Host         string
	SignedInAs   string // empty: nobody
	Provider     string
	Since, Until time.Time
	Apps         []SessionAt
	Agents       []AgentAt
	// FactorURL is the page of their second factors; empty: they can have none. Changes are
	// what was done to them lately.
	FactorURL  string
	Changes    []FactorChange
	Action     string // where a form ends one
	SignInURL  string
	SignOutURL string
	HomeURL    string
}

// A SessionAt is one at an application.
type SessionAt struct {
	Host, URL    string
	Since, Until time.Time
}

// A RefusalView tells a person that a decision refused their request.
type RefusalView struct {
	Status    int
	Reason    string
	Host      string
	LoginURL  string // empty: signing in will not help
	RequestID string
	Message   string // what to do, if the reason does not say it
	DocsURL   string // where the reason is explained; empty: no link
	WhyURL    string // the page that says more of this request; empty: no link
	// RetryURL is what they asked for, or if that was no look, the root of the application;
	// HomeURL is the start page; empty: no link.
	RetryURL, HomeURL string
	Looked            bool // what they asked for was a look
	Unsent            bool // signing in is of no use to what they sent: it has to be sent again
}

// An AgentAt is a client that somebody lets act for them.
type AgentAt struct {
	Client, Name, Host string // Client is its id
	Policy             string // of the application; empty: it is not known
	Since, Until       time.Time
}

func (v Page) in(c *catalogue) any {
	v.Title, v.Message, v.Action = c.text(v.Title), c.text(v.Message, args(v.Args)...), c.text(v.Action)
	return v
}

func (v LoginView) in(c *catalogue) any {
	v.Problem = c.text(v.Problem)
	return v
}

func (v DeniedView) in(c *catalogue) any {
	v.Why = c.text(v.Why)
	return v
}

func (v LoopView) in(c *catalogue) any {
	v.Why = c.text(v.Why)
	return v
}
