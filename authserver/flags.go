// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/console"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/web"
)

// Flags are the options of the command line that concern answering.
type Flags struct {
	Addresses Addresses
	// GeoIPDatabase is the file that tells where clients are; empty: none does.
	GeoIPDatabase string
	// SessionDuration is how long a session at the team host lasts, and one at
	// an application whose policy says nothing. Default 24h.
	SessionDuration time.Duration
	// CacheEntries is how many verified sessions are remembered.
	CacheEntries int

	teamURL        string
	pathPrefix     string
	peers          string
	docs           string
	branding       string
	returnHosts    []string
	returnPorts    []string
	trustedProxies []string
	identity       string
	upstream       []string
	decisionLog    string
	keys           string
	keyRotation    time.Duration
	logLevel       string
	log            logFlags
	export         exportFlags
}

// Add defines the flags, with their defaults.
func (o *Flags) Add(f *pflag.FlagSet) {
	f.StringVar(&o.Addresses.Authz, "authz-bind-address", contract.Address(contract.AuthzPort), "the listener for auth requests of proxies; no other client may reach it")
	f.StringVar(&o.Addresses.Public, "public-bind-address", contract.Address(contract.PublicPort), "the team host, and our path on every host")
	f.StringVar(&o.Addresses.Render, "render-bind-address", contract.Address(contract.RenderPort), "the proxy's error location")
	f.StringVar(&o.Addresses.Preflight, "preflight-bind-address", contract.Address(contract.PreflightPort), "for proxies that route OPTIONS")
	f.StringVar(&o.Addresses.GRPC, "grpc-bind-address", contract.Address(contract.GRPCPort), "the listener for auth requests of Envoy over gRPC (ext_authz); no other client may reach it; 0 disables it")
	f.StringVar(&o.Addresses.Metrics, "metrics-bind-address", contract.Address(contract.MetricsPort), "Prometheus metrics; 0 disables it")
	f.StringVar(&o.Addresses.Probes, "health-probe-bind-address", contract.Address(contract.HealthPort), "/healthz and /readyz")
	f.StringVar(&o.teamURL, "team-url", "", "the team host, where users sign in, such as https://auth.example.com; it is the issuer of sessions, and its scheme and port are those of the applications")
	f.DurationVar(&o.SessionDuration, "session-duration", policy.DefaultSessionDuration, "the lifetime of a session at the team host, and at applications whose policy sets none")
	f.StringVar(&o.pathPrefix, "path-prefix", contract.DefaultPathPrefix, "Ostiary's own path on every host")
	f.StringVar(&o.peers, "peers", "", "`NAME:PORT` of the public listeners of all replicas, where NAME has the address of each, as a headless Service has: "+
		"the console then shows the denials of all (default: of the replica that is asked)")
	f.StringVar(&o.docs, "docs-url", "", web.DocsUsage)
	f.StringVar(&o.branding, "branding", "", web.BrandUsage)
	f.StringSliceVar(&o.returnHosts, "return-hosts", nil, "`HOST` or *.HOST,... to which every application may redirect after a sign-in or sign-out, beside the hosts of its own namespace's policies")
	f.StringSliceVar(&o.returnPorts, "return-ports", nil, "`PORT`,... at which applications are reached beside the port of --team-url: "+
		"who comes there is led back there after a sign-in (default: to the port of --team-url)")
	f.StringSliceVar(&o.trustedProxies, "trusted-proxies", nil, "networks of the proxies whose X-Forwarded-For is trusted (default: none, so client addresses are not known and rules with ip match no request)")
	f.StringVar(&o.GeoIPDatabase, "geoip-database", "", "`FILE` in MaxMind's format (.mmdb) that tells in which country clients are, read again when it changes (default: none, so rules with country admit nobody and block everybody)")
	f.StringVar(&o.identity, "identity-headers", "default", "default, or cloudflare for Cf-Access-* as well, and tokens that Cloudflare's client libraries verify")
	f.StringSliceVar(&o.upstream, "upstream-headers", nil, "`NAME`,... of headers that policies may set for applications (spec.upstreamHeaders), such as X-Webauth-User; proxies replace or remove a client's own; at most 16 (default: none)")
	f.StringVar(&o.decisionLog, "decision-log", "refused", "which decisions are logged: refused, all or off; all are counted")
	f.IntVar(&o.CacheEntries, "session-cache", 100_000, "how many verified sessions are remembered")
	f.StringVar(&o.keys, "keys", "", "files: a folder for the keys, made on first start (default: ostiary/keys in the user's configuration folder); cluster: the Secret's name (default ostiary-keys)")
	f.DurationVar(&o.keyRotation, "key-rotation", 30*24*time.Hour, "how long a key signs; old keys verify until no session can need them; 0: never rotate")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	o.log.add(f)
	o.export.add(f)
}

// Config checks every flag, and returns what they say of a Config. The error
// holds all that is wrong.
func (o *Flags) Config() (Config, error) {
	var errs []error
	fail := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", flag, err))
		}
	}
	var c Config
	var err error
	c.TeamURL, err = command.ParseTeamURL(o.teamURL)
	fail("--team-url", err)
	c.TrustedProxies, err = ParseTrustedProxies(o.trustedProxies)
	fail("--trusted-proxies", err)
	fail("--path-prefix", command.CheckPathPrefix(o.pathPrefix))
	c.PathPrefix = o.pathPrefix
	c.Docs, err = web.ParseDocs(o.docs)
	fail("--docs-url", err)
	c.Peers, err = console.NewPeers(o.peers)
	fail("--peers", err)
	brand, err := web.ReadBrand(o.branding)
	fail("--branding", err)
	c.Look = web.NewLook(brand)
	for _, h := range o.returnHosts {
		if problem := policy.CheckHost(h); problem != "" {
			fail("--return-hosts", fmt.Errorf("%q: %s", h, problem))
		}
	}
	c.ReturnHosts = o.returnHosts
	for _, p := range o.returnPorts {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || p[0] == '0' {
			fail("--return-ports", fmt.Errorf("%q is not a port: 1 to 65535", p))
		}
	}
	c.ReturnPorts = o.returnPorts
	c.Identity, err = ParseIdentityHeaders(o.identity)
	fail("--identity-headers", err)
	upstream, err := contract.ParseUpstream(o.upstream)
	fail("--upstream-headers", err)
	c.Identity = c.Identity.With(upstream)
	c.DecisionLog, err = telemetry.Parse(o.decisionLog)
	fail("--decision-log", err)
	c.SessionDuration = o.SessionDuration
	if o.SessionDuration < time.Minute || o.SessionDuration > policy.MaxSessionDuration {
		fail("--session-duration", fmt.Errorf("%s: 1m to %s", o.SessionDuration, policy.MaxSessionDuration))
	}
	_, err = credential.ParseRotation(o.keyRotation)
	fail("--key-rotation", err)
	c.DecisionSample = o.log.sample
	for _, problem := range append(o.log.check(), o.export.check()...) {
		fail(problem.flag, problem.err)
	}
	if new(slog.Level).UnmarshalText([]byte(o.logLevel)) != nil {
		fail("--log-level", fmt.Errorf("%q: debug, info, warn or error", o.logLevel))
	}
	return c, errors.Join(errs...)
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
			return nil, fmt.Errorf("%s trusts every client: each could then choose its own address", n)
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
	return dialect.IdentityHeaders{}, fmt.Errorf("%q: default or cloudflare", s)
}
