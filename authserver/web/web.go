// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	_ "embed" // the templates
	"html/template"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// A Page is one short message with, perhaps, one thing to do about it.
type Page struct {
	Title   string
	Message string
	// Action is the label of the link to URL; empty: no link.
	Action, URL string
	// Host, Reason and RequestID go into the small print, for whoever helps.
	Host, Reason, RequestID string
}

// Render returns the page as HTML, escaped for its context throughout.
func Render(p Page) []byte {
	var b bytes.Buffer
	if err := page.Execute(&b, p); err != nil {
		return []byte("<!doctype html><title>Error</title><p>This page could not be shown.")
	}
	return b.Bytes()
}
