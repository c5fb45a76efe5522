// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// SignedOut returns the SessionRevocation of a provider's user who signed out
// everywhere, or ended what they let a client do. There is one for each: its name is made of
// a digest, as anything can be a user's ID, and not anything a name.
func SignedOut(r policy.Revocation) *v1alpha1.SessionRevocation {
	name, text := "signed-out-", r.Provider+"\x00"+r.User
	if r.Client != "" {
		name, text = "client-ended-", text+"\x00"+r.Client
	}
	if r.Policy != "" {
		text += "\x00" + r.Policy
	}
	sum := sha256.Sum256([]byte(text))
	return &v1alpha1.SessionRevocation{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SessionRevocation"},
		ObjectMeta: metav1.ObjectMeta{Name: name + hex.EncodeToString(sum[:16])},
		Spec: v1alpha1.SessionRevocationSpec{IdentityProvider: v1alpha1.ProviderName(r.Provider), User: r.User, Client: r.Client,
			Policy: r.Policy, Before: v1alpha1.Timestamp(r.Before.UTC().Format(time.RFC3339Nano))},
	}
}

// Reaches reports whether a SessionRevocation voids all that another one does.
func Reaches(o *v1alpha1.SessionRevocation, r policy.Revocation) bool {
	at, err := time.Parse(time.RFC3339, string(o.Spec.Before))
	return err == nil && o.Spec.User == r.User && string(o.Spec.IdentityProvider) == r.Provider && o.Spec.Client == r.Client &&
		o.Spec.Policy == r.Policy && !at.Before(r.Before)
}
