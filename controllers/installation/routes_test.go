// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

func TestRouteFlags(t *testing.T) {
	usual := RouteSetup{Namespace: "auth", PathPrefix: "/.access", Authz: ":9001", Public: "0.0.0.0:9002", Render: ":9003", Preflight: ":9004"}
	for _, tc := range []struct {
		args, url, wrong string
		change           func(*RouteSetup)
		check            func(*routes.Settings) bool
	}{
		{args: "", url: "http://ostiary-authz.auth.svc.cluster.local:9001"},
		{args: "--service-prefix=gate --ingress-mode=canary", url: "http://gate-authz.auth.svc.cluster.local:9001"},
		{args: "--authz-url=https://authz.example.com/", url: "https://authz.example.com"},
		{args: "--ingress-opt-in=false --ingress-mode=what"},
		{args: "--ingress-mode=what", wrong: "--ingress-mode"},
		{args: "--service-prefix=Gate", wrong: "--service-prefix"},
		{args: "--service-prefix=" + strings.Repeat("a", 60), wrong: "--service-prefix"},
		{args: "--authz-url=authz.example.com", wrong: "--authz-url"},
		{args: "--authz-url=http://a.example/$host", wrong: "--authz-url"},
		{args: "--authz-url=http://u:p@a.example", wrong: "--authz-url"},
		{args: "--object-labels=team=a,example.com/x= --object-annotations=example.com/owner=b=c --admission-guard", url: "http://ostiary-authz.auth.svc.cluster.local:9001",
			check: func(s *routes.Settings) bool {
				return s.Admission && maps.Equal(s.Labels, map[string]string{"team": "a", "example.com/x": ""}) && maps.Equal(s.Annotations, map[string]string{"example.com/owner": "b=c"})
			}},
		{args: "", url: "http://ostiary-authz.auth.svc.cluster.local:9001", change: func(s *RouteSetup) { s.Upstream = []string{"X-Webauth-User"} },
			check: func(s *routes.Settings) bool { return slices.Contains(s.IdentityHeaders, "X-Webauth-User") }},
		{args: "--object-labels=team=a/b", wrong: "--object-labels"},
		{args: "--object-labels=-x=a", wrong: "--object-labels"},
		{args: "--object-annotations=a/b/c=x", wrong: "--object-annotations"},
		{args: "--object-annotations=nginx.ingress.kubernetes.io/auth-url=x", wrong: "a proxy reads it"},
		{args: "--object-annotations=kubernetes.io/ingress.class=x", wrong: "a proxy reads it"},
		{args: "--object-annotations=access.ostiary.dev/policy=x", wrong: "a proxy reads it"},
		{args: "", wrong: "--render-bind-address", change: func(s *RouteSetup) { s.Render = "0" }},
		{args: "", wrong: "--preflight-bind-address", change: func(s *RouteSetup) { s.Preflight = ":0" }},
	} {
		var f RouteFlags
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		f.Add(flags)
		if err := flags.Parse(strings.Fields(tc.args)); err != nil {
			t.Fatal(err)
		}
		setup := usual
		if tc.change != nil {
			tc.change(&setup)
		}
		s, err := f.Settings(setup)
		switch {
		case tc.wrong != "":
			if err == nil || !strings.Contains(err.Error(), tc.wrong) || s != nil {
				t.Errorf("%s: %v, want %s", tc.args, err, tc.wrong)
			}
		case err != nil:
			t.Errorf("%s: %v", tc.args, err)
		case tc.url == "":
			if s != nil {
				t.Errorf("%s: %+v", tc.args, s)
			}
		case s.AuthzURL != tc.url || s.PublicPort != 9002 || s.RenderPort != 9003 || s.PreflightPort != 9004 || s.Namespace != "auth",
			!slices.Equal(s.IdentityHeaders, slices.Concat(contract.AllIdentity(), setup.Upstream)):
			t.Errorf("%s: %+v", tc.args, s)
		case tc.check != nil && !tc.check(s), tc.check == nil && s.Admission:
			t.Errorf("%s: %+v", tc.args, s)
		}
	}
}
