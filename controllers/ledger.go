// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
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
	LedgerLabel   = "access.ostiary.dev/ledger"
	ledgerOfHosts = "hosts"
	ledgerField   = "claims.json"
	ledgerAbout   = "access.ostiary.dev/about"
)

// DefaultHostHold is how long a host is held for the namespace that let it go.
const DefaultHostHold = 24 * time.Hour

// ledgerShard is how much goes into one ConfigMap, which may take 1 MiB.
const ledgerShard = 512 << 10

// A Ledger keeps who claimed which host first, in ConfigMaps beside this process:
// every replica reads them, the leader alone writes, and a backup keeps them. Their
// names are made up, so that a restore adds to what is there; of a host the earliest
// claim counts, whatever the order. What vanishes while a replica runs is written
// again.
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
	mind map[claimKey]policy.Claim
	seen map[claimKey]bool // in the ConfigMaps

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

func newLedger(namespace string, hold time.Duration) *Ledger {
	return &Ledger{Namespace: namespace, Hold: hold, mind: map[claimKey]policy.Claim{}, changed: make(chan struct{}, 1)}
}

func (l *Ledger) setup(mgr ctrl.Manager, recheck func()) {
	l.reader, l.live, l.client = mgr.GetCache(), mgr.GetAPIReader(), mgr.GetClient()
	l.log, l.recheck = mgr.GetLogger(), recheck
}

func ledgerOptions(namespace string) []client.ListOption {
	return []client.ListOption{client.InNamespace(namespace), client.MatchingLabels{LedgerLabel: ledgerOfHosts}}
}

// claims returns what is written and what is in mind, and whether what is written
// changed. A ConfigMap that cannot be read counts as it was read before.
func (l *Ledger) claims(ctx context.Context) (claims []policy.Claim, changed bool, err error) {
	var list corev1.ConfigMapList
	if err := l.reader.List(ctx, &list, append(ledgerOptions(l.Namespace), client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, false, fmt.Errorf("listing the ledger of hosts: %w", err)
	}
	pages := make(map[types.UID]ledgerPage, len(list.Items))
	for i := range list.Items {
		m := &list.Items[i]
		page, known := l.read[m.UID]
		if !known || page.version != m.ResourceVersion {
			changed = true
			read, err := readClaims(m)
			switch {
			case err == nil:
				page.claims = read
			case !known:
				return nil, false, fmt.Errorf("the ledger of hosts cannot be read, and without it nobody knows whose a host is: ConfigMap %s/%s: %w", m.Namespace, m.Name, err)
			default:
				l.log.Error(err, "a part of the ledger of hosts cannot be read; what it said before counts", "configMap", m.Name)
			}
			page.version = m.ResourceVersion
		}
		pages[m.UID] = page
	}
	changed = changed || l.read == nil || len(pages) != len(l.read)
	l.read, l.seen = pages, map[claimKey]bool{}
	claims = make([]policy.Claim, 0, len(l.mind))
	for _, page := range pages {
		for _, c := range page.claims {
			key := keyOf(c)
			l.seen[key] = true
			if m, ok := l.mind[key]; ok {
				c.Released = m.Released // which is by the policies that are there
			}
			claims = append(claims, c)
		}
	}
	for _, c := range l.mind {
		claims = append(claims, c)
	}
	return claims, changed, nil
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
			if key := keyOf(c); l.seen[key] || !l.mind[key].Since.IsZero() || !isAccepted(o) {
				continue
			}
			out = append(out, c)
		}
	}
	return out
}

func isAccepted(o *v1alpha1.AccessPolicy) bool {
	c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionAccepted)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.Generation
}

// keep takes to mind what the ledger ought to hold. The leader has it written, if
// it is not.
func (l *Ledger) keep(claims []policy.Claim, leads bool) {
	mind := make(map[claimKey]policy.Claim, len(claims))
	for _, c := range claims {
		mind[keyOf(c)] = c
	}
	l.mind = mind
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

// Write writes until ctx is done: a duty of the leader. What an earlier term wanted
// is forgotten: the table is asked again.
func (l *Ledger) Write(ctx context.Context) {
	l.mu.Lock()
	l.wanted = nil
	l.mu.Unlock()
	l.recheck()
	wait := firstRetry
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
		}
		l.mu.Lock()
		wanted := l.wanted
		l.mu.Unlock()
		if wanted == nil || ctx.Err() != nil {
			continue
		}
		if err := l.write(ctx, wanted); err != nil && ctx.Err() == nil {
			l.log.Error(err, "who claims which host cannot be written down; new claims are not told to be accepted before; trying again", "namespace", l.Namespace)
			time.AfterFunc(wait, l.wake)
			wait = min(2*wait, lastRetry)
			continue
		}
		wait = firstRetry
	}
}

