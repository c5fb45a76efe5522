// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// What one page shows of a table.
const (
	shownHosts    = 200
	shownGuards   = 50
	shownProblems = 100
)

// policies lists what is in force, and what is wrong with it as far as this server knows.
func (h *Handler) policies(x *public.Exchange, _ operator) {
	if !h.Get(x) {
		return
	}
	v := web.PoliciesView{Nav: h.nav("policies"), Host: x.Host, Revision: x.Table.Revision(), Policies: x.Table.Len(),
		Filter: filterOf(x.Query).host}
	more := 0
	for _, host := range x.Table.Hosts() {
		guards, contended := x.Table.Guards(example(host))
		if !mentions(host, guards, v.Filter) {
			continue
		}
		if len(v.Hosts) == shownHosts {
			more++
			continue
		}
		v.Hosts = append(v.Hosts, hostOf(x.Table, host, guards, contended))
	}
	if more > 0 {
		v.More = fmt.Sprintf("%d more hosts are not shown. Filter for what you look for.", more)
	}
	v.Unknown = "What is wrong with policies that are not in force, and which routes nothing protects, " +
		"this server does not know: see ostiary check and ostiary audit."
	if h.Survey != nil {
		s := h.Survey(x.R.Context())
		v.Problems, v.Gaps, v.Unknown = firstFacts(s.Problems), firstFacts(s.Gaps), s.Unknown
	}
	h.Page(x, http.StatusOK, "policies", web.Policies(v))
}

func firstFacts(all []web.Fact) (out []web.Fact) {
	for _, f := range all[:min(len(all), shownProblems)] {
		out = append(out, web.Fact{Name: policy.Line(f.Name), Value: policy.Line(f.Value)})
	}
	if more := len(all) - len(out); more > 0 {
		out = append(out, web.Fact{Name: "…", Value: fmt.Sprintf("and %d more", more)})
	}
	return out
}

// example is a host that a pattern stands for.
func example(host string) string {
	for _, wild := range []string{"**.", "*."} {
		if zone, is := strings.CutPrefix(host, wild); is {
			return strings.Repeat("x", 63) + "." + zone // no policy is likely to have it
		}
	}
	return host
}

func mentions(host string, guards []policy.Guard, part string) bool {
	if part == "" || strings.Contains(host, strings.ToLower(part)) {
		return true
	}
	for _, g := range guards {
		if strings.Contains(g.Policy.String(), part) {
			return true
		}
	}
	return false
}

func hostOf(t *policy.Table, host string, guards []policy.Guard, contended bool) web.PolicyHost {
	out := web.PolicyHost{Host: host, Note: policy.Line(t.Disputed(example(host)))}
	if contended && out.Note == "" {
		out.Note = "another namespace claims this host, too"
	}
	for _, g := range guards[:min(len(guards), shownGuards)] {
		kind := " (and below)"
		if g.Path.Exact {
			kind = " (exactly)"
		}
		one := web.PolicyGuard{Path: policy.Line(g.Path.Value) + kind, Policy: policy.Line(g.Policy.Namespace + "/" + g.Policy.Name)}
		if g.Defective {
			one.Note = "has mistakes, and denies"
		}
		out.Guards = append(out.Guards, one)
	}
	if more := len(guards) - len(out.Guards); more > 0 {
		out.Note = strings.TrimPrefix(out.Note+fmt.Sprintf("; %d more paths", more), "; ")
	}
	return out
}
