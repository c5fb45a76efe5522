// SPDX-License-Identifier: Apache-2.0

package proxyconfig

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// No value that passes one of these holds a character that any of the proxies
// reads as syntax: no space, quote, brace, semicolon, dollar, hash or backtick.
var (
	label    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	numeric  = regexp.MustCompile(`^(0x[0-9a-f]*|[0-9]+)$`)
	segment  = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)
	fileName = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
)

// quote makes a value that was refused safe to print.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.QuoteToASCII(s)
}

// checkHost takes the hosts that a policy takes.
func checkHost(h string, wildcard bool) error {
	rest, star := strings.CutPrefix(h, "*.")
	labels := strings.Split(rest, ".")
	switch {
	case strings.HasPrefix(h, "**."):
		return fmt.Errorf("%s: what is printed is for hosts of which a * is one label; several are served by an HTTPRoute of a Gateway "+
			"with the annotation access.ostiary.dev/policy", quote(h))
	case star && !wildcard:
		return fmt.Errorf("%s: one host, without *", quote(h))
	case len(h) > 253 || star && len(labels) < 2 || numeric.MatchString(labels[len(labels)-1]) ||
		slices.ContainsFunc(labels, func(l string) bool { return !label.MatchString(l) }):
		return fmt.Errorf("%s is not a host such as app.example.com: lower case, no scheme, no port, no path", quote(h))
	}
	return nil
}

// checkAddress takes HOST:PORT, where the host is a name or an address.
func checkAddress(a string) error {
	host, port, err := net.SplitHostPort(a)
	if err == nil && checkPort(port) && a == net.JoinHostPort(host, port) {
		if checkHost(host, false) == nil || isAddress(host) {
			return nil
		}
	}
	return fmt.Errorf("%s is not of the form HOST:PORT, such as 127.0.0.1:8080", quote(a))
}

// isAddress: a zone would be free text.
func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == "" && !a.Is4In6() && a.String() == s
}

func checkPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 0 && n <= 65535 && s == strconv.Itoa(n)
}

// checkListen takes [IP]:PORT.
func checkListen(l string) error {
	host, port, err := net.SplitHostPort(l)
	if err != nil || !checkPort(port) || host != "" && !isAddress(host) || l != net.JoinHostPort(host, port) && l != ":"+port {
		return fmt.Errorf("%s is not of the form [IP]:PORT, such as :80", quote(l))
	}
	return nil
}

// checkService takes the addresses of Services: objects name them.
func checkService(a string, short bool) error {
	parts := strings.Split(hostOf(a), ".")
	if checkName(parts[0]) == nil && net.ParseIP(hostOf(a)) == nil && (short && len(parts) == 1 || len(parts) >= 3 && parts[2] == "svc" && checkName(parts[1]) == nil) {
		return nil
	}
	form := "SERVICE.NAMESPACE.svc:PORT"
	if short {
		form = "SERVICE:PORT"
	}
	return fmt.Errorf("%s is not of the form %s: what is printed names a Service", quote(a), form)
}

func checkName(s string) error {
	if !label.MatchString(s) {
		return fmt.Errorf("%s is not a name such as orders: lower case letters, digits and -", quote(s))
	}
	return nil
}

func checkPathPrefix(p string) error {
	rest, ok := strings.CutPrefix(p, "/")
	for s := range strings.SplitSeq(rest, "/") {
		ok = ok && segment.MatchString(s) && s != "." && s != ".."
	}
	if !ok || len(p) > 100 {
		return fmt.Errorf("%s is not a path such as /.access", quote(p))
	}
	return nil
}

func checkFile(p string) error {
	dots := slices.ContainsFunc(strings.Split(p, "/"), func(s string) bool { return s == "." || s == ".." })
	if !fileName.MatchString(p) || dots || len(p) > 255 {
		return fmt.Errorf("%s is not the full path of a file such as /etc/haproxy/ostiary.lua", quote(p))
	}
	return nil
}

func oneOf(s string, allowed ...string) error {
	if !slices.Contains(allowed, s) {
		return fmt.Errorf("%s: %s", quote(s), strings.Join(allowed, ", "))
	}
	return nil
}

func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address) // it was checked; "" is no host
	return host
}

// checkStreamDuration: no other proxy of ours can end what goes on. It is written in seconds.
func checkStreamDuration(p Proxy, d time.Duration) error {
	if p.Name != "envoy" {
		return fmt.Errorf("it is for envoy: what is printed for %s cannot end a stream that is not silent", p.Name)
	}
	if d < time.Second || d%time.Second != 0 {
		return fmt.Errorf("%s is no number of whole seconds above 0", d)
	}
	return nil
}
