// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
)

// Write writes until ctx is done: a duty of the leader. What an earlier term wanted
// is forgotten: the table is asked again.
func (l *Ledger) Write(ctx context.Context) {
	l.mu.Lock()
	l.wanted = nil
	l.mu.Unlock()
	l.recheck()
	wait := cluster.FirstRetry
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
			l.log.Error(err, "the ledger of hosts cannot be written; new claims are not reported as accepted before it is; trying again", "namespace", l.Namespace)
			time.AfterFunc(wait, l.wake)
			wait = min(2*wait, cluster.LastRetry)
			continue
		}
		wait = cluster.FirstRetry
		select { // so that a burst of claims is few writes
		case <-ctx.Done():
		case <-time.After(ledgerPause):
		}
	}
}

// write makes the ConfigMaps say what they ought to. It reads them anew: the cache
// need not yet hold what was written last.
func (l *Ledger) write(ctx context.Context, wanted *wantedClaims) error {
	ctx, cancel := context.WithTimeout(ctx, 3*cluster.WriteTimeout)
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
	for _, p := range pages {
		errs = append(errs, l.put(ctx, p))
	}
	return errors.Join(errs...)
}

// A page is a ConfigMap as it ought to be. One that holds nothing any more is used
// again: to delete it would take a right to delete every one.
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
// room, an empty one, or a new one.
func fill(pages []*page, left map[claimKey]policy.Claim) []*page {
	claims := make([]policy.Claim, 0, len(left))
	for _, c := range left {
		claims = append(claims, c)
	}
	slices.SortFunc(claims, func(a, b policy.Claim) int {
		return strings.Compare(a.Namespace+" "+a.Host, b.Namespace+" "+b.Host)
	})
	for _, c := range claims {
		i := slices.IndexFunc(pages, func(p *page) bool { return (p.namespace == c.Namespace || len(p.claims) == 0) && p.size < ledgerShard })
		if i < 0 {
			i, pages = len(pages), append(pages, &page{})
		}
		pages[i].add(c)
		pages[i].differs = true
	}
	return pages
}

// data is what is stored of a page.
func (p *page) data() (map[string]string, error) {
	out := make([]writtenClaim, len(p.claims))
	for i, c := range p.claims {
		out[i] = writtenClaim{Host: c.Host, Namespace: c.Namespace, Since: c.Since.UTC()}
		if !c.Released.IsZero() {
			at := c.Released.UTC()
			out[i].Released = &at
		}
	}
	text, err := json.MarshalIndent(out, "", " ")
	return map[string]string{ledgerField: string(text)}, err
}

// put creates or updates a page that differs.
func (l *Ledger) put(ctx context.Context, p *page) error {
	if !p.differs {
		return nil
	}
	data, err := p.data()
	if err != nil {
		return err
	}
	o := p.object
	if o == nil {
		o = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, GenerateName: "ostiary-hosts-",
			Labels:      map[string]string{v1alpha1.LedgerLabel: ledgerOfHosts},
			Annotations: map[string]string{v1alpha1.AboutAnnotation: "Which namespace claimed which hosts, and since when. Ostiary writes this. Keep it in backups: it decides which namespace owns a host."}}}
	}
	o.Data = data
	if p.object == nil {
		return l.client.Create(ctx, o)
	}
	return l.client.Update(ctx, o) // refused if someone else wrote meanwhile
}
