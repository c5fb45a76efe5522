// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strings"
)

// A Property is what a Selector looks at. The zero Property matches nobody.
type Property uint8

// The properties a selector can look at.
const (
	NoProperty         Property = iota
	Everyone                    // every request
	Email                       // the subject's address, ignoring case
	EmailDomain                 // what follows the last "@" of the address, ignoring case
	Address                     // the client's network address
	IdPGroup                    // a group that the identity provider says the subject is in
	LoginMethod                 // the name of the identity provider
	AuthMethod                  // a method by which the subject proved who they are (RFC 8176)
	Token                       // a service token of that name
	AnyToken                    // any service token that the policy can use
	Country                     // the country of the client's address
	Expression                  // whether a Condition is true of the request and the subject
	AccessGroup                 // being in a Group; whether that looks at the subject, the group says
	ClientCertificate           // a client certificate that the proxy verified
	JWT                         // what a bearer token of another issuer says
	OIDCClaim                   // a value of a claim that the identity provider says of the subject
	ExternalEvaluation          // what a service says of the subject
	LinkedApp                   // a session at the application of a policy of that name
	Client                      // the client that acts for the subject; without a value any, and no browser
)

// properties are what is known of each Property.
var properties = [...]struct {
	name       string // of the selector
	identifies bool   // it is one of the subject
	machine    bool   // it is one of a machine: in ServiceAuth rules alone
}{
	NoProperty:         {name: "nothing"},
	Everyone:           {name: "everyone"},
	Email:              {name: "email", identifies: true},
	EmailDomain:        {name: "emailDomain", identifies: true},
	Address:            {name: "ip"},
	IdPGroup:           {name: "idpGroup", identifies: true},
	LoginMethod:        {name: "loginMethod", identifies: true},
	AuthMethod:         {name: "authMethod", identifies: true},
	Token:              {name: "serviceToken", machine: true},
	AnyToken:           {name: "anyServiceToken", machine: true},
	Country:            {name: "country"},
	Expression:         {name: "cel"}, // and what it looks at: see Selector.identifies
	AccessGroup:        {name: "group"},
	ClientCertificate:  {name: "certificate"},
	JWT:                {name: "jwt", machine: true},
	OIDCClaim:          {name: "claim", identifies: true},
	ExternalEvaluation: {name: "externalEvaluation", identifies: true},
	LinkedApp:          {name: "linkedApp", machine: true},
	Client:             {name: "client", identifies: true},
}

// identifies reports whether the property is one of the subject.
func (p Property) identifies() bool { return int(p) < len(properties) && properties[p].identifies }

// ofMachine reports whether the property is one of a machine.
func (p Property) ofMachine() bool { return int(p) < len(properties) && properties[p].machine }

func (p Property) String() string {
	if int(p) < len(properties) {
		return properties[p].name
	}
	return "invalid"
}

// selectorNames lists the selectors, with a word before the last one.
func selectorNames(last string) string {
	names := make([]string, 0, len(properties))
	for _, p := range properties[Everyone:] {
		names = append(names, p.name)
	}
	n := len(names) - 1
	return strings.Join(names[:n], ", ") + " " + last + " " + names[n]
}

// A Selector matches requests by one property.
type Selector struct {
	Property    Property
	Value       string           // all but those below, Everyone and AnyToken; of a Token and a LinkedApp "name" or "namespace/name"
	Networks    []netip.Prefix   // Address
	Countries   []string         // Country: ISO 3166-1 alpha-2, upper case
	Condition   Condition        // Expression; nil cannot be told
	Certificate CertificateNames // ClientCertificate
	JWT         *TokenMatch      // JWT
	Claim       *ClaimValue      // OIDCClaim
	Evaluation  *Evaluation      // ExternalEvaluation
}
