// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
	"strings"
)

// origins is a list of allowed origins, compiled. The zero value allows none. All
// texts are in lower case.
type origins struct {
	exact  set    // "https://app.example.com:8443"
	labels set    // "https.preview.example.com:8443": a pattern without "://*"
	parts  []part // by zone
	ports  set    // "http://localhost": on any port
}

// A part is a pattern with more than "*" in its first label, such as https://pr-*.example.com.
type part struct {
	zone          string // what follows the label, after the scheme: "https.example.com:8443"
	before, after string // what stands before and after "*" in the label
}

// compile fills in the list, with texts as the room for what it keeps. An origin that
// is not valid allows nothing.
func (o *origins) compile(list, texts []string) (left []string) {
	for _, origin := range list {
		if !strings.Contains(origin, "*") {
			texts = append(texts, strings.ToLower(origin))
		}
	}
	o.exact, texts = newSet(texts), texts[len(texts):]
	var ports []string
	for _, origin := range list {
		if !strings.Contains(origin, "*") || checkOrigin(origin).found() {
			continue
		}
		scheme, rest, _ := strings.Cut(strings.ToLower(origin), "://")
		if host, ok := strings.CutSuffix(rest, ":*"); ok {
			ports = append(ports, scheme+"://"+host)
			continue
		}
		label, zone := rest[:strings.IndexByte(rest, '.')], scheme+rest[strings.IndexByte(rest, '.'):]
		if before, after, _ := strings.Cut(label, "*"); label == "*" {
			texts = append(texts, zone)
		} else {
			o.parts = append(o.parts, part{zone, before, after})
		}
	}
	o.labels, o.ports = newSet(texts), newSet(ports)
	slices.SortFunc(o.parts, func(a, b part) int { return cmp.Compare(a.zone, b.zone) })
	return texts[len(texts):]
}

// allows reports whether an origin is on the list.
func (o *origins) allows(origin string) bool {
	if o.exact.has(origin) {
		return true
	}
	// Browsers serialize origins in lower case. Others may not, and scheme and
	// host compare without case (RFC 6454 §5).
	var buf [maxOrigin]byte
	lower, changed := appendLower(buf[:0], origin)
	if changed && o.exact.hasBytes(lower) {
		return string(lower) != "null" // opaque origins are spelled "null" and no other way
	}
	return (o.labels.size() > 0 || len(o.parts) > 0) && o.matchLabel(lower) || o.ports.size() > 0 && o.matchPort(lower)
}

// matchLabel matches "https://*.preview.example.com", exactly one label in place of the
// star, and "https://pr-*.example.com", one or more characters of the label in its place.
func (o *origins) matchLabel(origin []byte) bool {
	scheme, host, ok := bytes.Cut(origin, []byte("://"))
	if !ok || !isHTTP(string(scheme)) { // "https.preview" is a scheme, too
		return false
	}
	dot := bytes.IndexByte(host, '.')
	if dot < 1 || dot > maxLabel {
		return false
	}
	for i := range dot {
		if !isLabelByte(host[i]) {
			return false
		}
	}
	var buf [maxOrigin]byte
	zone := append(append(buf[:0], scheme...), host[dot:]...)
	if o.labels.hasBytes(zone) {
		return true
	}
	at := sort.Search(len(o.parts), func(i int) bool { return o.parts[i].zone >= string(zone) })
	for _, p := range o.parts[at:] {
		if p.zone != string(zone) {
			return false
		}
		if p.fits(host[:dot]) {
			return true
		}
	}
	return false
}

// fits reports whether a label is what the pattern says, with at least one character for the star.
func (p *part) fits(label []byte) bool {
	n, before, after := len(label), len(p.before), len(p.after)
	return n > before+after && string(label[:before]) == p.before && string(label[n-after:]) == p.after
}

// matchPort matches "http://localhost:*": no port, or any that a browser would send.
func (o *origins) matchPort(origin []byte) bool {
	if o.ports.hasBytes(origin) {
		return true
	}
	colon := bytes.LastIndexByte(origin, ':')
	if colon < 0 || len(origin)-colon > len(":65535") {
		return false
	}
	host, port := origin[:colon], string(origin[colon+1:])
	return validPort(port) && port[0] != '0' && !isDefaultPort(bytes.HasPrefix(host, []byte("https:")), port) && o.ports.hasBytes(host)
}

// isDefaultPort: browsers leave it out.
func isDefaultPort(https bool, port string) bool {
	return https && port == "443" || !https && port == "80"
}

// isLoopback reports whether a host in lower case is this very machine to every browser
// (Let 'localhost' be localhost; W3C Secure Contexts, §3.1).
func isLoopback(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "127.0.0.1" || host == "[::1]"
}
