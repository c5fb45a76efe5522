// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccessGroup says once who somebody is, such as staff. Rules of AccessPolicies in
// every namespace, and other AccessGroups, name it: group: staff. A change takes
// effect at once, everywhere.
//
// A group that does not exist, or is not Accepted, never admits anybody: where an
// Allow rule includes or requires it, it does not match; where it is excluded, and in
// Block rules, it matches.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=ag,categories=ostiary
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Used-By",type=integer,JSONPath=`.status.policies`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AccessGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is whom the group matches.
	// +required
	Spec AccessGroupSpec `json:"spec"`
	// status is written by the controller's leader.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AccessGroupStatus `json:"status,omitempty"`
}

// AccessGroupList is a list of AccessGroup.
//
// +kubebuilder:object:root=true
type AccessGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessGroup `json:"items"`
}

// AccessGroupSpec is whom a group matches: at least one of include, all of require,
// none of exclude. A selector can be another group, up to 8 below one another.
type AccessGroupSpec struct {
	// include matches when any of its selectors does.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	Include []Selector `json:"include"`
	// require narrows the group: all of its selectors must match.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Require []Selector `json:"require,omitempty"`
	// exclude narrows the group: none of its selectors may match.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Exclude []Selector `json:"exclude,omitempty"`
}

// AccessGroupStatus is what became of a group.
type AccessGroupStatus struct {
	// observedGeneration is the metadata.generation that the status is about. -1: none yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions are Accepted, true when policies can name the group, and Ready, the same
	// for tools. Stalled is there when something must be edited.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// policies is how many AccessPolicies name the group, or another group that leads
	// to it.
	// +optional
	Policies int32 `json:"policies,omitempty"`
	// usedBy are the first 20 of those, as namespace/name.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	UsedBy []string `json:"usedBy,omitempty"`
}
