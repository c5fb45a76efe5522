// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"embed"
	"html/template"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed *.html
var files embed.FS

//go:embed style.css
var css string

// A Look is how the pages of one installation look: whose they are, and in which
// languages they speak. Make one with NewLook.
type Look struct {
	brand     Brand
	style     string
	hash      string                                   // the source expression that allows it
	templates map[string]map[string]*template.Template // by language and file
}

// Plain is the look of an installation that has said nothing.
var Plain = sync.OnceValue(func() *Look { return NewLook(Brand{}) })

// NewLook returns a Look. The brand must be one that ParseBrand made, or none.
func NewLook(b Brand) *Look {
	l := &Look{brand: b, style: css + b.css(), templates: map[string]map[string]*template.Template{}}
	l.hash = hashOf(l.style)
	names, err := files.ReadDir(".")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, c := range languages() {
		of := map[string]*template.Template{}
		for _, f := range names {
			if name := f.Name(); name != layout && name != parts {
				of[name] = l.parse(name, c)
			}
		}
		l.templates[c.tag] = of
	}
	return l
}

const (
	layout  = "layout.html"
	parts   = "parts.html" // what pages of operators share
	english = "en"
)

// operatorPages are in English in every language: whoever runs the installation reads its
// manifests, too.
var operatorPages = []string{"whydetails.html", "nooperators.html", "denials.html", "tester.html", "policies.html"}

func (l *Look) parse(name string, c *catalogue) *template.Template {
	// As HTML, the style stays what it is, byte for byte: the template's escaper
	// takes the comments out of a style, and the hash is of all of it.
	style := template.HTML("<style>" + l.style + "</style>") //nolint:gosec // ours
	t := template.New(layout).Funcs(template.FuncMap{
		"style":   func() template.HTML { return style },
		"brand":   func() *Brand { return &l.brand },
		"icon":    l.brand.icon,
		"lang":    func() string { return c.tag },
		"text":    c.text,
		"say":     c.html,
		"time":    timeOf,
		"ended":   endedScript,
		"live":    liveScript,
		"onward":  onwardScript,
		"show":    showScript,
		"keep":    keepScript,
		"frame":   frameScript,
		"passkey": passkeyScript,
	})
	return template.Must(t.ParseFS(files, layout, parts, name))
}

// timeOf writes a time as everybody reads it, wherever they are.
func timeOf(t time.Time) template.HTML {
	t = t.UTC()
	text := t.Format("2006-01-02 15:04 UTC")
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + text + `</time>`) //nolint:gosec // digits
}

// A Document is a page that is rendered once it is known for whom.
type Document struct {
	file string
	view any
}

// Render returns a page as HTML, escaped for its context throughout: in the language that
// the reader likes best, by the Accept-Language of their request (RFC 9110 §12.5.4), else
// in English.
func (l *Look) Render(d Document, acceptLanguage string) []byte {
	if slices.Contains(operatorPages, d.file) {
		acceptLanguage = english
	}
	c := languageOf(acceptLanguage)
	view := d.view
	if v, ok := view.(worded); ok {
		view = v.in(c)
	}
	var b bytes.Buffer
	if err := l.templates[c.tag][d.file].Execute(&b, view); err != nil {
		return []byte(`<!doctype html><html lang="en"><title>Error</title><h1>Error</h1><p>This page could not be shown.`)
	}
	return b.Bytes()
}

// A worded view holds sentences of ours.
type worded interface{ in(c *catalogue) any }

// CSP returns the Content-Security-Policy of our pages. Without an argument no
// form can be sent. Those given are source expressions ("'self'",
// "https://app.example.com") for pages with a form: name those that the answer
// to the form redirects to as well, as Chromium holds them against it too.
func (l *Look) CSP(formAction ...string) string {
	forms := "'none'"
	if len(formAction) > 0 {
		forms = strings.Join(formAction, " ")
		if strings.ContainsAny(forms, ";,\r\n") { // it would be another directive, or another policy
			forms = "'none'"
		}
	}
	return "default-src 'none'; style-src " + l.hash + "; frame-ancestors 'none'; base-uri 'none'; form-action " + forms + "; img-src data:"
}

// WithImages returns a Content-Security-Policy that CSP made, which also lets a page load
// pictures from the origins. What is no origin is left out.
func WithImages(csp string, origins ...string) string {
	good := slices.DeleteFunc(slices.Clone(origins), func(o string) bool {
		return strings.ContainsAny(o, " ;,\r\n'") || !strings.Contains(o, "://")
	})
	if len(good) == 0 {
		return csp
	}
	if before, found := strings.CutSuffix(csp, "; img-src data:"); found {
		csp, good = before, append([]string{"data:"}, good...)
	}
	return csp + "; img-src " + strings.Join(good, " ")
}
