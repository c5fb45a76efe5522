// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

const (
	teams    = 100
	creators = 16 // of policies, at the same time
)

// app is a policy such as teams write them: as `kubectl apply` stores it.
func app(i int) *v1alpha1.AccessPolicy {
	team := fmt.Sprintf("team-%02d", i%teams)
	name := fmt.Sprintf("app-%05d", i)
	ap := &v1alpha1.AccessPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "AccessPolicy"},
		ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: name,
			Labels: map[string]string{"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": team}},
	}
	ap.Spec = v1alpha1.AccessPolicySpec{
		Hosts: []v1alpha1.Host{v1alpha1.Host(name + "." + team + ".example.com"), v1alpha1.Host("*." + name + ".preview.example.com")},
		Paths: []v1alpha1.PathMatch{{Path: "/api", Type: v1alpha1.PathPrefix}, {Path: "/healthz", Type: v1alpha1.PathExact}},
		CORS: &v1alpha1.CORS{
			AllowedMethods: []v1alpha1.Method{"GET", "POST", "PATCH"}, AllowedHeaders: []v1alpha1.HeaderName{"content-type", "x-csrf"},
			AllowCredentials: true, MaxAge: 600, ExposedHeaders: []v1alpha1.HeaderName{"x-request-id"},
		},
		Rules: []v1alpha1.Rule{
			{Name: "office", Action: v1alpha1.ActionBypass, Include: []v1alpha1.Selector{{IP: []v1alpha1.CIDR{"192.0.2.0/24", "2001:db8::/32"}}}},
			{Name: "gone", Action: v1alpha1.ActionBlock, Include: []v1alpha1.Selector{{Email: "mallory@example.com"}}},
			{Name: "staff", Action: v1alpha1.ActionAllow, Include: []v1alpha1.Selector{{EmailDomain: "example.com"},
				{EmailDomain: team + ".example.net"}}, Exclude: []v1alpha1.Selector{{Email: "intern@example.com"}}},
		},
		Session: &v1alpha1.Session{Duration: "12h"},
	}
	for o := range 5 {
		ap.Spec.CORS.AllowedOrigins = append(ap.Spec.CORS.AllowedOrigins,
			v1alpha1.Origin(fmt.Sprintf("https://spa-%d.%s.%s.example.com", o, name, team)))
	}
	applied, err := json.Marshal(ap)
	if err != nil {
		panic(err) // what was written a line ago
	}
	ap.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(applied)}
	return ap
}

func populate(b *testing.B, c client.Client, n int) {
	b.Helper()
	for i := range min(n, teams) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: app(i).Namespace}}
		if err := c.Create(b.Context(), ns); err != nil {
			b.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for w := range creators {
		wg.Go(func() {
			for i := w; i < n && !b.Failed(); i += creators {
				if err := c.Create(b.Context(), app(i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	if wg.Wait(); b.Failed() {
		b.FailNow()
	}
}

// written counts policies that have a status.
func written(b *testing.B, c client.Client) int {
	b.Helper()
	var list v1alpha1.AccessPolicyList
	if err := c.List(b.Context(), &list); err != nil {
		b.Fatal(err)
	}
	n := 0
	for i := range list.Items {
		if len(list.Items[i].Status.Conditions) > 0 {
			n++
		}
	}
	return n
}
