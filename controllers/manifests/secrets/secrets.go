// SPDX-License-Identifier: Apache-2.0

// Package secrets finds the Secrets that manifests name, among those that stand beside them.
package secrets

import (
	"encoding/base64"
	"fmt"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// SystemNamespace is where Ostiary runs, unless somebody says otherwise.
const SystemNamespace = "ostiary-system"

// A Secret is one of the files.
type Secret struct {
	Name, Namespace string // the namespace as it is written, and maybe not at all
	File            string
	Line            int
	Data            map[string][]byte // nil: it cannot be read
}

// A Set is the Secrets of all files, by name.
type Set struct {
	namespace       string
	here, elsewhere map[string]Secret
	used            map[string]bool
}

// New returns an empty set for a namespace, in which Secrets have to be; empty: it is no
// matter. Those that name none go into the one of whoever applies them.
func New(namespace string) *Set {
	return &Set{namespace, map[string]Secret{}, map[string]Secret{}, map[string]bool{}}
}

// Add enters a Secret. Of several with one name the first counts.
func (s *Set) Add(o Secret) {
	into := s.here
	if s.Elsewhere(o.Namespace) {
		into = s.elsewhere
	}
	if _, taken := into[o.Name]; !taken {
		into[o.Name] = o
	}
}

// Elsewhere reports whether a Secret of a namespace is in the wrong one.
func (s *Set) Elsewhere(namespace string) bool {
	return s.namespace != "" && namespace != "" && namespace != s.namespace
}

// Find looks up a Secret that is named.
func (s *Set) Find(name string) (data map[string][]byte, ok bool) {
	s.used[name] = true
	data = s.here[name].Data
	return data, data != nil
}

// Used reports whether a Secret was looked up.
func (s *Set) Used(name string) bool { return s.used[name] }

// Missing ends the message that there is none of a name.
func (s *Set) Missing(name string) string {
	if o, ok := s.elsewhere[name]; ok {
		return fmt.Sprintf("; did you mean the one in %s:%d? It is in namespace %q, and Ostiary runs in %q", o.File, o.Line, o.Namespace, s.namespace)
	}
	return "; no file that is read here holds it"
}

// Read adds the values of a Secret's data (encoded) or stringData, and returns what is wrong
// with them. It quotes none.
func Read(n *yamlv3.Node, encoded bool, into map[string][]byte) (wrong []string) {
	if n == nil || n.Kind != yamlv3.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		for value.Kind == yamlv3.AliasNode && value.Alias != nil {
			value = value.Alias
		}
		if value.Kind != yamlv3.ScalarNode {
			wrong = append(wrong, "a value is not text")
			continue
		}
		plain := []byte(value.Value)
		if encoded {
			var err error
			if plain, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Value), "")); err != nil {
				wrong = append(wrong, "a value is not in base64: write it as it is, under stringData")
				continue
			}
		}
		into[key] = plain
	}
	return wrong
}
