// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

// always is later than any sign-in: a revocation whose time cannot be read is
// one of all sessions.
var always = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Revocation translates one SessionRevocation. It is in force in spite of
// issues: rather too much is void than too little.
func Revocation(o *v1alpha1.SessionRevocation) (policy.Revocation, []policy.Issue) {
	t := translator{source: policy.Source{Name: o.Name}}
	if !config.IsPrintable(o.Spec.User, 320) && (o.Spec.User != "" || o.Spec.Client == "") {
		t.wrong("spec.user", "%.40q: 1 to 320 printable characters, without blanks at the ends", o.Spec.User)
	}
	if p := string(o.Spec.IdentityProvider); p != "" && strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		t.wrong("spec.identityProvider", "%.40q: not the name of an IdentityProvider", p)
		o = o.DeepCopy()
		o.Spec.IdentityProvider = "" // whoever's it is
	}
	client, of := t.ended(o)
	before := t.time("spec.before", o.Spec.Before)
	if o.Spec.Before == "" {
		t.wrong("spec.before", "write a time in RFC 3339 notation, such as 2026-01-31T12:00:00Z")
	}
	if before.IsZero() {
		before = always
	}
	return policy.Revocation{Source: t.source, Provider: string(o.Spec.IdentityProvider), User: o.Spec.User, Client: client,
		Policy: of, Before: before}, t.defects
}

// ended returns of which client, and at which policy, a SessionRevocation ends what it may do.
func (t *translator) ended(o *v1alpha1.SessionRevocation) (client, of string) {
	if client = o.Spec.Client; client != "" && !policy.IsClientID(client) {
		t.wrong("spec.client", "%.40q: 1 to 512 printable characters of ASCII, without blanks", client)
		client = "" // all that the user has
	}
	switch of = o.Spec.Policy; {
	case of == "":
	case client == "":
		t.wrong("spec.policy", "%.40q: it narrows what a client may do, so write client, too", of)
		of = ""
	case !IsPolicyName(of):
		t.wrong("spec.policy", "%.40q: write the policy as NAMESPACE/NAME", of)
		of = "" // at every application
	}
	return client, of
}

// IsPolicyName reports whether a text can name a policy and its namespace.
func IsPolicyName(s string) bool {
	namespace, name, ok := strings.Cut(s, "/")
	return ok && len(validation.IsDNS1123Label(namespace)) == 0 && len(validation.IsDNS1123Subdomain(name)) == 0
}
