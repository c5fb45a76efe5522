// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	yamlv3 "go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A document is one YAML document of a file.
type document struct {
	file  string
	start int // its first line
	text  []byte
}

// An object is an AccessPolicy read from a document, or what is left of one.
type object struct {
	file            string
	start           int
	root            *yamlv3.Node // nil if the document cannot be parsed
	namespace, name string
	since           time.Time
	api             *v1alpha1.AccessPolicy
	salvaged        policy.Policy // if api is nil
	defects         []policy.Issue
}

func (o *object) defect(field, format string, args ...any) {
	o.defects = append(o.defects, policy.Issue{
		Source: policy.Source{Namespace: o.namespace, Name: o.name, Field: field},
		Reason: policy.Invalid, Message: fmt.Sprintf(format, args...)})
}

// policy returns the object's policy, with the mistakes of its text.
func (o *object) policy() policy.Policy {
	p := o.salvaged
	if o.api != nil {
		p = translate.Policy(o.api)
	}
	p.Source = policy.Source{Namespace: o.namespace, Name: o.name}
	if !o.since.IsZero() {
		p.Since = o.since
	}
	p.Defects = append(p.Defects, o.defects...)
	return p
}

// split cuts a file at its "---" lines, so that a mistake in one document
// leaves the others alone.
func split(text []byte) []document {
	var docs []document
	line, start := 1, 1
	var cur []byte
	flush := func() {
		if len(bytes.TrimSpace(cur)) > 0 {
			docs = append(docs, document{start: start, text: cur})
		}
		cur, start = nil, line+1
	}
	for l := range bytes.Lines(text) {
		if bytes.HasPrefix(l, []byte("---")) && (len(l) == 3 || l[3] == ' ' || l[3] == '\n' || l[3] == '\r' || l[3] == '\t') {
			flush()
		} else {
			cur = append(cur, l...)
		}
		line++
	}
	flush()
	return docs
}

// read returns the document's object, if it is an AccessPolicy or may have
// been meant as one, and whether the document could be read at all.
func (d *document) read(set *Set) (*object, bool) {
	var root yamlv3.Node
	if err := yamlv3.Unmarshal(d.text, &root); err != nil {
		line, message := d.yamlError(err)
		set.problems = append(set.problems, Problem{File: d.file, Line: line, Message: message})
		return d.salvage(message), false
	}
	o := &object{file: d.file, start: d.start, root: &root}
	if !d.isPolicy(o, set) {
		return nil, true
	}
	o.namespace, o.name = scalar(find(&root, "metadata.namespace")), scalar(find(&root, "metadata.name"))
	if o.namespace == "" {
		o.namespace = "default"
	}
	if o.name == "" {
		o.name = fmt.Sprintf("%s-line-%d", filepath.Base(d.file), d.start)
		o.defect("metadata.name", "an object needs a name")
	}
	return d.decode(o)
}

// isPolicy tells AccessPolicies from other objects, which are left alone.
func (d *document) isPolicy(o *object, set *Set) bool {
	apiVersion, kind := scalar(find(o.root, "apiVersion")), scalar(find(o.root, "kind"))
	group, _, _ := strings.Cut(apiVersion, "/")
	problem := func(message string) {
		set.problems = append(set.problems, Problem{File: d.file, Line: d.start, Message: message})
	}
	switch {
	case group != v1alpha1.GroupVersion.Group:
		if kind == "AccessPolicy" {
			problem(fmt.Sprintf("apiVersion is %q; write %s", apiVersion, v1alpha1.GroupVersion))
			o.defect("apiVersion", "apiVersion is %q; write %s", apiVersion, v1alpha1.GroupVersion)
			return true
		}
		return false // a Namespace, an Ingress, a kustomization
	case kind != "AccessPolicy":
		problem(fmt.Sprintf("kind %q is not one of %s", kind, v1alpha1.GroupVersion))
		return false
	case apiVersion != v1alpha1.GroupVersion.String():
		o.defect("apiVersion", "version %q is not known; write %s", apiVersion, v1alpha1.GroupVersion)
	}
	return true
}

