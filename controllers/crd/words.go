// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
)

// The codes of what a definition refuses.
const (
	codeUnknown   policy.Code = "schema-unknown-field"
	codeRequired  policy.Code = "schema-required"
	codeType      policy.Code = "schema-type"
	codeEnum      policy.Code = "schema-enum"
	codeTooLong   policy.Code = "schema-too-long"
	codeTooMany   policy.Code = "schema-too-many"
	codeDuplicate policy.Code = "schema-duplicate"
	codeEmpty     policy.Code = "schema-empty"
	codeOneKey    policy.Code = "schema-one-key"
	codeRange     policy.Code = "schema-range"
	codeMetadata  policy.Code = "schema-metadata"
	codeValue     policy.Code = "schema-value"
	codeRule      policy.Code = "schema-rule"
)

var codes = []policy.CodeDoc{
	{Code: codeDuplicate, Reason: policy.Invalid, Fix: "Remove one of the two entries."},
	{Code: codeEmpty, Reason: policy.Invalid, Fix: "Write a value, or remove the field."},
	{Code: codeEnum, Reason: policy.Invalid, Fix: "Write one of the values that the message lists."},
	{Code: codeMetadata, Reason: policy.Invalid, Fix: "Correct the name, namespace, labels or annotations."},
	{Code: codeOneKey, Reason: policy.Invalid, Fix: "Write one key for each entry of the list."},
	{Code: codeRange, Reason: policy.Invalid, Fix: "Write a number within the bounds that the message names."},
	{Code: codeRequired, Reason: policy.Invalid, Fix: "Add the field."},
	{Code: codeRule, Reason: policy.Invalid, Fix: "Do what the message says: it is that of a rule of the CustomResourceDefinition."},
	{Code: codeTooLong, Reason: policy.Invalid, Fix: "Write a shorter text."},
	{Code: codeTooMany, Reason: policy.Invalid, Fix: "Remove entries, or split the object."},
	{Code: codeType, Reason: policy.Invalid, Fix: "Write a value of the type that the message names."},
	{Code: codeUnknown, Reason: policy.Invalid, Fix: "Correct the field's name, or remove the field."},
	{Code: codeValue, Reason: policy.Invalid, Fix: "Write a value that the field's description in the reference allows."},
}

// Codes lists every code that an issue of this package can have.
func Codes() []policy.CodeDoc { return slices.Clone(codes) }

// Beyond returns what is found beside what others know to be wrong. They have better
// words for it where it is about the same field; and a CEL rule is often about more than
// the field where it stands.
func Beyond(found, known []policy.Issue) []policy.Issue {
	return slices.DeleteFunc(slices.Clone(found), func(f policy.Issue) bool {
		return f.Code != codeTooMany && slices.ContainsFunc(known, func(k policy.Issue) bool {
			at, of := k.Source.Field, f.Source.Field
			return !k.Warning() && at != "" && (at == of || f.Code == codeRule && related(at, of))
		})
	})
}

// findings collects what is wrong with one object.
type findings struct {
	object map[string]any
	schema *structuralschema.Structural // of the object
	issues []policy.Issue
}

func (f *findings) add(at string, code policy.Code, format string, args ...any) {
	f.issues = append(f.issues, policy.Issue{
		Source: policy.Source{Field: at}, Reason: policy.Invalid, Code: code, Message: fmt.Sprintf(format, args...)})
}

// sorted returns the findings by field: the API server's own are in no order.
func (f *findings) sorted() []policy.Issue {
	slices.SortStableFunc(f.issues, func(a, b policy.Issue) int {
		return cmp.Or(cmp.Compare(a.Source.Field, b.Source.Field), cmp.Compare(a.Message, b.Message))
	})
	f.issues = slices.CompactFunc(f.issues, func(a, b policy.Issue) bool { // a number can be of the wrong type twice
		return a == b || a.Source == b.Source && a.Code == b.Code && a.Code != codeRule
	})
	return f.issues[:min(len(f.issues), maxIssues)]
}

