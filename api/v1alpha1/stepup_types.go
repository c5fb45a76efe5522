// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// StepUp is how a provider is asked for a stronger sign-in (OpenID Connect Core 1.0, section
// 3.1.2.1).
type StepUp struct {
	// authMethod is what rules call it, such as mfa.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[\x21\x23-\x5B\x5D-\x7E]+$`
	AuthMethod string `json:"authMethod"`
	// acrValues are asked for (acr_values), in order of preference. An ID token that names one
	// of them (acr) says that somebody signed in with the authMethod, whether or not its
	// authentication methods (amr) do, and at every sign-in.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	ACRValues []ACRValue `json:"acrValues,omitempty"`
	// maxAge is how long ago they may have signed in at the provider when it is asked (max_age),
	// such as 5m: it asks for the credentials again after longer. An ID token that does not say
	// when they did (auth_time), or says that it was earlier, is refused then. Default: any time.
	// +optional
	// +kubebuilder:validation:MaxLength=6
	// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,4}[smh]$`
	MaxAge string `json:"maxAge,omitempty"`
	// prompt is what else the provider is to do. login: ask for the credentials, whatever
	// session it has. Default: login where there are neither acrValues nor maxAge, else what it
	// does by itself.
	// +optional
	// +kubebuilder:validation:Enum=login
	Prompt Prompt `json:"prompt,omitempty"`
}

// ACRValue is an Authentication Context Class Reference.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:Pattern=`^[\x21\x23-\x5B\x5D-\x7E]+$`
type ACRValue string

// Prompt is what a provider is to do whatever session it has.
type Prompt string

// PromptLogin has it ask for the credentials.
const PromptLogin Prompt = "login"
