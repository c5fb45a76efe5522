// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Pods of an installation have this label, and this container of theirs writes the log.
const (
	podLabel     = "app.kubernetes.io/name=ostiary"
	podContainer = "ostiary"
)

// pods are those of an installation.
type pods struct {
	client    typedcorev1.PodInterface
	namespace string
	since     time.Time // zero: all that there is
	known     map[types.UID]*pod
}

// A pod is the log of one.
type pod struct {
	client          typedcorev1.PodInterface
	name, container string
	since           time.Time
	restarted       bool
	last            time.Time // of the lines that were read, by the kubelet's clock
}

// find lists those that have begun to write, by name.
func (p *pods) find(ctx context.Context) ([]source, error) {
	list, err := p.client.List(ctx, metav1.ListOptions{LabelSelector: podLabel})
	if err != nil {
		return nil, fmt.Errorf("listing the Pods of %s: %w", p.namespace, err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	var out []source
	there := map[types.UID]*pod{}
	for i := range list.Items {
		o := &list.Items[i]
		if o.Status.Phase == corev1.PodPending || len(o.Spec.Containers) == 0 {
			continue
		}
		one := p.known[o.UID]
		if one == nil {
			one = &pod{client: p.client, name: o.Name, container: containerOf(o), since: p.since}
			one.restarted = slices.ContainsFunc(o.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
				return s.Name == one.container && s.RestartCount > 0
			})
		}
		there[o.UID] = one
		out = append(out, one)
	}
	p.known = there
	return out, nil
}

// containerOf is the container that writes the log: others may have been put beside it.
func containerOf(o *corev1.Pod) string {
	for _, c := range o.Spec.Containers {
		if c.Name == podContainer {
			return c.Name
		}
	}
	return o.Spec.Containers[0].Name
}

func (p *pod) String() string { return "Pod " + p.name }

func (p *pod) past(ctx context.Context, each func([]byte, error) error) error {
	if p.restarted {
		err := p.read(ctx, &corev1.PodLogOptions{Previous: true}, each)
		if err != nil && !apierrors.IsBadRequest(err) && !apierrors.IsNotFound(err) { // it is gone
			return err
		}
	}
	return p.read(ctx, &corev1.PodLogOptions{}, each)
}

func (p *pod) live(ctx context.Context, each func([]byte, error) error) error {
	return p.read(ctx, &corev1.PodLogOptions{Follow: true}, each)
}

// read reads the log from where it was read to. The API knows whole seconds, the lines tell
// the rest.
func (p *pod) read(ctx context.Context, o *corev1.PodLogOptions, each func([]byte, error) error) error {
	o.Container, o.Timestamps = p.container, true
	if from := cmp.Or(p.last, p.since); !from.IsZero() {
		o.SinceTime = &metav1.Time{Time: from}
	}
	r, err := p.client.GetLogs(p.name, o).Stream(ctx)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	return scan(r, func(line []byte, err error) error {
		stamp, rest, _ := bytes.Cut(line, []byte{' '})
		if at, bad := time.Parse(time.RFC3339Nano, string(stamp)); bad == nil {
			if !at.After(p.last) {
				return nil
			}
			p.last, line = at, rest
		}
		return each(line, err)
	})
}
