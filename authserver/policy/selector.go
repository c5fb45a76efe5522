// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// A Property is what a Selector looks at. The zero Property matches nobody.
type Property uint8

// The properties a selector can look at.
const (
	NoProperty  Property = iota
	Everyone             // every request
	Email                // the subject's address, ignoring case
	EmailDomain          // what follows the last "@" of the address, ignoring case
	Address              // the client's network address
	IdPGroup             // a group that the identity provider says the subject is in
	LoginMethod          // the name of the identity provider
	AuthMethod           // a method by which the subject proved who they are (RFC 8176)
)

// properties are what is known of each Property.
var properties = [...]struct {
	name       string // of the selector
	identifies bool   // it is one of the subject
}{
	NoProperty:  {"nothing", false},
	Everyone:    {"everyone", false},
	Email:       {"email", true},
	EmailDomain: {"emailDomain", true},
	Address:     {"ip", false},
	IdPGroup:    {"idpGroup", true},
	LoginMethod: {"loginMethod", true},
	AuthMethod:  {"authMethod", true},
}

// identifies reports whether the property is one of the subject.
func (p Property) identifies() bool { return int(p) < len(properties) && properties[p].identifies }

func (p Property) String() string {
	if int(p) < len(properties) {
		return properties[p].name
	}
	return "invalid"
}

// A Selector matches requests by one property.
type Selector struct {
	Property Property
	Value    string         // all but Everyone and Address
	Networks []netip.Prefix // Address
}
