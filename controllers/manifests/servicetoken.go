// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// decodeToken reads a ServiceToken. In files, its status is written by hand, or by
// `ostiary token create`: there is nobody else to make a secret.
func (e *entry) decodeToken(d *document) {
	if e.namespace = scalar(find(e.root, "metadata.namespace")); e.namespace == "" {
		e.namespace = "default"
	}
	for _, problem := range validation.IsDNS1123Label(e.namespace) {
		e.defect("metadata.namespace", "%q: %s", e.namespace, problem)
	}
	var o v1alpha1.ServiceToken
	found, ok := d.judge(&e.object, tokenKind, &o)
	if !ok {
		e.refuse(found, nil)
		return
	}
	e.token = &o
	_, known := translate.ServiceToken(&o)
	e.refuse(found, known)
}

// tokenOf adds what an entry says to the tokens in force. One with a mistake is good for
// nothing: what it said before may be what was taken back.
func (s *Set) tokenOf(e *entry, first, forCluster bool) {
	o := v1alpha1.ServiceToken{}
	if e.token != nil {
		o = *e.token
	}
	o.Namespace, o.Name = e.namespace, e.name
	out, issues := translate.ServiceToken(&o)
	if s.report(e, issues) || !first || e.token == nil {
		return
	}
	if out.ClientID == "" || len(out.Secrets) == 0 || o.Status.IssuedAt == nil {
		if !forCluster {
			s.problems = append(s.problems, e.problem(policy.Issue{Source: policy.Source{Field: "status"}, Reason: policy.Unwise,
				Message: "there is no clientID, secretSHA256 and issuedAt, so the token is good for nothing: make it with ostiary token create " +
					e.name + " -n " + e.namespace}))
		}
		return
	}
	s.Tokens = append(s.Tokens, out)
}
