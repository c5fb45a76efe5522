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
	tokenUnwritten    = "SecretNotWritten"
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

// conditions words what is known of a token, and brings observedGeneration up to date with
// it. failed is why its Secret could not be written.
func conditions(o *v1alpha1.ServiceToken, what finding, failed error, now time.Time) {
	o.Status.ObservedGeneration = o.Generation
	set := func(kind string, c metav1.Condition) metav1.Condition {
		c.Type, c.Message, c.ObservedGeneration = kind, cluster.Truncate(c.Message, 1024), o.Generation
		meta.SetStatusCondition(&o.Status.Conditions, c)
		return c
	}
	set(v1alpha1.ConditionAccepted, accepted(o, what, failed, now))
	set(v1alpha1.ConditionDegraded, degraded(
		set(v1alpha1.ConditionExpiring, expiring(o, now)), set(v1alpha1.ConditionUnused, unused(o, now))))
	cluster.Summarize(&o.Status.Conditions, o.Generation, tokenUnwritten)
}

// accepted is whether the token is what its spec says: good, or disabled.
func accepted(o *v1alpha1.ServiceToken, what finding, failed error, now time.Time) metav1.Condition {
	no := func(reason, message string) metav1.Condition {
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: message}
	}
	_, issues := translate.ServiceToken(o)
	switch end := o.Status.ExpiresAt; {
	case what == taken:
		return no(tokenExists, fmt.Sprintf("There is a Secret %s that Ostiary has not made for this ServiceToken. "+
			"It is left alone, and the token has no secret: rename one of the two, or delete the Secret", o.Name))
	case len(issues) > 0:
		return no(tokenInvalid, issues[0].Source.Field+": "+issues[0].Message)
	case failed != nil:
		return no(tokenUnwritten, "The secret cannot be handed out: "+failed.Error())
	case o.Spec.Disabled:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: tokenDisabled, Message: "spec.disabled: requests with this token are refused"}
	case end == nil || !now.Before(end.Time):
		return no(tokenExpired, "The token is over, and requests with it are refused"+renewHint)
	}
	message := fmt.Sprintf("Client ID and secret are in Secret %s", o.Name)
	if p := o.Status.Previous; p != nil {
		message += ", and the secret before is good until " + p.Until.UTC().Format(time.RFC3339)
	}
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: cluster.ReasonAccepted, Message: message}
}

// degraded is the first of these that somebody should see to.
func degraded(of ...metav1.Condition) metav1.Condition {
	for _, c := range of {
		if c.Status == metav1.ConditionTrue {
			return c
		}
	}
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: "NoWarnings", Message: "Neither expiring nor unused"}
}

func expiring(o *v1alpha1.ServiceToken, now time.Time) metav1.Condition {
	end := o.Status.ExpiresAt
	if end == nil {
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: tokenNotExpiring, Message: "There is no secret"}
	}
	when := end.UTC().Format(time.RFC3339)
	switch left := end.Sub(now); {
	case left <= 0:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: tokenExpired, Message: "The token is over since " + when + renewHint}
	case left <= verySoon:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: tokenExpires2, Message: "The token ends at " + when + renewHint}
	case left <= soon:
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: tokenExpires14, Message: "The token ends at " + when + renewHint}
	default:
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: tokenNotExpiring, Message: "The token ends at " + when}
	}
}

func unused(o *v1alpha1.ServiceToken, now time.Time) metav1.Condition {
	limit := translate.TokenDuration(string(o.Spec.UnusedFor), 0)
	if limit == 0 {
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: tokenNotRequested, Message: "spec.unusedFor is not set"}
	}
	since := o.CreationTimestamp.Time
	if o.Status.LastUsed != nil {
		since = o.Status.LastUsed.Add(time.Hour) // it may have been at the hour's end
	}
	if now.Sub(since) >= limit {
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: tokenUnused, Message: "No request was admitted with this token since " +
			since.UTC().Format(time.RFC3339) + ": delete it if nothing needs it"}
	}
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: tokenUsed, Message: "Used, or made, within spec.unusedFor"}
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
	for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionExpiring, v1alpha1.ConditionUnused} {
		was, is := meta.FindStatusCondition(before.Status.Conditions, kind), meta.FindStatusCondition(after.Status.Conditions, kind)
		if warns(is) && (was == nil || was.Reason != is.Reason) {
			event(corev1.EventTypeWarning, is.Reason, is.Message)
		}
	}
}

// warns reports whether a condition says what somebody should see to. That a token is
// over, Expiring says.
func warns(c *metav1.Condition) bool {
	if c.Type == v1alpha1.ConditionAccepted {
		return c.Reason != cluster.ReasonAccepted && c.Reason != tokenExpired
	}
	return c.Status == metav1.ConditionTrue
}
