// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
)

// width is how long lines get, where words allow.
const width = 100

// Write writes the report as "text" or "json".
func (r Report) Write(w io.Writer, format string) error {
	if format == "json" {
		return command.WriteJSON(w, r)
	}
	_, err := io.WriteString(w, r.text())
	return err
}

// text groups findings by host: people look for theirs.
func (r Report) text() string {
	var b strings.Builder
	column := 0
	for _, f := range r.Findings {
		column = max(column, len(f.Reason))
	}
	for i, f := range r.Findings {
		if i == 0 || r.Findings[i-1].Host != f.Host {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(policy.Line(r.heading(f.Host)) + "\n")
		}
		paragraph(&b, fmt.Sprintf("  %-*s  ", column, f.Reason), f.Message)
	}
	section(&b, "Not checked", r.NotLooked)
	section(&b, "Notes", r.Remarks)
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(r.summary() + "\n")
	return b.String()
}

// heading is a host, and the policies that are gone around there.
func (r Report) heading(host string) string {
	var policies []string
	for _, f := range r.Findings {
		if f.Host == host {
			policies = append(policies, f.Policies...)
		}
	}
	slices.Sort(policies)
	policies = slices.Compact(policies)
	switch n := len(policies); {
	case host == "":
		return "Any host"
	case n == 0:
		return host
	case n > 3:
		return fmt.Sprintf("%s (AccessPolicy %s and %d more)", host, strings.Join(policies[:3], ", "), n-3)
	default:
		return fmt.Sprintf("%s (AccessPolicy %s)", host, strings.Join(policies, ", "))
	}
}

func section(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(title + "\n")
	for _, l := range lines {
		paragraph(b, "  ", l)
	}
}

// paragraph writes text behind a label, and breaks it between words. Names and
// annotations stay whole, so that they can be copied.
func paragraph(b *strings.Builder, label, text string) {
	indent := strings.Repeat(" ", len(label))
	b.WriteString(label)
	at := len(label)
	for i, word := range strings.Fields(policy.Line(text)) { // names in it are people's
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + indent)
			at = len(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}

func (r Report) summary() string {
	var looked []string
	for _, kind := range []string{"AccessPolicy", "Ingress", "HTTPRoute", "GRPCRoute", "TLSRoute", "IngressRoute", "Service", "ConfigMap"} {
		if n := r.Looked[kind]; n > 0 || kind == "AccessPolicy" || kind == "Ingress" {
			looked = append(looked, command.Count(n, kind))
		}
	}
	hosts := map[string]bool{}
	for _, f := range r.Findings {
		hosts[f.Host] = true
	}
	found := "No unprotected route was found"
	switch {
	case len(r.Findings) > 0:
		found = command.Count(len(r.Findings), "finding") + " on " + hostsFound(hosts)
	case r.Blind:
		found = "No result"
	case len(r.NotLooked) > 0:
		found = "No unprotected route was found in what could be read"
	}
	return found + ". Checked: " + strings.Join(looked, ", ") + "."
}

func hostsFound(hosts map[string]bool) string {
	switch {
	case !hosts[""]:
		return command.Count(len(hosts), "host")
	case len(hosts) == 1:
		return "any host"
	default:
		return command.Count(len(hosts)-1, "host") + " and on any host"
	}
}
