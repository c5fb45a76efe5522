// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// OAuth lets programs in that act for people: agents, and other clients of the Model
// Context Protocol (MCP). A person signs in and agrees, the program gets a token, and the
// rules judge each request with it as they judge the person's own.
type OAuth struct {
	// authorizationServer gives out the tokens. TeamHost (default): Ostiary does, for people
	// who sign in at the team host. Otherwise it is the name of a TokenIssuer, whose tokens
	// ServiceAuth rules with the selector jwt let in; the address of the application, as
	// its metadata says it, has to be one of the audiences of that TokenIssuer.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^(TeamHost|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*)$`
	AuthorizationServer string `json:"authorizationServer,omitempty"`
	// resourceName is what programs can show people for the application (RFC 9728), at most 80
	// characters. Default: launcher.title.
	// +optional
	// +kubebuilder:validation:MaxLength=80
	ResourceName string `json:"resourceName,omitempty"`
	// scopes are names that clients are told of, and may ask for. They narrow nothing: what a
	// client may do, the rules say.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Scopes []OAuthScope `json:"scopes,omitempty"`
	// accessTokenDuration is how long a token of the team host is good: at most 1h. Default: 10m.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms|us|ns))+$`
	AccessTokenDuration OAuthDuration `json:"accessTokenDuration,omitempty"`
	// refreshTokenDuration is how long a client can get further tokens without asking the
	// person again: at most 720h (30 days), which is the default.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms|us|ns))+$`
	RefreshTokenDuration OAuthDuration `json:"refreshTokenDuration,omitempty"`
	// clients are programs that this policy answers for: those that have no metadata document
	// at an address of the internet. They are public clients, which prove by PKCE that it is
	// they who asked. Once one is taken off the list it gets no further tokens.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=32
	Clients []ListedOAuthClient `json:"clients,omitempty"`
}

// ListedOAuthClient is a program that acts for people, of one policy.
type ListedOAuthClient struct {
	// id is its client_id.
	// +required
	ID OAuthClientID `json:"id"`
	// name is what people see when they are asked. Default: the id.
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
}

// RedirectURI is where the answer of an authorization server goes (RFC 6749 section 3.1.2).
//
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:Pattern=`^(https://[^/?#@]+|http://(localhost|127[.]0[.]0[.]1|\[::1\])(:[0-9]+)?|[a-z][a-z0-9+-]*([.][a-z0-9+-]+)+:)([/?][^#\x00-\x20\x7F]*)?$`
type RedirectURI string

// OAuthDuration is a length of time in Go's notation, such as 10m. Its bounds are no CEL
// rule: those of a policy together are at the API server's limit of cost.
type OAuthDuration string

// OAuthScope is a scope of OAuth 2.0 (RFC 6749 section 3.3), such as notes:read.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:Pattern=`^[!#-\[\]-~]+$`
type OAuthScope string

// OAuthClientID names a program that acts for people: an address of https that its metadata
// is at, or the name of one that was registered.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:Pattern=`^[!-~]+$`
type OAuthClientID string

// ClientSelector names a program that acts for people.
type ClientSelector struct {
	// id is its client_id, letter for letter. Default: any program, and nobody's browser.
	// +optional
	ID OAuthClientID `json:"id,omitempty"`
}
