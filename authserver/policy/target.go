// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// Bounds of what a request may ask for. DNS names: RFC 1035 §2.3.4.
const (
	maxPath  = 8 << 10
	maxHost  = 253
	maxLabel = 63
)

// A Target is what a request asks for. Only ParseTarget and NewTarget make
// one that names something; the zero Target matches no policy.
type Target struct {
	host string
	path string
	raw  string // the path as it came
	// readings are further paths that a server behind might understand.
	readings     []string
	encodedSlash bool
	notCanonical bool
}

// Host returns the lower-case host, without a port or a trailing dot.
func (t Target) Host() string { return t.host }

// Path returns the path as nginx would match it: decoded, slashes merged, dot
// segments resolved.
func (t Target) Path() string { return t.path }

// Canonical reports whether the path came in its one canonical form.
func (t Target) Canonical() bool { return t.host != "" && !t.notCanonical }

// A TargetError says why something cannot be a Target.
type TargetError struct {
	Reason  Reason // BadRequest or AmbiguousPath
	Message string
}

func (e *TargetError) Error() string { return e.Message }

// These are values, so that a flood of bad requests allocates nothing.
var (
	errScheme      = &TargetError{BadRequest, "the URL must begin with http:// or https://"}
	errUserinfo    = &TargetError{BadRequest, "the URL holds user information (an @ before the path)"}
	errHostEmpty   = &TargetError{BadRequest, "the host is empty"}
	errHostLong    = &TargetError{BadRequest, "the host, or a label of it, is longer than DNS allows (253 and 63 bytes)"}
	errHostChars   = &TargetError{BadRequest, "the host holds a character that no DNS name has; write international names in their xn-- form"}
	errPort        = &TargetError{BadRequest, "the port is not a number from 1 to 65535"}
	errPathStart   = &TargetError{BadRequest, "the path does not begin with /"}
	errPathLong    = &TargetError{BadRequest, "the path is longer than 8 KiB"}
	errFragment    = &TargetError{BadRequest, "the URL holds a #, which no client sends"}
	errRawControl  = &TargetError{BadRequest, "the URL holds a space or a control character"}
	errBadEscape   = &TargetError{BadRequest, "the path holds a % that two hexadecimal digits do not follow"}
	errBackslash   = &TargetError{AmbiguousPath, "the path holds a backslash, which some servers read as a slash"}
	errControl     = &TargetError{AmbiguousPath, "the path holds an encoded control character"}
	errInvalidUTF8 = &TargetError{AmbiguousPath, "the path is not valid UTF-8 once decoded"}
	errAboveRoot   = &TargetError{AmbiguousPath, "the path leads above the root"}
	errReadings    = &TargetError{AmbiguousPath, "the path can be read in too many ways"}
)

// ParseTarget reads an absolute http or https URL. It decodes once, and refuses
// what it cannot read in just one way; the error is a *TargetError.
func ParseTarget(rawURL string) (Target, error) {
	rest, ok := strings.CutPrefix(rawURL, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(rawURL, "http://"); !ok {
			return Target{}, errScheme
		}
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return NewTarget(rest[:end], rest[end:])
}

// NewTarget joins a host, with or without a port, and a raw request target:
// a path with or without a query, a query alone, or nothing. The error is a
// *TargetError.
func NewTarget(host, requestTarget string) (Target, error) {
	h, err := parseHost(host)
	if err != nil {
		return Target{}, err
	}
	t, err := parsePath(requestTarget)
	if err != nil {
		return Target{}, err
	}
	t.host = h
	return t, nil
}

func parseHost(s string) (string, error) {
	if strings.IndexByte(s, '@') >= 0 {
		return "", errUserinfo
	}
	host := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.IndexByte(s[i:], ']') < 0 {
		if !validPort(s[i+1:]) {
			return "", errPort
		}
		host = s[:i]
	}
	if host == "" {
		return "", errHostEmpty
	}
	if host[0] == '[' {
		a, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !strings.HasSuffix(host, "]") || a.Zone() != "" {
			return "", errHostChars
		}
		return "[" + a.String() + "]", nil
	}
	host = strings.TrimSuffix(host, ".")
	if err := checkLabels(host); err != nil {
		return "", err
	}
	return strings.ToLower(host), nil
}

func checkLabels(host string) error {
	if host == "" {
		return errHostEmpty
	}
	if len(host) > maxHost {
		return errHostLong
	}
	label := 0
	for i := 0; i < len(host); i++ {
		c := host[i]
		switch {
		case c == '.':
			if label == 0 {
				return errHostChars
			}
			label = 0
			continue
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return errHostChars
		}
		if label++; label > maxLabel {
			return errHostLong
		}
	}
	if label == 0 {
		return errHostChars
	}
	return nil
}

func validPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n >= 1 && n <= 65535
}

