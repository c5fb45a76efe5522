// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// An Effect is what it means that something is not as it was.
type Effect string

// The effects.
const (
	Closed Effect = "closed" // fewer may pass than before, until somebody writes what is missing
	Left   Effect = "left"   // it has no equivalent, and decides about nobody
	Noted  Effect = "note"   // nothing is missing; it has to be known
)

// A Note says what is not as it was, why, and where it stood.
type Note struct {
	Effect Effect `json:"effect"`
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Object string `json:"object,omitempty"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`

	in []string // what was written when it was noted
}

// String is the note in a line.
func (n Note) String() string {
	var b strings.Builder
	if n.File != "" {
		b.WriteString(n.File)
		if n.Line > 0 {
			fmt.Fprintf(&b, ":%d", n.Line)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: ", n.Effect)
	if where := strings.TrimSpace(n.Object + " " + n.Field); where != "" {
		b.WriteString(where + ": ")
	}
	return b.String() + n.Reason
}

// A Policy is an AccessPolicy, and what it was made of.
type Policy struct {
	v1alpha1.AccessPolicy
	From *tree.Node
	Of   string // such as application "Wiki"
}

// A Draft is what has been written so far.
type Draft struct {
	Namespace string
	Policies  []*Policy
	Notes     []Note
	// In is what is being written: its notes stand above it, too.
	In string

	others []*other
	shut   []shut
	names  map[string]bool
	groups map[string]looks
	known  map[string]string // verdicts on selectors
}

// An other is an object that is no policy.
type other struct {
	object any
	from   *tree.Node
	of     string
}

// looks is what a group looks at that rules of some actions never see.
type looks struct{ identity, machine, credential bool }

// New begins a draft.
func New(namespace string) *Draft {
	return &Draft{Namespace: namespace, names: map[string]bool{}, groups: map[string]looks{}, known: map[string]string{}}
}

// Say adds a note about a value.
func (d *Draft) Say(e Effect, at *tree.Node, object, format string, args ...any) {
	n := Note{Effect: e, Object: object, Reason: fmt.Sprintf(format, args...)}
	if at != nil {
		n.File, n.Line, n.Field = at.File, at.Line, at.Path()
	}
	i := slices.IndexFunc(d.Notes, func(o Note) bool {
		return o.Effect == n.Effect && o.File == n.File && o.Line == n.Line && o.Object == n.Object && o.Field == n.Field && o.Reason == n.Reason
	})
	if i < 0 {
		i = len(d.Notes)
		d.Notes = append(d.Notes, n)
	}
	if d.In != "" && !slices.Contains(d.Notes[i].in, d.In) {
		d.Notes[i].in = append(d.Notes[i].in, d.In)
	}
}

// Rest notes each value of a tree that nobody has asked for.
func (d *Draft) Rest(n *tree.Node, object string) {
	n.Rest(func(at *tree.Node, why string) {
		d.Say(Left, at, object, "%s", cmp.Or(why, "it is not known here"))
	})
}

// Name makes a name of a kind that no other object has: a DNS label.
func (d *Draft) Name(kind string, wanted ...string) string {
	name := kind
	for _, w := range wanted {
		if l := Label(w); l != "" {
			name = l
			break
		}
	}
	name = strings.ToLower(name)
	unique := name
	for i := 2; d.names[kind+"/"+unique]; i++ {
		end := fmt.Sprintf("-%d", i)
		unique = strings.TrimRight(name[:min(len(name), 63-len(end))], "-") + end
	}
	d.names[kind+"/"+unique] = true
	return unique
}

// Label makes a DNS label of a text: "" where nothing of it can stand in one.
func Label(text string) string {
	var b strings.Builder
	for _, c := range norm.NFKD.String(text) {
		switch c = unicode.ToLower(c); {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case unicode.Is(unicode.Mn, c): // the accent of the letter before
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 63 {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// RuleName makes the name of a rule, which no other of the list has.
func RuleName(text string, others []v1alpha1.Rule) string {
	name := strings.Join(strings.Fields(strings.Map(func(c rune) rune {
		if unicode.In(c, unicode.L, unicode.M, unicode.N) || strings.ContainsRune("._:/()+,&@#=-", c) {
			return c
		}
		return ' '
	}, strings.ToValidUTF8(text, " "))), " ")
	name = cut(name, 63)
	if name == "" {
		return ""
	}
	unique := name
	for i := 2; slices.ContainsFunc(others, func(r v1alpha1.Rule) bool { return r.Name == unique }); i++ {
		end := fmt.Sprintf(" (%d)", i)
		unique = cut(name, 63-len(end)) + end
	}
	return unique
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return strings.TrimSpace(string(runes[:most]))
	}
	return text
}

// Policy adds a policy, and names it.
func (d *Draft) Policy(from *tree.Node, of string, spec v1alpha1.AccessPolicySpec, wanted ...string) *Policy {
	return d.Named(from, of, d.Name("AccessPolicy", wanted...), spec)
}

// Named adds a policy of a name that Name made.
func (d *Draft) Named(from *tree.Node, of, name string, spec v1alpha1.AccessPolicySpec) *Policy {
	p := &Policy{From: from, Of: of}
	p.TypeMeta = typeOf("AccessPolicy")
	p.Name, p.Namespace, p.Spec = name, d.Namespace, spec
	d.Policies = append(d.Policies, p)
	return p
}

// Token adds a ServiceToken, and returns its name.
func (d *Draft) Token(from *tree.Node, of string, spec v1alpha1.ServiceTokenSpec, wanted ...string) string {
	t := &v1alpha1.ServiceToken{TypeMeta: typeOf("ServiceToken"), Spec: spec}
	t.Name, t.Namespace = d.Name("ServiceToken", wanted...), d.Namespace
	d.others = append(d.others, &other{t, from, of})
	return t.Name
}

// Provider adds an IdentityProvider of a name that Name made.
func (d *Draft) Provider(from *tree.Node, of, name string, spec v1alpha1.IdentityProviderSpec) {
	p := &v1alpha1.IdentityProvider{TypeMeta: typeOf("IdentityProvider"), Spec: spec}
	p.Name = name
	d.others = append(d.others, &other{p, from, of})
}

func typeOf(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: kind}
}
