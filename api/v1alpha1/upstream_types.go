// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// UpstreamHeader is a header that tells the application who is calling.
type UpstreamHeader struct {
	// name is the header's name, such as X-Webauth-User. Case does not matter.
	// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+){0,4}$`
	// +kubebuilder:validation:MaxLength=48
	Name string `json:"name"`

	// from is what the header says. User: the user's name, as in X-Access-User; of a machine
	// its name, such as service:shop/ci. Email: the verified address. Groups: the user's
	// groups. Claim: what the identity provider says at a claim. What is not known is empty;
	// of a machine that is everything but User.
	// +kubebuilder:validation:Enum=User;Email;Groups;Claim
	From UpstreamFact `json:"from"`

	// groups are the only ones that the application is told of, with from: Groups. A session
	// holds them from then on: sessions that were made before are renewed. Default: those
	// of the user's groups that a rule looks at.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Groups []UpstreamGroup `json:"groups,omitempty"`

	// claim is the claim to say, with from: Claim, as in the selector claim: name, or
	// realm_access.roles. A session holds it from then on, as far as it fits: sessions that
	// were made before are renewed. A claim of several values is said with a separator only.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Claim string `json:"claim,omitempty"`

	// separator stands between values: a comma (default for groups), a semicolon, a vertical
	// bar or a space. No group can pass for two: Percent and RFC8187 encode a separator in a group,
	// and with QuotedPrintable and None the header is empty then.
	// +optional
	// +kubebuilder:validation:Enum=",";";";"|";" "
	Separator string `json:"separator,omitempty"`

	// encoding is how the header says letters outside of ASCII, which applications read in
	// different ways. Percent (default): Jürgen is J%C3%BCrgen, and % is %25. RFC8187: an
	// ext-value, UTF-8''J%C3%BCrgen. QuotedPrintable (RFC 2045): J=C3=BCrgen, and = is =3D;
	// Grafana reads it with headers_encoded. None: the header is empty. A value with a
	// control character is empty in each of them.
	// +optional
	// +kubebuilder:validation:Enum=Percent;RFC8187;QuotedPrintable;None
	Encoding UpstreamEncoding `json:"encoding,omitempty"`
}

// UpstreamGroup is a group as an identity provider calls it.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
type UpstreamGroup string

// UpstreamFact is what a header says.
type UpstreamFact string

const (
	// UpstreamUser is the name of who is calling.
	UpstreamUser UpstreamFact = "User"
	// UpstreamEmail is the verified address.
	UpstreamEmail UpstreamFact = "Email"
	// UpstreamGroups are the groups.
	UpstreamGroups UpstreamFact = "Groups"
	// UpstreamClaim is what the identity provider says at a claim.
	UpstreamClaim UpstreamFact = "Claim"
)

// UpstreamEncoding is how a header says what is not ASCII.
type UpstreamEncoding string

const (
	// UpstreamPercent is percent-encoding of UTF-8.
	UpstreamPercent UpstreamEncoding = "Percent"
	// UpstreamRFC8187 is an ext-value.
	UpstreamRFC8187 UpstreamEncoding = "RFC8187"
	// UpstreamQuotedPrintable is the encoding of RFC 2045.
	UpstreamQuotedPrintable UpstreamEncoding = "QuotedPrintable"
	// UpstreamNone says ASCII alone.
	UpstreamNone UpstreamEncoding = "None"
)
