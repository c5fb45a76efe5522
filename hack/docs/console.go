// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/authserver/har"
)

// A message is one that a browser writes into its console. … is what differs.
type message struct {
	text string
	name string // MDN's, of Firefox
	// causes are those of `ostiary har` that it can mean, the commonest first.
	causes []har.Cause
	// note is what to know beside them, or in place of any.
	note string
}

func (m message) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s\n", prose(m.text))
	if m.name != "" {
		fmt.Fprintf(b, "\nMDN: [%s](https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CORS/Errors/%s).\n", m.name, m.name)
	}
	if m.note != "" {
		fmt.Fprintf(b, "\n%s\n", m.note)
	}
	switch len(m.causes) {
	case 0:
	case 1:
		d := m.causes[0].Doc()
		fmt.Fprintf(b, "\n%s. %s [More](har.md#%s).\n\n**What to do.** %s\n", prose(d.Title), prose(d.Meaning), d.Cause, prose(d.Fix))
		if d.Field != "" {
			fmt.Fprintf(b, "\n**Field.** `%s`\n", d.Field)
		}
	default:
		b.WriteString("\n| it means | what to do | field |\n|---|---|---|\n")
		for _, c := range m.causes {
			d, field := c.Doc(), ""
			if d.Field != "" {
				field = "`" + d.Field + "`"
			}
			fmt.Fprintf(b, "| [%s](har.md#%s) | %s | %s |\n", cell(prose(d.Title)), c, cell(prose(d.Fix)), field)
		}
	}
}

// consolePage is docs/reference/console.md.
func consolePage(_ string, pages map[string]string) error {
	var b strings.Builder
	b.WriteString(heading("What the browser's console says", "hack/docs and authserver/har"))
	b.WriteString("Find the message of your browser; … stands for addresses and names. Scripts get none of this: they see `TypeError: " +
		"Failed to fetch` (Chrome), `NetworkError when\n" +
		"attempting to fetch resource` (Firefox) or `Load failed` (Safari), whatever happened. Where a message can mean several things, " +
		"save the network panel, and let\n" +
		"[`ostiary har`](../tasks/read-a-har.md) tell which it is:\n\n```sh\nostiary har app.example.com.har\n```\n\nTo see what was " +
		"decided, with the reason that browsers do not show:\n\n" +
		"```sh\nostiary explain OPTIONS https://api.example.com/ -H 'origin: https://shop.example.com' -H 'access-control-request-method: " +
		"PUT'\n```\n")
	for _, browser := range consoles {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", browser.name, browser.about)
		for _, m := range browser.messages {
			m.write(&b)
		}
	}
	pages["docs/reference/console.md"] = b.String()
	return nil
}
