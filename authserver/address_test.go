// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	grpcpeer "google.golang.org/grpc/peer"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestParseHop: addresses as balancers, proxies and RFC 7239 write them.
func TestParseHop(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "192.0.2.7:40000": "192.0.2.7", "192.0.2.7:0": "192.0.2.7", "192.0.2.7:99999": "192.0.2.7", `"192.0.2.7"`: "192.0.2.7", `"192.0.2.7:80"`: "192.0.2.7",
		"192.0.2.7:_gazonk": "192.0.2.7", "2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1", "[2001:db8::1]:4711": "2001:db8::1",
		`"[2001:db8::1]:4711"`: "2001:db8::1", `"[2001:db8::1]"`: "2001:db8::1", "[2001:db8::1]:_x-1.y": "2001:db8::1", "2001:DB8:0:0:0:0:0:1": "2001:db8::1",
		"::ffff:192.0.2.7": "192.0.2.7", "[::ffff:192.0.2.7]:80": "192.0.2.7", "::ffff:c000:207": "192.0.2.7", "fe80::1%eth0": "fe80::1", "[fe80::1%25eth0]": "fe80::1", "[fe80::1%eth0]:80": "fe80::1",
		"::": "::", "::1:80": "::1:80", // IPv6 without brackets has no port

		"": "", "unknown": "", "_hidden": "", "_SEVKISEK": "", "localhost": "", "unix:": "", "unix:/run/x": "", "@": "", "-": "", "*": "",
		"192.0.2": "", "192.0.2.7.": "", "192.0.2.07": "", "0xc0.0.2.7": "", "3221225991": "", "192.0.2.256": "", "1.2.3.4.5": "",
		"192.0.2.7:": "", "192.0.2.7:80:80": "", "192.0.2.7:-1": "", "192.0.2.7:http": "", "192.0.2.7:123456": "", "192.0.2.7 :80": "", "192.0.2.7: 80": "", "192.0.2.7 80": "", "192.0.2.7/24": "", "192.0.2.7\x00": "",
		"[192.0.2.7]": "", "[192.0.2.7]:80": "", "[2001:db8::1": "", "2001:db8::1]": "", "[2001:db8::1]80": "", "[2001:db8::1]:": "", "[2001:db8::1]x": "", "[]": "", "[": "", "]": "", "[]:80": "", "[[::1]]": "",
		`"`: "", `""`: "", `"192.0.2.7`: "", `192.0.2.7"`: "", `""192.0.2.7""`: "", `'192.0.2.7'`: "", "2001:db8::1%eth0": "", "::ffff:192.0.2.7%eth0": "", "192.0.2.7%eth0": "", "fe80::1%": "",
		"for=192.0.2.7": "", "192.0.2.7;proto=http": "", "192.0.2.7\u00a0": "", "１９２.0.2.7": "", ":80": "", ":": "", "::ffff:192.0.2.7:80": "",
	} {
		addr, ok := parseHop(s)
		if got := addr.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %s %t, want %q", s, got, ok, want)
		}
	}
}

func FuzzParseHop(f *testing.F) {
	for _, s := range []string{"192.0.2.7:80", `"[2001:db8::1]:4711"`, "fe80::1%eth0", "_hidden", "[::1", "::1:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		addr, ok := parseHop(s)
		if !ok {
			if addr.IsValid() {
				t.Fatalf("%q: unreadable, and %s", s, addr)
			}
			return
		}
		if addr.Zone() != "" || addr.Is4In6() {
			t.Fatalf("%q: %s", s, addr)
		}
		for _, again := range []string{addr.String(), `"` + addr.String() + `"`, netip.AddrPortFrom(addr, 4711).String(), `"` + netip.AddrPortFrom(addr, 1).String() + `"`} {
			if other, ok := parseHop(again); !ok || other != addr {
				t.Fatalf("%q is %s; %q is %s %t", s, addr, again, other, ok)
			}
		}
	})
}

var trustedTen = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}

// A visitor is at one place, however its proxies write it: with a port or without, a
// rule that blocks another network does not shut it out. field: Azure's gateway.
func TestBlockedByAddress(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TrustedProxies = trustedTen })
	block := policy.Rule{Name: "bad", Action: policy.Block, Include: []policy.Selector{{Property: policy.Address, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}}
	allow := policy.Rule{Name: "all", Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{{Source: policy.Source{Namespace: "ns", Name: "rest"}, Hosts: []string{"app.example.com"}, Rules: []policy.Rule{block, allow}}})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	w.live.Publish(table)
	addr := w.authz(t)
	for _, s := range []string{"%s", "%s:40000", "%s:40000, 10.0.0.4", `"%s:40000", 10.0.0.4:1`, "%s, , ", "6.6.6.6, %s,10.0.0.4", "192.0.2.9:1, %s:2"} {
		for at, want := range map[string]int{"198.51.100.7": 200, "192.0.2.7": 403} {
			if a := get(t, addr, "/x", signedIn, "X-Forwarded-For: "+fmt.Sprintf(s, at)); a.StatusCode != want {
				t.Errorf("%s at %s: %d, want %d", s, at, a.StatusCode, want)
			}
		}
	}
}

