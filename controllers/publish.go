// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/controllers/routes"
)

// publishEvery is how often it is looked whether the settings are still there.
const publishEvery = 5 * time.Minute

// A publisher keeps the settings where commands find them: a duty of the leader.
type publisher struct {
	settings  installation.Settings
	namespace string
	every     time.Duration

	client client.Client
	live   client.Reader
}

func (p *publisher) setup(mgr ctrl.Manager) { p.client, p.live = mgr.GetClient(), mgr.GetAPIReader() }

func (p *publisher) Publish(ctx context.Context) {
	text, err := json.MarshalIndent(p.settings, "", "  ")
	if err != nil {
		panic(err) // texts have JSON
	}
	wait, told := cluster.FirstRetry, false
	for {
		err := p.publish(ctx, string(text))
		pause := p.every
		if err != nil && ctx.Err() == nil {
			if pause = wait; !told {
				logr.FromContextOrDiscard(ctx).Error(err, "the settings cannot be published; commands such as explain judge by their own flags", "configMap", installation.SettingsName)
			}
			wait, told = min(2*wait, cluster.LastRetry), true
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (p *publisher) publish(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	var is corev1.ConfigMap
	err := p.live.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: installation.SettingsName}, &is)
	if err == nil && is.Data[installation.SettingsKey] == text {
		return nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	o := cluster.Unstructured(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	o.SetNamespace(p.namespace)
	o.SetName(installation.SettingsName)
	o.SetLabels(map[string]string(installation.SettingsLabels))
	o.SetAnnotations(map[string]string{routes.ForAnnotation: "commands that look at this cluster: the flags of the replica that leads"})
	o.Object["data"] = map[string]any{installation.SettingsKey: text}
	return p.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(routes.FieldManager), client.ForceOwnership)
}
