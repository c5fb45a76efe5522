// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// A difference is where we part from a peer on purpose: by asking the peer
// something else, or by changing its answer to what ours must be.
type difference struct {
	name, why string
	peers     string
	ask       func(x *exchange)
	answer    func(x *exchange, a *answer)
}

func asciiLower(s string) string {
	b, _ := appendLower(nil, s)
	return string(b)
}

// names of a list of headers, in the order in which browsers send them.
func headerNames(list string) []string {
	var out []string
	for n := range strings.SplitSeq(asciiLower(list), ",") {
		if n = strings.Trim(n, " \t"); n != "" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var differences = []difference{
	{
		"origin-case", "Scheme and host have no case (RFC 6454 §5), and \"null\" has one only; jub0bs takes lower case alone, and rs lowers \"NULL\" and the Kelvin sign too.", "rs jub0bs",
		func(x *exchange) {
			if !x.c.AllowAllOrigins {
				if lower := asciiLower(x.origin); lower == "null" && x.origin != "null" || strings.ToLower(lower) != lower {
					x.origin = "https://refused.invalid"
				} else {
					x.origin = lower
				}
			}
		},
		func(x *exchange, a *answer) {
			if o := a.h["Access-Control-Allow-Origin"]; o != "" && o != "*" {
				a.h["Access-Control-Allow-Origin"] = x.origin
			}
		},
	},
	{
		"any-origin-is-any", "Where all origins are allowed the answer is \"*\" whatever the origin, \"null\" too (Fetch); jub0bs wants to parse it first.", "jub0bs",
		func(x *exchange) {
			if x.c.AllowAllOrigins && x.origin != "" {
				x.origin = "https://any.example"
			}
		}, nil,
	},
	{
		"origin-length", "An origin of more than 512 bytes is none.", "rs jub0bs", nil,
		func(x *exchange, a *answer) {
			if len(x.origin) > maxOrigin {
				a.refuse(x)
			}
		},
	},
	{
		"one-label", "A \"*.\" is exactly one DNS label, as in hosts; jub0bs takes any number of labels, and rs any characters.", "rs jub0bs", nil,
		func(x *exchange, a *answer) {
			lower, wide := asciiLower(x.origin), false
			for _, p := range x.c.AllowedOrigins {
				if p = strings.ToLower(p); refPattern(p, lower) {
					return
				}
				before, after, ok := strings.Cut(p, "*")
				wide = wide || ok && len(lower) >= len(before)+len(after) && strings.HasPrefix(lower, before) && strings.HasSuffix(lower, after)
			}
			if wide {
				a.refuse(x)
			}
		},
	},
	{
		"status", "A preflight is answered with 200, as in the specification, and refused with 403; rs says 204 to both.", "rs", nil,
		func(x *exchange, a *answer) {
			if x.preflight() && a.granted() {
				a.status = 200
			} else if x.preflight() {
				a.refuse(x)
			}
		},
	},
	{
		"no-origin-no-preflight", "OPTIONS without an Origin is no preflight; rs answers it by the other header alone.", "rs", nil,
		func(x *exchange, a *answer) {
			if !x.preflight() {
				a.status = 299
			}
		},
	},
	{
		"no-origin-no-cors", "An answer to a request without an Origin needs no CORS headers; jub0bs sends \"*\" where all origins are allowed.", "jub0bs", nil,
		func(x *exchange, a *answer) {
			if x.origin == "" {
				a.h = map[string]string{}
			}
		},
	},
	{
		"other-options", "OPTIONS that is no preflight is an ordinary request, and no page needs to read its refusal; the peers send headers on it.", "rs jub0bs", nil,
		func(x *exchange, a *answer) {
			if x.method == "OPTIONS" && !x.preflight() {
				a.h = map[string]string{}
			}
		},
	},
	{
		"actual-method", "Access-Control-Allow-Methods is about preflights (Fetch); rs withholds its headers from actual requests of other methods as well.", "rs",
		func(x *exchange) {
			if x.method != "OPTIONS" {
				x.method = x.c.AllowedMethods[len(x.c.AllowedMethods)-1] // which is not OPTIONS
			}
		}, nil,
	},
	{
		"options-listed", "A page that wants to send OPTIONS itself needs it listed; rs always allows it.", "rs", nil,
		func(x *exchange, a *answer) {
			if x.preflight() && x.acrm == "OPTIONS" && !slices.Contains(x.c.AllowedMethods, "OPTIONS") {
				a.refuse(x)
			}
		},
	},
	{
		"safelisted-listed", "GET, HEAD and POST are allowed if they are listed, as in Cloudflare Access, and then named; jub0bs allows them always and names them never.", "jub0bs", nil,
		func(x *exchange, a *answer) {
			if !x.preflight() || !a.granted() || !slices.Contains([]string{"GET", "HEAD", "POST"}, x.acrm) {
				return
			}
			if a.h["Access-Control-Allow-Methods"] = x.acrm; !x.c.AllowAllMethods && !slices.Contains(x.c.AllowedMethods, x.acrm) {
				a.refuse(x)
			}
		},
	},
	{
		"method-echo", "The requested method is named where all are allowed, but not one that is too long, or that browsers forbid; jub0bs sends \"*\", or whatever came.", "jub0bs", nil,
		func(x *exchange, a *answer) {
			if !x.preflight() || !x.c.AllowAllMethods || !a.granted() {
				return
			}
			if a.h["Access-Control-Allow-Methods"] = x.acrm; checkMethod(strings.ToUpper(x.acrm)).found() && x.acrm != "*" {
				a.refuse(x)
			}
		},
	},
	{
		"header-lists", "A list of header names is read as any list (RFC 9110 §5.6.1): in any case and order, repeated, with blanks; the peers take just what browsers send.", "rs jub0bs",
		func(x *exchange) { x.acrh = strings.Join(headerNames(x.acrh), ",") },
		func(x *exchange, a *answer) {
			if list := strings.Trim(x.acrh, " \t,"); a.h["Access-Control-Allow-Headers"] != "" {
				a.h["Access-Control-Allow-Headers"] = list
			}
		},
	},
	{
		"header-tokens", "Where all headers are allowed each must still be a name, and what is echoed is bounded; the peers echo, or allow with \"*\", whatever came.", "rs jub0bs", nil,
		func(x *exchange, a *answer) {
			bad := slices.ContainsFunc(headerNames(x.acrh), func(n string) bool { return !isToken(n) })
			if x.preflight() && (len(x.acrh) > maxRequestHeaders || bad) {
				a.refuse(x)
			}
		},
	},
	{
		"private-network", "Private network access is supported; jub0bs has dropped it.", "jub0bs", nil,
		func(x *exchange, a *answer) {
			if x.preflight() && a.granted() && x.c.AllowPrivateNetwork && x.private {
				a.h["Access-Control-Allow-Private-Network"] = "true"
			}
		},
	},
	{
		"exposed-spelling", "The names in exposedHeaders are sent as they were written; rs makes them canonical, jub0bs sorts and lowers them.", "rs jub0bs", nil,
		func(x *exchange, a *answer) {
			if a.h["Access-Control-Expose-Headers"] != "" {
				a.h["Access-Control-Expose-Headers"] = strings.Join(x.c.ExposedHeaders, ", ")
			}
		},
	},
}
