// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/coverage"
)

// Files is Audit of manifests: files, folders, and "-" for what comes from
// stdin, such as helm template's output. They stand for the whole cluster: what
// else is in it, nobody knows. An object without a namespace is of the one given.
func Files(paths []string, stdin io.Reader, namespace string, o Options) (Report, error) {
	s, err := o.settingsAt(orDefaultAuthz(o.Authz), contract.AuthzPort)
	if err != nil {
		return Report{}, err
	}
	f := snapshot{namespace: namespace}
	f.world.Served = map[string]bool{}
	for _, k := range routes.Kinds {
		f.world.Served[k.Name()] = true // a manifest may be for any cluster
	}
	var errs []error
	for _, p := range paths {
		errs = append(errs, f.path(p, stdin))
	}
	if err := errors.Join(errs...); err != nil {
		return Report{}, err
	}
	var unread []string
	claims := coverage.Claims(f.world)
	for _, other := range f.others {
		if why := unreadFile(other, claims); why != "" {
			unread = append(unread, why)
		}
	}
	if o.Ignored {
		f.world = withoutOptIns(f.world)
	}
	r := judge(f.world, s, false)
	r.NotLooked, r.Incomplete = append(r.NotLooked, unread...), len(unread) > 0
	r.NotLooked = append(r.NotLooked, "the cluster: routes that are not in these manifests may be unprotected")
	return r, nil
}

func orDefaultAuthz(name string) string {
	if name == "" {
		return defaultAuthz
	}
	return name
}

// snapshot collects a World out of manifests.
type snapshot struct {
	namespace string
	world     routes.Snapshot
	others    []*unstructured.Unstructured // of kinds that are not read
}

func (f *snapshot) path(path string, stdin io.Reader) error {
	if path == "-" {
		return f.read("stdin", stdin)
	}
	names, err := manifests.Files(path)
	for _, name := range names {
		if err == nil {
			err = f.file(name)
		}
	}
	return err
}

func (f *snapshot) file(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return f.read(name, file)
}

// read takes what is of a World, and leaves the rest alone.
func (f *snapshot) read(name string, from io.Reader) error {
	docs := utilyaml.NewYAMLReader(bufio.NewReader(from))
	for n := 1; ; n++ {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = f.document(doc)
		}
		if err != nil {
			return fmt.Errorf("%s, document %d: %w", name, n, err)
		}
	}
}

func (f *snapshot) document(doc []byte) error {
	var o unstructured.Unstructured
	js, err := yaml.YAMLToJSON(doc)
	if err != nil {
		return err
	}
	var head struct{ Kind string }
	if yaml.Unmarshal(js, &head) != nil || head.Kind == "" {
		return nil // a comment, or values of something else
	}
	if err := o.UnmarshalJSON(js); err != nil {
		return err
	}
	if !o.IsList() {
		return f.put(&o)
	}
	return o.EachListItem(func(item runtime.Object) error { return f.put(item.(*unstructured.Unstructured)) })
}

func (f *snapshot) put(o *unstructured.Unstructured) error {
	if o.GetNamespace() == "" {
		o.SetNamespace(f.namespace) // kinds that belong to the cluster have none that matters
	}
	var err error
	w := &f.world
	switch o.GroupVersionKind().GroupKind().String() {
	case "Ingress.networking.k8s.io":
		if o.GroupVersionKind().Version != "v1" {
			return f.other(o)
		}
		w.Ingresses, err = typedInto(w.Ingresses, o)
	case "IngressClass.networking.k8s.io":
		w.Classes, err = typedInto(w.Classes, o)
	case "Service":
		w.Services, err = typedInto(w.Services, o)
	case "ConfigMap":
		if o.GetLabels()["app.kubernetes.io/name"] == "ingress-nginx" {
			w.Configs, err = typedInto(w.Configs, o)
		}
	case "AccessPolicy." + v1alpha1.GroupVersion.Group:
		var policies []*v1alpha1.AccessPolicy
		if policies, err = typedInto(policies, o); err == nil {
			w.Policies = append(w.Policies, cluster.PolicyOf(policies[0]))
		}
	default:
		if message := manifests.UnknownKind(o.GroupVersionKind().Group, o.GetKind()); message != "" {
			return fmt.Errorf("%s %s/%s: %s", o.GetKind(), o.GetNamespace(), o.GetName(), message)
		}
		return f.other(o)
	}
	if err != nil {
		return fmt.Errorf("%s %s/%s: %w", o.GetKind(), o.GetNamespace(), o.GetName(), err)
	}
	return nil
}

// other takes an object of a kind that a cluster need not have, or that is not read.
func (f *snapshot) other(o *unstructured.Unstructured) error {
	i := slices.IndexFunc(routes.Kinds, func(k routes.Kind) bool { return k.Into != nil && k.GroupKind() == o.GroupVersionKind().GroupKind() })
	if i < 0 {
		f.others = append(f.others, o)
		return nil
	}
	into := routes.Kinds[i].Into(&f.world)
	*into = append(*into, o)
	return nil
}

// typedInto reads an object. A policy is read as strictly as the API server does,
// as a misspelt field of it may be what it claims; other kinds may be newer.
func typedInto[T any](list []*T, o *unstructured.Unstructured) ([]*T, error) {
	into := new(T)
	_, strict := any(into).(*v1alpha1.AccessPolicy)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, into, strict); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "strict decoding error: "))
	}
	return append(list, into), nil
}
