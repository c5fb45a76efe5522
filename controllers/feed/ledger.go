// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"k8s.io/apimachinery/pkg/labels"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// What the ConfigMaps of the ledger are labelled with, and what is in them.
const (
	ledgerOfHosts = "hosts"
	ledgerField   = "claims.json"
)

// ledgerShard is how much goes into one ConfigMap, which may take 1 MiB.
const ledgerShard = 512 << 10

// ledgerPause is how long one write waits for the next.
const ledgerPause = 300 * time.Millisecond

// A Ledger keeps who claimed which host first, in ConfigMaps beside this process:
// every replica reads them, the leader alone writes, and a backup keeps them. Their
// names are made up, so that a restore adds to what is there; of a host the earliest
// claim counts, whatever the order. What vanishes while a replica runs is written
// again. A nil Ledger is that of a table which goes by the age of objects.
type Ledger struct {
	// Namespace holds the ConfigMaps.
	Namespace string
	// Hold is how long a host is held for the namespace that let it go.
	Hold time.Duration

	reader, live client.Reader
	client       client.Client
	log          logr.Logger
	recheck      func() // has the table looked at again

	read map[types.UID]ledgerPage // by ConfigMap
	seen map[claimKey]bool        // in them
	kept []policy.Claim           // what they ought to hold, in the ledger's order
	mind map[claimKey]policy.Claim

	mu      sync.Mutex
	wanted  *wantedClaims // nil: nothing is to be written
	changed chan struct{}
}

// wantedClaims are what the ConfigMaps ought to hold. What is in them and was never
// seen stays: another replica may lead by now.
type wantedClaims struct {
	claims []policy.Claim
	drop   map[claimKey]bool
}

type claimKey struct{ host, namespace string }

func keyOf(c policy.Claim) claimKey { return claimKey{c.Host, c.Namespace} }

// A ledgerPage is what was read from a ConfigMap.
type ledgerPage struct {
	version string
	claims  []policy.Claim
}

// A writtenClaim is a record as it is stored.
type writtenClaim struct {
	Host      string     `json:"host"`
	Namespace string     `json:"namespace"`
	Since     time.Time  `json:"since"`
	Released  *time.Time `json:"released,omitempty"`
}

// NewLedger returns one that nothing was read of.
func NewLedger(namespace string, hold time.Duration) *Ledger {
	return &Ledger{Namespace: namespace, Hold: hold, mind: map[claimKey]policy.Claim{}, changed: make(chan struct{}, 1)}
}

func (l *Ledger) setup(mgr ctrl.Manager, recheck func()) {
	l.reader, l.live, l.client = mgr.GetCache(), mgr.GetAPIReader(), mgr.GetClient()
	l.log, l.recheck = mgr.GetLogger(), recheck
}

// LedgerSelector selects the ConfigMaps that it is kept in.
func LedgerSelector() labels.Selector {
	return labels.SelectorFromSet(labels.Set{v1alpha1.LedgerLabel: ledgerOfHosts})
}

func ledgerOptions(namespace string) []client.ListOption {
	return []client.ListOption{client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: LedgerSelector()}}
}

// look reads the ConfigMaps, and returns whether they changed. One that cannot be
// read counts as it was read before.
func (l *Ledger) look(ctx context.Context) (changed bool, err error) {
	if l == nil {
		return false, nil
	}
	var list corev1.ConfigMapList
	if err := l.reader.List(ctx, &list, append(ledgerOptions(l.Namespace), client.UnsafeDisableDeepCopy)...); err != nil {
		return false, fmt.Errorf("listing the ledger of hosts: %w", err)
	}
	pages := make(map[types.UID]ledgerPage, len(list.Items))
	for i := range list.Items {
		m := &list.Items[i]
		page, known := l.read[m.UID]
		if !known || page.version != m.ResourceVersion {
			changed = true
			if page, err = l.readPage(m, page, known); err != nil {
				return false, err
			}
		}
		pages[m.UID] = page
	}
	if !changed && l.read != nil && len(pages) == len(l.read) {
		return false, nil
	}
	l.read, l.seen = pages, make(map[claimKey]bool, len(l.mind))
	for _, page := range pages {
		for _, c := range page.claims {
			l.seen[keyOf(c)] = true
		}
	}
	return true, nil
}

func (l *Ledger) readPage(m *corev1.ConfigMap, before ledgerPage, known bool) (ledgerPage, error) {
	read, err := readClaims(m)
	if err == nil {
		return ledgerPage{m.ResourceVersion, read}, nil
	}
	if !known {
		return before, fmt.Errorf("the ledger of hosts cannot be read, and without it the owner of a host is unknown: ConfigMap %s/%s: %w", m.Namespace, m.Name, err)
	}
	l.log.Error(err, "a part of the ledger of hosts cannot be read; what it said before counts", "configMap", m.Name)
	return ledgerPage{m.ResourceVersion, before.claims}, nil
}

// ledger returns what is written and what is in mind: what vanished stays.
func (l *Ledger) ledger(items []v1alpha1.AccessPolicy) *policy.Ledger {
	if l == nil {
		return nil
	}
	claims := slices.Clone(l.kept)
	for _, page := range l.read {
		for _, c := range page.claims {
			m, ok := l.mind[keyOf(c)]
			if ok && !c.Since.Before(m.Since) {
				continue
			}
			if ok {
				c.Released = m.Released // which is by the policies that are there
			}
			claims = append(claims, c)
		}
	}
	return policy.NewLedger(append(claims, l.accepted(items)...), l.Hold)
}

