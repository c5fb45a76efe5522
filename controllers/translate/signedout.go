// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// SignedOut returns the SessionRevocation of a provider's user who signed out
// everywhere. There is one for each: its name is made of a digest, as anything can be
// a user's ID, and not anything a name.
func SignedOut(provider, user string, before time.Time) *v1alpha1.SessionRevocation {
	sum := sha256.Sum256([]byte(provider + "\x00" + user))
	return &v1alpha1.SessionRevocation{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SessionRevocation"},
		ObjectMeta: metav1.ObjectMeta{Name: "signed-out-" + hex.EncodeToString(sum[:16])},
		Spec:       v1alpha1.SessionRevocationSpec{IdentityProvider: v1alpha1.ProviderName(provider), User: user, Before: v1alpha1.Timestamp(before.UTC().Format(time.RFC3339))},
	}
}

// Reaches reports whether a SessionRevocation voids all that a provider's user was
// issued before a time.
func Reaches(o *v1alpha1.SessionRevocation, provider, user string, before time.Time) bool {
	at, err := time.Parse(time.RFC3339, string(o.Spec.Before))
	return err == nil && o.Spec.User == user && string(o.Spec.IdentityProvider) == provider && !at.Before(before.Truncate(time.Second))
}
