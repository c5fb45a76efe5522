// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	yamlv3 "go.yaml.in/yaml/v3"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests/extent"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A document is one YAML document of a file.
type document struct {
	file  string
	start int // its first line
	text  []byte
	root  *yamlv3.Node // once it is known; the lines of an item of a List are those of the List
	// verdicts are those of the last reading, if there was one.
	verdicts *verdicts
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
	guessed         bool          // the name, too, was only found in broken text
	at              int           // the line of the mistake, if not that of a field
	defects         []policy.Issue
	routes          []translate.Route // that name it
	missing         bool              // it stands in its file no more
	// before is what the object claimed when nothing was wrong with it.
	before *policy.Policy
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
		api := *o.api
		api.Namespace, api.Name = o.namespace, o.name // as far as they are certain
		p = translate.Policy(&api, o.routes...)
	} else if len(p.Hosts) == 0 { // it may have been written without
		api := v1alpha1.AccessPolicy{}
		api.Namespace, api.Name = o.namespace, o.name
		led := translate.Policy(&api, o.routes...)
		p.Hosts, p.Paths = led.Hosts, union(p.Paths, led.Paths)
	}
	if o.before != nil {
		p.Hosts, p.Paths = union(p.Hosts, o.before.Hosts), unionPaths(p.Paths, o.before.Paths)
		p.Since = o.before.Since
	}
	p.Source = policy.Source{Namespace: o.namespace, Name: o.name}
	if !o.since.IsZero() {
		p.Since = o.since
	}
	p.Salvaged = o.api == nil && (o.since.Equal(farFuture) || o.since.Equal(farPast))
	p.Defects = append(p.Defects, o.defects...)
	return p
}

// split cuts a file at its "---" lines, so that a mistake in one document
// leaves the others alone. What stands behind the dashes is part of what follows.
func split(text []byte) []document {
	var docs []document
	line, start := 1, 1
	var cur []byte
	flush := func() {
		if hasContent(cur) {
			docs = append(docs, stream(start, cur)...)
		}
		cur, start = nil, line
	}
	for l := range bytes.Lines(text) {
		if bytes.HasPrefix(l, []byte("---")) && (len(l) == 3 || l[3] == ' ' || l[3] == '\n' || l[3] == '\r' || l[3] == '\t') {
			if flush(); len(bytes.TrimSpace(l[3:])) == 0 {
				line++
				start = line
				continue
			}
			cur = append(cur, "   "...) // in place of the dashes: columns stay
			l = l[3:]
		}
		cur = append(cur, l...)
		line++
	}
	flush()
	return docs
}

// stream cuts a text that is one JSON object after another, as programs write them,
// into these. Any other text is one document.
func stream(start int, text []byte) []document {
	whole := []document{{start: start, text: text}}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return whole
	}
	var docs []document
	from, line := 0, start
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var one json.RawMessage
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return whole // and the mistake is found where it is read
		}
		to := int(decoder.InputOffset())
		at := to - len(one)
		line += bytes.Count(text[from:at], []byte("\n"))
		docs = append(docs, document{start: line, text: one})
		line += bytes.Count(one, []byte("\n"))
		from = to
	}
	if len(docs) < 2 {
		return whole
	}
	return docs
}

// hasContent reports whether there is more than blanks, comments and directives.
func hasContent(text []byte) bool {
	for l := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		if l = bytes.TrimSpace(l); len(l) > 0 && l[0] != '#' && l[0] != '%' {
			return true
		}
	}
	return false
}

// read returns the document's object, if it is an AccessPolicy or may have been
// meant as one, or its entry if it is of another of our kinds, and whether the
// document could be read.
func (d *document) read() (o *object, e *entry, ok bool) {
	root, err := d.parse()
	if err != nil {
		return d.salvage(d.yamlError(err)), nil, false
	}
	o = &object{file: d.file, start: d.start, root: root}
	switch kind := kindOf(root); kind {
	case isForeign:
		return nil, nil, true
	case isPolicy:
	case isEntry:
		e := d.readEntry(root, scalar(find(root, "kind")))
		return nil, e, len(e.defects) == 0 || e.kind == secretKind
	case isIngress:
		return d.readIngress(root)
	case isRoute:
		e := d.readRoute(root)
		return nil, e, e == nil || len(e.defects) == 0
	case isMeant:
		return d.salvage(d.start, d.misnomer(root)), nil, false
	}
	d.readPolicy(o)
	return o, nil, true
}

