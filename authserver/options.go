// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// ParseTeamURL reads the address of the team host: a scheme and a host. Empty: a
// name that cannot exist (RFC 2606), so that sessions have an issuer all the same.
func ParseTeamURL(s string) (*url.URL, error) {
	if s == "" {
		return &url.URL{Scheme: "https", Host: "ostiary.invalid"}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not of the form https://auth.example.com", s)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

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
		out = append(out, p.Masked())
	}
	return out, nil
}

// CheckPathPrefix says what is wrong with a path prefix of ours.
func CheckPathPrefix(p string) error {
	t, err := policy.NewTarget("localhost", p)
	if err != nil || !t.Canonical() || t.Path() != p || p == "/" || strings.HasSuffix(p, "/") {
		return fmt.Errorf("%q: a canonical path such as /.access", p)
	}
	return nil
}
