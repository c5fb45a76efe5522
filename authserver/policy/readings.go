// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// These bound the work that an odd path can cause. Paths that people
// meet (one encoded slash, a parameter, a doubled slash) have two to six.
const (
	maxReadings     = 32
	maxReadingBytes = 64 << 10 // of a path of 8 KiB: eight
)

// The steps are what servers are known to do to a path before they look at it.
// Not one of them does all, and no two agree on the order: Envoy resolves dots
// and then merges slashes, nginx merges and then resolves. So read applies all
// of them in every order.
var steps = [...]func(string) (string, bool){
	func(p string) (string, bool) { return decode(p, true), true },  // a second decoder
	func(p string) (string, bool) { return decode(p, false), true }, // one to which "%2F" is no slash
	func(p string) (string, bool) { return mergeSlashes(p), true },
	resolve,
	func(p string) (string, bool) { return dropParams(p), true },
	func(p string) (string, bool) { return cutQuery(p), true },
	func(p string) (string, bool) { return trimSegments(p), true }, // Windows
	func(p string) (string, bool) { return fold(p), true },         // what normalises names
}

// read works out the readings of a path that is not canonical. The first is
// nginx's, as it is the one that chose the location; the others are whatever
// the steps can make of the path, in any order.
func (t *Target) read() error {
	literal, ok := t.path, false
	if t.path, ok = resolve(mergeSlashes(literal)); !ok {
		return errAboveRoot
	}
	all := []string{literal}
	if slash := decode(t.raw, false); slash != literal {
		all = append(all, slash)
	}
	for i := 0; i < len(all); i++ {
		if err := checkReading(all[i]); err != nil {
			return err
		}
		for _, step := range steps {
			p, ok := step(all[i])
			switch {
			case !ok:
				return errAboveRoot
			case slices.Contains(all, p):
			case len(all) == maxReadings, len(all)*len(literal) > maxReadingBytes:
				return errReadings
			default:
				all = append(all, p)
			}
		}
	}
	t.readings = slices.DeleteFunc(all, func(p string) bool { return p == t.path })
	return nil
}

// checkReading refuses in a second decoding what is refused in the first.
func checkReading(p string) error {
	for i := range len(p) {
		switch {
		case p[i] < ' ' || p[i] == 0x7f:
			return errControl
		case p[i] == '\\':
			return errBackslash
		}
	}
	if !utf8.ValidString(p) {
		return errInvalidUTF8
	}
	return nil
}

// decode undoes percent-encoding once. Escapes that are not valid stay as they
// are. Without slashes, "%2F" stays too.
func decode(s string, slashes bool) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if c, ok := unescape(s, i); ok && (slashes || c != '/') {
			b.WriteByte(c)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hasEscape(s string) bool {
	for i := range len(s) {
		if _, ok := unescape(s, i); ok {
			return true
		}
	}
	return false
}

func unescape(s string, i int) (byte, bool) {
	if s[i] != '%' || i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
		return 0, false
	}
	return unhex(s[i+1])<<4 | unhex(s[i+2]), true
}

func hasRepeatOrDots(path string) bool {
	for i := 0; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		seg := path[i+1:]
		if j := strings.IndexByte(seg, '/'); j >= 0 {
			if j == 0 {
				return true
			}
			seg = seg[:j]
		}
		if seg == "." || seg == ".." {
			return true
		}
	}
	return false
}

// mergeSlashes makes one of several slashes in a row, as nginx's merge_slashes.
func mergeSlashes(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	var b strings.Builder
	b.Grow(len(path))
	for i := range len(path) {
		if path[i] != '/' || i == 0 || path[i-1] != '/' {
			b.WriteByte(path[i])
		}
	}
	return b.String()
}

// resolve removes dot segments (RFC 3986 §5.2.4). It reports false for a path
// that leads above the root.
func resolve(path string) (string, bool) {
	segs := strings.Split(path[1:], "/")
	out := segs[:0]
	for i, s := range segs {
		last := i == len(segs)-1
		switch {
		case s == "..":
			if len(out) == 0 {
				return "", false
			}
			out = out[:len(out)-1]
			if last {
				out = append(out, "")
			}
		case s == ".":
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	return "/" + strings.Join(out, "/"), true
}

// dropParams cuts every segment at its first ";", as servlet containers do.
func dropParams(path string) string {
	if strings.IndexByte(path, ';') < 0 {
		return path
	}
	segs := strings.Split(path, "/")
	for i, s := range segs {
		segs[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segs, "/")
}

// cutQuery ends a path at a "?" or "#" that decoding has brought to light.
func cutQuery(path string) string {
	if i := strings.IndexAny(path, "?#"); i > 0 {
		return path[:i]
	}
	return path
}
