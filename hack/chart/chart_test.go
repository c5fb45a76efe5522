// SPDX-License-Identifier: Apache-2.0

// Package chart tests what is installed into a cluster, with the real helm,
// kubectl and API server: the chart, and the same thing for kustomize.
package chart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/ostiary/ostiary/hack/lab"
)

const (
	root      = "../.."
	chart     = root + "/charts/ostiary"
	namespace = "ostiary-system"
)

// tool finds a program that `make test` builds.
func tool(t *testing.T, variable, name string) string {
	t.Helper()
	for _, candidate := range []string{os.Getenv(variable), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), name), name} {
		if candidate == "" {
			continue
		}
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("%s is neither in PATH nor named by %s: `make test` builds it, and so does hack/tools.sh %s", name, variable, name)
	return ""
}

// command runs a program; the error holds what it wrote to stderr.
func command(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), errors.New(stderr.String() + err.Error())
	}
	return stdout.String(), nil
}

// helm runs helm with folders of its own, away from its user's.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	for _, v := range []string{"HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"} {
		if !strings.Contains(os.Getenv(v), "TestHelm") {
			t.Setenv(v, filepath.Join(t.TempDir(), "TestHelm"))
		}
	}
	return command(t, tool(t, "HELM", "helm"), args...)
}

// valueSets names the files of testdata/values.
func valueSets(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d sets of values: %v", len(files), err)
	}
	return files
}

func render(t *testing.T, values string, args ...string) []*unstructured.Unstructured {
	t.Helper()
	out, err := helm(t, append([]string{"template", "ostiary", chart, "-n", namespace, "-f", values}, args...)...)
	if err != nil {
		t.Fatalf("helm template -f %s: %v", values, err)
	}
	return parse(t, out)
}

func parse(t *testing.T, manifests string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	d := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		u := &unstructured.Unstructured{}
		err := d.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("not YAML: %v\n%s", err, manifests)
		}
		if len(u.Object) > 0 {
			all = append(all, u)
		}
	}
}

func find(t *testing.T, objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	t.Helper()
	for _, u := range objects {
		if u.GetKind() == kind {
			return u
		}
	}
	t.Fatalf("there is no %s", kind)
	return nil
}

// container returns the only container of the rendered Deployment.
func container(t *testing.T, objects []*unstructured.Unstructured) map[string]any {
	t.Helper()
	list, _, err := unstructured.NestedSlice(find(t, objects, "Deployment").Object, "spec", "template", "spec", "containers")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d containers: %v", len(list), err)
	}
	return list[0].(map[string]any)
}

func TestLint(t *testing.T) {
	for _, values := range valueSets(t) {
		if out, err := helm(t, "lint", "--strict", chart, "-f", values); err != nil {
			t.Errorf("%s: %v\n%s", values, err, out)
		}
	}
}

