// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// IdentityProvider says who people are: an OpenID provider, GitHub, or a list of users
// with passwords. Its name is part of the address that an OpenID provider, or GitHub, sends
// people back to.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=idp,categories=ostiary
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.status.type`
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.oidc.issuer`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type IdentityProvider struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is where people sign in, and what is believed of the answer.
	// +required
	Spec IdentityProviderSpec `json:"spec"`
	// status is written by the controller's leader.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status IdentityProviderStatus `json:"status,omitempty"`
}

// IdentityProviderList is a list of IdentityProvider.
//
// +kubebuilder:object:root=true
type IdentityProviderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []IdentityProvider `json:"items"`
}

// IdentityProviderSpec is one identity provider: exactly one of oidc, github and users.
//
// +kubebuilder:validation:XValidation:rule=`has(self.oidc) || has(self.github) || has(self.users)`,message=`set one of oidc, for an OpenID provider, github, and users, for a list of users with passwords`
// +kubebuilder:validation:XValidation:rule=`[has(self.oidc), has(self.github), has(self.users)].filter(x, x).size() < 2`,message=`exactly one of oidc, github and users: make two IdentityProviders of them`
type IdentityProviderSpec struct {
	// displayName is what people see when they choose. Default: the name.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:XValidation:rule=`self == "" || self.matches(r'^[\pL\pM\pN\pP\pS]([\pL\pM\pN\pP\pS ]*[\pL\pM\pN\pP\pS])?$')`,message=`the name is printable text, without blanks at its ends`
	DisplayName string `json:"displayName,omitempty"`
	// userNames is what applications are told of this provider's users
	// (X-Access-User, and sub of the token). Plain: the name alone, "ann".
	// Qualified: the provider's name before it, "guests/ann", which no user of
	// another provider is called. Default: Plain for as long as there never was
	// another provider beside this one, and then Qualified for good (see
	// status.userNames). Of several that say Plain, all are Qualified, unless they
	// are the same issuer's with the same claims.user.
	// +optional
	// +kubebuilder:validation:Enum=Plain;Qualified
	UserNames UserNames `json:"userNames,omitempty"`
	// oidc is an OpenID provider.
	// +optional
	OIDC *OIDC `json:"oidc,omitempty"`
	// github is GitHub, which is no OpenID provider.
	// +optional
	GitHub *GitHub `json:"github,omitempty"`
	// users are people with a password each.
	// +optional
	Users *Users `json:"users,omitempty"`
}

// UserNames is what applications are told of somebody.
type UserNames string

const (
	// UserNamesPlain tells the name alone.
	UserNamesPlain UserNames = "Plain"
	// UserNamesQualified tells the provider's name, "/", and the name.
	UserNamesQualified UserNames = "Qualified"
)