func (f *findings) unknown(path string) {
	if meant := f.meant(path); meant != "" {
		f.add(path, codeUnknown, "unknown field %s. Did you mean %s?", path, meant)
		return
	}
	f.add(path, codeUnknown, "unknown field %s", path)
}

// meant returns the field beside which a misspelled one stands and that is closest to
// it; empty: none is close.
func (f *findings) meant(path string) string {
	steps := strings.FieldsFunc(dotted.Replace(path), func(r rune) bool { return r == '.' })
	s := f.schema
	for _, step := range steps[:max(0, len(steps)-1)] {
		switch _, err := strconv.Atoi(step); {
		case s == nil:
			return ""
		case err == nil && s.Items != nil:
			s = s.Items
		default:
			below, ok := s.Properties[step]
			if !ok {
				return ""
			}
			s = &below
		}
	}
	if s == nil || len(steps) == 0 {
		return ""
	}
	return command.Nearest(steps[len(steps)-1], slices.Sorted(maps.Keys(s.Properties)))
}

var metadataType = regexp.MustCompile(`cannot unmarshal (\S+) into Go struct field ObjectMeta\.(\S+) of type (\S+)`)

// malformed: metadata that cannot be read into its fields.
func (f *findings) malformed(err error) {
	m := metadataType.FindStringSubmatch(err.Error())
	if m == nil {
		f.add("metadata", codeType, "%s", strings.TrimPrefix(err.Error(), "json: "))
		return
	}
	f.add("metadata."+m[2], codeType, "this is %s; it should be %s", cmp.Or(typeNames[m[1]], m[1]), cmp.Or(typeNames[m[3]], "of the type "+m[3]))
}

// refused words what the schema refuses. It returns the errors with the field of each,
// without those that leave the CEL rules their sense.
func (f *findings) refused(errs field.ErrorList) (blocking field.ErrorList) {
	for _, e := range errs {
		at := fieldOf(e)
		code, message := f.word(e, at)
		f.add(at, code, "%s", message)
		if code != codeDuplicate {
			blocking = append(blocking, &field.Error{Type: e.Type, Field: at, Detail: string(code)})
		}
	}
	return blocking
}

var (
	// Some errors have the field in their text alone.
	fieldInText = regexp.MustCompile(`(?: in |^"|" must validate .*"|^)((?:spec|metadata)[^\s"]*)`)
	number      = regexp.MustCompile(`-?[0-9]+(?:\.[0-9]+)?(?:e\+?[0-9]+)?`)
	typeWanted  = regexp.MustCompile(`must be of type ([a-z0-9]+)(?: with format [a-z0-9-]+)?(?:: "([^"]*)")?`)
)

func fieldOf(e *field.Error) string {
	if e.Field != "" && e.Field != "<nil>" {
		return e.Field
	}
	if m := fieldInText.FindStringSubmatch(e.Detail); m != nil {
		return m[1]
	}
	return ""
}

// word returns the code and the message of what the schema refuses.
func (f *findings) word(e *field.Error, at string) (policy.Code, string) {
	switch e.Type { //nolint:exhaustive // the others come from metadata
	case field.ErrorTypeRequired:
		return codeRequired, "this field is required and missing"
	case field.ErrorTypeNotSupported:
		return codeEnum, fmt.Sprintf("%s: %s", quoted(e.BadValue), orList(strings.TrimPrefix(e.Detail, "supported values: ")))
	case field.ErrorTypeTooMany: // lists and maps of names were cut before
		return codeOneKey, oneKey
	case field.ErrorTypeDuplicate:
		return codeDuplicate, fmt.Sprintf("%s: listed twice", quoted(e.BadValue))
	case field.ErrorTypeTypeInvalid:
		return codeType, typeText(e.Detail) + nullHint(e, at)
	}
	if strings.HasPrefix(at, "metadata") {
		return codeMetadata, strings.TrimSpace(cmp.Or(e.Detail, string(e.Type)))
	}
	return f.wordInvalid(e, at)
}

