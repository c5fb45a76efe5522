// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// namespaced reports whether a kind of ours is of one namespace.
func (e *entry) namespaced() bool { return e.kind == tokenKind }

func (e *entry) readNamespace() {
	e.namespace = cmp.Or(scalar(find(e.root, "metadata.namespace")), "default")
	for _, problem := range validation.IsDNS1123Label(e.namespace) {
		e.defect("metadata.namespace", "%q: %s", e.namespace, problem)
	}
}

// tokenOf adds what an entry says to the tokens in force. In files, its status is written by hand,
// or by `ostiary token create`: there is nobody else to make a secret. One with a mistake is good for
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
