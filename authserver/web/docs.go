// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"net/url"
)

// Docs is the address of a page that has a heading for every reason, as
// docs/reference/reasons.md does. The zero value is none, and nothing links to it.
type Docs string

// DocsUsage is the help of the flag.
const DocsUsage = "the page that explains reasons, such as https://docs.example.com/reasons: pages and the JSON of refusals link to URL#REASON (default: no links)"

// ParseDocs reads such an address. Empty: there is none.
func ParseDocs(s string) (Docs, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("%q is not of the form https://docs.example.com/reasons, without a query and a fragment", s)
	}
	return Docs(u.String()), nil
}

// Of is the address of a reason's heading; empty: there is no page, or no reason.
func (d Docs) Of(reason string) string {
	if d == "" || reason == "" {
		return ""
	}
	return string(d) + "#" + reason
}
