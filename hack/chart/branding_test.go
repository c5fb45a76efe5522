// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/authserver/web"
)

// brandOf is what the server reads; empty: there is none.
func brandOf(objects []*unstructured.Unstructured) (text string) {
	for _, u := range objects {
		if u.GetKind() == "ConfigMap" && strings.HasSuffix(u.GetName(), "-branding") {
			text, _, _ = unstructured.NestedString(u.Object, "data", "branding.yaml")
		}
	}
	return text
}

// TestBranding: what the chart writes of the value is what the server reads, where it is
// told to look, and a change of it starts new Pods.
func TestBranding(t *testing.T) {
	objects := render(t, "testdata/values/branding.yaml")
	b, err := web.ParseBrand([]byte(brandOf(objects)))
	if err != nil || b.Name != "Example & Co" || b.Footer != "IT: room 7" || b.AccentDark != "#f0a6d8" {
		t.Errorf("%+v, %v", b, err)
	}
	c := fmt.Sprint(container(t, objects))
	for _, want := range []string{"--branding=/branding/branding.yaml", "mountPath:/branding name:branding"} {
		if !strings.Contains(c, want) {
			t.Errorf("%s is not in %s", want, c)
		}
	}
	checksum := func(args ...string) string {
		got, _, _ := unstructured.NestedString(find(t, render(t, "testdata/values/branding.yaml", args...), "Deployment").Object,
			"spec", "template", "metadata", "annotations", "checksum/branding")
		return got
	}
	if one, two := checksum(), checksum("--set", "branding.name=Another"); one == "" || one == two {
		t.Errorf("%q and %q", one, two)
	}
	for _, u := range render(t, "testdata/values/defaults.yaml") {
		if u.GetName() == "ostiary-branding" {
			t.Error("there is a brand by default")
		}
	}
}
