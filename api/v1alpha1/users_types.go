// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Users are people with a password each: a YAML list of name, email, groups and
// passwordHash (bcrypt).
type Users struct {
	// secretRef is where the list is: key users.yaml unless another is named.
	// +required
	SecretRef SecretKey `json:"secretRef"`
	// secondFactor is what people are asked for besides the password. Default: nothing.
	// +optional
	SecondFactor *SecondFactor `json:"secondFactor,omitempty"`
}

// SecondFactor is an authenticator app, set up by the person on a page of the team host.
type SecondFactor struct {
	// mode is who is asked. Optional: whoever has set one up. Required: everybody; who has
	// none sets one up at the next sign-in, after the password, and has no session before.
	// +required
	// +kubebuilder:validation:Enum=Optional;Required
	Mode SecondFactorMode `json:"mode"`
	// secretRef is the Secret that keeps what people have set up. It is there before, of the
	// type access.ostiary.dev/second-factors, and Ostiary may update it. If it cannot be read,
	// nobody of the list signs in.
	// +required
	SecretRef SecondFactorSecret `json:"secretRef"`
}

// SecondFactorMode is who is asked for a second factor.
type SecondFactorMode string

const (
	// SecondFactorOptional asks whoever has one.
	SecondFactorOptional SecondFactorMode = "Optional"
	// SecondFactorRequired asks everybody.
	SecondFactorRequired SecondFactorMode = "Required"
)

// SecondFactorSecret is a Secret in the namespace that Ostiary runs in.
type SecondFactorSecret struct {
	// name is that of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`
	Name string `json:"name"`
}
