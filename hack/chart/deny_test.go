// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// admissionOf are the policies and bindings whose names end so.
func admissionOf(objects []*unstructured.Unstructured, suffix string) (out []*unstructured.Unstructured) {
	for _, u := range objects {
		if strings.Contains(u.GetKind(), "AdmissionPolicy") && strings.HasSuffix(u.GetName(), suffix) {
			out = append(out, u)
		}
	}
	return out
}

// install has the API server go by objects for the time of a test.
func install(t *testing.T, c client.Client, objects []*unstructured.Unstructured) {
	t.Helper()
	apply(t, c, objects)
	t.Cleanup(func() {
		for _, u := range objects {
			_ = c.Delete(context.WithoutCancel(t.Context()), u)
		}
		awaitGone(t, c, objects)
	})
}

// awaitGone waits until none of the policies that were deleted refuses anything any more: an
// API server goes by what it has read, and the next test would be refused by them.
func awaitGone(t *testing.T, c client.Client, policies []*unstructured.Unstructured) {
	t.Helper()
	ctx, silent := context.WithoutCancel(t.Context()), 0
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err := c.Create(ctx, route(t, "shop", "is-it-gone", "{"+shopTo+"}", nil), client.DryRunAll)
		refuses := err != nil && slices.ContainsFunc(policies, func(u *unstructured.Unstructured) bool {
			return strings.Contains(err.Error(), "'"+u.GetName()+"'")
		})
		if silent++; refuses {
			silent = 0
		}
		if silent == 5 { // its parameters are read apart, and may go a moment later
			return
		}
	}
	t.Error("policies that were deleted refuse for more than a minute")
}

// route is an Ingress or HTTPRoute, as YAML without what every one has.
func route(t *testing.T, ns, name, spec string, annotations map[string]string) *unstructured.Unstructured {
	t.Helper()
	head := "{apiVersion: networking.k8s.io/v1, kind: Ingress, "
	if strings.Contains(spec, "parentRefs") {
		head = "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, "
	}
	u := parse(t, head+"metadata: {name: "+name+", namespace: "+ns+"}, spec: "+spec+"}")[0]
	if annotations != nil {
		u.SetAnnotations(annotations)
	}
	return u
}

// A trial is one write, and what the API server has to say to it; nothing: it takes it.
type trial struct {
	spec        string
	annotations map[string]string
	refused     []string
}

// judge makes an object for nothing.
func judge(t *testing.T, c client.Client, what string, u *unstructured.Unstructured, refused []string) {
	t.Helper()
	err := c.Create(t.Context(), u, client.DryRunAll)
	if len(refused) == 0 {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	if !apierrors.IsForbidden(err) {
		t.Errorf("%s: it is taken: %v", what, err)
		return
	}
	for _, w := range refused {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v\ndoes not say %q", what, err, w)
		}
	}
}

const (
	httpTo = "http: {paths: [{path: %s, pathType: %s, backend: {service: {name: app, port: {number: 80}}}}]}"
	shopTo = "rules: [{host: app.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}]"
)

