// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

// RuleAction is what a matching rule does.
type RuleAction string

const (
	// ActionAllow admits a signed-in subject that the rule matches.
	ActionAllow RuleAction = "Allow"
	// ActionBlock denies.
	ActionBlock RuleAction = "Block"
	// ActionBypass admits without any session.
	ActionBypass RuleAction = "Bypass"
	// ActionServiceAuth admits service credentials without a login.
	ActionServiceAuth RuleAction = "ServiceAuth"
)

// Rule admits or denies those whom it matches: at least one of include, all
// of require, none of exclude.
//
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || !self.include.exists(s, has(s.email) || has(s.emailDomain) || has(s.idpGroup) || has(s.loginMethod) || has(s.authMethod) || has(s.claim) || has(s.externalEvaluation) || has(s.client))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email, emailDomain, idpGroup, loginMethod, authMethod, claim, externalEvaluation and client'`,fieldPath=`.include`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || !has(self.require) || !self.require.exists(s, has(s.email) || has(s.emailDomain) || has(s.idpGroup) || has(s.loginMethod) || has(s.authMethod) || has(s.claim) || has(s.externalEvaluation) || has(s.client))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email, emailDomain, idpGroup, loginMethod, authMethod, claim, externalEvaluation and client'`,fieldPath=`.require`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || !has(self.exclude) || !self.exclude.exists(s, has(s.email) || has(s.emailDomain) || has(s.idpGroup) || has(s.loginMethod) || has(s.authMethod) || has(s.claim) || has(s.externalEvaluation) || has(s.client))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email, emailDomain, idpGroup, loginMethod, authMethod, claim, externalEvaluation and client'`,fieldPath=`.exclude`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`self.action == 'ServiceAuth' || (!has(self.include) || !self.include.exists(s, has(s.serviceToken) || has(s.anyServiceToken))) && (!has(self.require) || !self.require.exists(s, has(s.serviceToken) || has(s.anyServiceToken))) && (!has(self.exclude) || !self.exclude.exists(s, has(s.serviceToken) || has(s.anyServiceToken)))`,message=`only a rule with action: ServiceAuth admits service tokens, and asks nobody to sign in: write action: ServiceAuth`,fieldPath=`.action`,reason=`FieldValueForbidden`
type Rule struct {
	// name is for people: it appears in explanations and logs.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\pL\pM\pN ._:/()+,&@#=-]*$')`,message=`a rule name holds letters, digits, spaces and - _ . , : / + & @ # = ( ) only`
	Name string `json:"name,omitempty"`
	// action is Allow, Block, Bypass or ServiceAuth.
	// +required
	// +kubebuilder:validation:Enum=Allow;Block;Bypass;ServiceAuth
	Action RuleAction `json:"action"`
	// methods narrows the rule to these request methods. Default: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Methods []Method `json:"methods,omitempty"`
	// include matches when any of its selectors does.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	Include []Selector `json:"include"`
	// require narrows the rule: all of its selectors must match.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Require []Selector `json:"require,omitempty"`
	// exclude narrows the rule: none of its selectors may match.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Exclude []Selector `json:"exclude,omitempty"`
	// sessionDuration is how old what the identity provider says of somebody may
	// be for this rule to admit them, such as 1h or 30m. When it is over, the
	// provider is asked again. Default: session.duration.
	// +optional
	SessionDuration Duration `json:"sessionDuration,omitempty"`
}

