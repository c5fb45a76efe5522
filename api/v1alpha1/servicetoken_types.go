// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ServiceToken is the credential of a machine: a client ID and a secret, which
// ServiceAuth rules of AccessPolicies admit. Both are written to a Secret of the same
// name, beside it. Only a hash of the secret is kept in its status.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=st,categories=ostiary
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Last-Used",type=string,JSONPath=`.status.lastUsed`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="ClientID",type=string,priority=1,JSONPath=`.status.clientID`
type ServiceToken struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is how long the token is good, and for whom. An empty one is complete.
	// +optional
	Spec ServiceTokenSpec `json:"spec,omitempty"`
	// status is written by Ostiary.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status ServiceTokenStatus `json:"status,omitempty"`
}

// ServiceTokenList is a list of ServiceToken.
//
// +kubebuilder:object:root=true
type ServiceTokenList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ServiceToken `json:"items"`
}

// TokenDuration is a length of time in Go's notation, such as 8760h: 1h to 87600h
// (10 years).
//
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([0-9]{1,6}(h|m|s))+$')`,message=`a duration is a number and its unit, such as 8760h or 90m (units: h, m, s; a day is 24h, a year 8760h)`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^([0-9]{1,6}(h|m|s))+$') || duration(self) >= duration('1h') && duration(self) <= duration('87600h')`,message=`a duration is 1h to 87600h (10 years)`
type TokenDuration string

// NamespaceName is the name of a namespace.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
type NamespaceName string

// ServiceTokenSpec is how long a token is good, and for whom.
type ServiceTokenSpec struct {
	// duration is how long a secret is good, from when it was made. Default: 8760h,
	// a year.
	// +optional
	Duration TokenDuration `json:"duration,omitempty"`
	// rotation asks for a new secret: each other number than status.rotation does so
	// once. The old secret stays good for gracePeriod. Default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Rotation int64 `json:"rotation,omitempty"`
	// gracePeriod is how long the old secret is good after a rotation. Default: 24h.
	// +optional
	GracePeriod Duration `json:"gracePeriod,omitempty"`
	// disabled makes the token good for nothing, until it is removed.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// policyNamespaces are the namespaces whose AccessPolicies can admit the token,
	// besides its own. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	PolicyNamespaces []NamespaceName `json:"policyNamespaces,omitempty"`
	// unusedFor has the condition Unused become true when no request was admitted
	// with the token for so long. Default: nobody is told.
	// +optional
	UnusedFor TokenDuration `json:"unusedFor,omitempty"`
}

// ServiceTokenStatus is what is known of the token.
type ServiceTokenStatus struct {
	// observedGeneration is the generation of the object that this is about; -1 until the
	// Secret is there.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// clientID is what a request names the token by. It never changes.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ClientID string `json:"clientID,omitempty"`
	// secretSHA256 is the SHA-256 of the secret, in hexadecimal.
	// +optional
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	SecretSHA256 string `json:"secretSHA256,omitempty"`
	// issuedAt is when the secret was made.
	// +optional
	IssuedAt *metav1.Time `json:"issuedAt,omitempty"`
	// expiresAt is when the token ends, unless its secret is rotated before.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// previous is the secret before the last rotation, in its grace period.
	// +optional
	Previous *PreviousSecret `json:"previous,omitempty"`
	// rotation is the spec.rotation that the secret was made for.
	// +optional
	Rotation int64 `json:"rotation,omitempty"`
	// lastUsed is the hour in which a request was last admitted with the token.
	// +optional
	LastUsed *metav1.Time `json:"lastUsed,omitempty"`
	// conditions are Ready, which sums up the others, Accepted, Degraded, Expiring and
	// Unused; Stalled is there if waiting changes nothing.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// PreviousSecret is a secret that was replaced.
type PreviousSecret struct {
	// secretSHA256 is its SHA-256, in hexadecimal.
	// +required
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	SecretSHA256 string `json:"secretSHA256"`
	// until is when it ends.
	// +required
	Until metav1.Time `json:"until"`
}

// Condition types of a ServiceToken, besides Ready.
const (
	// ConditionExpiring is true in the last 14 days of the token, and once it is over.
	ConditionExpiring = "Expiring"
	// ConditionUnused is true when the token was not used for spec.unusedFor.
	ConditionUnused = "Unused"
)