// TestRefused says what a wrong value is told. Keys of one are --set's.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		set  string
		want []string
	}{
		// a wrong key is named
		{"teamDomian=auth.example.com", []string{"teamDomian"}},
		{"keys.existingSecrt=x", []string{"/keys", "existingSecrt"}},
		{"networkPolicy.proxyNamespace={x}", []string{"/networkPolicy", "'proxyNamespace'"}},
		{"networkPolicy.egress.cidrs={x}", []string{"/networkPolicy/egress", "cidrs"}},
		{"image.tags=1", []string{"/image", "'tags'"}},
		{"teamIngress.host=x", []string{"/teamIngress", "'host'"}},
		{"teamIngress.tls[0].secret=x", []string{"/teamIngress/tls/0", "'secret'"}},
		{"ingressMode=relay", []string{"/ingressMode", "'render'", "'static'"}},
		{"ingressOptIn.enable=false", []string{"/ingressOptIn", "'enable'"}},
		{"teamHTTPRoute.parentRef.name=x", []string{"/teamHTTPRoute", "'parentRef'"}},
		{"teamHTTPRoute.enabled=true", []string{"set teamDomain", "teamHTTPRoute.parentRefs: name the Gateway"}},
		{"teamDomain=a.example.com,teamIngress.enabled=true,teamHTTPRoute.enabled=true,teamHTTPRoute.parentRefs[0].name=gw",
			[]string{"enable one of them"}},
		{"dashboard.enabled=true", []string{"'dashboard'"}},
		{"dashboards.label.a=b", []string{"/dashboards", "'label'"}},
		{"podMonitor.intervall=1s", []string{"/podMonitor", "'intervall'"}},
		{"podMonitor.interval=often", []string{"/podMonitor/interval", "pattern"}},
		{"prometheusRule.rules=x", []string{"/prometheusRule", "'rules'"}},
		{"teamHTTPRoute.parentRefs[0].nam=x", []string{"/teamHTTPRoute/parentRefs/0", "'nam'"}},
		{"ingressOptIn.enabled=maybe", []string{"/ingressOptIn/enabled", "boolean"}},
		{"resources.request.cpu=1", []string{"/resources", "'request'"}},
		{"tolerations[0].efect=NoSchedule", []string{"/tolerations/0", "efect"}},
		// a wrong value is named with its key
		{"replicaCount=two", []string{"/replicaCount", "integer"}},
		{"identityHeaders=google", []string{"/identityHeaders", "cloudflare"}},
		{"upstreamHeaders={X_Webauth_User}", []string{"/upstreamHeaders/0", "pattern"}},
		{"upstreamHeaders=X-Webauth-User", []string{"/upstreamHeaders", "array"}},
		{"branding.colour=red", []string{"/branding", "'colour'"}},
		{"branding.accent=red", []string{"/branding/accent", "pattern"}},
		{"branding.logo=https://x/logo.png", []string{"/branding/logo", "pattern"}},
		{"docsURL=docs.example.com", []string{"/docsURL", "pattern"}},
		{"docsURL=https://docs.example.com/?a", []string{"/docsURL", "pattern"}},
		{"decisionLog=some", []string{"/decisionLog", "refused"}},
		{"image.digest=e3b0c442", []string{"/image/digest", "sha256"}},
		{"extraArgs={serve}", []string{"/extraArgs/0"}},
		{"extraEnv={OTEL_SERVICE_NAME}", []string{"/extraEnv/0", "object"}},
		{"tracing.endpoint=collector:4317", []string{"/tracing/endpoint", "pattern"}},
		{"log.rate=1000", []string{"/log/rate"}},
		{"log.sample=0", []string{"/log/sample"}},
		{"log.identity=some", []string{"/log/identity", "hash"}},
		{"log.identityKeySecret=a", []string{"/log/identityKeySecret"}},
		{"tracing.samplingRatio=2", []string{"/tracing/samplingRatio", "maximum"}},
		{"tracing.samplingLimit=0", []string{"/tracing/samplingLimit", "xclusiveMinimum"}},
		{"logOTLPEndpoint=collector:4317", []string{"/logOTLPEndpoint", "pattern"}},
		{"otlpProtocol=http", []string{"/otlpProtocol", "grpc"}},
		{"hostGrants.app=shop", []string{"/hostGrants/app", "array"}},
		{"hostGrants.app.reserved=true", []string{"/hostGrants/app", "namespaces"}},
		{"hostGrants.app.namespaces={shop},hostGrants.app.reserve=true", []string{"/hostGrants/app", "'reserve'"}},
		{"hostGrants.app.namespaces={Shop}", []string{"/hostGrants/app/namespaces/0", "pattern"}},
		{"hostClaims=granted-only", []string{"/hostClaims", "GrantedOnly"}},
		{"hostHold=1d", []string{"/hostHold", "pattern"}},
		{"returnHosts=www.example.com", []string{"/returnHosts", "array"}},
		{"returnPorts={0}", []string{"/returnPorts/0", "minimum"}},
		{"returnPorts={https}", []string{"/returnPorts/0", "integer"}},
		{"geoip.file=/etc/passwd", []string{"/geoip/file", "pattern"}},
		{"geoip.volume=geoip", []string{"/geoip/volume", "object"}},
		{"geoip.volume.secret.secretName=a,geoip.volume.configMap.name=b", []string{"/geoip/volume", "maxProperties"}},
		{"networkPolicy=null", []string{"networkPolicy", "missing"}},
		{"podMonitor=null", []string{"podMonitor", "missing"}},
		// what a schema cannot say
		{"teamDomain=https://auth.example.com", []string{"has a scheme", "such as auth.example.com"}},
		{"teamDomain=auth.example.com/login", []string{"teamDomain", "no path"}},
		{"teamDomain=Auth.example.com", []string{"lower case"}},
		{"pathPrefix=/access/", []string{"pathPrefix", "does not end with one"}},
		{"pathPrefix=/a/../b", []string{"pathPrefix"}},
		{"trustedProxies={0.0.0.0/0}", []string{"trustedProxies", "trusts every client"}},
		{"trustedProxies={::/0}", []string{"trusts every client"}},
		{"trustedProxies={nginx}", []string{"nginx", "10.0.0.0/8"}},
		{"hostGrants.Shop={shop}", []string{"hostGrants", "Shop"}},
		{"hostGrants.auth\\.example\\.com={shop},teamDomain=auth.example.com", []string{"hostGrants", "team's host"}},
		{"hostClaims=GrantedOnly", []string{"hostGrants grant nothing"}},
		{"returnHosts={https://www.example.com}", []string{"returnHosts", "https://www.example.com"}},
		{"teamIngress.enabled=true", []string{"set teamDomain"}},
		{"admission.denyByDefault=true,ingressOptIn.enabled=false", []string{"admission.denyByDefault", "ingressOptIn.enabled"}},
		{"admission.denyByDefault=Yes", []string{"/admission/denyByDefault", "boolean"}},
		{"admission.openClasses={it's}", []string{"/admission/openClasses/0", "pattern"}},
		{"admission.denybydefault=true", []string{"/admission", "'denybydefault'"}},
		{"networkPolicy.proxyNamespaces=null", []string{"no proxy could ask"}},
		{"networkPolicy.proxyCIDRs={0.0.0.0/0}", []string{"every address"}},
		{"podDisruptionBudget.minAvailable=2", []string{"no node could be drained"}},
		{"autoscaling.enabled=true,autoscaling.minReplicas=7", []string{"minReplicas 7 is more than maxReplicas 6"}},
		// all at once
		{"teamIngress.enabled=true,pathPrefix=x", []string{"set teamDomain", "pathPrefix"}},
	} {
		_, err := helm(t, "template", "ostiary", chart, "--set", c.set)
		if err == nil {
			t.Errorf("--set %s is accepted", c.set)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("--set %s: %q does not hold %q", c.set, err, want)
			}
		}
	}
}

