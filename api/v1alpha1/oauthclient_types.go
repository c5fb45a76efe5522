// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OAuthClient is a program that acts for people at applications whose policies let such
// programs in (spec.oauth), and that has no metadata document at an address of the
// internet. The platform team answers for it: whoever can write one says where codes of
// people go who agree. A policy can list clients of its own beside these.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=oac,categories=ostiary
// +kubebuilder:printcolumn:name="Client ID",type=string,JSONPath=`.status.clientID`
// +kubebuilder:printcolumn:name="For",type=string,JSONPath=`.spec.namespaces`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type OAuthClient struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the client is called, and where answers for it may be sent.
	// +required
	Spec OAuthClientSpec `json:"spec"`
	// status is written by the controller's leader.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status OAuthClientStatus `json:"status,omitempty"`
}

// OAuthClientList is a list of OAuthClient.
//
// +kubebuilder:object:root=true
type OAuthClientList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []OAuthClient `json:"items"`
}

// OAuthClientSpec is what a client is called, and where answers for it may be sent.
type OAuthClientSpec struct {
	// clientID is its client_id, which selectors, logs and people's lists have. Default: the
	// object's name. An address of https is that of a metadata document: what stands here
	// counts, and the document is not read.
	// +optional
	ClientID OAuthClientID `json:"clientID,omitempty"`
	// name is what people see when they are asked. Default: the client_id.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name,omitempty"`
	// redirectURIs are where answers for it may be sent: addresses of https, of a scheme of its
	// own such as com.example.app:, or of http on the person's own machine (localhost,
	// 127.0.0.1, [::1]), where any port will do. The others are compared letter for letter.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	RedirectURIs []RedirectURI `json:"redirectURIs"`
	// namespaces are those for whose policies it is; "*" alone is all of them. Default: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule=`!('*' in self) || self.size() == 1`,message=`"*" is every namespace: leave out the others`
	Namespaces []NamespaceOrAll `json:"namespaces,omitempty"`
}

// OAuthClientStatus is what became of a client.
type OAuthClientStatus struct {
	// observedGeneration is the metadata.generation that the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// clientID is the client_id that it has.
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// conditions are Accepted: people can be asked about it; and what that comes to, Ready
	// and Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
