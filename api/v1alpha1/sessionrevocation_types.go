// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SessionRevocation voids every session of a user that began before a time, on
// every application. It is removed by itself once no session can be that old.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=sr,categories=ostiary
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.spec.identityProvider`
// +kubebuilder:printcolumn:name="Before",type=string,JSONPath=`.spec.before`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SessionRevocation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is whose sessions are void.
	// +required
	Spec SessionRevocationSpec `json:"spec"`
	// status is written by the controller's leader.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status SessionRevocationStatus `json:"status,omitempty"`
}

// SessionRevocationStatus is what became of a revocation.
type SessionRevocationStatus struct {
	// observedGeneration is the metadata.generation that the status is about. -1: none yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions are Accepted, false when it has a mistake, Programmed, true when the leader
	// decides by it, and Ready, which sums them up for tools. A revocation with a mistake is
	// in force all the same, and voids more rather than less.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// SessionRevocationList is a list of SessionRevocation.
//
// +kubebuilder:object:root=true
type SessionRevocationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SessionRevocation `json:"items"`
}

// SessionRevocationSpec is whose sessions are void.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.policy) || has(self.client)`,message=`policy narrows what a client may do: write client, too`
// +kubebuilder:validation:XValidation:rule=`has(self.user) || has(self.client)`,message=`write user, client, or both`
type SessionRevocationSpec struct {
	// user is whose sessions are void. With identityProvider: the ID that it knows
	// them by (sub, or the name of a built-in user), and nothing else. Without:
	// every user with that ID, with that name at applications (X-Access-User), or
	// with that verified email address, in upper or lower case.
	// With client, it can be left out: then it is about everybody.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\pL\pM\pN\pP\pS]([\pL\pM\pN\pP\pS ]*[\pL\pM\pN\pP\pS])?$')`,message=`write an email address or a user's ID: printable text, without blanks at its ends`
	User string `json:"user,omitempty"`
	// identityProvider is the name of the IdentityProvider whose user it is.
	// Default: any. Signing out everywhere always says it, as users of two providers
	// can have the same ID.
	// +optional
	IdentityProvider ProviderName `json:"identityProvider,omitempty"`
	// client narrows it to what the user let one OAuth client do, such as an agent: its
	// client_id. What they let it do before the time is void, whenever they signed in, and
	// nothing else. Default: all that the user has is void.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	Client string `json:"client,omitempty"`
	// policy narrows that to one application: the AccessPolicy, as namespace/name, that the
	// client was let act at. The same client_id in two policies can be two programs. Default:
	// every application. It needs client.
	// +optional
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^[a-z0-9-]{1,63}/[a-z0-9.-]{1,253}$`
	Policy string `json:"policy,omitempty"`
	// before is when (RFC 3339): who signed in earlier has to sign in again.
	// +required
	Before Timestamp `json:"before"`
}