// Selector matches a request by one property; exactly one key is set.
//
// CEL cannot see everyone, which has no type, and a failing maxProperties keeps
// the CEL rule and its better message from being run. So the generate step
// narrows maxProperties to selectors with everyone: see generate.go.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
// +kubebuilder:validation:XValidation:rule=`[has(self.email), has(self.emailDomain), has(self.ip), has(self.idpGroup), has(self.loginMethod), has(self.authMethod), has(self.country), has(self.cel), has(self.group), has(self.certificate), has(self.serviceToken), has(self.anyServiceToken), has(self.jwt), has(self.claim), has(self.externalEvaluation), has(self.linkedApp), has(self.client)].filter(x, x).size() <= 1`,message=`exactly one key each: write two list entries for OR, or put one of the two into require for AND`
type Selector struct {
	// everyone matches every request; in an Allow rule, everyone who is signed
	// in. Write everyone: {} or everyone: true.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Enum={true,{}}
	// +kubebuilder:pruning:PreserveUnknownFields
	Everyone *apiextensionsv1.JSON `json:"everyone,omitempty"`
	// email matches a signed-in subject's verified address, ignoring case.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^@]+@[^@]+$')`,message=`an email address holds exactly one "@", with something on both sides`
	// +kubebuilder:validation:XValidation:rule=`!self.contains('*')`,message=`an email address has no wildcard: use emailDomain for everyone of a domain`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\pC\pZ\x22\x60(),:;<>\[\]\\{}$]')`,message=`write the plain address, user@example.com: no spaces, control characters, quotes, brackets, braces or commas`
	Email string `json:"email,omitempty"`
	// emailDomain matches what follows the last "@" of the address, ignoring case.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.contains('@')`,message=`a domain has no "@": write only what follows it, as in example.com`
	// +kubebuilder:validation:XValidation:rule=`!self.contains('*')`,message=`a domain has no wildcard: list each domain, subdomains included`
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9.@*-]*$')`,message=`a domain holds letters, digits, hyphens and dots only`,messageExpression=`self.matches(r'[^\x00-\x7F]') ? 'write the ASCII form of the domain, which begins with xn--' : 'a domain holds letters, digits, hyphens and dots only'`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'(^|[.@])[.-]|[.-]([.]|$)|[^.]{64}')`,message=`a domain is labels of 1 to 63 characters with one dot between them, none beginning or ending with a hyphen or a dot`
	EmailDomain string `json:"emailDomain,omitempty"`
	// ip matches the client's address, as trusted proxies report it, in CIDR
	// notation. A single address is a /32 or /128.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	IP []CIDR `json:"ip,omitempty"`
	// idpGroup matches a signed-in subject whom the identity provider says to be
	// in this group, spelled exactly so.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message=`a group holds no control characters and no line breaks: write its name as the identity provider sends it`
	IdPGroup string `json:"idpGroup,omitempty"`
	// loginMethod matches a subject who signed in with the IdentityProvider of
	// this name.
	// +optional
	LoginMethod ProviderName `json:"loginMethod,omitempty"`
	// authMethod matches a subject who proved who they are by this method, as the
	// identity provider reports it (RFC 8176): mfa, otp, hwk, pwd and so on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message=`an authentication method holds no control characters: write it as the identity provider sends it, such as mfa`
	AuthMethod string `json:"authMethod,omitempty"`
	// country matches a client whose address is in one of these countries
	// (ISO 3166-1 alpha-2, such as NL), by the operator's GeoIP database. An address
	// of which no country is known matches no rule that admits, and every Block rule.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=250
	Country []Country `json:"country,omitempty"`
	// cel matches when this expression in the Common Expression Language is true. Its
	// variables are request.method, request.host, request.path, request.origin,
	// request.address, identity.email, identity.provider, identity.groups, identity.amr
	// and now. One that uses identity sees who is signed in, so Bypass and ServiceAuth
	// rules cannot have it. An expression that has no answer for a request counts
	// against the visitor.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	CEL string `json:"cel,omitempty"`
	// group matches whom the AccessGroup of this name does. In a Bypass or ServiceAuth
	// rule the group may not look at who somebody is.
	// +optional
	Group GroupName `json:"group,omitempty"`
	// serviceToken matches a machine that sends this ServiceToken, in ServiceAuth
	// rules alone: its name, or namespace/name, which has to list the namespace of the
	// policy in its policyNamespaces.
	// +optional
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`
	ServiceToken string `json:"serviceToken,omitempty"`
	// anyServiceToken matches a machine that sends any good ServiceToken of the
	// policy's namespace, or one that lists it in its policyNamespaces; in ServiceAuth
	// rules alone. Write anyServiceToken: {}.
	// +optional
	AnyServiceToken *AnyServiceToken `json:"anyServiceToken,omitempty"`
	// certificate matches a client that proved itself by a client certificate, which
	// the proxy verified; certificate: {} matches any. It needs a proxy that tells Ostiary,
	// at an endpoint below /authz/v1/cert/. Elsewhere it matches no rule that admits, and
	// every Block rule. Not for Bypass rules.
	// +optional
	Certificate *ClientCertificate `json:"certificate,omitempty"`
	// jwt matches a bearer token (Authorization: Bearer) of an issuer that the platform
	// team trusts with a TokenIssuer: CI jobs, service accounts, other services. It is for
	// rules with action: ServiceAuth alone.
	// +optional
	JWT *JWT `json:"jwt,omitempty"`
	// claim matches a signed-in subject of whom the identity provider says this at a claim
	// of the ID token, or of its userinfo endpoint. A rule that is new sends who has a
	// session already through the provider once, without a prompt.
	// +optional
	Claim *OIDCClaim `json:"claim,omitempty"`
	// externalEvaluation matches a signed-in subject of whom this service says so. It is
	// asked when somebody is given a session, and its answer holds as long as that. No answer
	// counts against the visitor. In Allow and Block rules alone.
	// +optional
	ExternalEvaluation *ExternalEvaluation `json:"externalEvaluation,omitempty"`
	// linkedApp matches a request that another application sends for somebody who is signed
	// in there, with the token that it was told them by in the header X-Access-Token. The
	// AccessPolicy that is named has to admit them at that moment. In ServiceAuth rules alone.
	// +optional
	LinkedApp *LinkedApp `json:"linkedApp,omitempty"`
	// client matches a request that a program sends for somebody who agreed to it, where the
	// policy has oauth; client: {} matches any program. A browser is none. In Allow and Block
	// rules alone.
	// +optional
	Client *ClientSelector `json:"client,omitempty"`
}

// LinkedApp names the AccessPolicy of another application.
type LinkedApp struct {
	// name is that of the AccessPolicy.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`
	Name string `json:"name"`
	// namespace is that of the AccessPolicy, which has to list the namespace of this policy
	// in its session.policyNamespaces. Default: that of this policy; an AccessGroup has to
	// name one.
	// +optional
	Namespace NamespaceName `json:"namespace,omitempty"`
}

