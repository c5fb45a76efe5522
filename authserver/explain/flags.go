// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// Flags are the options of the command line that make a Question, and how its
// Report is written.
type Flags struct {
	// Output is "text" or "json".
	Output string
	// PathPrefix is our own path on every host. Default "/.access".
	PathPrefix string
	// TeamURL is where people sign in, whose scheme login addresses have. Default: that
	// of the question.
	TeamURL string

	question  Question
	requestID string
}

// Add defines the flags, with their defaults.
func (o *Flags) Add(f *pflag.FlagSet) {
	f.StringArrayVarP(&o.question.Headers, "header", "H", nil, "a header of the request, 'name: value'; repeatable")
	f.BoolVar(&o.question.Navigation, "navigation", false, "a browser opens the page, as when somebody follows a link (default: a script fetches it)")
	f.StringSliceVar(&o.question.As, "as", nil, "the signed-in user: EMAIL[,GROUP...] (default: not signed in)")
	f.StringVar(&o.question.Ingress, "ingress", "", "the Ingress that routes the request, NAMESPACE/NAME, or an HTTPRoute, HTTPRoute/NAMESPACE/NAME: only its policy may decide (default: not known)")
	f.StringVar(&o.question.Provider, "provider", "", "the identity provider of the user (default: one that the policy accepts)")
	f.StringSliceVar(&o.question.AMR, "amr", nil, "how the user signed in, as RFC 8176 names it: pwd, otp, mfa...")
	f.StringArrayVar(&o.question.Claims, "claim", nil, "what the identity provider says of the user, NAME=VALUE, or NAME: that cannot be told; repeatable (default: nothing)")
	f.DurationVar(&o.question.Age, "age", 0, "how long ago the user signed in")
	f.StringVar(&o.question.Client, "client", "",
		"the client_id of the program that sends the request for the user (default: the user's browser)")
	f.StringVar(&o.question.From, "token-from", "", "the user's token is of cors.tokens, for pages of this origin, in place of a session (default: a session)")
	f.StringVar(&o.question.Token, "claims", "", "what a verified bearer token of another issuer says, as JSON: '{\"iss\": \"https://ci.example.com\", \"aud\": \"app\"}' (default: no token)")
	f.StringVar(&o.question.Address, "ip", "", "the client's address (default: not known)")
	f.StringVar(&o.question.Country, "country", "", "the country of --ip, such as NL (default: not known)")
	f.StringVar(&o.question.ServiceToken, "service-token", "", "the request has a good secret of this ServiceToken, NAMESPACE/NAME, or the one of a SHA-256, NAMESPACE/NAME@HEX (default: no token)")
	f.StringSliceVar(&o.question.LinkedApps, "linked-app", nil, "the application of this AccessPolicy, [NAMESPACE/]NAME, sends the request for the user of --as, or without that for somebody whom it admits (default: no application)")
	f.StringArrayVar(&o.question.Certificate, "certificate", nil, "the client certificate that the proxy verified: its common name, or uri=NAME or dnsName=NAME; none for none; repeatable, for more names of it (default: not known)")
	f.StringSliceVar(&o.question.UpstreamHeaders, "upstream-headers", nil, "`NAME`,... of headers that policies may set for applications, as in serve (default: none)")
	f.StringArrayVar(&o.question.Evaluations, "assume-evaluation", nil, "what the external evaluation at a url says of the user, URL=true or URL=false; repeatable (default: not known, which counts against them)")
	f.StringVarP(&o.Output, "output", "o", "text", "text or json")
	f.StringVar(&o.TeamURL, "team-url", "", "the team host, where users sign in; its scheme is that of the applications")
	f.DurationVar(&o.question.SessionDuration, "session-duration", policy.DefaultSessionDuration, "the lifetime of a session where the policy sets none")
	f.StringVar(&o.PathPrefix, "path-prefix", contract.DefaultPathPrefix, "Ostiary's own path on every host")
	f.StringVar(&o.question.Docs, "docs-url", "", web.DocsUsage)
}

// Question returns the question of a command line: METHOD URL and the flags.
func (o *Flags) Question(args []string, now time.Time) (Question, error) {
	if len(args) < 2 {
		return Question{}, command.Mistake("name a method and a URL, as in: ostiary explain GET https://app.example.com/")
	}
	if err := o.checkOutput(); err != nil {
		return Question{}, err
	}
	q := o.question
	q.Method, q.URL, q.Now = args[0], args[1], now
	if upper := strings.ToUpper(q.Method); q.Method != upper && slices.Contains(Methods, upper) {
		return Question{}, command.Mistake("the method %s: methods are case-sensitive, so write %s", q.Method, upper)
	}
	if _, _, err := q.check(); err != nil { // before a cluster is asked
		return Question{}, command.Mistake("%s", err)
	}
	return q, nil
}

func (o *Flags) checkOutput() error {
	if o.Output != "text" && o.Output != "json" {
		return command.Mistake("--output %q: text or json", o.Output)
	}
	return nil
}
