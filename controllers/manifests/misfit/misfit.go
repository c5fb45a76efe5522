// SPDX-License-Identifier: Apache-2.0

// Package misfit puts into words of manifests why a decoder could not read one. It reads
// nothing itself.
package misfit

import (
	"fmt"
	"regexp"
	"strings"
)

// jsonType reads "json: cannot unmarshal string into Go struct field AccessPolicy.spec.hosts of
// type []v1alpha1.Host".
var jsonType = regexp.MustCompile(`cannot unmarshal (\S+) into Go struct field \S*?\.((?:spec|metadata|status)\S*) of type (\S+)`)

// Field is the field whose value is of another type; empty: that is not known.
func Field(err error) string {
	if m := jsonType.FindStringSubmatch(err.Error()); m != nil {
		return m[2]
	}
	return ""
}

// Words says what the value is, and what it should be.
func Words(err error) string {
	m := jsonType.FindStringSubmatch(err.Error())
	if m == nil {
		return err.Error()
	}
	want := "a different type"
	switch t := m[3]; {
	case strings.HasPrefix(t, "[]"):
		want = "a list"
	case t == "bool":
		want = "true or false"
	case strings.HasPrefix(t, "int"):
		want = "a whole number"
	case strings.HasPrefix(t, "v1alpha1."), t == "string":
		want = "text, or an object where the reference shows one"
	}
	return fmt.Sprintf("this is of type %s; it should be %s", m[1], want)
}

var unknownName = regexp.MustCompile(`field "([^"]+)"`)

// Unknown is the field that a type has not; empty: the error is another one.
func Unknown(err error) string {
	if m := unknownName.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
}