// readPolicy reads what is an AccessPolicy by its kind.
func (d *document) readPolicy(o *object) {
	root := o.root
	o.namespace, o.name = scalar(find(root, "metadata.namespace")), scalar(find(root, "metadata.name"))
	if o.namespace == "" {
		o.namespace = "default"
	}
	if o.name == "" {
		o.name = d.madeUpName()
		o.defect("metadata.name", "an object needs a name")
	}
	o.checkName()
	if s := find(root, "spec"); s == nil || s.Tag == "!!null" {
		o.defect("spec", "an AccessPolicy needs a spec; without hosts in it, spec: {}")
	} else if hosts := find(s, "hosts"); hosts != nil && hosts.Tag == "!!null" { // likely a file that is cut short
		o.defect("spec.hosts", "the value is empty: name a host, or remove the key to protect the hosts of the Ingresses that name this policy")
	}
	for _, problem := range validation.IsDNS1123Label(o.namespace) {
		o.defect("metadata.namespace", "%q: %s", o.namespace, problem)
	}
	d.decode(o)
}

// checkName: as the API server has it. A "/" would make one name out of two.
func (o *object) checkName() {
	for _, problem := range validation.IsDNS1123Subdomain(o.name) {
		o.defect("metadata.name", "%q: %s", o.name, problem)
	}
}

// parse reads the document, and insists that it is one.
func (d *document) parse() (*yamlv3.Node, error) {
	if d.root != nil {
		return d.root, nil
	}
	if !utf8.Valid(d.text) {
		return nil, errors.New("the file is not UTF-8")
	}
	var root, more yamlv3.Node
	decoder := yamlv3.NewDecoder(bytes.NewReader(d.text))
	if err := decoder.Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, errors.New(`another document begins where none is expected: write a line of "---" between two documents`)
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	if err := extent.Check(&root); err != nil {
		return nil, err
	}
	return &root, nil
}

// ourKinds are those of our group: AccessPolicy, and what is an entry.
var ourKinds = []string{policyKind, providerKind, revocationKind, groupKind, tokenKind, tokenIssuerKind, clientKind}

// A kind is what a document holds.
type kind int

const (
	isForeign kind = iota // a Namespace, a Deployment, a kustomization: left alone
	isPolicy
	isEntry // of another kind that is ours, or a Secret
	isIngress
	isRoute // an HTTPRoute
	isMeant // it may have been meant as an AccessPolicy, or does not say what it is
)

func kindOf(root *yamlv3.Node) kind {
	apiVersion, kind := scalar(find(root, "apiVersion")), scalar(find(root, "kind"))
	switch group, _, _ := strings.Cut(apiVersion, "/"); {
	case apiVersion == v1alpha1.GroupVersion.String() && kind == policyKind:
		return isPolicy
	case apiVersion == v1alpha1.GroupVersion.String() && slices.Contains(ourKinds[1:], kind), apiVersion == "v1" && kind == secretKind:
		return isEntry
	case kind == routeKind && group == routes.GatewayGroup:
		return isRoute
	case kind == ingressKind && isIngressGroup(group):
		return isIngress
	case meant(root, group, kind):
		return isMeant
	}
	return isForeign
}

// isIngressGroup: the second is how it was called before Kubernetes 1.22.
func isIngressGroup(group string) bool {
	return group == networkingv1.GroupName || group == "extensions"
}

// meant reports whether a document that says to be of another kind may have been
// meant as one of ours, or holds one.
func meant(root *yamlv3.Node, group, kind string) bool {
	switch {
	case kind == "" && saysWhatItIs(root), looksLikeOne(root), group == v1alpha1.GroupVersion.Group,
		anyOf(root, "kind", policyKind), anyOf(root, "kind", revocationKind):
		return true
	case kind != "List":
		return false
	}
	items := find(root, "items")
	return items == nil || slices.ContainsFunc(items.Content, func(item *yamlv3.Node) bool {
		kind := kindOf(item)
		return kind != isForeign && (kind != isIngress && kind != isRoute || has(item, "metadata", "annotations", routes.PolicyAnnotation))
	})
}

