// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

func checkGroup(o *v1alpha1.AccessGroup) (policy.Group, []policy.Issue) {
	g := translate.Group(o)
	return g, append(g.Defects, policy.ValidateGroup(&g)...)
}

// groupOf returns the group of an entry. One with mistakes cannot be used; one that is
// missing from a file with mistakes stays as it was.
func (s *Set) groupOf(e *entry) policy.Group {
	g := policy.Group{Source: policy.Source{Name: e.name}, Include: []policy.Selector{{Property: policy.Everyone}}}
	if e.group != nil {
		g = translate.Group(e.group)
	}
	if e.missing && e.group != nil {
		s.report(e, nil)
		return g
	}
	g.Defects = append(g.Defects, e.defects...)
	return g
}

// locateGroup finds the line of an issue of a group.
func (s *Set) locateGroup(i policy.Issue) (Problem, bool) {
	var of *entry
	for _, e := range s.entries {
		if i.Source.Namespace != "" || e.kind != groupKind || e.name != i.Source.Name {
			continue
		}
		if of == nil || slices.Contains(e.defects, i) {
			of = e
		}
	}
	if of == nil {
		return Problem{}, false
	}
	return of.problem(i), true
}

// locate finds the line of an issue.
func (s *Set) locate(i policy.Issue) Problem {
	i.Message = strings.Replace(i.Message, policy.NoGroup, "no file that is read here holds an AccessGroup", 1)
	if p, ok := s.locateGroup(i); ok {
		return p
	}
	p := Problem{
		Object:  policy.Source{Namespace: i.Source.Namespace, Name: i.Source.Name}.String(),
		Field:   i.Source.Field,
		Message: i.Message,
		Code:    string(i.Code),
		Warning: i.Warning(),
	}
	for _, o := range s.objects {
		if o.namespace == i.Source.Namespace && o.name == i.Source.Name {
			p.File, p.Line = o.file, o.line(i.Source.Field)
			if slices.ContainsFunc(o.defects, func(d policy.Issue) bool { return d == i }) {
				break // an object of this name that has this very mistake
			}
		}
	}
	return p
}
