// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A pattern that anybody can register a name for is a warning, with the name of the suffix.
func TestPublicOrigins(t *testing.T) {
	for origin, suffix := range map[string]string{
		"https://*.github.io": "github.io", "https://pr-*.vercel.app": "vercel.app", "https://*-app.CO.UK": "co.uk", "https://*.github.io:8443": "github.io",
		"https://*.pages.dev": "pages.dev", "https://*.ck.ck": "ck.ck", // "*.ck" is the rule
		"https://app.github.io": "", "https://*.me.github.io": "", "https://*.example.com": "", "https://pr-*.example.co.uk": "", "http://*.localhost": "", "http://localhost:*": "",
		"https://*.corp.internal": "", "https://*.www.ck": "", "null": "", "https://github.io": "",
	} {
		p := Policy(
			&v1alpha1.AccessPolicy{
				Spec: v1alpha1.AccessPolicySpec{
					Hosts: []v1alpha1.Host{"a.x"},
					CORS:  &v1alpha1.CORS{AllowedOrigins: []v1alpha1.Origin{"https://a.x", v1alpha1.Origin(origin)}},
				},
			},
		)
		if suffix == "" && len(p.Defects) == 0 {
			continue
		}
		if len(p.Defects) != 1 || suffix == "" {
			t.Errorf("%s: %v, want %q", origin, p.Defects, suffix)
			continue
		}
		i := p.Defects[0]
		if i.Reason != policy.Unwise || !i.Warning() || i.Code != Codes()[0].Code || i.Source.Field != "spec.cors.allowedOrigins[1]" ||
			!strings.Contains(i.Message, "below "+suffix+",") {
			t.Errorf("%s: %+v", origin, i)
		}
	}
}
