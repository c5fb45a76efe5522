// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/cluster"
)

// A Contact tells how old the table in force may be: a watch that hears nothing
// cannot know whether nothing changed, or nothing reaches it. While there is no
// contact the last table decides, however old; an alert on
// time() - ostiary_api_last_contact_timestamp_seconds > 300 is how one learns of it.
type Contact struct {
	// Every is how often the API server is asked. Default: 30 s.
	Every time.Duration

	reader client.Reader
	log    logr.Logger
	last   prometheus.Gauge
}

// SetupWithManager lets the contact be checked while the manager runs.
func (c *Contact) SetupWithManager(mgr ctrl.Manager, m prometheus.Registerer) error {
	if c.Every == 0 {
		c.Every = 30 * time.Second
	}
	c.reader, c.log = mgr.GetAPIReader(), mgr.GetLogger()
	c.last = cluster.Gauge(m, "ostiary_api_last_contact_timestamp_seconds",
		"When the API server last let AccessPolicies be read; 0: not yet. Since then, the active table may be out of date.")
	return mgr.Add(c)
}

// Start asks for one policy now and then, past the cache and with the same
// rights as the watch, until ctx is done.
func (c *Contact) Start(ctx context.Context) error {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	lost := false
	for {
		err := c.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			c.last.SetToCurrentTime()
			if lost {
				c.log.Info("AccessPolicies can be read again")
			}
		case !lost:
			c.log.Error(err, "AccessPolicies cannot be read; the last table stays active")
		}
		lost = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *Contact) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Every)
	defer cancel()
	return c.reader.List(ctx, &v1alpha1.AccessPolicyList{}, client.Limit(1))
}
