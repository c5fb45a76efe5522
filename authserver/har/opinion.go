// SPDX-License-Identifier: Apache-2.0

package har

import (
	"slices"
	"time"

	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/policy"
)

// An Opinion is what the policies at hand decide about a request of the export.
type Opinion struct {
	Verdict policy.Verdict `json:"verdict"`
	Reason  policy.Reason  `json:"reason"`
	Source  policy.Source  `json:"source,omitzero"`
	// Detail is the step that decided.
	Detail string `json:"detail,omitempty"`
	// Patch is the line of YAML to add, and Field where.
	Field string `json:"field,omitempty"`
	Patch string `json:"patch,omitempty"`
}

// asker asks a table about requests of an export.
type asker struct {
	table      *policy.Table
	pathPrefix string
	as         []string
	now        time.Time
}

// ask adds to findings what the policies say. What cannot be asked stays without: a path of
// which something is left out, and who was signed in.
func (a *asker) ask(findings []*Finding) {
	for _, f := range findings {
		if f.Note || f.entry.URL.Cut || f.entry.URL.Origin() == "" {
			continue
		}
		q, ok := a.question(f)
		if !ok {
			continue
		}
		report, err := explain.Ask(a.table, a.pathPrefix, q)
		if err != nil { // a request that a browser sent, and nobody could describe
			continue
		}
		f.Policy = opinion(report)
	}
}

// question describes a request of the export. Of one that is no preflight, but fails for the
// page's origin, the preflight is asked about that it would have.
func (a *asker) question(f *Finding) (q explain.Question, ok bool) {
	e := f.entry
	address := e.URL
	address.Query = false
	q = explain.Question{Method: e.Method, URL: address.String(), Now: a.now, As: a.as, Navigation: e.mode() == "navigate"}
	header := func(name, value string) {
		if value != "" {
			q.Headers = append(q.Headers, name+": "+value)
		}
	}
	header("origin", e.Request.Get("origin"))
	switch {
	case e.isPreflight():
		q.As = nil
		header("access-control-request-method", e.Request.Get("access-control-request-method"))
		header("access-control-request-headers", e.Request.Get("access-control-request-headers"))
	case f.Cause == RefusalUnreadable || f.Cause == OtherSite:
		q.Method, q.As, q.Headers = "OPTIONS", nil, nil
		header("origin", e.origin())
		header("access-control-request-method", e.Method)
	case len(a.as) == 0 && slices.ContainsFunc(e.Cookies, sessionCookie), e.reason() == "":
		return q, false // nobody knows who it was; or it was not Ostiary
	default:
		header("sec-fetch-site", e.Request.Get("sec-fetch-site"))
	}
	return q, true
}

func opinion(r *explain.Report) *Opinion {
	o := &Opinion{Verdict: r.Verdict, Reason: r.Reason, Source: r.Source}
	for _, s := range r.Steps {
		if o.Detail = s.Detail; s.Fix != nil {
			o.Field, o.Patch = s.Fix.Field, s.Fix.Line
			break
		}
	}
	return o
}