// OIDC is an OpenID provider, found by OpenID Connect Discovery.
type OIDC struct {
	// issuer is the provider's address, as it stands in its ID tokens. What it
	// publishes is read from issuer/.well-known/openid-configuration.
	// +required
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule=`isURL(self) && url(self).getHostname() != "" && !self.matches(r'[\x00-\x20\x7F]')`,message=`write the address of the provider, such as https://sso.example.com`
	// +kubebuilder:validation:XValidation:rule=`!isURL(self) || self.matches(r'^https://|^http://(([^/?#@:]*[.])?(?i:localhost)|127[.][0-9.]+|\[::1\])(:[0-9]*)?(/|$)')`,message=`an issuer is https: http is for this machine alone (localhost, *.localhost, 127.0.0.1)`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[?#]|//[^/]*@')`,message=`an issuer has no user name, no query and no fragment`
	// +kubebuilder:validation:XValidation:rule=`!self.endsWith('/.well-known/openid-configuration')`,message=`leave out /.well-known/openid-configuration: the issuer is what stands before it`
	Issuer string `json:"issuer"`
	// discoveryURL is where the provider's metadata is read, in place of
	// issuer/.well-known/openid-configuration: for a provider that is reached at another
	// address than it calls itself, as inside a cluster, or that keeps its metadata elsewhere,
	// as Azure AD B2C. All of it, with its path. The metadata, ID tokens and answers must name
	// issuer all the same. Default: found by issuer.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(https://[^/?#@\x00-\x20\x7F]+/|http://(([^/?#@:\x00-\x20\x7F]*[.])?[lL][oO][cC][aA][lL][hH][oO][sS][tT]|127[.][0-9.]+|\[::1\])(:[0-9]*)?/)[^#@\x00-\x20\x7F]+$`
	DiscoveryURL string `json:"discoveryURL,omitempty"`
	// graphURL is where Microsoft Graph is, such as https://graph.microsoft.com, for Microsoft
	// Entra: it is asked for the groups of whoever has too many for an ID token. The access
	// token is sent there, and has to be for it: the scope User.Read, beside openid, profile
	// and email. Groups are their ids, as in the ID token. Default: nobody is asked, and such
	// people have no groups.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^(https://[^/?#@:\x00-\x20\x7F]+|http://(localhost|127[.][0-9.]+|\[::1\]))(:[0-9]+)?/?$`
	GraphURL string `json:"graphURL,omitempty"`
	// nonce is whether an ID token must repeat the nonce of its sign-in. Required: it must
	// (OpenID Connect Core 1.0, section 3.1.2.1). Optional: one without any is accepted, for a
	// provider that leaves it out; one with another is refused all the same. The price: that
	// nobody plants the answer to a sign-in of theirs then relies on PKCE alone, and so on
	// the provider's checking it. Default: Required.
	// +optional
	// +kubebuilder:validation:Enum=Required;Optional
	Nonce Nonce `json:"nonce,omitempty"`
	// responseMode is how the provider answers. query: in the address that it sends people
	// back to. form_post: in a form that their browser posts from the provider's page, as
	// Apple insists on if it is asked for a name or an address. Default: query.
	// +optional
	// +kubebuilder:validation:Enum=query;form_post
	ResponseMode ResponseMode `json:"responseMode,omitempty"`
	// logout is what a sign-out everywhere does about the provider's own session. Local:
	// nothing; the provider is made to ask for the credentials at the next sign-in of that
	// browser. EndSession: when all is ended here, the browser goes to the provider's
	// end_session_endpoint (OpenID Connect RP-Initiated Logout 1.0), and comes back to
	// /.access/signed-out of the team host, which the provider has to know as a
	// post_logout_redirect_uri. Default: Local.
	// +optional
	// +kubebuilder:validation:Enum=Local;EndSession
	Logout Logout `json:"logout,omitempty"`
	// endSessionURL is where that is, if the provider's metadata does not say it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(https://[^/?#@\s]+|http://(localhost|127[.][0-9.]+|\[::1\])(:[0-9]+)?)/[^#@\s]+$`
	EndSessionURL string `json:"endSessionURL,omitempty"`
	// clientID is what the provider calls this client.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\pL\pM\pN\pP\pS]([\pL\pM\pN\pP\pS ]*[\pL\pM\pN\pP\pS])?$')`,message=`a client ID is printable text, without blanks at its ends`
	ClientID string `json:"clientID"`
	// clientSecretRef is where the client's secret is: key clientSecret unless
	// another is named. Default: a public client, which has none.
	// +optional
	ClientSecretRef *SecretKey `json:"clientSecretRef,omitempty"`
	// scopes are asked for, and openid always. Default: openid, profile, email.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Scopes []Scope `json:"scopes,omitempty"`
	// claims are where in the ID token things stand.
	// +optional
	Claims *Claims `json:"claims,omitempty"`
	// trustUnverifiedEmail takes an address that the provider does not say it has
	// verified (email_verified). Only for a provider whose users cannot choose
	// their address: otherwise any user can pass for any other.
	// +optional
	TrustUnverifiedEmail bool `json:"trustUnverifiedEmail,omitempty"`
	// authParams are added to the authorization request, such as hd or acr_values.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule=`self.all(k, k.matches(r'^[\x21\x23-\x5B\x5D-\x7E]{1,255}$'))`,message=`the name of a parameter is one word`
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !(k in ['response_type', 'response_mode', 'client_id', 'client_secret', 'redirect_uri', 'scope', 'state', 'nonce', 'code_challenge', 'code_challenge_method', 'request', 'request_uri', 'registration', 'id_token_hint']))`,message=`signing in depends on response_type, response_mode, client_id, client_secret, redirect_uri, scope, state, nonce, code_challenge, code_challenge_method, request, request_uri, registration and id_token_hint: they cannot be set here`
	AuthParams map[string]AuthParam `json:"authParams,omitempty"`
	// stepUp is how the provider is asked for an authentication method that a rule is about
	// (authMethod) and somebody's sign-in lacks: they are sent there once more. If they come
	// back without it, they are denied. Default: nobody is sent, and they are denied.
	// +optional
	// +listType=map
	// +listMapKey=authMethod
	// +kubebuilder:validation:MaxItems=4
	StepUp []StepUp `json:"stepUp,omitempty"`
	// caBundle are the certificates that the provider's must descend from, in PEM
	// form. Default: the system's.
	// +optional
	// +kubebuilder:validation:MaxLength=262144
	// +kubebuilder:validation:XValidation:rule=`self == "" || self.contains('-----BEGIN CERTIFICATE-----') && !self.contains('PRIVATE KEY')`,message=`write certificates in PEM form, which begin with -----BEGIN CERTIFICATE----- (and no private key)`
	CABundle string `json:"caBundle,omitempty"`
}

// Nonce is whether an ID token must repeat the nonce of its sign-in.
type Nonce string

const (
	// NonceRequired refuses an ID token without it.
	NonceRequired Nonce = "Required"
	// NonceOptional accepts one without it, and refuses one with another.
	NonceOptional Nonce = "Optional"
)

// ResponseMode is how a provider answers (OAuth 2.0 Multiple Response Type Encoding
// Practices, OAuth 2.0 Form Post Response Mode).
type ResponseMode string

const (
	// ResponseModeQuery answers in an address.
	ResponseModeQuery ResponseMode = "query"
	// ResponseModeFormPost answers in a form.
	ResponseModeFormPost ResponseMode = "form_post"
)

// Logout is what a sign-out does about the provider's own session.
type Logout string

const (
	// LogoutLocal leaves it.
	LogoutLocal Logout = "Local"
	// LogoutEndSession ends it.
	LogoutEndSession Logout = "EndSession"
)

// GroupsFormat is the form of the claim of groups.
type GroupsFormat string

// SecretKey is one value of a Secret in the namespace that Ostiary runs in.
type SecretKey struct {
	// name is that of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message=`write the metadata.name of a Secret: lower-case letters, digits, hyphens and dots`
	Name string `json:"name"`
	// key is what the value is called there.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9._-]+$')`,message=`a key of a Secret holds letters, digits, hyphens, underscores and dots only`
	Key string `json:"key,omitempty"`
}

