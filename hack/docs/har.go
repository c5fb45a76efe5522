// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/authserver/har"
)

// harSections are the parts of the page about HAR files, each by the cause that begins it.
var harSections = map[har.Cause]string{
	har.NoPreflightMethod:  "Preflights",
	har.AllowOriginMissing: "Answers that the page may not read",
	har.ToLogin:            "Redirects",
	har.NotSignedIn:        "Sessions, cookies and rules",
	har.MixedContent:       "Requests that the browser or the network stopped",
	har.RateLimited:        "Errors of proxy and application",
	har.ExposeHeaders:      "Notes: it works, and might not elsewhere",
	har.Unknown:            "The rest",
}

// harPage is what `ostiary har` can say: a heading for each cause.
func harPage(_ string, pages map[string]string) error {
	var b strings.Builder
	b.WriteString(`# What a HAR file shows

<!-- Written by go run ./hack/docs, from authserver/har. Do not edit. -->

` + "`ostiary har FILE`" + ` reads the export of a browser's network panel, and names one of these causes for each request that failed.
[Find out from the browser why a call fails](../tasks/read-a-har.md) shows how to make one. The sentences behind *What to do* are those of the command.
`)
	for _, d := range har.Causes() {
		if section := harSections[d.Cause]; section != "" {
			fmt.Fprintf(&b, "\n## %s\n", section)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s. %s\n\n**What to do.** %s\n", d.Cause, prose(d.Title), prose(d.Meaning), prose(d.Fix))
		if d.Field != "" {
			fmt.Fprintf(&b, "\n**Field.** `%s` of the AccessPolicy.\n", d.Field)
		}
	}
	pages["docs/reference/har.md"] = b.String()
	return nil
}

// prose is a sentence as Markdown: what that would take for its own is escaped.
func prose(text string) string {
	return strings.NewReplacer("*", `\*`, "<", "&lt;", "_", `\_`).Replace(text)
}