// write makes the ConfigMaps say what they ought to. It reads them anew: the cache
// need not yet hold what was written last.
func (l *Ledger) write(ctx context.Context, wanted *wantedClaims) error {
	ctx, cancel := context.WithTimeout(ctx, 3*writeTimeout)
	defer cancel()
	var list corev1.ConfigMapList
	if err := l.live.List(ctx, &list, ledgerOptions(l.Namespace)...); err != nil {
		return err
	}
	slices.SortFunc(list.Items, func(a, b corev1.ConfigMap) int { return strings.Compare(a.Name, b.Name) })
	left, placed := make(map[claimKey]policy.Claim, len(wanted.claims)), map[claimKey]bool{}
	for _, c := range wanted.claims {
		left[keyOf(c)] = c
	}
	pages := make([]*page, 0, len(list.Items))
	for i := range list.Items {
		p := &page{object: &list.Items[i]}
		if read, err := readClaims(p.object); err == nil {
			p.take(read, left, placed, wanted.drop)
			pages = append(pages, p)
		} // else it is left as it is, for people to mend
	}
	pages = fill(pages, left)
	var errs []error
	for _, p := range pages { // what is added first: a record may be moved
		errs = append(errs, l.put(ctx, p))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, p := range pages {
		if len(p.claims) == 0 {
			errs = append(errs, client.IgnoreNotFound(l.client.Delete(ctx, p.object, client.Preconditions{ResourceVersion: &p.object.ResourceVersion})))
		}
	}
	return errors.Join(errs...)
}

// A page is a ConfigMap as it ought to be.
type page struct {
	object    *corev1.ConfigMap
	namespace string // whose claims it holds
	claims    []policy.Claim
	size      int
	differs   bool
}

// take leaves in the page what of it is still wanted, and not in an earlier one.
func (p *page) take(read []policy.Claim, left map[claimKey]policy.Claim, placed, drop map[claimKey]bool) {
	for _, c := range read {
		key := keyOf(c)
		want, ok := left[key]
		switch {
		case ok:
			p.differs = p.differs || !want.Since.Equal(c.Since) || !want.Released.Equal(c.Released)
		case placed[key], drop[key]:
			p.differs = true
			continue
		default: // somebody else's, who leads by now
			want = c
		}
		delete(left, key)
		placed[key] = true
		p.add(want)
	}
}

func (p *page) add(c policy.Claim) {
	p.claims = append(p.claims, c)
	p.namespace = c.Namespace
	p.size += len(c.Host) + len(c.Namespace) + 120 // what is around them, and two times
}

// fill finds a page for every claim that is in none: one of its namespace that has
// room, or a new one.
func fill(pages []*page, left map[claimKey]policy.Claim) []*page {
	claims := make([]policy.Claim, 0, len(left))
	for _, c := range left {
		claims = append(claims, c)
	}
	slices.SortFunc(claims, func(a, b policy.Claim) int {
		return strings.Compare(a.Namespace+" "+a.Host, b.Namespace+" "+b.Host)
	})
	for _, c := range claims {
		i := slices.IndexFunc(pages, func(p *page) bool { return p.namespace == c.Namespace && p.size < ledgerShard })
		if i < 0 {
			i, pages = len(pages), append(pages, &page{})
		}
		pages[i].add(c)
		pages[i].differs = true
	}
	return pages
}

// put creates or updates a page that differs.
func (l *Ledger) put(ctx context.Context, p *page) error {
	if !p.differs || len(p.claims) == 0 {
		return nil
	}
	data := make([]writtenClaim, len(p.claims))
	for i, c := range p.claims {
		data[i] = writtenClaim{Host: c.Host, Namespace: c.Namespace, Since: c.Since.UTC()}
		if !c.Released.IsZero() {
			at := c.Released.UTC()
			data[i].Released = &at
		}
	}
	text, err := json.MarshalIndent(data, "", " ")
	if err != nil {
		return err
	}
	o := p.object
	if o == nil {
		o = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, GenerateName: "ostiary-hosts-",
			Labels:      map[string]string{LedgerLabel: ledgerOfHosts},
			Annotations: map[string]string{ledgerAbout: "Which hosts namespace " + p.namespace + " claimed, and since when. Ostiary writes this. Keep it in backups: it decides whose a host is."}}}
	}
	o.Data = map[string]string{ledgerField: string(text)}
	if p.object == nil {
		return l.client.Create(ctx, o)
	}
	return l.client.Update(ctx, o) // refused if someone else wrote meanwhile
}

// readLedger returns whose the hosts are, for those who only want to look. An error
// says that the ConfigMaps could not be read: then it holds what statuses tell.
func readLedger(ctx context.Context, r client.Reader, namespace string) (*policy.Ledger, error) {
	l := newLedger(namespace, 0)
	var policies v1alpha1.AccessPolicyList
	var list corev1.ConfigMapList
	err := errors.Join(r.List(ctx, &policies), r.List(ctx, &list, ledgerOptions(namespace)...))
	if err == nil && len(list.Items) == 0 {
		err = fmt.Errorf("there is no ConfigMap labelled %s=%s in namespace %s", LedgerLabel, ledgerOfHosts, namespace)
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
