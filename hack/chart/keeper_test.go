// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A kube-apiserver (1.37) that has once run policies with ConfigMaps as parameters, and then
// none of that kind any more, never reads a ConfigMap for policies again: the informer is
// shared by validating and mutating policies, belongs to the kind that came first, is stopped
// with its last policy and not started a second time
// (k8s.io/apiserver, admission/plugin/policy/generic, "Clean up orphaned param informers").
// Tests install and remove policies in one API server, so one of each kind stays from the start.
const paramKeeper = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: param-keeper}
spec:
  failurePolicy: Ignore
  reinvocationPolicy: Never
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules: [{apiGroups: [keeper.example.com], apiVersions: [v1], operations: [CREATE], resources: [nothings]}]
  mutations: [{patchType: JSONPatch, jsonPatch: {expression: "[JSONPatch{op: 'test', path: '/', value: ''}].filter(p, false)"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: param-keeper}
spec:
  policyName: param-keeper
  paramRef: {name: param-keeper, namespace: default, parameterNotFoundAction: Allow}
---
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
