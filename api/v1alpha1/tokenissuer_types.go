// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TokenIssuer is an issuer whose bearer tokens (Authorization: Bearer) policies can let
// in by the selector jwt: a CI system, a cluster's service accounts, another service. No
// policy can have anything fetched or trusted that no TokenIssuer names.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=ti,categories=ostiary
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.issuer`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Keys",type=integer,JSONPath=`.status.keys`
// +kubebuilder:printcolumn:name="Fetched",type=date,JSONPath=`.status.keysFetched`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type TokenIssuer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is whose tokens are believed, and how they are verified.
	// +required
	Spec TokenIssuerSpec `json:"spec"`
	// status is written by the controller's leader.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status TokenIssuerStatus `json:"status,omitempty"`
}

// TokenIssuerList is a list of TokenIssuer.
//
// +kubebuilder:object:root=true
type TokenIssuerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TokenIssuer `json:"items"`
}

// TokenIssuerSpec is whose tokens are believed, and how they are verified.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.jwks) || !has(self.jwksURL)`,message=`set jwks, the keys themselves, or jwksURL, where they are, and not both`
type TokenIssuerSpec struct {
	// issuer is what the tokens have as iss, to the letter: a trailing slash counts.
	// Unless jwks or jwksURL is set, keys are found by OpenID Connect Discovery: from
	// issuer/.well-known/openid-configuration, which has to put them at the same host.
	// +required
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule=`isURL(self) && url(self).getHostname() != "" && !self.matches(r'[\x00-\x20\x7F]')`,message=`write what the issuer's tokens have as iss, such as https://token.actions.githubusercontent.com`
	// +kubebuilder:validation:XValidation:rule=`!isURL(self) || self.matches(r'^https://|^http://(([^/?#@:]*[.])?(?i:localhost)|127[.][0-9.]+|\[::1\])(:[0-9]*)?(/|$)')`,message=`an issuer is https: http is for this machine alone (localhost, *.localhost, 127.0.0.1)`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[?#]|//[^/]*@')`,message=`an issuer has no user name, no query and no fragment`
	// +kubebuilder:validation:XValidation:rule=`!self.endsWith('/.well-known/openid-configuration')`,message=`leave out /.well-known/openid-configuration: the issuer is what stands before it`
	Issuer string `json:"issuer"`
	// jwksURL is where the keys are, a JSON Web Key Set (RFC 7517). Redirects are not
	// followed. Default: where the issuer's metadata says.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule=`isURL(self) && url(self).getHostname() != "" && !self.matches(r'[\x00-\x20\x7F#]|//[^/]*@')`,message=`write the address of a key set, such as https://ci.example.com/keys: no user name and no fragment`
	// +kubebuilder:validation:XValidation:rule=`!isURL(self) || self.matches(r'^https://|^http://(([^/?#@:]*[.])?(?i:localhost)|127[.][0-9.]+|\[::1\])(:[0-9]*)?(/|$)')`,message=`keys are fetched over https: http is for this machine alone (localhost, *.localhost, 127.0.0.1)`
	JWKSURL string `json:"jwksURL,omitempty"`
	// jwks are the keys themselves, a JSON Web Key Set: then nothing is fetched.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	// +kubebuilder:validation:XValidation:rule=`self.contains('"keys"') && !self.contains('PRIVATE KEY')`,message=`write a JSON Web Key Set: {"keys": [...]}, with public keys`
	JWKS string `json:"jwks,omitempty"`
	// audiences are what tokens may be for (aud): one that is for none of them is refused.
	// A rule names one of these.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Audiences []Audience `json:"audiences"`
	// algorithms are those that tokens may be signed by. Default: all of the list.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	Algorithms []TokenAlgorithm `json:"algorithms,omitempty"`
	// caBundle are the certificates that the issuer's must descend from, in PEM form.
	// Default: the system's.
	// +optional
	// +kubebuilder:validation:MaxLength=262144
	// +kubebuilder:validation:XValidation:rule=`self == "" || self.contains('-----BEGIN CERTIFICATE-----') && !self.contains('PRIVATE KEY')`,message=`write certificates in PEM form, which begin with -----BEGIN CERTIFICATE----- (and no private key)`
	CABundle string `json:"caBundle,omitempty"`
	// leeway is how far the issuer's clock may be from ours, for exp, nbf and iat: at
	// most 1m, in whole seconds. Default: 30s.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms|us|ns))+$') || duration(self) <= duration('1m')`,message=`leeway is at most 1m`
	Leeway Duration `json:"leeway,omitempty"`
	// namespaces are those whose policies can name this issuer; "*" alone is all of them.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule=`!('*' in self) || self.size() == 1`,message=`"*" is every namespace: leave out the others`
	Namespaces []NamespaceOrAll `json:"namespaces"`
}

// Audience is what a token is for (aud), such as the address of an application.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:Pattern=`^[^\x00-\x20\x7F\x22,\\]+$`
type Audience string

// TokenAlgorithm is how a token can be signed (RFC 7518, RFC 8037).
//
// +kubebuilder:validation:Enum=RS256;RS384;RS512;PS256;PS384;PS512;ES256;ES384;ES512;EdDSA
type TokenAlgorithm string

// NamespaceOrAll is the name of a namespace, or "*".
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([*]|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$')`,message=`write the name of a namespace, or "*" for all`
type NamespaceOrAll string

// TokenIssuerStatus is what became of a token issuer.
type TokenIssuerStatus struct {
	// observedGeneration is the metadata.generation that the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// keys is how many keys there are that can verify a token.
	// +optional
	Keys *int32 `json:"keys,omitempty"`
	// keysFetched is when they were fetched last by the replica that leads.
	// +optional
	KeysFetched *metav1.Time `json:"keysFetched,omitempty"`
	// conditions are Accepted: policies can name the issuer; Programmed: there are keys;
	// Degraded: the keys are the last good ones; and what these come to, Ready and Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// JWT matches a bearer token of another issuer: all that is set has to fit.
type JWT struct {
	// issuer is the name of a TokenIssuer.
	// +required
	Issuer TokenIssuerName `json:"issuer"`
	// audience is what the token is for (aud): one of those that the TokenIssuer lists.
	// +required
	Audience Audience `json:"audience"`
	// claims are what the token has to say, all of them. Default: anything, which at an
	// issuer that gives tokens to anybody lets anybody in.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Claims []JWTClaim `json:"claims,omitempty"`
}

// JWTClaim matches when one of the claim's values is one of values.
type JWTClaim struct {
	// name is that of the claim, or its path with a dot between the steps:
	// realm_access.roles. A name may hold dots itself, as in kubernetes.io.namespace: of
	// several readings, the one with the longest first name counts.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[^\x00-\x20\x7F]([^\x00-\x1F\x7F]*[^\x00-\x20\x7F])?$`
	Name string `json:"name"`
	// values are what it may be, letter for letter: a string, a number as it is written
	// in the token, true or false. A list has each of its members. A "*" at the end,
	// after "/" or ":", stands for one or more characters.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Values []JWTValue `json:"values"`
}

// JWTValue is what a claim may be: text, with a "*" at the end alone, after "/" or ":".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:Pattern=`^([^*\x00-\x20\x7F]([^*\x00-\x1F\x7F]*[^*\x00-\x20\x7F])?|([^*\x00-\x20\x7F][^*\x00-\x1F\x7F]*)?[/:][*])$`
type JWTValue string

// TokenIssuerName is the name of a TokenIssuer.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`
type TokenIssuerName string
