// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A kube-apiserver (1.37) that has once run policies with ConfigMaps as parameters, and then
// none any more, never reads a ConfigMap for such policies again: its informer is shared,
// stopped with the last policy and not started a second time
// (k8s.io/apiserver, admission/plugin/policy/generic, "Clean up orphaned param informers").
// Tests install and remove policies in one API server, so one policy stays from the start.
const paramKeeper = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: param-keeper}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules: [{apiGroups: [keeper.example.com], apiVersions: [v1], operations: [CREATE], resources: [nothings]}]
  validations: [{expression: "true"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: param-keeper}
spec:
  policyName: param-keeper
  paramRef: {name: param-keeper, namespace: default, parameterNotFoundAction: Allow}
  validationActions: [Deny]
`

var keeping sync.Once

func keepParams(t *testing.T, c client.Client) {
	t.Helper()
	keeping.Do(func() { apply(t, c, parse(t, paramKeeper)) })
}