// TestNotes looks at what an installation prints.
func TestNotes(t *testing.T) {
	for values, wants := range map[string][]string{
		"defaults":                  {"teamDomain is not set", "Only proxies in ingress-nginx can reach", "trustedProxies is empty"},
		"login":                     {"https://auth.example.com"},
		"login-without-certificate": {"no certificate"},
		"cloudflare":                {"Nothing here leads auth.example.com"},
		"existing-keys":             {"Secret session-keys", "proxyConfigMaps names no namespace"},
		"network-open":              {"networkPolicy is off"},
		"team-route":                {"the Gateway's listener for auth.example.com"},
		"deny-by-default":           {"admission.denyByDefault is on", "access.ostiary.dev/admission: exempt", "admission.hostOwnership is on"},
		"no-opt-in":                 {"ingressOptIn is off", "doorkeeper-grpc", "once the proxy asks Ostiary"},
	} {
		out, err := helm(t, "install", "ostiary", chart, "-n", namespace, "--dry-run=client", "-f", "testdata/values/"+values+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		_, notes, _ := strings.Cut(out, "NOTES:")
		for _, want := range wants {
			if !strings.Contains(notes, want) {
				t.Errorf("%s: %q is not in the notes:\n%s", values, want, notes)
			}
		}
		if values == "team-route" && strings.Contains(notes, "Nothing here leads") {
			t.Error("the notes miss the HTTPRoute for the team host")
		}
		if values != "defaults" && values != "deny-by-default" && values != "existing-keys" && values != "network-open" && values != "no-opt-in" &&
			strings.Contains(notes, "teamDomain is not set") {
			t.Errorf("%s: the notes miss a teamDomain that is set", values)
		}
		lines := strings.Split(strings.TrimSpace(notes), "\n")
		for _, line := range lines[max(0, len(lines)-3):] {
			if !strings.HasPrefix(line, "  kubectl ") && !strings.HasPrefix(line, "  curl -si -X OPTIONS ") {
				t.Errorf("%s: the notes end with %q, not with three commands", values, line)
			}
		}
	}
}

// TestArguments starts the real binary with the arguments of every set: they
// must be past its checks, and fail only for want of a cluster.
func TestArguments(t *testing.T) {
	binary := build(t)
	for _, values := range valueSets(t) {
		objects := render(t, values)
		args := append(arguments(t, objects), "--kubeconfig", filepath.Join(t.TempDir(), "none"))
		if i := slices.Index(args, "--branding=/branding/branding.yaml"); i >= 0 { // in the Pod it is mounted there
			file := filepath.Join(t.TempDir(), "branding.yaml")
			if err := os.WriteFile(file, []byte(brandOf(objects)), 0o600); err != nil {
				t.Fatal(err)
			}
			args[i] = "--branding=" + file
		}
		_, err := command(t, binary, append(args, onLoopback("127.0.0.1:0")...)...)
		if err == nil || !strings.Contains(err.Error(), "no cluster to talk to") {
			t.Errorf("%s: ostiary %s: %v", values, strings.Join(args, " "), err)
		}
	}
}

// TestLogKey: the key of hashes is read where its Secret is mounted, beside the GeoIP database.
func TestLogKey(t *testing.T) {
	const set = "log.identity=hash,log.identityKeySecret=hashes"
	for values, volumes := range map[string]int{"testdata/values/log.yaml": 1, "testdata/values/geoip.yaml": 2} {
		objects := render(t, values, "--set", set)
		mounts, _, _ := unstructured.NestedSlice(container(t, objects), "volumeMounts")
		sources, _, _ := unstructured.NestedSlice(find(t, objects, "Deployment").Object, "spec", "template", "spec", "volumes")
		args := strings.Join(arguments(t, objects), " ")
		if len(mounts) != volumes || len(sources) != volumes ||
			!strings.Contains(fmt.Sprint(sources[volumes-1]), "secretName:hashes") ||
			!strings.Contains(fmt.Sprint(mounts[volumes-1]), "mountPath:/log ") ||
			!strings.Contains(args, "--log-identity-key=/log/identity.key") {
			t.Errorf("%s: %v, %v", values, mounts, sources)
		}
	}
}

func arguments(t *testing.T, objects []*unstructured.Unstructured) []string {
	t.Helper()
	args, _, err := unstructured.NestedStringSlice(container(t, objects), "args")
	if err != nil || len(args) == 0 || args[0] != "serve" {
		t.Fatalf("arguments %q: %v", args, err)
	}
	return args
}

func onLoopback(probes string) []string {
	args := []string{"--grpc-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0"}
	for _, l := range []string{"authz", "public", "render", "preflight"} { // of these, opt-ins have to know the port
		args = append(args, "--"+l+"-bind-address="+lab.FreeAddress())
	}
	return append(args, "--health-probe-bind-address="+probes)
}

func build(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// helmAs runs helm on the release, as the user of a kubeconfig.
func helmAs(t *testing.T, kubeconfig string) func(args ...string) {
	return func(args ...string) {
		t.Helper()
		if out, err := helm(t, append(args, "-n", namespace, "--kubeconfig", kubeconfig)...); err != nil {
			t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
