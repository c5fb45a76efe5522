// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/policy"
)

// unknown is why a client's address is not known.
type unknown uint8

const (
	addressKnown      unknown = iota
	peerUntrusted             // nobody who may say so has asked
	addressMissing            // the proxy did not say
	addressUnreadable         // it said something else than an address
)

var whyUnknown = [...]string{peerUntrusted: "untrusted-peer", addressMissing: "missing", addressUnreadable: "unreadable"}

var unknownWords = [...]string{
	peerUntrusted:     "a client's address is not known: the auth request did not come from a trusted proxy, so its X-Forwarded-For is ignored; if the sender is a proxy of yours, add its network to --trusted-proxies",
	addressMissing:    "a client's address is not known: a trusted proxy asked without X-Forwarded-For; have it send the header",
	addressUnreadable: "a client's address is not known: X-Forwarded-For of a trusted proxy is not an address",
}

// clientAddress walks X-Forwarded-For from the right: every hop that a trusted
// proxy reports is believed, and the first that is not trusted is the client. Empty
// members of the list are none (RFC 9110 §5.6.1.2). What cannot be read is nobody's
// address. X-Real-IP and Forwarded are not believed: proxies that do not set them pass
// the client's own.
func clientAddress(trusted []netip.Prefix, peer netip.Addr, forwardedFor string) (client netip.Addr, why unknown, hop string) {
	if peer = peer.Unmap(); !contains(trusted, peer) {
		return netip.Addr{}, peerUntrusted, ""
	}
	why = addressMissing
	for forwardedFor != "" {
		if i := strings.LastIndexByte(forwardedFor, ','); i >= 0 {
			forwardedFor, hop = forwardedFor[:i], forwardedFor[i+1:]
		} else {
			forwardedFor, hop = "", forwardedFor
		}
		if hop = strings.Trim(hop, " \t"); hop == "" {
			continue
		}
		addr, ok := parseHop(hop)
		if !ok {
			return netip.Addr{}, addressUnreadable, hop
		}
		client, why = addr, addressKnown
		if !contains(trusted, client) {
			break
		}
	}
	return client, why, ""
}

// parseHop reads an address as proxies and balancers write it: alone, with a port, in
// quotes or in brackets (RFC 7239 §6). The port is nobody's business. "unknown", and
// names that hide an address ("_hidden"), are none.
func parseHop(s string) (netip.Addr, bool) {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	host, port, bracketed := cutPort(s)
	addr, err := netip.ParseAddr(host)
	if err != nil || !isNodePort(port) || bracketed && !addr.Is6() {
		return netip.Addr{}, false
	}
	if addr.Zone() != "" && (!addr.IsLinkLocalUnicast() || addr.Is4In6()) {
		return netip.Addr{}, false // only link-local addresses have one
	}
	return addr.WithZone("").Unmap(), true
}

// cutPort splits an address from its port, with the port's colon. Brackets that are not
// closed stay where they are, and make the address none.
func cutPort(s string) (host, port string, bracketed bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if host, port, bracketed = strings.Cut(inner, "]"); bracketed {
			return host, port, true
		}
		return s, "", false
	}
	if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') { // one colon alone is not IPv6
		return s[:i], s[i:], false
	}
	return s, "", false
}

// isNodePort reports whether this is nothing, or a colon and a port: a number, or a
// name that hides one (RFC 7239 §6.3).
func isNodePort(s string) bool {
	if s == "" {
		return true
	}
	s, colon := strings.CutPrefix(s, ":")
	hidden := strings.HasPrefix(s, "_")
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (!hidden || !isNameByte(c)) {
			return false
		}
	}
	return colon && len(s) > 0 && (hidden || len(s) <= 5)
}

func isNameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '.' || c == '_' || c == '-'
}

func contains(networks []netip.Prefix, a netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// An addressBook finds out where clients are, and tells the operator where it cannot:
// an unknown address matches every rule that blocks addresses, and none that admits.
type addressBook struct {
	trusted []netip.Prefix
	log     *slog.Logger
	unknown *prometheus.CounterVec
	said    [len(whyUnknown)]atomic.Int64 // when, in seconds
}

func newAddressBook(c *Config) *addressBook {
	b := &addressBook{trusted: c.TrustedProxies, log: c.Log, unknown: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ostiary_unknown_addresses_total",
		Help: "Requests whose client's address is not known though there are trusted proxies, by why: unreadable, missing or untrusted-peer.",
	}, []string{"why"})}
	if c.Metrics == nil {
		return b
	}
	var taken prometheus.AlreadyRegisteredError
	if err := c.Metrics.Register(b.unknown); errors.As(err, &taken) { // by another Server of this process
		b.unknown = taken.ExistingCollector.(*prometheus.CounterVec) // it has the same name and labels
	}
	return b
}

// address returns the client's address; the zero Addr is not known. Where nobody is
// trusted, none is ever known, and nobody expects otherwise.
func (b *addressBook) address(peer netip.Addr, forwardedFor string, now time.Time) netip.Addr {
	client, why, hop := clientAddress(b.trusted, peer, forwardedFor)
	if why == addressKnown || len(b.trusted) == 0 {
		return client
	}
	b.unknown.WithLabelValues(whyUnknown[why]).Inc()
	const pause = 60 // seconds: a line is enough to find the cause, and visitors can cause it
	last, at := b.said[why].Load(), now.Unix()
	if at-last < pause && last != 0 || !b.said[why].CompareAndSwap(last, at) {
		return client
	}
	attrs := []slog.Attr{slog.String("why", whyUnknown[why]), slog.String("peer", peer.String())}
	if hop != "" {
		attrs = append(attrs, slog.String("said", strconv.QuoteToASCII(policy.Cut(hop, 64))))
	}
	b.log.LogAttrs(context.Background(), slog.LevelWarn, unknownWords[why], attrs...)
	return client
}
