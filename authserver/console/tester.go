// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// What a form may hold, and how long and how much a comparison may take and say.
const (
	maxForm  = 96 << 10
	maxYAML  = 64 << 10
	maxField = 2 << 10
	diffTime = 10 * time.Second
	maxDiff  = 64 << 10
)

// tester says what would be decided: of a request, or of all once manifests are in force.
// It is nothing but a question.
func (h *Handler) tester(x *public.Exchange, _ operator) {
	v := web.TesterView{Nav: h.nav("test"), Host: x.Host, Action: h.consoleURL("test"), Method: http.MethodGet, CanDiff: h.Diff != nil}
	switch x.R.Method {
	case http.MethodGet, http.MethodHead:
		h.Page(x, http.StatusOK, "tester", web.Tester(v))
		return
	case http.MethodPost:
	default:
		x.W.Header().Set("Allow", "GET, HEAD, POST")
		h.Fail(x, web.GetAndPostOnly)
		return
	}
	x.R.Body = http.MaxBytesReader(x.W, x.R.Body, maxForm)
	if err := x.R.ParseForm(); err != nil {
		h.Fail(x, web.DamagedForm)
		return
	}
	field := func(name string) string { return strings.TrimSpace(x.R.PostForm.Get(name)) }
	v.Method, v.URL, v.Origin = strings.ToUpper(cmp.Or(field("method"), http.MethodGet)), field("url"), field("origin")
	v.As, v.Groups, v.From, v.Asked, v.YAML = field("as"), field("groups"), field("from"), field("asked"), x.R.PostForm.Get("yaml")
	if field("do") == "diff" {
		h.diff(x, &v)
	} else {
		h.test(x, &v)
	}
	status := http.StatusOK
	if v.Problem != "" || v.DiffProblem != "" {
		status = http.StatusUnprocessableEntity
	}
	h.Page(x, status, "tester", web.Tester(v))
}

// test asks the table in force, as explain does.
func (h *Handler) test(x *public.Exchange, v *web.TesterView) {
	for _, text := range []string{v.Method, v.URL, v.Origin, v.As, v.Groups, v.From, v.Asked} {
		if len(text) > maxField {
			v.Problem = "A field is too long."
			return
		}
	}
	q := explain.Question{Method: v.Method, URL: v.URL, Scheme: h.TeamURL.Scheme, Address: v.From,
		SessionDuration: h.SessionDuration, Now: x.Now}
	for name, value := range map[string]string{"Origin": v.Origin, "Access-Control-Request-Method": v.Asked} {
		if value != "" {
			q.Headers = append(q.Headers, name+": "+value)
		}
	}
	if v.As != "" {
		q.As = []string{v.As}
		for group := range strings.SplitSeq(v.Groups, ",") {
			if group = strings.TrimSpace(group); group != "" {
				q.As = append(q.As, group)
			}
		}
	}
	r, err := explain.Ask(x.Table, h.PathPrefix, q)
	if err != nil {
		v.Problem = policy.Line(strings.Replace(err.Error(), "--as ", "Email ", 1))
		return
	}
	v.Walk = walkOf(&policy.Decision{Verdict: r.Verdict, Reason: r.Reason, Source: r.Source, Rule: r.Rule}, r.Steps, r.Revision)
	for _, f := range r.Headers {
		v.Walk.Facts = append(v.Walk.Facts, web.Fact{Name: policy.Line(f.Name), Value: policy.Line(f.Value)})
	}
}

// diff compares manifests with what is in force; one comparison at a time.
func (h *Handler) diff(x *public.Exchange, v *web.TesterView) {
	switch {
	case h.Diff == nil:
		v.DiffProblem = "This server cannot compare manifests."
		return
	case len(v.YAML) > maxYAML:
		v.YAML, v.DiffProblem = "", "The manifests are too long: at most 64 KiB. Use ostiary diff."
		return
	case !h.comparing.TryLock():
		v.DiffProblem = "Another comparison is running. Try again in a moment."
		return
	}
	defer h.comparing.Unlock()
	ctx, cancel := context.WithTimeout(x.R.Context(), diffTime)
	defer cancel()
	text, err := h.Diff(ctx, []byte(v.YAML))
	if err != nil {
		v.DiffProblem = bounded(err.Error())
		return
	}
	v.Diff = bounded(text)
}

// bounded is a text of many lines, of which no more than maxDiff bytes are shown.
func bounded(text string) string {
	if len(text) > maxDiff {
		text = text[:maxDiff] + "\n... (there is more: use ostiary diff)"
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = policy.Line(l)
	}
	return strings.Join(lines, "\n")
}
