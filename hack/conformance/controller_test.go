// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/hack/lab"
)

// clusterMode has ostiary run as in a cluster: it reads the API server, decides by
// what is there, and writes there what the proxies need. Its keys are ours.
func (s *setup) clusterMode() error {
	ring, err := os.ReadFile(filepath.Join(s.keys(), "keyring.json"))
	if err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ostiary", Name: controllers.DefaultKeySecret},
		Data: map[string][]byte{feed.KeyRingField: ring}}
	if err := s.cluster.client.Create(context.Background(), secret); err != nil {
		return err
	}
	if err := s.startOstiary([]string{"POD_NAMESPACE=ostiary"}, "--kubeconfig", s.cluster.kubeconfig, "--authz-url", "http://"+
		s.ostiary.Authz); err != nil {
		return err
	}
	return s.cluster.routed(s.ostiary.Process)
}

// routed waits until every policy says that the routes which name it are guarded,
// but for the one that names a policy which does not exist.
func (c *cluster) routed(ostiary *lab.Process) error {
	var missing string
	for range 600 {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("access.ostiary.dev/v1alpha1")
		list.SetKind("AccessPolicyList")
		if err := c.client.List(context.Background(), list, client.InNamespace("shop")); err != nil {
			return err
		}
		missing = ""
		for _, p := range list.Items {
			if why := condition(&p, "Routed"); why != "" {
				missing = p.GetName() + ": " + why
			}
		}
		if missing == "" && len(list.Items) > 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("not routed after 30 s: %s\n%s", missing, ostiary.Tail())
}

// condition says why one is not True, "" where it is.
func condition(u *unstructured.Unstructured, name string) string {
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range conditions {
		m, ok := c.(map[string]any)
		if ok && m["type"] == name {
			if m["status"] == "True" {
				return ""
			}
			return fmt.Sprintf("%v: %v", m["reason"], m["message"])
		}
	}
	return "no condition " + name
}