// TestDenyByDefault: a route that names no policy is refused, and told what to do; all others pass.
func TestDenyByDefault(t *testing.T) {
	c := cluster(t)
	before := route(t, "shop", "before", "{"+shopTo+"}", nil)
	apply(t, c, []*unstructured.Unstructured{before})
	t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), before) })
	objects := render(t, "testdata/values/defaults.yaml", "--set", "admission.denyByDefault=true,admission.openClasses={alb,inside}")
	install(t, c, admissionOf(objects, "-deny-by-default"))
	fixture.Eventually(t, "it is in force", func() error {
		if err := c.Create(t.Context(), route(t, "shop", "is-it", "{"+shopTo+"}", nil), client.DryRunAll); !apierrors.IsForbidden(err) {
			return errors.Join(errors.New("not yet"), err)
		}
		return nil
	})
	named := map[string]string{"access.ostiary.dev/policy": "app"}
	told := []string{
		"Ingress shop/app names no AccessPolicy",
		"access.ostiary.dev/policy: NAME",
		"an AccessPolicy of namespace shop",
		"the action Bypass",
		"access.ostiary.dev/admission: exempt",
		"admission.openClasses",
		"admission.denyByDefault=false",
	}
	toldRoute := []string{
		"HTTPRoute shop/app names no AccessPolicy",
		"access.ostiary.dev/policy: NAME",
		"access.ostiary.dev/admission: exempt",
	}
	challenge := "/.well-known/acme-challenge/aB3_-x"
	at := func(path, kind string) string {
		return "rules: [{host: app.example.com, " + fmt.Sprintf(httpTo, path, kind) + "}]"
	}
	match := func(kind, path string) string {
		return "{parentRefs: [{name: gw}], rules: [{matches: [{path: {type: " + kind + ", value: " + path + "}}]}]}"
	}
	for what, tc := range map[string]trial{
		"names a policy":                     {"{" + shopTo + "}", named, nil},
		"names none":                         {"{" + shopTo + "}", nil, told},
		"names an empty one":                 {"{" + shopTo + "}", map[string]string{"access.ostiary.dev/policy": ""}, told},
		"other annotations":                  {"{" + shopTo + "}", map[string]string{"a": "b"}, told},
		"a class":                            {"{ingressClassName: nginx, " + shopTo + "}", nil, told},
		"an open class":                      {"{ingressClassName: alb, " + shopTo + "}", nil, nil},
		"the other open class":               {"{ingressClassName: inside, " + shopTo + "}", nil, nil},
		"a class that begins so":             {"{ingressClassName: alb2, " + shopTo + "}", nil, told},
		"an open class by annotation":        {"{" + shopTo + "}", map[string]string{"kubernetes.io/ingress.class": "alb"}, nil},
		"a class by annotation":              {"{" + shopTo + "}", map[string]string{"kubernetes.io/ingress.class": "nginx"}, told},
		"a default backend":                  {"{defaultBackend: {service: {name: app, port: {number: 80}}}}", nil, told},
		"a challenge":                        {"{" + at(challenge, "ImplementationSpecific") + "}", nil, nil},
		"a challenge, exactly":               {"{ingressClassName: nginx, " + at(challenge, "Exact") + "}", nil, nil},
		"a challenge, and a default backend": {"{defaultBackend: {service: {name: app, port: {number: 80}}}, " + at(challenge, "Exact") + "}", nil, told},
		"all challenges":                     {"{" + at("/.well-known/acme-challenge/", "Prefix") + "}", nil, told},
		"what looks like a challenge":        {"{" + at("/x"+challenge, "Exact") + "}", nil, told},
		"below a challenge":                  {"{" + at(challenge+"/x", "Exact") + "}", nil, told},
		"an HTTPRoute":                       {"{parentRefs: [{name: gw}], hostnames: [app.example.com]}", nil, toldRoute},
		"an HTTPRoute that names a policy":   {"{parentRefs: [{name: gw}], hostnames: [app.example.com]}", named, nil},
		"an HTTPRoute of a mesh":             {"{parentRefs: [{kind: Service, group: '', name: app}]}", nil, nil},
		"an HTTPRoute of both":               {"{parentRefs: [{kind: Service, group: '', name: app}, {kind: Gateway, name: gw}]}", nil, toldRoute},
		"an HTTPRoute of a challenge":        {match("Exact", challenge), nil, nil},
		"an HTTPRoute of all below":          {match("PathPrefix", challenge), nil, toldRoute},
		"an HTTPRoute of another path":       {match("Exact", "/"), nil, toldRoute},
		"an HTTPRoute without rules":         {"{parentRefs: [{name: gw}], rules: []}", nil, toldRoute},
	} {
		judge(t, c, what, route(t, "shop", "app", tc.spec, tc.annotations), tc.refused)
	}

	// Whose it is.
	exempt := &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "exempt-of-it", Labels: map[string]string{"access.ostiary.dev/admission": "exempt"}},
	}
	fixture.Create(t, c, exempt)
	judge(t, c, "an exempt namespace", route(t, exempt.Name, "app", "{"+shopTo+"}", nil), nil)
	judge(t, c, "Ostiary's own namespace", route(t, namespace, "app", "{"+shopTo+"}", nil), nil)
	for account, refused := range map[string][]string{"ostiary": nil, "ostiary2": toldRoute} {
		cfg := rest.CopyConfig(server.Config(t))
		cfg.Impersonate = rest.ImpersonationConfig{
			UserName: "system:serviceaccount:" + namespace + ":" + account,
			Groups:   []string{"system:masters"},
		}
		as, err := client.New(cfg, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		judge(t, as, account, route(t, "shop", "app", "{parentRefs: [{name: gw}]}", nil), refused)
	}

	// What was there stays, until what it serves is changed.
	edit := func(what string, refused bool, change func(u *unstructured.Unstructured)) {
		t.Helper()
		u := before.DeepCopy()
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(before), u); err != nil {
			t.Fatal(err)
		}
		change(u)
		if err := c.Update(t.Context(), u, client.DryRunAll); apierrors.IsForbidden(err) != refused || !refused && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	edit("another annotation", false, func(u *unstructured.Unstructured) { u.SetAnnotations(map[string]string{"a": "b"}) })
	edit("another class", true, func(u *unstructured.Unstructured) {
		u.SetAnnotations(map[string]string{"kubernetes.io/ingress.class": "x"})
	})
	edit("another host", true, func(u *unstructured.Unstructured) {
		u.Object["spec"] = parse(t, strings.ReplaceAll("{spec: {"+shopTo+"}}", "app.example", "other.example"))[0].Object["spec"]
	})
	guarded := route(t, "shop", "guarded", "{"+shopTo+"}", named)
	apply(t, c, []*unstructured.Unstructured{guarded})
	t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), guarded) })
	before = guarded
	edit("its annotation removed", true, func(u *unstructured.Unstructured) { u.SetAnnotations(nil) })
}

// TestStricterByKustomize: the folders of config say what the chart says.
func TestStricterByKustomize(t *testing.T) {
	for folder, set := range map[string]string{"deny-by-default": "admission.denyByDefault=true", "host-ownership": "admission.hostOwnership=true"} {
		without := plain(t, render(t, "testdata/values/defaults.yaml"))
		byChart := plain(t, render(t, "testdata/values/defaults.yaml", "--set", set))
		byKustomize := plain(t, kustomize(t, folder))
		found := 0
		for name, object := range byChart {
			if _, always := without[name]; always { // the Deployment has an argument more
				continue
			}
			found++
			delete(object["metadata"].(map[string]any), "labels") // config/default's overlay sets them
			if at := difference(object, byKustomize[name]); at != "" {
				t.Errorf("%s: %s differs%s", folder, name, at)
			}
		}
		if found == 0 || found != len(byKustomize) {
			t.Errorf("%s: %d objects by the chart, %d by kustomize", folder, found, len(byKustomize))
		}
	}
}