// decode reads the fields as strictly as the API server does.
func (d *document) decode(o *object) (*object, bool) {
	js, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		line, message := d.yamlError(err)
		s := d.salvage(message)
		s.root, s.namespace, s.name = o.root, o.namespace, o.name
		s.start = line
		return s, true
	}
	var api v1alpha1.AccessPolicy
	strict, err := kjson.UnmarshalStrict(js, &api)
	if err != nil {
		s := d.salvage("")
		s.root, s.namespace, s.name, s.defects = o.root, o.namespace, o.name, o.defects
		s.defect(typeErrorField(err), "%s", typeError(err))
		return s, true
	}
	for _, e := range strict {
		o.defect(unknownField(e), "%s", strings.ReplaceAll(e.Error(), `"`, ""))
	}
	o.api = &api
	return o, true
}

// yamlLine: "yaml: line 12: did not find expected key", counted in the document.
var yamlLine = regexp.MustCompile(`line (\d+): `)

func (d *document) yamlError(err error) (int, string) {
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	message = strings.TrimPrefix(message, "yaml: ")
	m := yamlLine.FindStringSubmatchIndex(message)
	if m == nil {
		return d.start, "not YAML: " + message
	}
	n, _ := strconv.Atoi(message[m[2]:m[3]]) // the expression takes digits only
	return d.start + n - 1, "not YAML: " + strings.TrimSpace(message[m[1]:])
}

// typeError words "json: cannot unmarshal string into Go struct field
// AccessPolicy.spec.hosts of type []v1alpha1.Host".
var jsonType = regexp.MustCompile(`cannot unmarshal (\S+) into Go struct field \S*?\.((?:spec|metadata|status)\S*) of type (\S+)`)

func typeErrorField(err error) string {
	if m := jsonType.FindStringSubmatch(err.Error()); m != nil {
		return m[2]
	}
	return ""
}

func typeError(err error) string {
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

func unknownField(err error) string {
	if m := unknownName.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
}

// Salvaging: what a broken document claims is read from its text, so that it
// is denied and does not fall to another policy.
var (
	salvageHosts = regexp.MustCompile(`(?m)^([ \t-]*)["']?hosts["']?[ \t]*:([^\n]*(?:\n(?:[ \t]*-[^\n:]*|[ \t]*#[^\n]*|[ \t]*))*)`)
	salvageHost  = regexp.MustCompile(`(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*`)
	salvagePath  = regexp.MustCompile(`["']?path["']?[ \t]*:[ \t]*["']?(/[^\s"',}\]]*)`)
	salvageNames = regexp.MustCompile(`(?m)^[ \t{,]*["']?(name|namespace)["']?[ \t]*:[ \t]*["']?([a-z0-9.-]+)`)
	salvageFlow  = regexp.MustCompile(`metadata["']?[ \t]*:[ \t]*\{[^}\n]*`)
	flowName     = regexp.MustCompile(`["']?\b(name|namespace)["']?[ \t]*:[ \t]*["']?([a-z0-9.-]+)`)
)

func (d *document) salvage(message string) *object {
	o := &object{file: d.file, start: d.start, namespace: "default", name: fmt.Sprintf("%s-line-%d", filepath.Base(d.file), d.start)}
	text := string(d.text)
	names := append(salvageNames.FindAllStringSubmatch(text, -1), flowName.FindAllStringSubmatch(salvageFlow.FindString(text), -1)...)
	got := map[string]bool{}
	for _, m := range names {
		if got[m[1]] {
			continue // the first is metadata's
		}
		got[m[1]] = true
		if m[1] == "name" {
			o.name = m[2]
		} else {
			o.namespace = m[2]
		}
	}
	for _, m := range salvageHosts.FindAllStringSubmatch(text, -1) {
		o.salvaged.Hosts = append(o.salvaged.Hosts, salvageHost.FindAllString(m[2], -1)...)
	}
	for _, m := range salvagePath.FindAllStringSubmatch(text, -1) {
		o.salvaged.Paths = append(o.salvaged.Paths, policy.Path{Value: m[1]})
	}
	o.since = farFuture
	if message != "" {
		o.defect("", "%s", message)
	}
	return o
}
