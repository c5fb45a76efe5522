// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers"
	"github.com/ostiary/ostiary/controllers/ingress"
)

// startController runs what writes the objects of proxies, against the cluster of
// this setup. It decides nothing here: the program that is asked does.
func (s *setup) startController(dir string) error {
	c := s.cluster
	log, err := os.Create(filepath.Join(dir, "controller.log"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s.closers = append(s.closers, func() {
		cancel()
		select {
		case <-ended: //nolint:errcheck // it has served
		case <-time.After(10 * time.Second):
		}
		_ = log.Close() // it was for people
	})
	port := func(addr string) int32 {
		var n int32
		_, _ = fmt.Sscan(addr[strings.LastIndex(addr, ":")+1:], &n) // an address that listens has one
		return n
	}
	l := s.listens
	options := controllers.Options{
		Config: c.env.Config, Live: &policy.Live{}, Namespace: "ostiary", Metrics: prometheus.NewRegistry(), Log: logr.FromSlogHandler(slog.NewTextHandler(log, nil)),
		RotateKeys: func(old []byte, now time.Time) ([]byte, bool, error) {
			return credential.RotateBytes(old, now, credential.Schedule{})
		},
		PublishKeys: func([]byte) error { return nil },
		Routes: &ingress.Settings{
			Namespace: "ostiary", ServicePrefix: "ostiary", AuthzURL: "http://" + l.authz, PathPrefix: "/.access", IdentityHeaders: identityHeaders,
			PublicPort: port(l.public), RenderPort: port(l.render), PreflightPort: port(l.preflight),
		},
	}
	go func() { ended <- controllers.Run(ctx, options) }()
	return c.routed(ended)
}

// routed waits until every policy says that the routes which name it are guarded,
// but for the one that names a policy which does not exist.
func (c *cluster) routed(ended <-chan error) error {
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
		select {
		case err := <-ended:
			return fmt.Errorf("the controller ended: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("not routed after 30 s: %s", missing)
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
