// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

func goodToken() *v1alpha1.ServiceToken {
	at := metav1.NewTime(time.Unix(1e9, 0).UTC())
	return &v1alpha1.ServiceToken{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ci"},
		Spec:       v1alpha1.ServiceTokenSpec{Duration: "10h", PolicyNamespaces: []v1alpha1.NamespaceName{"build"}},
		Status: v1alpha1.ServiceTokenStatus{ClientID: "id", SecretSHA256: strings.Repeat("ab", 32), IssuedAt: &at,
			Previous: &v1alpha1.PreviousSecret{SecretSHA256: strings.Repeat("cd", 32), Until: metav1.NewTime(at.Add(time.Hour))}},
	}
}

// TestServiceToken: what is good, until when and for whom; and whatever is wrong, the
// token is good for nothing. (THREATS G10, G11)
func TestServiceToken(t *testing.T) {
	got, issues := translate.ServiceToken(goodToken())
	at := time.Unix(1e9, 0).UTC()
	sum := func(b byte) (out [32]byte) {
		for i := range out {
			out[i] = b
		}
		return out
	}
	want := policy.ServiceToken{Source: policy.Source{Namespace: "shop", Name: "ci"}, ClientID: "id", PolicyNamespaces: []string{"build"},
		ExpiresAt: at.Add(10 * time.Hour), Secrets: []policy.TokenSecret{{Sum: sum(0xab)}, {Sum: sum(0xcd), Until: at.Add(time.Hour)}}}
	if !reflect.DeepEqual(got, want) || len(issues) > 0 {
		t.Errorf("%+v %v, want %+v", got, issues, want)
	}
	now := metav1.Now()
	for name, change := range map[string]func(*v1alpha1.ServiceToken){
		"duration":      func(o *v1alpha1.ServiceToken) { o.Spec.Duration = "365d" },
		"negative":      func(o *v1alpha1.ServiceToken) { o.Spec.Duration = "-1h" },
		"grace":         func(o *v1alpha1.ServiceToken) { o.Spec.GracePeriod = "x" },
		"unusedFor":     func(o *v1alpha1.ServiceToken) { o.Spec.UnusedFor = "x" },
		"hash":          func(o *v1alpha1.ServiceToken) { o.Status.SecretSHA256 = "abcd" },
		"no hex":        func(o *v1alpha1.ServiceToken) { o.Status.SecretSHA256 = strings.Repeat("zz", 32) },
		"previous hash": func(o *v1alpha1.ServiceToken) { o.Status.Previous.SecretSHA256 = strings.Repeat("ab", 33) },
		"disabled":      func(o *v1alpha1.ServiceToken) { o.Spec.Disabled = true },
		"deleted":       func(o *v1alpha1.ServiceToken) { o.DeletionTimestamp = &now },
	} {
		o := goodToken()
		change(o)
		got, issues := translate.ServiceToken(o)
		if !got.Disabled || (len(issues) == 0) != (name == "disabled" || name == "deleted") {
			t.Errorf("%s: %+v %v", name, got, issues)
		}
	}
	empty, issues := translate.ServiceToken(&v1alpha1.ServiceToken{})
	if len(issues) > 0 || !empty.ExpiresAt.IsZero() || len(empty.Secrets) > 0 {
		t.Errorf("empty: %+v %v", empty, issues)
	}
	o := goodToken()
	o.Status.Previous.Until = metav1.Time{}
	if got, _ := translate.ServiceToken(o); len(got.Secrets) != 1 {
		t.Errorf("a previous secret without end: %+v", got.Secrets)
	}
}