// saysWhatItIs reports whether a document that names no kind is an object of Kubernetes all
// the same, for all that can be told. A values file and a Chart.yaml are none.
func saysWhatItIs(root *yamlv3.Node) bool {
	top := root
	if top.Kind == yamlv3.DocumentNode && len(top.Content) > 0 {
		top = top.Content[0]
	}
	if top.Kind != yamlv3.MappingNode {
		return true
	}
	for _, field := range []string{"kind", "metadata", "spec", "hosts", "rules"} {
		if find(root, field) != nil {
			return true
		}
	}
	return strings.Contains(scalar(find(root, "apiVersion")), "/")
}

// looksLikeOne tells a policy whose names are mistyped from another kind.
func looksLikeOne(root *yamlv3.Node) bool {
	return find(root, "spec.hosts") != nil && (find(root, "spec.rules") != nil || find(root, "spec.cors") != nil)
}

// misnomer says why a document is no AccessPolicy.
func (d *document) misnomer(root *yamlv3.Node) string {
	apiVersion, kind := scalar(find(root, "apiVersion")), scalar(find(root, "kind"))
	switch {
	case kind == "":
		return fmt.Sprintf("kind is missing, so the kind is unknown; an AccessPolicy begins with apiVersion: %s and kind: AccessPolicy", v1alpha1.GroupVersion)
	case kind == "List":
		return "a List has apiVersion: v1 and a list of items"
	case UnknownKind(v1alpha1.GroupVersion.Group, kind) != "":
		return UnknownKind(v1alpha1.GroupVersion.Group, kind)
	default:
		return fmt.Sprintf("apiVersion is %q; write %s", apiVersion, v1alpha1.GroupVersion)
	}
}

// UnknownKind says of a kind of our group that there is none of that name: a slip, most
// likely, and what it claims is guarded by nobody. Empty: there is, or the group is
// not ours.
func UnknownKind(group, kind string) string {
	if group != v1alpha1.GroupVersion.Group {
		return ""
	}
	if slices.Contains(ourKinds, strings.TrimSuffix(kind, "List")) {
		return ""
	}
	last := len(ourKinds) - 1
	return fmt.Sprintf("kind %q is not one of %s: they are %s and %s", kind, v1alpha1.GroupVersion, strings.Join(ourKinds[:last], ", "), ourKinds[last])
}

// yamlLine: "yaml: line 12: did not find expected key", counted in the document.
var yamlLine = regexp.MustCompile(`line (\d+): `)

// hint says what makes a text no YAML, where that is plain to see.
func (d *document) hint(line int) string {
	switch lines := bytes.Split(d.text, []byte("\n")); {
	case bytes.Contains(d.text, []byte("{{")):
		return ". It looks like a template: render it first, as in: helm template . | ostiary check -"
	case line >= d.start && line-d.start < len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[line-d.start], " "), []byte("\t")):
		return ". The line begins with a tab: YAML is indented with spaces"
	}
	return ""
}

func (d *document) yamlError(err error) (int, string) {
	if errors.Is(err, extent.ErrHoldsItself) || errors.Is(err, extent.ErrTooDeep) || errors.Is(err, extent.ErrTooMuch) {
		return d.start, err.Error()
	}
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	message = strings.TrimPrefix(message, "yaml: ")
	line := d.start
	if m := yamlLine.FindStringSubmatchIndex(message); m != nil {
		n, _ := strconv.Atoi(message[m[2]:m[3]]) // the expression takes digits only
		line, message = d.start+n-1, strings.TrimSpace(message[m[1]:])
	}
	if mayHoldSecrets.Match(d.text) {
		message = "what is wrong is not quoted, as there may be secrets in it"
	}
	return line, "not YAML: " + message + d.hint(line)
}
