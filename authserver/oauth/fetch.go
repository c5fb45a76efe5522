// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds on fetching what a client says of itself.
const (
	maxDocument  = 5 << 10 // bytes, as the draft advises
	fetchTime    = 5 * time.Second
	maxFetches   = 16 // under way
	maxDocuments = 1024
	// A document is taken from memory for as long as its host says, within these.
	minFresh, maxFresh = time.Minute, time.Hour
)

var (
	errNotPublic = errors.New("it is at an address that is not of the public internet")
	errBusy      = errors.New("too many metadata documents are being fetched right now")
)

// A fetcher fetches metadata documents, and remembers good ones.
type fetcher struct {
	http   *http.Client
	now    func() time.Time
	atOnce chan struct{}
	mu     sync.Mutex
	known  map[string]remembered
}

type remembered struct {
	client *Client
	until  time.Time
}

// newFetcher returns one that connects to public addresses alone. It is asked after the name
// was resolved, for the address that is connected to: whoever answers for a name cannot give
// one address to be looked at and another to be used (DNS rebinding). A proxy would connect
// to what it likes, so none is used.
func newFetcher(now func() time.Time) *fetcher {
	dialer := &net.Dialer{Timeout: fetchTime, Control: publicOnly}
	return fetcherOver(&http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    fetchTime,
		ResponseHeaderTimeout:  fetchTime,
		MaxResponseHeaderBytes: 16 << 10,
		DisableKeepAlives:      true, // the next one is of another host
		DisableCompression:     true, // what is short may unpack to what is not
	}, now)
}

func fetcherOver(t http.RoundTripper, now func() time.Time) *fetcher {
	return &fetcher{now: now, atOnce: make(chan struct{}, maxFetches), known: map[string]remembered{}, http: &http.Client{
		Transport: t, Timeout: fetchTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// publicOnly is a net.Dialer.Control.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr()) || at.Port() != 443 {
		return errNotPublic
	}
	return nil
}

// special are the networks within those of the internet that lead elsewhere (RFC 6890 and the
// registries that it began): to machines of ours, to neighbours, or by way of another address.
var special = networks("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")

// global is all of IPv6 that is given out; NAT64 (64:ff9b::/96) and mapped addresses are not in it.
var global = netip.MustParsePrefix("2000::/3")

func networks(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, n := range all {
		out[i] = netip.MustParsePrefix(n)
	}
	return out
}

// isPublic reports whether an address is one of the public internet.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, n := range special {
		if n.Contains(a) {
			return false
		}
	}
	return true
}

// client returns the client of a metadata document's address.
func (f *fetcher) client(ctx context.Context, id string) (*Client, error) {
	if _, err := documentAddress(id); err != nil {
		return nil, err
	}
	now := f.now()
	f.mu.Lock()
	r, ok := f.known[id]
	f.mu.Unlock()
	if ok && now.Before(r.until) {
		return r.client, nil
	}
	select {
	case f.atOnce <- struct{}{}:
		defer func() { <-f.atOnce }()
	default:
		return nil, errBusy
	}
	c, fresh, err := f.fetch(ctx, id)
	if err != nil {
		return nil, err // and nothing is remembered: the next one may fare better
	}
	f.keep(id, remembered{c, now.Add(fresh)}, now)
	return c, nil
}

// keep remembers a client. Where there is no room, what is over gives way, or else anything.
func (f *fetcher) keep(id string, r remembered, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.known[id]; !ok && len(f.known) >= maxDocuments {
		victim := ""
		for k, old := range f.known {
			if victim = k; !now.Before(old.until) {
				break
			}
		}
		delete(f.known, victim)
	}
	f.known[id] = r
}

func (f *fetcher) fetch(ctx context.Context, id string) (*Client, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, id, nil)
	if err != nil {
		return nil, 0, errors.New("client_id is no https address")
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "ostiary")
	resp, err := f.http.Do(r)
	if err != nil {
		if errors.Is(err, errNotPublic) {
			return nil, 0, errNotPublic
		}
		return nil, 0, errors.New("its host does not answer")
	}
	defer func() { _ = resp.Body.Close() }() // read, or refused
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, 0, fmt.Errorf("its host answers with status %d, and redirects are not followed", resp.StatusCode)
	case kind != "application/json" && !(strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")):
		return nil, 0, errors.New("what is there is no JSON")
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil || len(text) > maxDocument {
		return nil, 0, fmt.Errorf("the metadata document is longer than %d bytes, or broke off", maxDocument)
	}
	c, err := parseDocument(id, text)
	return c, freshness(resp.Header.Get("Cache-Control")), err
}

// freshness is for how long an answer may be taken from memory (RFC 9111 §5.2.2).
func freshness(control string) time.Duration {
	for directive := range strings.SplitSeq(control, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if strings.EqualFold(name, "max-age") {
			if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				return min(max(time.Duration(n)*time.Second, minFresh), maxFresh)
			}
		}
	}
	return minFresh
}