func readClaims(m *corev1.ConfigMap) ([]policy.Claim, error) {
	var written []writtenClaim
	if err := json.Unmarshal([]byte(m.Data[ledgerField]), &written); err != nil {
		return nil, fmt.Errorf("%s: %w", ledgerField, err)
	}
	out := make([]policy.Claim, len(written))
	for i, w := range written {
		if w.Host == "" || w.Namespace == "" || w.Since.IsZero() {
			return nil, fmt.Errorf("%s: record %d needs a host, a namespace and a time", ledgerField, i)
		}
		out[i] = policy.Claim{Host: w.Host, Namespace: w.Namespace, Since: w.Since}
		if w.Released != nil {
			out[i].Released = *w.Released
		}
	}
	return out, nil
}

// accepted are claims that nobody wrote down, of policies whose status says that
// they are in force: so those of an installation that had no ledger stay so. Hosts
// of Ingresses do not count: what an Ingress adds leaves the status as it was.
func (l *Ledger) accepted(items []v1alpha1.AccessPolicy) []policy.Claim {
	var out []policy.Claim
	for i := range items {
		o := &items[i]
		for _, h := range o.Spec.Hosts {
			c := policy.Claim{Host: string(h), Namespace: o.Namespace}
			if _, known := l.mind[keyOf(c)]; !known && !l.seen[keyOf(c)] && isAccepted(o) {
				out = append(out, c)
			}
		}
	}
	return out
}

func isAccepted(o *v1alpha1.AccessPolicy) bool {
	c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionAccepted)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.Generation
}

// record takes to mind what the ledger ought to hold by a table that was built with
// it, and returns when the next hold ends. Who was first is for the leader to say.
func (l *Ledger) record(ledger *policy.Ledger, t *policy.Table, policies []*policy.Compiled, leads bool) time.Time {
	if l == nil {
		return time.Time{}
	}
	if !leads {
		t = nil
	}
	claims, due := ledger.Record(t, policies, time.Now())
	l.keep(claims, leads)
	return due
}

// keep takes to mind what the ledger ought to hold. The leader has it written, if
// it is not.
func (l *Ledger) keep(claims []policy.Claim, leads bool) {
	mind := make(map[claimKey]policy.Claim, len(claims))
	for _, c := range claims {
		mind[keyOf(c)] = c
	}
	l.kept, l.mind = claims, mind
	if !leads || l.isWritten(claims) {
		return
	}
	w := &wantedClaims{claims: claims, drop: map[claimKey]bool{}}
	for key := range l.seen {
		if _, ok := mind[key]; !ok {
			w.drop[key] = true
		}
	}
	l.mu.Lock()
	l.wanted = w
	l.mu.Unlock()
	l.wake()
}

// has reports whether a ledger is just what is in mind.
func (l *Ledger) has(ledger *policy.Ledger) bool {
	if l == nil {
		return true
	}
	claims := ledger.Claims()
	return len(claims) == len(l.mind) && !slices.ContainsFunc(claims, func(c policy.Claim) bool {
		m, ok := l.mind[keyOf(c)]
		return !ok || !m.Since.Equal(c.Since) || !m.Released.Equal(c.Released)
	})
}

// isWritten reports whether the ConfigMaps say just that.
func (l *Ledger) isWritten(claims []policy.Claim) bool {
	n := 0
	for _, page := range l.read {
		n += len(page.claims)
		for _, c := range page.claims {
			if m, ok := l.mind[keyOf(c)]; !ok || !m.Since.Equal(c.Since) || !m.Released.Equal(c.Released) {
				return false
			}
		}
	}
	return n == len(claims)
}

// unwritten are claims that are not in the ConfigMaps yet. Nobody is told that a
// host is theirs before it is: what a status says must be known to all.
func (l *Ledger) unwritten(t *policy.Table) map[claimKey]bool {
	if l == nil {
		return nil
	}
	var out map[claimKey]bool
	add := func(key claimKey) {
		if out == nil {
			out = map[claimKey]bool{}
		}
		out[key] = true
	}
	for key := range l.mind {
		if !l.seen[key] {
			add(key)
		}
	}
	for _, c := range t.Unrecorded() {
		add(keyOf(c))
	}
	return out
}

func (l *Ledger) wake() {
	select {
	case l.changed <- struct{}{}:
	default: // it is awake already
	}
}

// readLedger returns whose the hosts are, for those who only want to look. An error
// says that the ConfigMaps could not be read: then it holds what statuses tell.
func readLedger(ctx context.Context, r client.Reader, namespace string) (*policy.Ledger, error) {
	l := NewLedger(namespace, 0)
	var policies v1alpha1.AccessPolicyList
	var list corev1.ConfigMapList
	err := errors.Join(r.List(ctx, &policies), r.List(ctx, &list, ledgerOptions(namespace)...))
	if err == nil && len(list.Items) == 0 {
		err = fmt.Errorf("there is no ConfigMap labelled %s=%s in namespace %s", v1alpha1.LedgerLabel, ledgerOfHosts, namespace)
	}
	var claims []policy.Claim
	for i := range list.Items {
		read, rerr := readClaims(&list.Items[i])
		err = errors.Join(err, rerr)
		claims = append(claims, read...)
	}
	return policy.NewLedger(append(claims, l.accepted(policies.Items)...), 0), err
}

// ledgerChanged drops what tells nothing new.
func ledgerChanged(old, now client.Object) bool {
	before, ok1 := old.(*corev1.ConfigMap)
	after, ok2 := now.(*corev1.ConfigMap)
	return !ok1 || !ok2 || before.UID != after.UID || !reflect.DeepEqual(before.Data, after.Data)
}
