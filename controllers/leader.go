// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
)

// A Leader tells the one replica that writes. It stands in place of the
// manager's own election, which ends the process when the lease is lost: an API
// server that is away for an hour must not take the decisions with it.
type Leader struct {
	// Lease is the object that the replicas compete for.
	Lease types.NamespacedName
	// Identity names this replica.
	Identity string
	// Account is the UID of the service account that writes; "": it is none's. A lease
	// that is held for another one is taken at once.
	Account string
	// Duration is how long a lease holds that is not renewed. Default: 15 s.
	Duration time.Duration
	// Alone makes this replica lead without asking.
	Alone bool
	// Duties are run while this replica leads; the context ends when it no
	// longer does.
	Duties []func(context.Context)

	config *rest.Config
	log    logr.Logger
	term   atomic.Pointer[context.Context] // of office: it is done when the lease is lost
}

// Leads reports whether this replica writes.
func (l *Leader) Leads() bool {
	term := l.term.Load()
	return term != nil && (*term).Err() == nil
}

// SetupWithManager lets the replica compete once the manager runs.
func (l *Leader) SetupWithManager(mgr ctrl.Manager) error {
	if l.Duration == 0 {
		l.Duration = 15 * time.Second
	}
	l.log = mgr.GetLogger()
	l.config = rest.CopyConfig(mgr.GetConfig())
	l.config.Timeout = l.Duration / 3 // a request that hangs must not use up the lease
	return mgr.Add(l)
}

// Start competes, and competes again after every loss, until ctx is done.
func (l *Leader) Start(ctx context.Context) error {
	if l.Alone {
		l.lead(ctx)
		return nil
	}
	client, err := coordination.NewForConfig(l.config)
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	l.takeFromEarlier(ctx, client)
	config := leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: l.Lease.Namespace, Name: l.Lease.Name},
			Client:     client,
			LockConfig: resourcelock.ResourceLockConfig{Identity: l.Identity},
		},
		LeaseDuration: l.Duration, RenewDeadline: l.Duration * 2 / 3, RetryPeriod: l.Duration * 2 / 15,
		ReleaseOnCancel: true,
		Name:            l.Lease.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: l.lead,
			OnStoppedLeading: func() { l.log.Info("this replica does not lead") },
		},
	}
	elector, err := leaderelection.NewLeaderElector(config)
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	for ctx.Err() == nil {
		elector.Run(ctx)
	}
	return nil
}

func (l *Leader) lead(ctx context.Context) {
	if ctx.Err() != nil {
		return // the lease is lost already; the next term may have begun
	}
	l.term.Store(&ctx)
	l.log.Info("this replica leads: it writes statuses and keys")
	var wg sync.WaitGroup
	for _, duty := range l.Duties {
		wg.Go(func() { duty(ctx) })
	}
	wg.Wait()
}
