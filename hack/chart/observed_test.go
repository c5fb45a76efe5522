// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// Of targets, and not of the program: Prometheus adds them to what it scrapes.
var ofTargets = []string{"pod", "job", "namespace", "cluster"}

// rare are the labels of what is there once something went wrong, or somebody signed in:
// TestMetricsOfTheProgram and TestSignInsAreTold see it.
var rare = map[string][]string{
	"ostiary_policies_not_in_force":                    {"object"},
	"ostiary_sign_ins_total":                           {"provider", "outcome"},
	"ostiary_provider_request_duration_seconds_bucket": {"provider", "le"},
}

// asked returns the expressions of the dashboard and of the alerts.
func asked(t *testing.T) (all []string) {
	t.Helper()
	objects := render(t, "testdata/values/observed.yaml")
	data := map[string]any{}
	for _, u := range objects {
		if more, _ := u.Object["data"].(map[string]any); u.GetKind() == "ConfigMap" {
			maps.Copy(data, more)
		}
	}
	text, _ := data["ostiary.json"].(string)
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	if len(all) < 8 {
		t.Fatalf("the dashboard asks for %d things", len(all))
	}
	spec, err := json.Marshal(find(t, objects, "PrometheusRule").Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := json.Unmarshal(spec, &rules); err != nil || len(rules.Groups) != 1 || len(rules.Groups[0].Rules) < 4 {
		t.Fatalf("the alerts: %v, %s", err, spec)
	}
	for _, r := range rules.Groups[0].Rules {
		all = append(all, r.Expr)
	}
	return all
}

// TestDashboardVariables: what the dashboard asks for is of the clusters, namespaces, jobs and pods
// that are chosen. Of what has a namespace of its own, that is another one.
func TestDashboardVariables(t *testing.T) {
	metric := regexp.MustCompile(`(ostiary_\w+)\{([^}]*)\}`)
	n := 0
	for _, expr := range asked(t) {
		for _, m := range metric.FindAllStringSubmatch(expr, -1) {
			if !strings.Contains(m[2], "$job") { // of an alert
				continue
			}
			n++
			for _, name := range ofTargets {
				own := name == "namespace" && (m[1] == "ostiary_unguarded_routes" || m[1] == "ostiary_route_findings")
				if strings.Contains(m[2], name+`=~"$`+name+`"`) == own {
					t.Errorf("%s: %s", name, m[0])
				}
			}
		}
	}
	if n < 25 {
		t.Errorf("%d series are asked for", n)
	}
}

// TestMetricsExist: the dashboard and the alerts ask for what the running program
// exports, and for its labels.
func TestMetricsExist(t *testing.T) {
	c := cluster(t)
	admin := kubeconfig(t, "admin", "system:masters")
	if out, err := helm(t, "install", "ostiary", chart, "-n", namespace, "--kubeconfig", admin, "--set", "admission.keep=false"); err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	defer func() { _, _ = helm(t, "uninstall", "ostiary", "-n", namespace, "--kubeconfig", admin) }()
	fixture.Eventually(t, "the CRD is served", func() error { return c.List(t.Context(), policies()) })
	objects := parse(t, observedObjects)
	defer func() {
		for _, u := range objects {
			_ = c.Delete(t.Context(), u)
		}
	}()
	authz, metrics := lab.FreeAddress(), lab.FreeAddress()
	nobody := "http://" + lab.FreeAddress() // what a collector does not get is counted where there is to be one
	stop := serveAs(t, "system:serviceaccount:"+namespace+":ostiary", arguments(t, render(t, "testdata/values/defaults.yaml")),
		"--authz-bind-address="+authz, "--metrics-bind-address="+metrics,
		"--tracing-endpoint="+nobody, "--log-otlp-endpoint="+nobody)
	defer stop() // before its rights are gone
	fixture.Eventually(t, "the API server guards", func() error {
		lost := objects[len(objects)-1].DeepCopy()
		if err := c.Create(t.Context(), lost, client.DryRunAll); err != nil {
			return err
		}
		if lost.GetAnnotations()["nginx.ingress.kubernetes.io/auth-url"] == "" {
			return errors.New("it adds no question yet")
		}
		return nil
	})
	apply(t, c, objects)
	if _, err := body("http://" + authz + "/authz/v1/nginx/GET/nobody.example.com/"); err != nil {
		t.Fatal(err) // what is counted is there once there was one
	}
	fixture.Eventually(t, "every metric is exported", func() error {
		text, err := body("http://" + metrics + "/metrics")
		if err != nil {
			return err
		}
		for _, expr := range asked(t) {
			if err := exported(text, expr); err != nil {
				return err
			}
		}
		return nil
	})
}

// Something to find: an Ingress whose policy is not there, and one around a policy.
const observedObjects = `
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: observed, namespace: default}
spec: {hosts: [observed.example.com]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: around, namespace: default}
spec:
  ingressClassName: nginx
  rules:
  - host: observed.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: lost, namespace: default, annotations: {access.ostiary.dev/policy: nowhere}}
spec:
  ingressClassName: nginx
  rules:
  - host: lost.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}
`

func body(url string) (string, error) {
	res, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

var (
	metricName = regexp.MustCompile(`ostiary_[a-z_]+`)
	grouping   = regexp.MustCompile(`by \(([^)]*)\)`)
	matcher    = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"([^"]*)"`)
	sampled    = regexp.MustCompile(`([a-z_]+)="`)
)

