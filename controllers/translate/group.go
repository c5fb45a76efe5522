// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Group translates one AccessGroup. It never fails: mistakes become Defects.
func Group(o *v1alpha1.AccessGroup) policy.Group {
	t := translator{source: policy.Source{Name: o.Name}}
	return policy.Group{
		Source:  t.source,
		Include: t.selectors("spec.include", o.Spec.Include),
		Require: t.selectors("spec.require", o.Spec.Require),
		Exclude: t.selectors("spec.exclude", o.Spec.Exclude),
		Defects: t.defects,
	}
}
