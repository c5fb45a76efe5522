// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/authserver/dialect"
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

// ParseDecisionLog reads which decisions are logged.
func ParseDecisionLog(s string) (DecisionLog, error) {
	switch l := DecisionLog(s); l {
	case LogRefused, LogAll, LogOff:
		return l, nil
	}
	return "", fmt.Errorf("%q: refused, all or off", s)
}

// KeyFolder returns the folder of the keys: the one that is named, or else ours
// in the user's configuration folder.
func KeyFolder(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the keys; name one with --keys: %w", err)
	}
	return filepath.Join(base, "ostiary", "keys"), nil
}