// exported says what of an expression is not in a scrape.
func exported(scrape, expr string) error {
	names := metricName.FindAllString(expr, -1)
	if len(names) == 0 {
		return fmt.Errorf("%s asks for no metric of ours", expr)
	}
	labels := slices.Clone(ofTargets)
	for _, name := range names {
		if of, ok := rare[name]; ok {
			labels = append(labels, of...)
			continue
		}
		line := regexp.MustCompile(`(?m)^` + name + `[{ ].*$`).FindString(scrape)
		if line == "" {
			return fmt.Errorf("%s: %s is not exported", expr, name)
		}
		for _, label := range sampled.FindAllStringSubmatch(line, -1) {
			labels = append(labels, label[1])
		}
	}
	var wanted []string
	for _, by := range grouping.FindAllStringSubmatch(expr, -1) {
		wanted = append(wanted, strings.Split(by[1], ", ")...)
	}
	for _, m := range matcher.FindAllStringSubmatch(expr, -1) {
		wanted = append(wanted, m[1])
	}
	for _, label := range wanted {
		if !slices.Contains(labels, label) {
			return fmt.Errorf("%s: %v have no label %s, but %v", expr, names, label, labels)
		}
	}
	return nil
}

// TestReasonsExist: an alert on a reason that no decision has would be silent for ever.
func TestReasonsExist(t *testing.T) {
	known := map[string][]string{}
	for r := range policy.Reasons {
		known["reason"] = append(known["reason"], policy.Reason(r).String())
	}
	for _, v := range []policy.Verdict{policy.Deny, policy.Challenge, policy.Admit, policy.AnswerPreflight} {
		known["verdict"] = append(known["verdict"], v.String())
	}
	for _, o := range telemetry.Outcomes {
		known["outcome"] = append(known["outcome"], string(o))
	}
	known["result"] = telemetry.Results
	known["le"] = []string{"0.025"} // TestMetricsExist: of decisions
	for _, expr := range asked(t) {
		for _, m := range matcher.FindAllStringSubmatch(expr, -1) {
			if m[2] == "$"+m[1] { // a variable of the dashboard
				continue
			}
			for one := range strings.SplitSeq(m[2], "|") {
				if !slices.ContainsFunc(known[m[1]], regexp.MustCompile(`^(?:`+one+`)$`).MatchString) {
					t.Errorf("%s: no decision has the %s %q", expr, m[1], one)
				}
			}
		}
	}
}