const oneKey = "exactly one key each; write two list entries for OR"

// wordInvalid words what has no type of error of its own: the text says which it is.
func (f *findings) wordInvalid(e *field.Error, at string) (policy.Code, string) {
	v := quoted(value(f.object, at))
	switch detail := e.Detail; {
	case strings.Contains(detail, "must be of type"):
		return codeType, typeText(detail)
	case strings.Contains(detail, "should be at least 1 chars long"):
		return codeEmpty, "an empty text is no value: write one, or remove the field"
	case strings.Contains(detail, "should be at least"):
		return codeEmpty, fmt.Sprintf("%s: shorter than %s characters", v, number.FindString(afterBody(detail)))
	case strings.Contains(detail, "should have at least 1 items"):
		return codeEmpty, "the list is empty: add an entry, or remove the field"
	case strings.Contains(detail, "should have at least 1 properties"):
		return codeEmpty, "nothing is set in it: set one of its fields, or remove it"
	case strings.Contains(detail, "(anyOf)"), strings.Contains(detail, "properties"):
		return codeOneKey, oneKey
	case strings.Contains(detail, "greater than or equal to"):
		return codeRange, fmt.Sprintf("%s: the smallest number allowed is %s", v, number.FindString(afterBody(detail)))
	case strings.Contains(detail, "less than or equal to"):
		return codeRange, fmt.Sprintf("%s: the largest number allowed is %s", v, number.FindString(afterBody(detail)))
	default:
		return codeValue, fmt.Sprintf("%s: %s", v, strings.TrimPrefix(detail, at+" in body "))
	}
}

// afterBody is what an error says behind its field, whose name may hold digits.
func afterBody(detail string) string {
	_, after, ok := strings.Cut(detail, " in body ")
	if !ok {
		return detail
	}
	return after
}

// rule words a CEL rule that is broken. Its message stands in the definition.
func (f *findings) rule(e *field.Error) {
	message := e.Detail
	if v, ok := value(f.object, e.Field).(string); ok {
		message = quoted(v) + ": " + message
	}
	f.add(e.Field, codeRule, "%s", message)
}

// typeText words "... must be of type array: "string"".
func typeText(detail string) string {
	m := typeWanted.FindStringSubmatch(detail)
	if m == nil {
		return detail
	}
	if m[2] == "" { // a format: the number has no room in it
		return "this number is too large"
	}
	return fmt.Sprintf("this is %s; it should be %s", cmp.Or(typeNames[m[2]], m[2]), cmp.Or(typeNames[m[1]], m[1]))
}

// nullHint tells the origin "null" from the null of YAML.
func nullHint(e *field.Error, at string) string {
	if e.BadValue == "null" && strings.Contains(at, "allowedOrigins") {
		return `; for the origin null, write "null" in quotes`
	}
	return ""
}

var typeNames = map[string]string{
	"array": "a list", "boolean": "true or false", "object": "an object (a map of fields)", "string": "a string",
	"integer": "a whole number", "int32": "a whole number", "int64": "a whole number", "number": "a number", "float64": "a number", "null": "empty",
	"bool": "true or false",
}

// orList words `"A", "B", "C"` as A, B or C.
func orList(list string) string {
	names := strings.Split(strings.ReplaceAll(list, `"`, ""), ", ")
	if len(names) < 2 {
		return list
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func quoted(v any) string {
	switch v := v.(type) {
	case string:
		if len(v) > 200 {
			return fmt.Sprintf("%.200q…", v)
		}
		return strconv.Quote(v)
	case nil, map[string]any, []any:
		return "this value"
	default:
		return fmt.Sprint(v)
	}
}

// value returns what stands in an object at a field such as "spec.rules[0].name".
func value(v any, at string) any {
	for step := range strings.FieldsFuncSeq(dotted.Replace(at), func(r rune) bool { return r == '.' }) {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}
