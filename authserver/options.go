// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"math"
	"net/netip"

	"github.com/ostiary/ostiary/authserver/dialect"
)

// ParseTrustedProxies reads networks and addresses. It refuses to trust everybody.
func ParseTrustedProxies(networks []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			a, aerr := netip.ParseAddr(n)
			if aerr != nil {
				return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", n)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("%s trusts everybody: any client could then choose its own address", n)
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("%s is an IPv4 network written as IPv6: write it as %s", n, netip.PrefixFrom(p.Addr().Unmap(), max(0, p.Bits()-96)).Masked())
		}
		out = append(out, p.Masked())
	}
	return out, tooMany(out)
}

// The widest that proxies can be together, of addresses that anybody on the internet
// may have: more than any provider of proxies has, and far less than half of them.
const (
	widest4 = 8
	widest6 = 16
)

// notPublic are networks of which no client comes over the internet (RFC 6890).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// tooMany refuses networks that are together so wide that they trust clients.
func tooMany(networks []netip.Prefix) error {
	for _, kind := range []struct {
		all    netip.Prefix
		widest int
	}{{netip.MustParsePrefix("0.0.0.0/0"), widest4}, {netip.MustParsePrefix("::/0"), widest6}} {
		if share(kind.all, networks) > 1/float64(uint64(1)<<kind.widest) {
			return fmt.Errorf("the networks cover more public addresses than a /%d together: a client there could choose its own address. Name the networks of your proxies alone", kind.widest)
		}
	}
	return nil
}

// share returns how much of a network is public and in one of the networks, as a
// part of all there is.
func share(of netip.Prefix, networks []netip.Prefix) float64 {
	overlaps, inside := false, false
	for _, n := range networks {
		overlaps = overlaps || n.Overlaps(of)
		inside = inside || n.Bits() <= of.Bits() && n.Contains(of.Addr())
	}
	split := !inside
	for _, n := range notPublic {
		if n.Bits() <= of.Bits() && n.Contains(of.Addr()) {
			return 0
		}
		split = split || n.Overlaps(of)
	}
	if !overlaps {
		return 0
	}
	if !split {
		return 1 / math.Pow(2, float64(of.Bits()))
	}
	low, high := halves(of)
	return share(low, networks) + share(high, networks)
}

// halves returns the two networks that make up one.
func halves(p netip.Prefix) (low, high netip.Prefix) {
	bytes := p.Addr().AsSlice()
	bytes[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	upper, _ := netip.AddrFromSlice(bytes) // it is as long as one
	return netip.PrefixFrom(p.Addr(), p.Bits()+1), netip.PrefixFrom(upper, p.Bits()+1)
}

// ParseIdentityHeaders reads which headers tell applications who is calling.
func ParseIdentityHeaders(s string) (dialect.IdentityHeaders, error) {
	switch s {
	case "default":
		return dialect.DefaultIdentityHeaders, nil
	case "cloudflare":
		return dialect.CloudflareIdentityHeaders, nil
	}
	return 0, fmt.Errorf("%q: default or cloudflare", s)
}
