// SPDX-License-Identifier: Apache-2.0

package issuers

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

// TestConditions: each state of an issuer in the conditions that Ready is made of, from
// whatever was there before; and nothing changes if it stays so.
func TestConditions(t *testing.T) {
	fetched, down := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC), errors.New("connection refused")
	cases := map[string]struct {
		state  config.State
		absent bool
		issues []policy.Issue
		want   string // type=status of all but Ready, and its status and reason
		says   string // Ready
	}{
		"fetched": {config.State{Keys: 2, Fetched: fetched}, false, nil,
			"Accepted=True Programmed=True Ready=True/Ready", "Active"},
		"inline": {config.State{Keys: 1}, false, nil,
			"Accepted=True Programmed=True Ready=True/Ready", "Active"},
		"stale": {config.State{Keys: 1, Fetched: fetched, Err: down}, false, nil,
			"Accepted=True Degraded=True Programmed=True Ready=True/KeysStale", "refused"},
		"no keys": {config.State{}, false, nil,
			"Accepted=True Programmed=False Ready=False/KeysUnavailable", "being fetched"},
		"down": {config.State{Err: down}, false, nil,
			"Accepted=True Programmed=False Ready=False/KeysUnavailable", "connection refused"},
		"our own": {config.State{}, true, nil,
			"Accepted=False Ready=False/OwnIssuer Stalled=True", "team host"},
		"a mistake": {config.State{}, true, []policy.Issue{{Message: "no key"}},
			"Accepted=False Ready=False/Invalid Stalled=True", "no key"},
	}
	for before, was := range cases {
		for name, c := range cases {
			o := &v1alpha1.TokenIssuer{ObjectMeta: metav1.ObjectMeta{Generation: 3}}
			set(o, was.state, !was.absent, was.issues)
			o.Generation = 4
			set(o, c.state, !c.absent, c.issues)
			ready := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
			got := describe(o.Status.Conditions)
			if got != c.want || !strings.Contains(ready.Message, c.says) || o.Status.ObservedGeneration != 4 || (o.Status.Keys == nil) != c.absent {
				t.Errorf("%s after %s: %s, want %s: %q; %+v", name, before, got, c.want, ready.Message, o.Status)
			}
			for _, is := range o.Status.Conditions {
				if is.ObservedGeneration != 4 {
					t.Errorf("%s after %s: %+v", name, before, is)
				}
			}
			kept := o.DeepCopy()
			set(o, c.state, !c.absent, c.issues)
			if !reflect.DeepEqual(kept.Status, o.Status) {
				t.Errorf("%s: nothing changed, and the status did: %+v", name, o.Status)
			}
		}
	}
}

func describe(list []metav1.Condition) string {
	var out []string
	for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionDegraded, v1alpha1.ConditionProgrammed, v1alpha1.ConditionReady,
		v1alpha1.ConditionStalled} {
		if c := meta.FindStatusCondition(list, kind); c != nil {
			text := kind + "=" + string(c.Status)
			if kind == v1alpha1.ConditionReady {
				text += "/" + c.Reason
			}
			out = append(out, text)
		}
	}
	return strings.Join(out, " ")
}