// TestUnknownAddresses: for each way in which an address can be unknown there is a
// count, and one line that says what to do.
func TestUnknownAddresses(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TrustedProxies = trustedTen })
	addr := w.authz(t)
	for range 3 {
		get(t, addr, "/x", "X-Forwarded-For: 192.0.2.7")
		get(t, addr, "/x", "X-Forwarded-For: _hidden, 10.0.0.1")
		get(t, addr, "/x", "X-Forwarded-For: \u202etxt.exe"+strings.Repeat("x", 500))
		get(t, addr, "/x")
		get(t, addr, "/x", "X-Forwarded-For: , ,")
		w.addresses.address(netip.MustParseAddr("203.0.113.1"), "192.0.2.7", w.Now())
	}
	got := w.counts(t)
	for _, want := range []string{"unreadable 6", "missing 6", "untrusted-peer 3"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	lines := 0
	for why, words := range unknownWords {
		if words == "" {
			continue
		}
		l := w.log.lines(t, words)
		if lines += len(l); len(l) != 1 || l[0]["why"] != whyUnknown[why] || l[0]["level"] != "WARN" {
			t.Errorf("%s: %v", whyUnknown[why], l)
		}
	}
	if l := w.log.lines(t, unknownWords[addressUnreadable]); lines != 3 || l[0]["said"] != `"_hidden"` {
		t.Errorf("%d lines, %v", lines, l)
	}
	none := newWorld(t, nil) // nobody is trusted: nobody expects an address
	get(t, none.authz(t), "/public", "X-Forwarded-For: garbage")
	if got := none.counts(t); !slices.Equal(got, []string{"nginx bypass allow 1"}) {
		t.Errorf("%q", got)
	}
}

// A spelling of one list: as lines of a header field.
func spellingsOf(members ...string) [][]string {
	out := [][]string{{strings.Join(members, ",")}, {strings.Join(members, ", ")}, {strings.Join(members, " ,\t")}, members,
		{"," + strings.Join(members, ",,") + ", "}}
	if len(members) > 2 {
		out = append(out, []string{members[0], strings.Join(members[1:], ", ")}, []string{strings.Join(members[:2], ","), strings.Join(members[2:], ",")})
	}
	return out
}

// checkFrom asks as a proxy at 127.0.0.1.
func (w *world) checkFrom(t testing.TB, r *authv3.CheckRequest) outcome {
	t.Helper()
	ctx := grpcpeer.NewContext(context.Background(), &grpcpeer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}})
	resp, err := authorization{w.Server}.Check(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

// TestListsAreRead: HTTP lets a list be split into lines, and joined (RFC 9110 §5.3);
// every listener and dialect reads it in one way. THREATS H8.
func TestListsAreRead(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TrustedProxies = trustedTen })
	addr := w.authz(t)
	preflights, renders := w.http(t, w.Preflight()), w.http(t, w.Render())
	for _, c := range []struct {
		name, path, method string
		members            []string
		other              []string // lines
		want               int      // of Envoy's endpoint
	}{
		{"X-Forwarded-For", "/office", "GET", []string{"6.6.6.6", "192.0.2.7:5", "10.0.0.1"}, nil, 200},
		{"X-Forwarded-For", "/office", "GET", []string{"192.0.2.7", "6.6.6.6", "10.0.0.1"}, nil, 403},
		{"Access-Control-Request-Headers", "/x", "OPTIONS", []string{"x-a", "x-b", "x-c"}, []string{fromSPA, forPUT}, 403},
		{"Accept", "/x", "GET", []string{"application/json", "text/html;q=0.9", "*/*"}, nil, 302},
		{"Upgrade", "/public", "GET", []string{"websocket", "h2c", "websocket"}, nil, 403},
		{"Upgrade", "/public", "GET", []string{"websocket", "WebSocket"}, nil, 200},
		{"Connection", "/public", "GET", []string{"upgrade", "HTTP2-Settings", "x"}, nil, 403},
	} {
		seen := map[string]string{}
		for _, lines := range spellingsOf(c.members...) {
			var headers, lower []string
			for _, l := range lines {
				headers = append(headers, c.name+": "+l)
				lower = append(lower, strings.ToLower(c.name)+": "+l)
			}
			for _, l := range c.other {
				headers, lower = append(headers, l), append(lower, strings.ToLower(l[:strings.IndexByte(l, ':')])+l[strings.IndexByte(l, ':'):])
			}
			got := map[string]string{
				"envoy":        fmt.Sprint(w.asked(t, addr, c.method+" /authz/v1/envoy"+c.path, headers...).StatusCode),
				"nginx":        fmt.Sprint(w.asked(t, addr, "GET /authz/v1/nginx/"+c.method+"/app.example.com"+c.path, headers...).StatusCode),
				"forward":      fmt.Sprint(w.asked(t, addr, "GET /authz/v1/forward", append(headers, "X-Forwarded-Method: "+c.method, "X-Forwarded-Host: app.example.com", "X-Forwarded-Uri: "+c.path)...).StatusCode),
				"preflight":    fmt.Sprint(w.asked(t, preflights, c.method+" "+c.path, headers...).StatusCode),
				"render":       fmt.Sprint(w.asked(t, renders, c.method+" /", append(headers, "X-Code: 401", "X-Original-Uri: "+c.path)...).StatusCode),
				"grpc, lines":  fmt.Sprint(w.checkFrom(t, checkRequest(c.method+" "+c.path, true, lower...)).status),
				"grpc, joined": fmt.Sprint(w.checkFrom(t, checkRequest(c.method+" "+c.path, false, lower...)).status),
			}
			for name, status := range got {
				if was, ok := seen[name]; ok && was != status {
					t.Errorf("%s on %s: %q is %s, another spelling %s", c.name, name, lines, status, was)
				}
				seen[name] = status
			}
			if want := fmt.Sprint(c.want); got["envoy"] != want || got["grpc, lines"] != got["grpc, joined"] || c.want != 200 && got["grpc, lines"] != want || c.want == 200 && got["grpc, lines"] != "0" {
				t.Errorf("%s %q: %v, want %s", c.name, lines, got, want)
			}
		}
	}
}
