// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/client-go/openapi"
)

// A Fields tells whether a kind that is served has a field, by what the API server
// publishes to everybody who may ask it anything: to read CRDs takes a right. The answer
// is fetched anew only when the API server says that it is another.
type Fields struct {
	Client openapi.Client

	mu    sync.Mutex
	known map[string]knownSchema // by group and version
}

type knownSchema struct {
	url  string // has a digest of the schema in it
	text map[string]json.RawMessage
}

// has reports whether the schema of a kind has a field at a path of properties. What
// cannot be known is not there: an apply of a field that is not declared fails.
func (f *Fields) has(group, version, kind string, path ...string) bool {
	if f == nil {
		return false
	}
	schemas, err := f.schemas("apis/" + group + "/" + version)
	if err != nil {
		return false
	}
	for _, raw := range schemas {
		var s struct {
			Kinds []struct {
				Group, Version, Kind string
			} `json:"x-kubernetes-group-version-kind"`
			property
		}
		if json.Unmarshal(raw, &s) == nil && len(s.Kinds) == 1 && s.Kinds[0].Group == group && s.Kinds[0].Version == version && s.Kinds[0].Kind == kind {
			return s.at(path)
		}
	}
	return false
}

// A property is as much of a schema as leads to a field.
type property struct {
	Properties map[string]property `json:"properties"`
}

func (p property) at(path []string) bool {
	for _, name := range path {
		next, ok := p.Properties[name]
		if !ok {
			return false
		}
		p = next
	}
	return true
}

func (f *Fields) schemas(at string) (map[string]json.RawMessage, error) {
	paths, err := f.Client.Paths()
	if err != nil {
		return nil, err
	}
	is, ok := paths[at]
	if !ok {
		return nil, fmt.Errorf("%s is not served", at)
	}
	f.mu.Lock()
	known, ok := f.known[at]
	f.mu.Unlock()
	if ok && known.url == is.ServerRelativeURL() {
		return known.text, nil
	}
	text, err := is.Schema("application/json")
	if err != nil {
		return nil, err
	}
	var doc struct {
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = map[string]knownSchema{}
	}
	f.known[at] = knownSchema{is.ServerRelativeURL(), doc.Components.Schemas}
	return doc.Components.Schemas, nil
}
