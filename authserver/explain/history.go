// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
)

// A History is where it can be looked up what was decided.
type History interface {
	// Add defines the flags by which a command line names it.
	Add(f *pflag.FlagSet)
	// Find returns the line of a request; nil: there is none. It also says where it looked,
	// in words. What cannot be read goes to stderr.
	Find(ctx context.Context, requestID string, stdin io.Reader, stderr io.Writer) (e *decisionlog.Entry, where string, err error)
}

// A Review is what was decided once, and what would be decided now.
type Review struct {
	// Decided is the line of the log.
	Decided json.RawMessage `json:"decided"`
	// Lacks is what the line does not say, so that the question of now may be another one.
	Lacks []string `json:"lacks"`
	// Same: the verdict, the reason, and the policy and rule that decide.
	Same bool    `json:"same"`
	Now  *Report `json:"now"`

	entry *decisionlog.Entry
}

// again looks up what was decided, and asks the table of now the same.
func (o *Flags) again(c *cobra.Command, source Source, history History) error {
	if c.Flags().NArg() > 0 {
		return command.Mistake("the log says which request --request-id was: leave out %q", c.Flags().Arg(0))
	}
	if err := o.checkOutput(); err != nil {
		return err
	}
	e, where, err := history.Find(c.Context(), o.requestID, c.InOrStdin(), c.ErrOrStderr())
	switch {
	case err != nil:
		return err
	case e == nil:
		return fmt.Errorf("no line of request %s in %s. Requests that passed are logged with decisionLog=all alone, and perhaps a part of them "+
			"(--decision-log-sample); logs are rotated; and a page that nginx shows may have an ID of its own", policy.Line(o.requestID), where)
	case e.Kind == decisionlog.Shown:
		return fmt.Errorf("request %s is a page that said %s for %s at %s. The decision before it has an ID of its own, as the proxy gave none: "+
			"ostiary denials --host %[3]s shows it", policy.Line(o.requestID), e.Reason, policy.Line(e.Host), e.Time.UTC().Format(time.RFC3339))
	case e.Kind == decisionlog.Refused:
		fmt.Fprintf(c.OutOrStdout(), "DENIED  a question of %s that could not be read\n  time     %s\n  reason   %s\n  why      %s\n",
			policy.Line(e.Dialect), e.Time.UTC().Format(time.RFC3339), policy.Line(e.Reason), policy.Line(e.Why))
		return command.Answer(false)
	}
	question, lacks := o.same(e, time.Now())
	r := &Review{Decided: e.Text, Lacks: lacks, entry: e}
	r.Now, err = o.answer(c, source, &question)
	if err != nil {
		r.text(c.OutOrStdout())
		return fmt.Errorf("what would be decided now is not known: %w", err)
	}
	r.compare()
	if err := r.write(c.OutOrStdout(), o.Output); err != nil {
		return err
	}
	return r.Now.exit()
}

// answer asks the table of now.
func (o *Flags) answer(c *cobra.Command, source Source, q *Question) (*Report, error) {
	if err := source.Open(c.Context(), c.Flags(), nil, c.ErrOrStderr()); err != nil {
		return nil, err
	}
	q.SessionDuration = o.question.SessionDuration // as the installation has it
	q.UpstreamHeaders = o.question.UpstreamHeaders
	table, err := o.table(c, source, q)
	if err != nil {
		return nil, err
	}
	return Ask(table, o.PathPrefix, *q)
}

// compare says whether the answer is the same.
func (r *Review) compare() {
	e, now := r.entry, r.Now
	by := ""
	if now.Source.Name != "" {
		by = now.Source.Namespace + "/" + now.Source.Name
	}
	r.Same = e.Verdict == now.Verdict.String() && e.Reason == now.Reason.String() &&
		e.Policy == by && e.Field == now.Source.Field && e.Rule == now.Rule
}

// preflights are the reasons for which preflights alone are decided.
var preflights = []policy.Reason{policy.PreflightNotConfigured, policy.OriginNotAllowed, policy.MethodNotAllowed, policy.HeaderNotAllowed,
	policy.PreflightAnswered, policy.PreflightBypassed}

