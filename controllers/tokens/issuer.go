// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
)

// lookEvery is how often each Secret is looked for, and each time limit looked at. The
// right to watch Secrets would be the right to read all of them.
const lookEvery = time.Minute

// An Issuer keeps every ServiceToken with a Secret and a status.
type Issuer struct {
	Every time.Duration // default: a minute
	// Uses have when tokens were used here; nil: lastUsed is not written.
	Uses *policy.Uses

	client    client.Client
	live      client.Reader
	informers cache.Informers
	events    events.EventRecorder
	log       logr.Logger
	wake      chan struct{}
	looked    map[types.UID]look
}

// A look is what a token was when it was last looked at.
type look struct {
	resourceVersion string
	generation      int64
	at              time.Time
	// retry is how long to wait after at, as it is not as it should be; 0: it is.
	retry time.Duration
}

// rests reports whether there is nothing to do about a token yet. What fails is not tried
// again for each of the writes that it makes itself.
func (was look) rests(o *v1alpha1.ServiceToken, now time.Time, every time.Duration) bool {
	if was.retry > 0 {
		return was.generation == o.Generation && now.Sub(was.at) < was.retry
	}
	return was.resourceVersion == o.ResourceVersion && now.Sub(was.at) < every
}

// SetupWithManager takes what it needs from the manager. Issue does the work of the
// leader, and Start what every replica does.
func (i *Issuer) SetupWithManager(mgr ctrl.Manager) error {
	i.Every = cmp.Or(i.Every, lookEvery)
	i.client, i.live, i.log = mgr.GetClient(), mgr.GetAPIReader(), mgr.GetLogger()
	i.informers = mgr.GetCache()
	i.events = mgr.GetEventRecorder("ostiary")
	i.wake, i.looked = make(chan struct{}, 1), map[types.UID]look{}
	return mgr.Add(i)
}

// NeedLeaderElection says that every replica runs it: each sees uses.
func (*Issuer) NeedLeaderElection() bool { return false }

// Issue keeps the tokens until ctx is done: a duty of the leader.
func (i *Issuer) Issue(ctx context.Context) {
	clear(i.looked) // another replica may have led meanwhile
	if err := i.follow(ctx); err != nil && ctx.Err() == nil {
		i.log.Error(err, "ServiceTokens cannot be watched; they are looked at now and then")
	}
	wait := cluster.FirstRetry
	for {
		pause := i.Every
		if err := i.all(ctx, time.Now()); err != nil && ctx.Err() == nil {
			i.log.Error(err, "not every ServiceToken is up to date; trying again later")
			pause, wait = min(wait, i.Every), min(2*wait, cluster.LastRetry)
		} else {
			wait = cluster.FirstRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-i.wake:
		case <-time.After(pause):
		}
	}
}

// follow has changes of the objects wake it, until ctx is done.
func (i *Issuer) follow(ctx context.Context) error {
	informer, err := i.informers.GetInformer(ctx, &v1alpha1.ServiceToken{})
	if err != nil {
		return err
	}
	wake := func() {
		select {
		case i.wake <- struct{}{}:
		default: // it is awake already
		}
	}
	handle, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { wake() }, UpdateFunc: func(any, any) { wake() },
	})
	if err == nil {
		context.AfterFunc(ctx, func() { _ = informer.RemoveEventHandler(handle) })
	}
	return err
}

func (i *Issuer) all(ctx context.Context, now time.Time) error {
	var list v1alpha1.ServiceTokenList
	if err := i.client.List(ctx, &list); err != nil {
		return fmt.Errorf("listing ServiceTokens: %w", err)
	}
	there := make(map[types.UID]look, len(list.Items))
	var errs []error
	for n := range list.Items {
		o := &list.Items[n]
		if was, ok := i.looked[o.UID]; ok && was.rests(o, now, i.Every) {
			there[o.UID] = was
			continue
		}
		switch err := i.one(ctx, o, now); {
		case err == nil:
			there[o.UID] = look{resourceVersion: o.ResourceVersion, at: now}
		case apierrors.IsConflict(err), apierrors.IsNotFound(err): // our cache is behind, and will not be for long
		default:
			retry := min(max(cluster.FirstRetry, 2*i.looked[o.UID].retry), cluster.LastRetry)
			there[o.UID] = look{generation: o.Generation, at: now, retry: retry}
			errs = append(errs, fmt.Errorf("ServiceToken %s/%s: %w", o.Namespace, o.Name, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	i.looked = there
	return errors.Join(errs...)
}

// maxUses bounds how many uses a replica writes at a time: at the turn of an hour, all
// tokens may be due. The others are written the next time.
const maxUses = 200

// Start writes when tokens were last used, until ctx is done. Each replica sees uses of its
// own; whoever comes first writes the hour, and the others see that it is there: it is one
// write an hour for each token, however many replicas there are.
func (i *Issuer) Start(ctx context.Context) error {
	tick := time.NewTicker(i.Every)
	defer tick.Stop()
	for {
		if err := i.writeUses(ctx); err != nil && ctx.Err() == nil {
			i.log.Error(err, "when ServiceTokens were last used cannot be written; trying again later")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (i *Issuer) writeUses(ctx context.Context) error {
	var list v1alpha1.ServiceTokenList
	if err := i.client.List(ctx, &list); err != nil {
		return fmt.Errorf("listing ServiceTokens: %w", err)
	}
	known := make(map[string]bool, len(list.Items))
	for n := range list.Items {
		known[list.Items[n].Status.ClientID] = true
	}
	i.Uses.Forget(func(clientID string) bool { return !known[clientID] })
	var errs []error
	left := maxUses
	for n := range list.Items {
		o := &list.Items[n]
		last := i.Uses.Last(o.Status.ClientID)
		if o.Status.LastUsed != nil && !last.After(o.Status.LastUsed.Time) || last.IsZero() {
			continue
		}
		if left--; left < 0 {
			break
		}
		after := o.DeepCopy()
		after.Status.LastUsed = &metav1.Time{Time: last}
		ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
		err := i.patch(ctx, o, after) // refused if another replica has just written: it is looked at again
		cancel()
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
