// SPDX-License-Identifier: Apache-2.0

package tree

import "fmt"

// An Object is one of Kubernetes.
type Object struct {
	Kind, Namespace, Name string
	Of                    string // for people
	*Node
}

// Objects are those in files. What is no object is told to other.
func Objects(files []File, other func(*Node)) ([]Object, error) {
	var out []Object
	for _, f := range files {
		nodes, err := YAML(f.Name, f.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		for _, n := range nodes {
			if n.Kind != Map || n.Peek("kind") == nil {
				other(n)
				continue
			}
			n.See()
			meta := n.Get("metadata")
			o := Object{Kind: n.Get("kind").Text(), Namespace: meta.Get("namespace").Text(), Name: meta.Get("name").Text(), Node: n}
			o.Of = fmt.Sprintf("%s %q", o.Kind, o.Name)
			for _, key := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "labels", "ownerReferences",
				"selfLink", "finalizers", "generateName"} {
				meta.Get(key).Known()
			}
			n.Get("apiVersion").Known()
			n.Get("status").Known()
			out = append(out, o)
		}
	}
	return out, nil
}

// Annotations are those of an object, which are texts.
func (o *Object) Annotations() map[string]string {
	out := map[string]string{}
	list := o.Get("metadata", "annotations")
	if list == nil || list.Kind != Map {
		return out
	}
	for _, key := range list.Keys {
		if v := list.Peek(key); v.Kind == Text || v.Kind == Bool || v.Kind == Number {
			out[key] = v.Value
		}
	}
	return out
}
