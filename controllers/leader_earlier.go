// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
)

// An uninstall takes a leader's rights before it ends, so that it cannot give its lease
// up, and the next installation would wait until that has run out. The service account
// of an installation has a UID that no other has; the name of a holder ends in it. Who
// holds a lease for a service account that is gone can write nothing any more, and its
// lease is taken at once.

// accountMark stands before the UID of the service account in the name of a replica.
const accountMark = "_"

// accountOf returns the UID of the service account whose token a configuration has; "":
// it is none's.
func accountOf(config *rest.Config) string {
	token := config.BearerToken
	if config.BearerTokenFile != "" {
		if text, err := os.ReadFile(config.BearerTokenFile); err == nil {
			token = string(text)
		}
	}
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct {
		Kubernetes struct {
			ServiceAccount struct{ UID string }
		} `json:"kubernetes.io"`
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil { // the API server checks what it is worth
		return ""
	}
	return claims.Kubernetes.ServiceAccount.UID
}

// fromEarlier reports whether a lease is held for a service account that is not ours.
func fromEarlier(lease *coordinationv1.Lease, account string) bool {
	holder := lease.Spec.HolderIdentity
	if holder == nil || account == "" {
		return false
	}
	i := strings.LastIndex(*holder, accountMark)
	return i >= 0 && (*holder)[i+len(accountMark):] != account
}

// takeFromEarlier frees the lease, if an earlier installation holds it. Whatever goes
// wrong, the lease is waited for as ever.
func (l *Leader) takeFromEarlier(ctx context.Context, client coordination.LeasesGetter) {
	leases := client.Leases(l.Lease.Namespace)
	lease, err := leases.Get(ctx, l.Lease.Name, metav1.GetOptions{})
	if err != nil || !fromEarlier(lease, l.Account) {
		return
	}
	holder := *lease.Spec.HolderIdentity
	none, second := "", int32(1)
	lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = &none, &second // as one that is given up
	if _, err := leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
		l.log.Info("the lease of an earlier installation cannot be taken, and is waited for", "holder", holder, "problem", err.Error())
		return
	}
	l.log.Info("an earlier installation, which has no rights any more, held the lease; it is free now", "holder", holder)
}
