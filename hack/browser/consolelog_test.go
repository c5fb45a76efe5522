// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// A console is what a tab's console says.
type console struct {
	t     *testing.T
	mu    sync.Mutex
	lines []string
}

func (t *tab) console() *console {
	c := &console{t: t.t}
	chromedp.ListenTarget(t.ctx, func(event any) {
		if e, ok := event.(*cdplog.EventEntryAdded); ok {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.lines = append(c.lines, e.Entry.Text)
		}
	})
	return c
}

// explained fails unless each line has a heading in docs/reference/console.md.
func (c *console) explained() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	headings := consoleHeadings(c.t)
lines:
	for _, line := range c.lines {
		for _, h := range headings {
			if h.MatchString(line) {
				continue lines
			}
		}
		c.t.Errorf("docs/reference/console.md (hack/docs/consoles.go) does not explain\n%s", line)
	}
}

// consoleHeadings are what the page says that Chromium says, where … is anything.
func consoleHeadings(t *testing.T) (out []*regexp.Regexp) {
	t.Helper()
	text, err := os.ReadFile("../../docs/reference/console.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Chrome")
	section, _, _ = strings.Cut(section, "\n## ")
	plain := strings.NewReplacer(`\*`, "*", `\_`, "_", "&lt;", "<")
	for line := range strings.Lines(section) {
		if title, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "### "); ok {
			out = append(out, regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(plain.Replace(title)), "…", ".*")))
		}
	}
	if len(out) < 40 {
		t.Fatalf("%d headings", len(out))
	}
	return out
}