// marks is what one pass over a raw path finds.
type marks struct {
	escape       bool // some %XX
	slash        bool // %2F
	double       bool // decoded once, it still holds an escape
	param        bool // ; or its escape
	cut          bool // an encoded ? or #: a second decoder would end the path there
	unusual      bool // anything else that has a more canonical spelling
	nonASCII     bool // as it came
	high         bool // nonASCII, or once decoded
	repeatOrDots bool // "//" or a dot segment, as spelled
	lookalike    bool // what some servers take for one
}

func (m marks) notCanonical() bool {
	return m.slash || m.double || m.param || m.cut || m.unusual || m.repeatOrDots || m.lookalike
}

func parsePath(s string) (Target, error) {
	path, query, _ := strings.Cut(s, "?")
	if path == "" {
		path = "/"
	}
	if err := checkRaw(path, query); err != nil {
		return Target{}, err
	}
	m, err := scan(path)
	if err != nil {
		return Target{}, err
	}
	t := Target{path: path, raw: path}
	if m.escape {
		t.path = decode(path, true)
	}
	if (m.escape || m.nonASCII) && !utf8.ValidString(t.path) {
		return Target{}, errInvalidUTF8
	}
	m.repeatOrDots = hasRepeatOrDots(t.path)
	m.double = m.escape && hasEscape(t.path)
	m.lookalike = isOdd(t.path, m.high)
	if !m.notCanonical() {
		return t, nil
	}
	t.notCanonical, t.encodedSlash = true, m.slash
	if err := t.read(); err != nil {
		return Target{}, err
	}
	return t, nil
}

// checkRaw refuses what no request line can hold.
func checkRaw(path, query string) error {
	if path[0] != '/' {
		return errPathStart
	}
	if len(path) > maxPath {
		return errPathLong
	}
	if strings.IndexByte(path, '#') >= 0 || strings.IndexByte(query, '#') >= 0 {
		return errFragment
	}
	if hasControl(path) || hasControl(query) {
		return errRawControl
	}
	if strings.IndexByte(path, '\\') >= 0 {
		return errBackslash
	}
	return nil
}

func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func scan(path string) (m marks, err error) {
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '%':
			b, ok := unescape(path, i)
			if !ok {
				return m, errBadEscape
			}
			if err := m.escaped(b); err != nil {
				return m, err
			}
			i += 2
		case c == ';':
			m.param = true
		case c >= utf8.RuneSelf:
			m.nonASCII, m.unusual, m.high = true, true, true
		}
	}
	return m, nil
}

// escaped notes the escape of b.
func (m *marks) escaped(b byte) error {
	m.escape = true
	m.high = m.high || b >= utf8.RuneSelf
	switch {
	case b < ' ' || b == 0x7f:
		return errControl
	case b == '\\':
		return errBackslash
	case b == '/':
		m.slash = true
	case b == ';':
		m.param = true
	case b == '?' || b == '#':
		m.cut = true
	case isUnreserved(b):
		m.unusual = true // RFC 3986 §6.2.2.2: "should be normalized by decoding"
	}
	return nil
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	default:
		return c - '0'
	}
}

// isUnreserved: RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
