// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/ostiary/ostiary/controllers/manifests/extent"
)

// hostile are texts that are small and mean much, or mean themselves.
var hostile = map[string]string{
	"a List that holds itself":        "&r\nkind: List\napiVersion: v1\nitems: [*r]\n",
	"a List two levels above itself":  "kind: List\napiVersion: v1\nitems:\n- &r\n  kind: List\n  apiVersion: v1\n  items: [{kind: List, apiVersion: v1, items: [*r]}]\n",
	"a policy whose spec holds it":    "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: a}\nspec: &s\n  hosts: [a.example.com]\n  rules: [*s]\n",
	"hosts that hold themselves":      "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: a}\nspec:\n  hosts: &h [*h]\n",
	"a key that holds its value":      "? &k [*k]\n: *k\n",
	"a merge of itself":               "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: a}\nspec: &s\n  <<: *s\n  hosts: [a.example.com]\n",
	"a Secret that holds itself":      "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: &s {users.yaml: *s}\n",
	"an Ingress that holds itself":    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: &m\n  name: a\n  annotations: {access.ostiary.dev/policy: a}\n  labels: *m\n",
	"much out of little":              laughs(12, 9),
	"much out of little, in a policy": "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: a}\nspec:\n" + indent(laughs(9, 9)) + "  hosts: *i8\n",
	"much in an object of a List":     "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data:\n" + indent(indent(laughs(6, 10))),
	"lists in lists":                  strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
	"lists in lists, as blocks":       strings.Repeat("- ", 50_000) + "x\n",
	"aliases in a long chain":         chain(20_000),
}

func laughs(levels, each int) string {
	var b strings.Builder
	b.WriteString("i0: &i0 [x]\n")
	for i := 1; i < levels; i++ {
		fmt.Fprintf(&b, "i%d: &i%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*i%d,", i-1), each), ","))
	}
	return b.String()
}

func chain(n int) string {
	var b strings.Builder
	b.WriteString("i0: &i0 [x]\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "i%d: &i%d [*i%d]\n", i, i, i-1)
	}
	return b.String()
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n  ") + "\n"
}

// A text that nobody could finish reading is refused by its name, and soon. THREATS G10.
func TestHostileTexts(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			done := make(chan bool)
			go func() {
				defer close(done)
				readAll(t, text)
			}()
			select {
			case <-done:
			case <-time.After(2 * time.Minute): // it never ends: a busy machine takes half a minute
				t.Fatal("still being read after two minutes")
			}
		})
	}
}

// What is refused for what it stands for says so, whatever is in it.
func TestHostileTextsAreNamed(t *testing.T) {
	for name, want := range map[string]error{"a List that holds itself": extent.ErrHoldsItself, "a Secret that holds itself": extent.ErrHoldsItself, "much in an object of a List": extent.ErrTooMuch} {
		docs := split([]byte(hostile[name]))
		o, _, ok := docs[0].read()
		if ok || o == nil || len(o.defects) == 0 || o.defects[0].Message != want.Error() {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// A few lines do not take all memory: what they stand for is not written out.
func TestHostileTextsTakeLittle(t *testing.T) {
	for name, text := range hostile {
		if len(text) > 1<<14 {
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		readAll(t, text)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: %d MiB for %d bytes", name, took>>20, len(text))
		}
	}
}

// What stands in a file once may be long, whatever its aliases.
func TestLongWithAlias(t *testing.T) {
	text := "a: &a [x]\nb: *a\nc: [" + strings.Repeat("x,", 3*extent.MaxAliased) + "]\n"
	for _, d := range split([]byte(text)) {
		if _, err := d.parse(); err != nil {
			t.Error(err)
		}
	}
}

// readAll reads a text as a file would be read, and walks all that it holds. What
// could not be walked must have been refused.
func readAll(t testing.TB, text string) {
	for _, d := range split([]byte(text)) {
		d.file = "hostile.yaml"
		root, err := d.parse()
		for _, item := range d.items() {
			o, e, ok := item.read()
			if err != nil && ok {
				t.Errorf("%.80q: %v, and it was read: %v, %v", text, err, o, e)
			}
		}
		if err == nil && walked(root, 0) > extent.MaxAliased+2*len(text)+2 {
			t.Errorf("%.80q: too much of it", text)
		}
	}
}

// walked counts nodes as whoever follows every alias does.
func walked(n *yamlv3.Node, depth int) int {
	if depth > 4*extent.MaxDepth {
		panic("deeper than any document may be")
	}
	if n.Kind == yamlv3.AliasNode {
		return walked(n.Alias, depth+1)
	}
	total := 1
	for _, c := range n.Content {
		total += walked(c, depth+1)
	}
	return total
}

// FuzzDocument: no text makes a reader fail, recurse for ever or walk for long.
func FuzzDocument(f *testing.F) {
	for _, text := range hostile {
		if len(text) < 4096 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1<<16 {
			readAll(t, text)
		}
	})
}

// What kubectl writes, one List of everything, is read item by item, with the lines
// of the List.
func TestList(t *testing.T) {
	text := "apiVersion: v1\nkind: List\nitems:\n- apiVersion: access.ostiary.dev/v1alpha1\n  kind: AccessPolicy\n  metadata: {name: good, namespace: shop}\n" +
		"  spec: {hosts: [a.example.com]}\n- apiVersion: access.ostiary.dev/v1alpha1\n  kind: AccessPolicy\n  metadata: {name: bad, namespace: shop}\n" +
		"  spec:\n    hosts: [b.example.com]\n    rules:\n    - action: Alow\n      include: [{everyone: {}}]\n- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n"
	docs := split([]byte(text))
	items := docs[0].items()
	if len(items) != 3 {
		t.Fatalf("%d items", len(items))
	}
	good, _, ok := items[0].read()
	if !ok || good.name != "good" || good.wrong() {
		t.Errorf("%+v", good)
	}
	bad, _, _ := items[1].read()
	if !bad.wrong() || bad.line("spec.rules[0].action") != 14 {
		t.Errorf("line %d, %v", bad.line("spec.rules[0].action"), bad.defects)
	}
	if o, e, ok := items[2].read(); o != nil || e != nil || !ok {
		t.Errorf("a Namespace is %v, %v", o, e)
	}
}
