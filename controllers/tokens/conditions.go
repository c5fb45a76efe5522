// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/translate"
)

// renewHint says what to do about a token that ends.
const renewHint = "; ask for a new secret by another spec.rotation"

// How long before the end of a token an event says so.
const (
	soon     = 14 * 24 * time.Hour
	verySoon = 2 * 24 * time.Hour
)

// Reasons of conditions and events. docs/guides/machines.md says what they mean.
const (
	tokenIssued       = "Issued"
	tokenRotated      = "Rotated"
	tokenReissued     = "SecretWasDeleted"
	tokenRewritten    = "SecretWasChanged"
	tokenExists       = "SecretExists"
	tokenDisabled     = "Disabled"
	tokenExpired      = "Expired"
	tokenInvalid      = "Invalid"
	tokenNotExpiring  = "NotExpiring"
	tokenExpires14    = "ExpiresIn14Days"
	tokenExpires2     = "ExpiresIn2Days"
	tokenUnused       = "Unused"
	tokenUsed         = "Used"
	tokenNotRequested = "NotWatched"
)

// conditions words what is known of a token.
func conditions(o *v1alpha1.ServiceToken, what finding, now time.Time) {
	set := func(kind string, status metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&o.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason,
			Message: cluster.Truncate(message, 1024), ObservedGeneration: o.Generation})
	}
	status, reason, message := ready(o, what, now)
	set(v1alpha1.ConditionReady, status, reason, message)
	status, reason, message = expiring(o, now)
	set(v1alpha1.ConditionExpiring, status, reason, message)
	status, reason, message = unused(o, now)
	set(v1alpha1.ConditionUnused, status, reason, message)
}

func ready(o *v1alpha1.ServiceToken, what finding, now time.Time) (status metav1.ConditionStatus, reason, message string) {
	_, issues := translate.ServiceToken(o)
	switch end := o.Status.ExpiresAt; {
	case what == taken:
		return metav1.ConditionFalse, tokenExists, fmt.Sprintf("There is a Secret %s that Ostiary has not made for this ServiceToken. "+
			"It is left alone, and the token has no secret: rename one of the two, or delete the Secret", o.Name)
	case len(issues) > 0:
		return metav1.ConditionFalse, tokenInvalid, issues[0].Source.Field + ": " + issues[0].Message
	case o.Spec.Disabled:
		return metav1.ConditionFalse, tokenDisabled, "spec.disabled: requests with this token are refused"
	case end == nil || !now.Before(end.Time):
		return metav1.ConditionFalse, tokenExpired, "The token is over, and requests with it are refused" + renewHint
	}
	message = fmt.Sprintf("Client ID and secret are in Secret %s", o.Name)
	if p := o.Status.Previous; p != nil {
		message += ", and the secret before is good until " + p.Until.UTC().Format(time.RFC3339)
	}
	return metav1.ConditionTrue, tokenIssued, message
}

func expiring(o *v1alpha1.ServiceToken, now time.Time) (status metav1.ConditionStatus, reason, message string) {
	end := o.Status.ExpiresAt
	if end == nil {
		return metav1.ConditionFalse, tokenNotExpiring, "There is no secret"
	}
	when := end.UTC().Format(time.RFC3339)
	switch left := end.Sub(now); {
	case left <= 0:
		return metav1.ConditionTrue, tokenExpired, "The token is over since " + when + renewHint
	case left <= verySoon:
		return metav1.ConditionTrue, tokenExpires2, "The token ends at " + when + renewHint
	case left <= soon:
		return metav1.ConditionTrue, tokenExpires14, "The token ends at " + when + renewHint
	default:
		return metav1.ConditionFalse, tokenNotExpiring, "The token ends at " + when
	}
}

func unused(o *v1alpha1.ServiceToken, now time.Time) (status metav1.ConditionStatus, reason, message string) {
	limit := translate.TokenDuration(string(o.Spec.UnusedFor), 0)
	if limit == 0 {
		return metav1.ConditionFalse, tokenNotRequested, "spec.unusedFor is not set"
	}
	since := o.CreationTimestamp.Time
	if o.Status.LastUsed != nil {
		since = o.Status.LastUsed.Add(time.Hour) // it may have been at the hour's end
	}
	if now.Sub(since) >= limit {
		return metav1.ConditionTrue, tokenUnused, "No request was admitted with this token since " +
			since.UTC().Format(time.RFC3339) + ": delete it if nothing needs it"
	}
	return metav1.ConditionFalse, tokenUsed, "Used, or made, within spec.unusedFor"
}

// tell records an event for what became of a token's secret, and for conditions of which
// the reason changed.
func (i *Issuer) tell(before, after *v1alpha1.ServiceToken, what finding) {
	event := func(kind, reason, message string) {
		i.events.Eventf(after, nil, kind, reason, "Reconcile", "%s", message)
	}
	switch what {
	case notIssued:
		event(corev1.EventTypeNormal, tokenIssued, "Client ID and secret were written to Secret "+after.Name)
	case rotationDue:
		event(corev1.EventTypeNormal, tokenRotated, "A new secret was written to Secret "+after.Name+"; the one before is good until "+
			after.Status.Previous.Until.UTC().Format(time.RFC3339))
	case lost:
		event(corev1.EventTypeWarning, tokenReissued, "Secret "+after.Name+
			" was deleted: it was made again with a new secret, and the old one is void")
	case unwritten:
		event(corev1.EventTypeWarning, tokenRewritten, "Secret "+after.Name+" did not hold the secret of this token: a new one was written")
	case asItShould, taken:
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionExpiring, v1alpha1.ConditionUnused} {
		was, is := meta.FindStatusCondition(before.Status.Conditions, kind), meta.FindStatusCondition(after.Status.Conditions, kind)
		if warns(is) && (was == nil || was.Reason != is.Reason) {
			event(corev1.EventTypeWarning, is.Reason, is.Message)
		}
	}
}

// warns reports whether a condition says what somebody should see to. That a token is
// over, Expiring says.
func warns(c *metav1.Condition) bool {
	if c.Type == v1alpha1.ConditionReady {
		return c.Status == metav1.ConditionFalse && c.Reason != tokenExpired
	}
	return c.Status == metav1.ConditionTrue
}