// same is the question of a line, as far as it says, and as flags say more.
func (o *Flags) same(e *decisionlog.Entry, now time.Time) (q Question, lacks []string) {
	q = o.question
	q.Method, q.URL, q.Now = e.Method, "https://"+e.Host+(&url.URL{Path: e.Path}).EscapedPath(), now
	q.Address = cmp.Or(q.Address, e.Address)
	if len(e.Path) >= maxLogged {
		lacks = append(lacks, fmt.Sprintf("the path beyond its first %d bytes", maxLogged))
	}
	lacks = append(lacks, "the query", "headers other than Origin (-H)")
	q.Headers = slices.Clone(q.Headers)
	has := func(name string) bool {
		return slices.ContainsFunc(q.Headers, func(h string) bool { return strings.HasPrefix(strings.ToLower(h), name+":") })
	}
	if e.Origin != "" && !has("origin") {
		q.Headers = append(q.Headers, "origin: "+e.Origin)
	}
	isPreflight := slices.ContainsFunc(preflights, func(r policy.Reason) bool { return r.String() == e.Reason })
	if e.Method == "OPTIONS" && isPreflight && !has("access-control-request-method") {
		q.Headers = append(q.Headers, "access-control-request-method: GET")
		lacks = append(lacks, "which method the preflight asked for: GET is assumed (-H 'access-control-request-method: PUT')")
	}
	if q.Ingress == "" {
		lacks = append(lacks, "the route that it came by (--ingress)")
	}
	return q, append(lacks, q.caller(e)...)
}

// maxLogged is how long a value of a line is at most (telemetry).
const maxLogged = 512

// caller takes who it was from a line, and says what that lacks.
func (q *Question) caller(e *decisionlog.Entry) (lacks []string) {
	service, isService := strings.CutPrefix(e.User, "service:")
	switch {
	case len(q.As) > 0 || q.ServiceToken != "" || q.Token != "" || len(q.LinkedApps) > 0:
	case strings.Contains(e.Email, "@"):
		q.As, q.Provider, q.Client = []string{e.Email}, cmp.Or(q.Provider, e.Provider), cmp.Or(q.Client, e.ClientID)
		lacks = append(lacks, "groups, claims, and how and when they signed in (--as EMAIL,GROUP, --claim, --amr, --age)")
	case e.ClientID != "" && isService:
		q.ServiceToken = service
	case e.ClientID != "":
		lacks = append(lacks, "the credential of "+e.User+" (--claims, --linked-app)")
	case e.User != "":
		lacks = append(lacks, "the email address of the user: nobody is taken to be signed in (--as)")
	case slices.Contains([]string{"session-expired", "session-revoked", "wrong-audience", "wrong-provider", "bad-signature"}, e.Reason):
		lacks = append(lacks, "whose session that was: nobody is taken to be signed in (--as)")
	}
	return lacks
}

func (r *Review) write(w io.Writer, format string) error {
	if format == "json" {
		return command.WriteJSON(w, r)
	}
	r.text(w)
	if r.Same {
		fmt.Fprint(w, "Now: the same answer, as far as is known.\n\n")
	} else {
		fmt.Fprint(w, "Now: ANOTHER ANSWER, as far as is known.\n\n")
	}
	return r.Now.Write(w, format)
}

// text writes what was decided once.
func (r *Review) text(w io.Writer) {
	e, line := r.entry, policy.Line
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s %s%s\n  time     %s\n  reason   %s\n", headlineOf(e), line(e.Method), line(e.Host), line(e.Path),
		e.Time.UTC().Format(time.RFC3339), line(e.Reason))
	by := cmp.Or(strings.TrimSpace(e.Policy+" "+e.Field), "no policy")
	if e.Rule != "" {
		by += " (" + e.Rule + ")"
	}
	for _, f := range [][2]string{{"decided", by}, {"user", cmp.Or(e.Email, e.User)}, {"provider", e.Provider}, {"origin", e.Origin},
		{"address", e.Address}, {"dry run", strings.TrimSpace(e.DryRun + " " + e.Would)}, {"table", e.Revision}} {
		if f[1] != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", f[0], line(f[1]))
		}
	}
	b.WriteString("\nThe log does not say:\n")
	for _, l := range r.Lacks {
		fmt.Fprintf(&b, "  - %s\n", line(l))
	}
	b.WriteString("\n")
	_, _ = io.WriteString(w, b.String()) // what comes after it fails, too
}

// headlineOf is that of a line.
func headlineOf(e *decisionlog.Entry) string {
	for v := policy.Deny; v <= policy.AnswerPreflight; v++ {
		for why := range policy.Reasons {
			if r := policy.Reason(why); v.String() == e.Verdict && r.String() == e.Reason {
				return Headline(v, r)
			}
		}
	}
	return "DENIED" // of another version
}
