// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// Peers are the other replicas, which one DNS name stands for. They ask each other for
// denials at the public listener, with a token that the shared keys seal: whoever has no keys
// learns nothing there, not even that there is anything.
type Peers struct {
	host, port string
	client     *http.Client
	resolve    func(ctx context.Context, host string) ([]netip.Addr, error)
}

// How long a replica may take to answer, how much it may say, and how many are asked.
const (
	peerTime   = 2 * time.Second
	peerBytes  = 4 << 20
	maxPeers   = 32
	peerBeat   = 2 * time.Second
	peerToken  = 30 * time.Second
	peerPath   = "console/peers"
	peerHeader = "X-Ostiary-Peer"
)

const purposePeer = "peer, v1"

// NewPeers returns those behind NAME:PORT, where the port is that of the public listener;
// nil for an empty one.
func NewPeers(name string) (*Peers, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // there are none
	}
	host, port, err := net.SplitHostPort(name)
	if err != nil || host == "" {
		return nil, fmt.Errorf("%q is not of the form NAME:PORT", name)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, fmt.Errorf("%q: the port is a number from 1 to 65535", name)
	}
	return &Peers{host: host, port: port, client: &http.Client{
		Timeout:   peerTime,
		Transport: &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10},
		// and no proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}, nil
}

// A peerAsk is what a replica says of itself to another one.
type peerAsk struct {
	Boot string `json:"b"`
}

// A peerAnswer are denials of a replica, the oldest first.
type peerAnswer struct {
	Boot    string    `json:"boot"`
	Next    int       `json:"next"` // the number of the denial that comes next there
	Missed  uint64    `json:"missed"`
	Denials []*Denial `json:"denials"`
	// Self: it is the replica that asked.
	Self bool `json:"self,omitempty"`
}

var errPeer = errors.New("the replica did not answer as one")

// answerPeer answers another replica.
func (h *Handler) answerPeer(x *public.Exchange) {
	var ask peerAsk
	if x.R.Method != http.MethodGet || x.Ring.Open(purposePeer, x.R.Header.Get(peerHeader), &ask, x.Now) != nil {
		h.Fail(x, web.NothingHere)
		return
	}
	a := peerAnswer{Boot: h.boot, Self: ask.Boot == h.boot}
	if !a.Self {
		f := filterOf(x.Query)
		f.id = x.Query.Get("id")
		after, err := strconv.Atoi(x.Query.Get("after"))
		if err != nil || x.Query.Get("boot") != h.boot {
			after = 0
		}
		a.Denials, a.Next, a.Missed = h.Denials.since(after, f)
	}
	h.JSON(x, http.StatusOK, a)
}

// A cursor is how far the denials of a replica were read.
type cursor struct {
	boot string
	next int
}

// ask asks all others, and returns what they say by their addresses, and how many did not.
func (p *Peers) ask(ctx context.Context, h *Handler, f filter, from map[string]cursor) (answers map[string]*peerAnswer, silent int) {
	ctx, cancel := context.WithTimeout(ctx, peerTime)
	defer cancel()
	addresses, err := p.resolve(ctx, p.host)
	if err != nil {
		return nil, 1
	}
	addresses = addresses[:min(len(addresses), maxPeers)]
	token, err := h.Ring().Seal(purposePeer, peerAsk{h.boot}, h.Now().Add(peerToken), h.Now())
	if err != nil {
		return nil, len(addresses)
	}
	answers = map[string]*peerAnswer{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, a := range addresses {
		all.Go(func() {
			at := net.JoinHostPort(a.Unmap().String(), p.port)
			answer, err := p.askOne(ctx, h, at, token, f, from[at])
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent++
			} else if !answer.Self {
				answers[at] = answer
			}
		})
	}
	all.Wait()
	return answers, silent
}

func (p *Peers) askOne(ctx context.Context, h *Handler, at, token string, f filter, from cursor) (*peerAnswer, error) {
	q := f.query()
	if f.id != "" {
		q.Set("id", f.id)
	}
	q.Set("boot", from.boot)
	q.Set("after", strconv.Itoa(from.next))
	u := url.URL{Scheme: "http", Host: at, Path: h.PathPrefix + "/" + peerPath, RawQuery: q.Encode()}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Host = h.TeamHost()
	r.Header.Set(peerHeader, token)
	resp, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing more is wanted of it
	if resp.StatusCode != http.StatusOK {
		return nil, errPeer
	}
	answer := new(peerAnswer)
	if err := json.NewDecoder(io.LimitReader(resp.Body, peerBytes)).Decode(answer); err != nil || len(answer.Denials) > kept ||
		slices.Contains(answer.Denials, nil) {
		return nil, errPeer
	}
	return answer, nil
}

// lastOfAll is Denials.last for all replicas. The scope says of which they are.
func (h *Handler) lastOfAll(ctx context.Context, f filter, most int) (all []*Denial, missed uint64, scope string) {
	all, missed = h.Denials.last(f, most)
	scope = "The last ones that this replica decided, at most %d."
	if h.Peers != nil {
		answers, silent := h.Peers.ask(ctx, h, f, nil)
		for _, a := range answers {
			all, missed = append(all, a.Denials...), missed+a.Missed
		}
		scope = fmt.Sprintf("The last ones of %d replicas, at most %%d of each.", len(answers)+1)
		if silent > 0 {
			scope += fmt.Sprintf(" %d did not answer.", silent)
		}
		slices.SortStableFunc(all, func(x, y *Denial) int { return int(y.At - x.At) })
	}
	return all[:min(len(all), most)], missed, fmt.Sprintf(scope, kept) + " Who was only asked to sign in is not among them."
}

// findOfAll is Denials.Find for all replicas.
func (h *Handler) findOfAll(ctx context.Context, id string) *Denial {
	if n := h.Denials.Find(id); n != nil || h.Peers == nil || id == "" || len(id) > maxText {
		return n
	}
	answers, _ := h.Peers.ask(ctx, h, filter{id: id}, nil)
	for _, a := range answers {
		for _, n := range a.Denials {
			if n.ID == id {
				return n
			}
		}
	}
	return nil
}

// A follower reads what is new at the other replicas.
type follower struct {
	h    *Handler
	f    filter
	from map[string]cursor
}

// next returns what came since it was called last; the first time, nothing.
func (w *follower) next(ctx context.Context) (news []*Denial) {
	f := w.f
	if w.from == nil {
		w.from = map[string]cursor{}
		f.reason = "none of these" // nothing has it: it is how far they are that counts
	}
	answers, _ := w.h.Peers.ask(ctx, w.h, f, w.from)
	for at, a := range answers {
		w.from[at] = cursor{a.Boot, a.Next}
		news = append(news, a.Denials...)
	}
	return news
}
