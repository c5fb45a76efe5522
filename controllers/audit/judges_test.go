// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/controllers/installation"
)

// judgedApp is a policy, an Ingress that names it, and one more.
func judgedApp(path, notes, more string) string {
	return fmt.Sprintf(`
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app, namespace: shop}
spec: {rules: [{action: Allow, include: [{everyone: {}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: app, namespace: shop, annotations: {access.ostiary.dev/policy: app}}
spec: {ingressClassName: nginx, rules: [{host: app.example.com, http: {paths: [
  {path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}},
  {path: %s, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: next, namespace: shop, annotations: {%s}}
spec: {ingressClassName: nginx, rules: [{host: app.example.com, http: {paths: [{path: /, pathType: Prefix,
	backend: {service: {name: next, port: {number: 80}}}}]}}]}
---
%s`, path, notes, more)
}

// An audit of files judges by the installation that its flags describe.
func TestAuditJudgesByFlags(t *testing.T) {
	canary := `nginx.ingress.kubernetes.io/canary: "true", nginx.ingress.kubernetes.io/canary-weight: "10"`
	team := "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: team, namespace: evil}\nspec: {ingressClassName: nginx, rules: [{host: auth.example.com, http: {paths: [{path: /.access/idp/corp/callback, pathType: Prefix, backend: {service: {name: x, port: {number: 80}}}}]}}]}\n"
	for name, tc := range map[string]struct {
		text  string
		args  []string
		finds []string // reasons, sorted
	}{
		"their path is not ours": {judgedApp("/cdn-cgi/access", canary, ""), []string{"--ingress-mode=global"}, nil},
		"their path is ours": {judgedApp("/cdn-cgi/access", canary, ""), []string{"--ingress-mode=global",
			"--path-prefix=/cdn-cgi/access"}, []string{"LoginPathTaken"}},
		"the default is theirs": {judgedApp("/.access", canary, ""), []string{"--ingress-mode=global"}, []string{"LoginPathTaken"}},
		"the default isn't ours": {judgedApp("/.access", canary, ""), []string{"--ingress-mode=global", "--path-prefix=/cdn-cgi/access"},
			nil},
		"a canary, render": {judgedApp("/x", canary, ""), nil, []string{"AppCanary"}},
		"a canary, static": {judgedApp("/x", canary, ""), []string{"--ingress-mode=static"}, nil},
		"the team host": {judgedApp("/x", canary, team), []string{"--ingress-mode=global",
			"--team-url=https://auth.example.com"}, []string{"TeamHostTaken"}},
		"another team host": {judgedApp("/x", canary, team), []string{"--ingress-mode=global",
			"--team-url=https://login.example.com"}, nil},
		"nobody may opt in": {strings.Replace(judgedApp("/x", canary, ""), "{rules:", "{hosts: [app.example.com], rules:", 1),
			[]string{"--ingress-opt-in=false"}, []string{"NoAuthURL"}},
		"another prefix of Services": {judgedApp("/x", canary, ""), []string{"--ingress-mode=global",
			"--authz-service=gate/doorkeeper-authz"}, nil},
	} {
		clean, out, err := auditCommand(t, tc.text, append(tc.args, "-o", "json", "-")...)
		var r Report
		if jerr := json.Unmarshal([]byte(out), &r); err != nil || jerr != nil {
			t.Errorf("%s: %v, %v\n%s", name, err, jerr, out)
			continue
		}
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Reason)
			if f.Host == "" {
				t.Errorf("%s: about any host: %+v", name, f)
			}
		}
		if slices.Sort(got); !slices.Equal(got, tc.finds) || clean != (len(got) == 0) {
			t.Errorf("%s: clean %v, found %v, want %v", name, clean, got, tc.finds)
		}
	}
	for flag, says := range map[string]string{"--path-prefix=x": "--path-prefix", "--ingress-mode=x": "--ingress-mode",
		"--team-url=x": "--team-url", "--proxy-config-namespaces=X_": "--proxy-config-namespaces"} {
		if _, _, err := auditCommand(t, "", flag, "-"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// What is of no kind that is read, and may matter, is said, and the exit is not clean.
func TestAuditSaysWhatItDoesNotRead(t *testing.T) {
	kind := func(api, kind, rest string) string {
		return "apiVersion: " + api + "\nkind: " + kind + "\nmetadata: {name: around, namespace: shop}\n" + rest + "\n"
	}
	for name, tc := range map[string]struct{ text, says string }{
		"Contour": {kind("projectcontour.io/v1", "HTTPProxy", "spec: {virtualhost: {fqdn: app.example.com}}"),
			"HTTPProxy shop/around"},
		"Contour, a child":   {kind("projectcontour.io/v1", "HTTPProxy", "spec: {routes: []}"), "HTTPProxy shop/around"},
		"Istio":              {kind("networking.istio.io/v1", "VirtualService", "spec: {hosts: ['*']}"), "VirtualService shop/around"},
		"Istio, harmless":    {kind("networking.istio.io/v1", "DestinationRule", "spec: {host: app.example.com}"), ""},
		"nginx.org":          {kind("k8s.nginx.org/v1", "VirtualServer", "spec: {host: app.example.com}"), "VirtualServer shop/around"},
		"OpenShift":          {kind("route.openshift.io/v1", "Route", "spec: {host: app.example.com}"), "Route shop/around"},
		"Emissary":           {kind("getambassador.io/v3alpha1", "Mapping", "spec: {hostname: app.example.com}"), "Mapping shop/around"},
		"APISIX":             {kind("apisix.apache.org/v2", "ApisixRoute", "spec: {}"), "ApisixRoute shop/around"},
		"Kong":               {kind("configuration.konghq.com/v1beta1", "TCPIngress", "spec: {}"), "TCPIngress shop/around"},
		"Knative":            {kind("serving.knative.dev/v1", "Service", "spec: {}"), "Service shop/around"},
		"TCPRoute":           {kind("gateway.networking.k8s.io/v1alpha2", "TCPRoute", "spec: {}"), "TCPRoute shop/around"},
		"a patch for Envoy":  {kind("gateway.envoyproxy.io/v1alpha1", "EnvoyPatchPolicy", "spec: {}"), "EnvoyPatchPolicy shop/around"},
		"the older Traefik":  {kind("traefik.containo.us/v1alpha1", "IngressRoute", "spec: {}"), "IngressRoute shop/around"},
		"the oldest Ingress": {kind("extensions/v1beta1", "Ingress", "spec: {rules: [{host: app.example.com}]}"), "Ingress shop/around"},
		"an older Ingress": {kind("networking.k8s.io/v1beta1", "Ingress", "spec: {rules: [{host: app.example.com}]}"),
			"networking.k8s.io/v1beta1"},
		"unknown, the host": {kind("edge.example.org/v1", "Door", "spec: {names: [x, 'https://APP.example.com/x']}"),
			"it names app.example.com"},
		"unknown, other": {kind("edge.example.org/v1", "Door", "spec: {names: [other.example.org]}"), ""},
		"a certificate":  {kind("cert-manager.io/v1", "Certificate", "spec: {dnsNames: [app.example.com]}"), ""},
		"a Deployment":   {kind("apps/v1", "Deployment", "spec: {x: app.example.com}"), ""},
		"a misspelt group": {kind("acess.ostiary.dev/v1alpha1", "AccessPolicy", "spec: {hosts: [app.example.com]}"),
			"acess.ostiary.dev/v1alpha1"},
		"no group":             {kind("v1alpha1", "AccessPolicy", "spec: {hosts: [app.example.com]}"), "v1alpha1"},
		"another kind of ours": {kind("access.ostiary.dev/v1alpha1", "IdentityProvider", "spec: {}"), ""},
	} {
		web := "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: web, namespace: shop}\nspec: {hosts: [app.example.com], rules: [{action: Allow, include: [{everyone: {}}]}]}\n---\n"
		clean, out, err := auditCommand(t, web+tc.text, "-")
		if err != nil || clean != (tc.says == "") || !strings.Contains(strings.Join(strings.Fields(out), " "), tc.says) {
			t.Errorf("%s: clean %v, %v, it should say %q:\n%s", name, clean, err, tc.says, out)
		}
		_, out, _ = auditCommand(t, web+tc.text, "-o", "json", "-")
		if !strings.Contains(out, fmt.Sprintf(`"incomplete": %v`, tc.says != "")) {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}

// What a command line says of serve is what a command is told, with defaults and lists,
// and a flag of the command's own counts more.
func TestSettingsTravel(t *testing.T) {
	serve := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	serve.String("path-prefix", "/.access", "")
	serve.String("team-url", "", "")
	serve.StringSlice("trusted-proxies", nil, "")
	serve.StringSlice("proxy-config-namespaces", []string{"*"}, "")
	serve.Bool("ingress-opt-in", true, "")
	serve.String("kubeconfig", "", "")
	serve.StringToString("object-labels", nil, "")
	new(installation.TermsFlags).Add(serve)
	if err := serve.Parse([]string{"--host-grants=a.x=b,c", "--host-grants", "d.x=e", "--trusted-proxies=10.0.0.0/8,fd00::/8",
		"--kubeconfig=/secret", "--proxy-config-namespaces=", "--ingress-opt-in=false",
		"--object-labels=b=2,a=1"}); err != nil {
		t.Fatal(err)
	}
	s := installation.SettingsOf(serve)
	text, _ := json.Marshal(s)
	if want := `{"host-claims":["first-come"],"host-grants":["a.x=b,c","d.x=e"],"ingress-opt-in":["false"],"object-labels":["a=1,b=2"],"path-prefix":["/.access"],"proxy-config-namespaces":[""],"trusted-proxies":["10.0.0.0/8,fd00::/8"]}`; string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	var grants []string
	other := pflag.NewFlagSet("explain", pflag.ContinueOnError)
	prefix := other.String("path-prefix", "/x", "")
	optIn := other.Bool("ingress-opt-in", true, "")
	spaces := other.StringSlice("proxy-config-namespaces", []string{"*"}, "")
	other.Func("host-grants", "", func(g string) error { grants = append(grants, g); return nil })
	if err := other.Parse([]string{"--path-prefix=/own"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(other); err != nil || *prefix != "/own" || *optIn || len(*spaces) != 0 || !slices.Equal(grants, []string{"a.x=b,c",
		"d.x=e"}) {
		t.Errorf("%v: %s %v %v %v", err, *prefix, *optIn, *spaces, grants)
	}
	if err := (installation.Settings{"ingress-opt-in": {"maybe"}}).Apply(pflagBool()); err == nil || !strings.Contains(err.Error(),
		"--ingress-opt-in") {
		t.Error(err)
	}
}

func pflagBool() *pflag.FlagSet {
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	f.Bool("ingress-opt-in", true, "")
	return f
}
