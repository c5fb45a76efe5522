// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"bytes"
	"encoding/json"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/manifests/secrets"
)

// anyAction is for groups, which rules of any action name.
const anyAction v1alpha1.RuleAction = ""

// fit drops selectors that a rule of the action may not have.
func (d *Draft) fit(action v1alpha1.RuleAction, p *Part) {
	if p.Fit == None {
		p.Selectors = nil
		return
	}
	bad := map[int]string{}
	for chunk := 0; chunk < len(p.Selectors); chunk += 128 {
		end := min(chunk+128, len(p.Selectors))
		if d.refused(action, p.Selectors[chunk:end]) == "" {
			continue
		}
		for i := chunk; i < end; i++ {
			if why := d.refused(action, p.Selectors[i:i+1]); why != "" {
				bad[i] = why
			}
		}
	}
	if len(bad) == 0 {
		return
	}
	var good []v1alpha1.Selector
	for i, s := range p.Selectors {
		if bad[i] == "" {
			good = append(good, s)
		} else {
			p.Why = bad[i]
		}
	}
	p.Selectors, p.Fit = good, Narrower
	if len(good) == 0 {
		p.Fit = None
	}
}

// refused says why a rule of the action may not have selectors; "": it may.
func (d *Draft) refused(action v1alpha1.RuleAction, selectors []v1alpha1.Selector) string {
	var plain []v1alpha1.Selector
	for _, s := range selectors {
		if why := unseen(action, d.looksOf(s)); why != "" {
			return why
		}
		if s.Group == "" && s.ServiceToken == "" && s.LinkedApp == nil && s.LoginMethod == "" {
			plain = append(plain, s) // the others are named here
		}
	}
	if len(plain) == 0 {
		return ""
	}
	if action == anyAction {
		action = v1alpha1.ActionAllow
		if slices.ContainsFunc(plain, func(s v1alpha1.Selector) bool { return d.looksOf(s).machine }) {
			action = v1alpha1.ActionServiceAuth
		}
	}
	rules := []v1alpha1.Rule{{Action: action, Include: plain}}
	key, err := json.Marshal(rules)
	if err != nil {
		return err.Error()
	}
	why, known := d.known[string(key)]
	if !known {
		why = Wrong(v1alpha1.AccessPolicySpec{Rules: rules})
		d.known[string(key)] = why
	}
	return why
}

// unseen says why rules of an action never match by what a selector looks at.
func unseen(action v1alpha1.RuleAction, l looks) string {
	switch {
	case action == anyAction, action == v1alpha1.ActionServiceAuth && !l.identity:
		return ""
	case l.identity && action != v1alpha1.ActionAllow && action != v1alpha1.ActionBlock:
		return "a " + string(action) + " rule never sees who somebody is"
	case l.machine:
		return "only a rule with action: ServiceAuth admits machines"
	case l.credential && action == v1alpha1.ActionBypass:
		return "a Bypass rule asks for no credential"
	default:
		return ""
	}
}

// Wrong is the first mistake in a policy of a host, which is there for the rest of it.
func Wrong(spec v1alpha1.AccessPolicySpec) string {
	if len(spec.Hosts) == 0 {
		spec.Hosts = []v1alpha1.Host{"fit.example.com"}
	}
	p := &v1alpha1.AccessPolicy{TypeMeta: typeOf("AccessPolicy"), Spec: spec}
	p.Name, p.Namespace = "fit", "fit"
	return First(p)
}

// First is the first mistake that `ostiary check` finds in objects; "": none.
func First(objects ...any) string {
	var b bytes.Buffer
	for _, o := range objects {
		text, err := marshal(o)
		if err != nil {
			return err.Error()
		}
		b.WriteString("---\n")
		b.Write(text)
	}
	for _, p := range problems(b.Bytes()) {
		return p.Message
	}
	return ""
}

// problems are the mistakes in manifests. Warnings are none.
func problems(text []byte) []manifests.Problem {
	stdin := []string{manifests.Stdin}
	set, err := manifests.ReadForCluster(nil, stdin, policy.Terms{}, bytes.NewReader(text), secrets.SystemNamespace)
	if err != nil {
		return []manifests.Problem{{Message: err.Error()}}
	}
	_, found := set.Build()
	return slices.DeleteFunc(found, func(p manifests.Problem) bool { return p.Warning })
}

// marshal writes an object as people write it.
func marshal(object any) ([]byte, error) {
	fields, err := fieldsOf(object)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(fields)
}

// fieldsOf are those of an object that people write: without a status.
func fieldsOf(object any) (map[string]any, error) {
	js, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(js, &fields); err != nil {
		return nil, err
	}
	clean(fields)
	return fields, nil
}

func clean(fields map[string]any) {
	delete(fields, "status")
	if meta, ok := fields["metadata"].(map[string]any); ok {
		delete(meta, "creationTimestamp")
	}
	if spec, ok := fields["spec"].(map[string]any); ok && len(spec) == 0 && fields["kind"] == "ServiceToken" {
		delete(fields, "spec")
	}
}