// Scope is a scope of OAuth (RFC 6749, section 3.3).
//
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\x21\x23-\x5B\x5D-\x7E]+$')`,message=`a scope is one word: no spaces, quotes or backslashes, one scope for each entry of the list`
type Scope string

// AuthParam is the value of a parameter of an authorization request.
//
// +kubebuilder:validation:MaxLength=1024
type AuthParam string

// Claims are paths of claims, with a dot between the steps: realm_access.roles.
type Claims struct {
	// email is where the address is. Default: email.
	// +optional
	Email ClaimPath `json:"email,omitempty"`
	// groups is where the groups are. Default: groups.
	// +optional
	Groups ClaimPath `json:"groups,omitempty"`
	// groupsFormat is how groups stand there. List: a list of names, or a text that is one
	// name. Comma, Space: a text with commas, or blanks, between the names. JSON: a text that
	// is a JSON list of names. Keys: an object whose keys are the names, as Zitadel's roles.
	// DN: distinguished names, of which the first value counts: staff of
	// cn=staff,ou=groups,dc=example; groups of one name in different branches are one group
	// then. What stands there in another form is no group, and a warning in the log names
	// the claim. Default: List.
	// +optional
	// +kubebuilder:validation:Enum=List;Comma;Space;JSON;Keys;DN
	GroupsFormat GroupsFormat `json:"groupsFormat,omitempty"`
	// user is the name of the user for applications (X-Access-User): a claim that
	// users cannot choose themselves, if applications go by it. Sessions,
	// revocations and limits go by sub in any case. Default:
	// sub.
	// +optional
	User ClaimPath `json:"user,omitempty"`
	// amr is where the authentication methods are (RFC 8176). Default: amr.
	// +optional
	AMR ClaimPath `json:"amr,omitempty"`
}

// ClaimPath is where in a token a claim is.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\pL\pM\pN\pP\pS]([\pL\pM\pN\pP\pS ]*[\pL\pM\pN\pP\pS])?$') && !self.matches(r'([.].*){9}')`,message=`write the path of a claim, such as groups or realm_access.roles`
type ClaimPath string

// IdentityProviderStatus is what became of an identity provider.
type IdentityProviderStatus struct {
	// observedGeneration is the metadata.generation that the status is about. -1: none yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// type is oidc, github or users.
	// +optional
	Type string `json:"type,omitempty"`
	// userNames is what applications are told of its users: Plain or Qualified.
	// +optional
	UserNames UserNames `json:"userNames,omitempty"`
	// conditions are Accepted, true when people can sign in with the provider, and
	// Ready, the same for tools. Stalled is there when something must be edited.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
