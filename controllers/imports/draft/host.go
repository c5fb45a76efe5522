// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// Host is a name as policies have it: in lower case and ASCII. It may still be none.
func Host(name string) string {
	name = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".")
	if ascii, err := idna.Lookup.ToASCII(strings.TrimLeft(name, "*.")); err == nil {
		return name[:len(name)-len(strings.TrimLeft(name, "*."))] + ascii
	}
	return name
}

// Network is a range of addresses as policies have it: without bits behind its mask.
func Network(text string) v1alpha1.CIDR {
	if p, err := netip.ParsePrefix(text); err == nil {
		return v1alpha1.CIDR(p.Masked().String())
	}
	return v1alpha1.CIDR(text)
}

// WrongPlace says why a policy cannot claim a host and a path; "": it can.
func WrongPlace(host string, path v1alpha1.PathMatch) string {
	return Wrong(v1alpha1.AccessPolicySpec{Hosts: []v1alpha1.Host{v1alpha1.Host(host)}, Paths: []v1alpha1.PathMatch{path}})
}

// Duration is how long a session lasts. What cannot be read becomes as short as one may be
// that people can still work with.
func (d *Draft) Duration(n *tree.Node, of string) v1alpha1.Duration {
	if n == nil || n.Kind == tree.Text && n.Value == "" {
		return ""
	}
	text := n.Text()
	length, err := time.ParseDuration(text)
	switch {
	case n.Kind == tree.Unknown:
		d.Say(Closed, n, of, "%s: the session is written as 15m", n.Why)
		n.Known()
		return "15m"
	case err != nil:
		d.Say(Closed, n, of, "%q is no duration that is known: the session is written as 15m", text)
		return "15m"
	case length <= 0:
		d.Say(Closed, n, of, "a session of %s has no equivalent: it is written as 1s", text)
		return "1s"
	case length > 720*time.Hour:
		d.Say(Closed, n, of, "a session lasts 720h at most: %s is written so", text)
		return "720h"
	}
	if length >= time.Second {
		length = length.Truncate(time.Second)
	}
	short := length.String()
	if strings.HasSuffix(short, "m0s") {
		short = strings.TrimSuffix(short, "0s")
	}
	if strings.HasSuffix(short, "h0m") {
		short = strings.TrimSuffix(short, "0m")
	}
	return v1alpha1.Duration(short)
}
