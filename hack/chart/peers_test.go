// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// all returns the objects of a kind, as their own type.
func all[T any](t *testing.T, objects []*unstructured.Unstructured, kind string) (out []T) {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() != kind {
			continue
		}
		var is T
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &is); err != nil {
			t.Fatal(err)
		}
		out = append(out, is)
	}
	return out
}

// TestPeersReachEachOther: what --peers names is a Service that has the address of each
// replica; at its port, which is that of the container as there is no proxy between, the
// public listener is; and no NetworkPolicy keeps one replica from another there, or from
// looking up the name.
func TestPeersReachEachOther(t *testing.T) {
	others := [][]string{nil, {"--set", "fullnameOverride=gate"}, {"--set", "networkPolicy.egress.enabled=true"},
		{"--set-json", `networkPolicy.proxyNamespaces=[]`, "--set-json", `networkPolicy.proxyCIDRs=["10.0.0.0/8"]`}}
	for _, values := range valueSets(t) {
		for _, args := range others {
			t.Run(filepath.Base(values)+" "+strings.Join(args, " "), func(t *testing.T) { peersReach(t, render(t, values, args...)) })
		}
	}
}

func peersReach(t *testing.T, objects []*unstructured.Unstructured) {
	named := ""
	for _, a := range arguments(t, objects) {
		if name, ok := strings.CutPrefix(a, "--peers="); ok {
			named = name
		}
	}
	host, port, err := net.SplitHostPort(named)
	if err != nil {
		t.Fatalf("--peers=%s: %v", named, err)
	}
	d := all[appsv1.Deployment](t, objects, "Deployment")[0]
	pod := labels.Set(d.Spec.Template.Labels)
	number := publicPort(t, &d)
	if port != strconv.Itoa(int(number)) {
		t.Errorf("--peers names port %s, and the container listens at %d", port, number)
	}
	found := false
	for _, s := range all[corev1.Service](t, objects, "Service") {
		if s.Name+"."+s.Namespace+".svc" != host {
			continue
		}
		found = true
		if s.Spec.ClusterIP != corev1.ClusterIPNone || s.Namespace != d.Namespace || len(s.Spec.Selector) == 0 ||
			!labels.SelectorFromSet(s.Spec.Selector).Matches(pod) {
			t.Errorf("Service %s does not have the address of each replica: %+v", s.Name, s.Spec)
		}
	}
	if !found {
		t.Errorf("there is no Service for %s", host)
	}
	for _, dns := range []bool{true, false} {
		if policies := all[networkingv1.NetworkPolicy](t, objects, "NetworkPolicy"); !lets(policies, d.Namespace, pod, number, dns) {
			t.Errorf("NetworkPolicies keep replicas from each other, or from DNS (%v)", dns)
		}
	}
}

func publicPort(t *testing.T, d *appsv1.Deployment) int32 {
	t.Helper()
	for _, p := range d.Spec.Template.Spec.Containers[0].Ports {
		if p.Name == "public" {
			return p.ContainerPort
		}
	}
	t.Fatal("no port public")
	return 0
}

// lets reports whether replicas may connect to each other, or look names up (dns), by the
// rules of NetworkPolicies: whom none selects may all, others what one of theirs permits.
func lets(policies []networkingv1.NetworkPolicy, namespace string, pod labels.Set, port int32, dns bool) bool {
	in, out, isolatedIn, isolatedOut := false, false, false, false
	peer := func(to []networkingv1.NetworkPolicyPeer) bool {
		for _, p := range to {
			if p.NamespaceSelector == nil && p.IPBlock == nil && matches(p.PodSelector, pod) {
				return true
			}
		}
		return len(to) == 0
	}
	at := func(ports []networkingv1.NetworkPolicyPort, number intstr.IntOrString) bool {
		for _, p := range ports {
			if p.Port == nil || fmt.Sprint(p.Port) == fmt.Sprint(&number) {
				return true
			}
		}
		return len(ports) == 0
	}
	for _, p := range policies {
		if p.Namespace != namespace || !matches(&p.Spec.PodSelector, pod) {
			continue
		}
		for _, kind := range p.Spec.PolicyTypes {
			isolatedIn = isolatedIn || kind == networkingv1.PolicyTypeIngress
			isolatedOut = isolatedOut || kind == networkingv1.PolicyTypeEgress
		}
		for _, r := range p.Spec.Ingress {
			in = in || peer(r.From) && (at(r.Ports, intstr.FromString("public")) || at(r.Ports, intstr.FromInt32(port)))
		}
		for _, r := range p.Spec.Egress {
			if dns {
				out = out || len(r.To) == 0 && at(r.Ports, intstr.FromInt32(53))
			} else {
				out = out || peer(r.To) && (at(r.Ports, intstr.FromString("public")) || at(r.Ports, intstr.FromInt32(port)))
			}
		}
	}
	return (in || !isolatedIn) && (out || !isolatedOut)
}

func matches(s *metav1.LabelSelector, pod labels.Set) bool {
	is, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && is.Matches(pod)
}
