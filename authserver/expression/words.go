// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxProblems is how many of an expression's mistakes are told.
const maxProblems = 5

func joined(problems []string) string {
	if n := len(problems) - maxProblems; n > 0 {
		problems = append(slices.Clone(problems[:maxProblems]), fmt.Sprintf("and %d more", n))
	}
	return strings.Join(problems, "; ")
}

// place points at a character. CEL counts columns from 0, people from 1.
func place(line, column int) string {
	return fmt.Sprintf("line %d, column %d: ", max(line, 1), max(column, 0)+1)
}

// maxMessage bounds one mistake: a syntax error can name every token that there is.
const maxMessage = 300

// wordsOf says what is wrong with an expression that does not check.
func wordsOf(text string, issues *cel.Issues) string {
	var out []string
	for _, e := range issues.Errors() {
		words := e.Message
		if name := undeclared.FindStringSubmatch(words); name != nil {
			words = noSuch(name[1], text, e.Location.Line(), e.Location.Column())
		}
		words = plainly(words)
		out = append(out, place(e.Location.Line(), e.Location.Column())+policy.Line(cut(words)))
	}
	return joined(out)
}

// typeNames: types have names of protobuf's in what CEL says.
var typeNames = strings.NewReplacer("google.protobuf.Timestamp", "timestamp", "google.protobuf.Duration", "duration")

func cut(words string) string {
	words = typeNames.Replace(words)
	if len(words) > maxMessage {
		return strings.ToValidUTF8(words[:maxMessage], "") + "…"
	}
	return words
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	dotted     = regexp.MustCompile(`^[A-Za-z_]+(\.[A-Za-z_]+)?`)
)

// noSuch says which names there are. CEL points at the first part of one.
func noSuch(name, text string, line, column int) string {
	known := slices.Sorted(maps.Keys(variables))
	if name == "request" || name == "identity" {
		if found := dotted.FindString(rest(text, line, column)); strings.HasPrefix(found, name+".") {
			if slices.Contains(known, found) {
				return found + ": it cannot be used like that; there is always a value"
			}
			known = slices.DeleteFunc(known, func(v string) bool { return !strings.HasPrefix(v, name+".") })
			name = found
		}
	}
	return fmt.Sprintf("%s: there is no such variable or function; the variables are %s", name, strings.Join(known, ", "))
}

// rest is what of a line begins at a column.
func rest(text string, line, column int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	runes := []rune(lines[line-1])
	if column < 0 || column > len(runes) {
		return ""
	}
	return string(runes[column:])
}

// expected is what a syntax error says instead of every token that could have stood there.
var expected = regexp.MustCompile(`(?s)^Syntax error: ` +
	`(mismatched input|extraneous input|missing|no viable alternative at input) ?(.*?)( expecting.*| at .*)?$`)

func plainly(words string) string {
	found := expected.FindStringSubmatch(words)
	switch {
	case found == nil:
		return strings.Replace(words, "found no matching overload for", "there is no such operator or function for these types:", 1)
	case strings.Contains(found[2], "<EOF>"):
		return "the expression ends too early"
	case found[1] == "missing":
		return found[1] + " " + found[2]
	default:
		return "unexpected " + found[2]
	}
}
