// SPDX-License-Identifier: Apache-2.0

package web

import (
	"embed"
	"encoding/json"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

//go:embed words/*.json
var wordFiles embed.FS

// A catalogue says in one language what the pages say in English. What it does not know
// stays English.
type catalogue struct {
	tag   string // BCP 47
	words map[string]string
}

// languages are those that pages speak; English, which others fall back on, is the first.
var languages = sync.OnceValue(func() []*catalogue {
	all := []*catalogue{{tag: english}}
	found, err := wordFiles.ReadDir("words")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, f := range found {
		text, err := wordFiles.ReadFile("words/" + f.Name())
		c := &catalogue{tag: strings.TrimSuffix(f.Name(), ".json")}
		if err == nil {
			err = json.Unmarshal(text, &c.words)
		}
		if err != nil {
			panic(f.Name() + ": " + err.Error())
		}
		all = append(all, c)
	}
	return all
})

var matcher = sync.OnceValue(func() language.Matcher {
	var tags []language.Tag
	for _, c := range languages() {
		tags = append(tags, language.MustParse(c.tag))
	}
	return language.NewMatcher(tags)
})

// maxAcceptLanguage bounds what of a request is looked at, in bytes.
const maxAcceptLanguage = 256

// languageOf returns the language that a reader likes best of those that there are.
func languageOf(acceptLanguage string) *catalogue {
	all := languages()
	if acceptLanguage == "" || len(acceptLanguage) > maxAcceptLanguage {
		return all[0]
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return all[0]
	}
	_, i, confidence := matcher().Match(tags...)
	if confidence < language.High {
		return all[0]
	}
	return all[i]
}

// text says a sentence, in which {1} stands for the first of the arguments.
func (c *catalogue) text(english string, args ...string) string {
	said, ok := c.words[english]
	if !ok {
		said = english
	}
	if len(args) == 0 {
		return said
	}
	var pairs []string
	for i, a := range args {
		pairs = append(pairs, "{"+strconv.Itoa(i+1)+"}", a)
	}
	return strings.NewReplacer(pairs...).Replace(said)
}

// html is text within a page: an argument is set apart, as it may be of another direction,
// unless it is HTML already.
func (c *catalogue) html(english string, args ...any) template.HTML {
	parts := make([]string, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case template.HTML:
			parts[i] = string(a)
		case string:
			parts[i] = "<bdi>" + template.HTMLEscapeString(a) + "</bdi>"
		case int:
			parts[i] = strconv.Itoa(a)
		}
	}
	escaped := &catalogue{words: map[string]string{"": template.HTMLEscapeString(c.text(english))}}
	return template.HTML(escaped.text("", parts...)) //nolint:gosec // each part is escaped
}

// args are those of a sentence, without what is empty at their end.
func args(all [3]string) []string {
	n := len(all)
	for n > 0 && all[n-1] == "" {
		n--
	}
	return slices.Clone(all[:n])
}
