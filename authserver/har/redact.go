// SPDX-License-Identifier: Apache-2.0

package har

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
)

// Values of these headers alone are read: they are what browsers judge by, and hold no
// secrets. Of all others the name is kept.
var (
	plainRequest  = contract.Lower(append(contract.Harmless(), "Access-Control-Request-Local-Network", "Sec-Fetch-Dest", "Upgrade"))
	plainResponse = []string{
		"access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers", "access-control-allow-credentials",
		"access-control-expose-headers", "access-control-max-age", "access-control-allow-private-network", "vary", "age", "cache-control",
		"cross-origin-resource-policy", "cross-origin-embedder-policy", reasonHeader, strings.ToLower(contract.ManagedHeader), "x-request-id",
		"server", "via", "retry-after", "allow",
	}
)

// reasonHeader says why Ostiary refused.
var reasonHeader = strings.ToLower(contract.ReasonHeader)

// maxPlain is how much of a header's value is kept.
const maxPlain = 1024

// maxHeaders is how many headers of a message are kept.
const maxHeaders = 256

type rawHeader struct{ Name, Value string }

// keep reads headers, with the values that are no secrets.
func keep(raw []rawHeader, plain []string) Headers {
	out := Headers{}
	for i, h := range raw {
		if i == maxHeaders {
			break
		}
		name := strings.ToLower(strings.Trim(h.Name, " :")) // HTTP/2 has ":authority"
		if len(name) > 128 {
			name = name[:128]
		}
		value := ""
		for v := range strings.SplitSeq(h.Value, "\n") { // Chrome joins headers of one name so
			if slices.Contains(plain, name) {
				value = plainValue(v)
			} else if name == "content-type" {
				value, _, _ = strings.Cut(plainValue(v), ";")
			}
			if name != "set-cookie" {
				out[name] = append(out[name], value)
			}
		}
	}
	return out
}

// plainValue is a value without what an address in it may hide.
func plainValue(v string) string {
	if v = strings.TrimSpace(v); len(v) > maxPlain {
		v = v[:maxPlain] + hidden
	}
	if i := strings.Index(v, "://"); i >= 0 { // of an origin there is no more to know
		rest := v[i+3:]
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = hidden + rest[at:]
		}
		if end := strings.IndexAny(rest, "?#"); end >= 0 {
			rest = rest[:end] + hidden
		}
		v = v[:i+3] + rest
	}
	return v
}

// first returns the value of a header as it was sent.
func first(raw []rawHeader, name string) string {
	for _, h := range raw {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// cookieNames are those of a Cookie header.
func cookieNames(header string) (out []string) {
	for pair := range strings.SplitSeq(header, ";") {
		if name, _, ok := strings.Cut(pair, "="); ok && len(out) < maxHeaders {
			out = append(out, cookieName(name))
		}
	}
	return out
}

func cookieName(name string) string {
	if name = strings.TrimSpace(name); len(name) > 128 {
		name = name[:128]
	}
	return name
}

// setCookies reads the Set-Cookie of an answer: its attributes (RFC 6265bis §5.6).
func setCookies(raw []rawHeader) (out []SetCookie) {
	for _, h := range raw {
		if !strings.EqualFold(h.Name, "set-cookie") {
			continue
		}
		for line := range strings.SplitSeq(h.Value, "\n") {
			if len(out) < maxHeaders {
				out = append(out, setCookie(line))
			}
		}
	}
	return out
}

func setCookie(line string) (c SetCookie) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, _, _ := strings.Cut(pair, "=")
	c.Name, c.Size = cookieName(name), len(strings.TrimSpace(pair))
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "domain":
			c.Domain = strings.ToLower(strings.TrimPrefix(value, "."))
		case "path":
			c.Path = value
		case "max-age":
			if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 && seconds < 1e9 {
				c.MaxAge = time.Duration(seconds) * time.Second
			}
		case "secure":
			c.Secure = true
		case "samesite":
			c.SameSite = strings.ToLower(value)
		case "partitioned":
			c.Partitioned = true
		}
	}
	return c
}

// startedAt tells the order of entries, which exports do not always have.
func startedAt(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text) // the zero time: it stays where it is
	return t
}