// OIDCClaim is a value of a claim that an identity provider says of somebody (OpenID
// Connect Core 1.0 section 5.1).
type OIDCClaim struct {
	// name is that of the claim, such as department, or its path with a dot between the
	// steps: realm_access.roles. A name may hold dots itself, as in
	// https://example.com/groups: of several readings, the one with the longest first name
	// counts.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[^*=\x00-\x20\x7F]([^*=\x00-\x1F\x7F]*[^*=\x00-\x20\x7F])?$`
	Name string `json:"name"`
	// value is what has to stand there, letter for letter: a string, a number as the
	// provider writes it, true or false. A list matches if one of its members does. Objects
	// match nothing: name what is in them by its path.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[^\x00-\x20\x7F]([^\x00-\x1F\x7F]*[^\x00-\x20\x7F])?$`
	Value string `json:"value"`
	// identityProvider is the IdentityProvider that has to say so. Default: any.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`
	IdentityProvider string `json:"identityProvider,omitempty"`
}

// ExternalEvaluation is a service that is asked about people, in the way of Cloudflare
// Access. A policy, and an AccessGroup, can name four.
type ExternalEvaluation struct {
	// url is asked: POST, with {"token": JWT}, which has the identity and a nonce, is signed
	// by the keys at /.access/certs of the team host, and has this url as its audience. The
	// platform team has to list the origin (--external-evaluation-origins).
	// +required
	URL EvaluationURL `json:"url"`
	// keysURL has the keys that sign the answers of the service, as a JSON Web Key Set. Its
	// origin has to be listed, too.
	// +required
	KeysURL EvaluationURL `json:"keysURL"`
}

// EvaluationURL is an address such as https://eval.example.com/staff. http is for this
// machine alone.
//
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:Pattern=`^(https://[A-Za-z0-9.:\[\]-]+|http://(localhost|[a-z0-9.-]+[.]localhost|127[.]0[.]0[.]1|\[::1\])(:[0-9]{1,5})?)([/?][!$-\[\]-~]*)?$`
type EvaluationURL string

// ClientCertificate names a client certificate. All names that are given must be the
// certificate's, spelled exactly so.
type ClientCertificate struct {
	// commonName is the common name (CN) of its subject.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	CommonName string `json:"commonName,omitempty"`
	// dnsName is one of its subject alternative names, such as ci.example.com.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	DNSName string `json:"dnsName,omitempty"`
	// uri is one of its subject alternative names, such as spiffe://example.com/ci.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	URI string `json:"uri,omitempty"`
}

// Country is a code of ISO 3166-1 alpha-2 in upper case, such as NL. The United Kingdom
// is GB, and Kosovo is XK, as databases have it.
//
// +kubebuilder:validation:MaxLength=2
// +kubebuilder:validation:Pattern=`^(A[DEFGILMOQRSTUWXZ]|B[ABDEFGHIJLMNOQRSTVWYZ]|C[ACDFGHIKLMNORUVWXYZ]|D[EJKMOZ]|E[CEGHRST]|F[IJKMOR]|G[ABDEFGHILMNPQRSTUWY]|H[KMNRTU]|I[DELMNOQRST]|J[EMOP]|K[EGHIMNPRWYZ]|L[ABCIKRSTUVY]|M[ACDEFGHKLMNOPQRSTUVWXYZ]|N[ACEFGILOPRUZ]|O[M]|P[AEFGHKLMNRSTWY]|Q[A]|R[EOSUW]|S[ABCDEGHIJKLMNORSTVXYZ]|T[CDFGHJKLMNORTVWZ]|U[AGMSYZ]|V[ACEGINU]|W[FS]|X[K]|Y[ET]|Z[AMW])$`
type Country string

// AnyServiceToken has no fields.
type AnyServiceToken struct{}

// A pattern: CEL rules of all selectors together are at the API server's limit of cost.

// GroupName is the name of an AccessGroup.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`
type GroupName string

// ProviderName is the name of an IdentityProvider.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$')`,message=`write the metadata.name of an IdentityProvider: lower-case letters, digits, hyphens and dots`
type ProviderName string

// CIDR is an address range, such as 10.0.0.0/8 or 2001:db8::/32.
//
// +kubebuilder:validation:MaxLength=43
// +kubebuilder:validation:XValidation:rule=`isCIDR(self) || isIP(self)`,message=`write an address range such as 10.0.0.0/8 or 2001:db8::/32, or a single address`
// +kubebuilder:validation:XValidation:rule=`!isCIDR(self) || cidr(self).masked() == cidr(self)`,message=`the address has bits set beyond its prefix length`,messageExpression=`'the address has bits set beyond its prefix length: write %s'.format([string(cidr(self).masked())])`
type CIDR string
