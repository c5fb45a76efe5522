// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An UpstreamHeader tells the application who is calling, in a header of its own choice.
type UpstreamHeader struct {
	// Name is in canonical form. A request that passes has the header only if the
	// installation lists it (Terms.UpstreamHeaders).
	Name string
	From Fact
	// Groups are those that the application is told of, of the user's; empty: all that
	// the session holds. They are looked at, as those of rules are.
	Groups []string
	// Claim is the claim of the identity provider that the header says. It is looked at, too.
	Claim string
	// Separator stands between values. Empty: a comma between groups, and a claim of several
	// values is not said.
	Separator string
	Encoding  Encoding
}

// Upstream are the headers of one policy. It does not change, and nil has none.
type Upstream struct{ headers []UpstreamHeader }

func newUpstream(list []UpstreamHeader) *Upstream {
	if len(list) == 0 {
		return nil
	}
	return &Upstream{slices.Clone(list)}
}

// Names returns the names of the headers.
func (u *Upstream) Names() []string {
	var out []string
	if u != nil {
		for i := range u.headers {
			out = append(out, u.headers[i].Name)
		}
	}
	return out
}

// Value returns what a header says of a person or a machine; "" if it is none of these.
func (u *Upstream) Value(name string, s *Subject, m *Machine) string {
	if u == nil {
		return ""
	}
	for i := range u.headers {
		if u.headers[i].Name == name {
			return u.headers[i].value(s, m)
		}
	}
	return ""
}

// A Fact is what a header says of who is calling.
type Fact uint8

// What there is to say. NoFact is a mistake.
const (
	NoFact     Fact = iota
	UserFact        // Subject.Name, or Machine.Name
	EmailFact       // Subject.Email
	GroupsFact      // Subject.Groups
	ClaimFact       // Subject.Claim
)

var factNames = [...]string{"none", "User", "Email", "Groups", "Claim"}

func (f Fact) String() string { return name(factNames[:], int(f)) }

// An Encoding is how a header says what is not printable ASCII, which a field's value
// cannot hold so that every application reads the same (RFC 9110 §5.5).
type Encoding uint8

// The encodings. Each leaves letters and digits as they are.
const (
	PercentEncoding Encoding = iota // %C3%BC, and % as %25
	RFC8187Encoding                 // an ext-value: UTF-8''J%C3%BCrgen
	QuotedPrintable                 // =C3=BC, and = as =3D (RFC 2045 §6.7)
	NoEncoding                      // the header is empty
)

var encodingNames = [...]string{"Percent", "RFC8187", "QuotedPrintable", "None"}

func (e Encoding) String() string { return name(encodingNames[:], int(e)) }

// maxUpstream is how many headers a policy can set.
const maxUpstream = 16

// upstreamHeaders checks the headers for the application.
func (v *validator) upstreamHeaders(list []UpstreamHeader) {
	if len(list) > maxUpstream {
		v.wrong("spec.upstreamHeaders", codeUpstreamMany, "%d headers, at most %d", len(list), maxUpstream)
		return
	}
	for i := range list {
		h, at := &list[i], item("spec.upstreamHeaders", i)
		if !isToken(h.Name) || strings.Contains(h.Name, "_") {
			v.wrong(at+".name", codeHeader, "%q: not the name of a header such as X-Webauth-User", h.Name)
		} else if slices.ContainsFunc(list[:i], func(o UpstreamHeader) bool { return o.Name == h.Name }) {
			v.wrong(at+".name", codeListedTwice, "%q: listed twice", h.Name)
		}
		if h.From == NoFact || int(h.From) >= len(factNames) {
			v.wrong(at+".from", codeUpstreamFrom, "one of %s", strings.Join(factNames[1:], ", "))
		}
		if int(h.Encoding) >= len(encodingNames) {
			v.wrong(at+".encoding", codeUpstreamEncoding, "one of %s", strings.Join(encodingNames[:], ", "))
		}
		v.upstreamGroups(at, h)
	}
}

// separators are what can stand between groups: nothing that a proxy or an encoding has
// another use for.
const separators = ",;| "

func (v *validator) upstreamGroups(at string, h *UpstreamHeader) {
	lists := h.From == GroupsFact || h.From == ClaimFact
	if h.From != GroupsFact && len(h.Groups) > 0 || !lists && h.Separator != "" {
		v.wrong(at, codeUpstreamGroups, "groups are for from: Groups, and separator for Groups and Claim")
	}
	v.upstreamClaim(at+".claim", h)
	if h.Separator != "" && (len(h.Separator) != 1 || !strings.Contains(separators, h.Separator)) {
		v.wrong(at+".separator", codeUpstreamGroups, "%q: a comma, a semicolon, a vertical bar or a space", h.Separator)
	}
	for i, g := range h.Groups {
		if !isText(g) {
			v.wrong(item(at+".groups", i), codeSaid, "%q is not what an identity provider says: 1 to 256 printable characters", g)
		}
	}
}

func (v *validator) upstreamClaim(at string, h *UpstreamHeader) {
	if (h.From == ClaimFact) != (h.Claim != "") {
		v.wrong(at, codeUpstreamClaim, "from: Claim names the claim of the identity provider, and no other does")
	} else if wrong := (&ClaimValue{Name: h.Claim, Value: "x"}).check(); h.Claim != "" && wrong.found() {
		v.wrong(at, wrong.code, "%q: %s", h.Claim, wrong.text)
	}
}

// unlisted says which headers are not sent, as the installation does not list them.
func (a *app) unlisted(listed []string) (out []Issue) {
	for i, name := range a.upstream.Names() {
		if !slices.Contains(listed, name) {
			out = append(out, a.issue(item("spec.upstreamHeaders", i)+".name", codeUpstreamUnlisted, "%s is not sent to the application, and a "+
				"client's own is not removed: the installation does not list it. Ask the platform team to add it to upstreamHeaders "+
				"(--upstream-headers), and do not have the application trust it before", name))
		}
	}
	return out
}

// value returns what a header says, "" where that is not known or cannot be said: never
// anything but printable ASCII, and nothing that could be read as another value.
func (h *UpstreamHeader) value(s *Subject, m *Machine) string {
	switch {
	case m != nil:
		if h.From == UserFact {
			return h.Encoding.encode(m.Name, 0)
		}
	case s == nil:
	case h.From == UserFact:
		return h.Encoding.encode(s.Name(), 0)
	case h.From == EmailFact:
		return h.Encoding.encode(s.Email, 0)
	case h.From == GroupsFact:
		return h.list(s.Groups)
	case h.From == ClaimFact:
		return h.claim(s)
	}
	return ""
}

// claim says what stands at a claim, if that is known: without a separator one value, so
// that none can pass for two.
func (h *UpstreamHeader) claim(s *Subject) string {
	values, known := s.Claim(h.Claim)
	switch {
	case !known, len(values) == 0, len(values) > 1 && h.Separator == "":
		return ""
	case h.Separator == "":
		return h.Encoding.encode(values[0], 0)
	}
	return h.list(values)
}

// list joins those of the values that the application is told of.
func (h *UpstreamHeader) list(values []string) string {
	separator := byte(',')
	if h.Separator != "" {
		separator = h.Separator[0]
	}
	var room [16]string
	out := room[:0]
	for _, value := range values {
		if value == "" || len(h.Groups) > 0 && !slices.Contains(h.Groups, value) {
			continue
		}
		encoded := h.Encoding.encode(value, separator)
		if encoded == "" {
			return "" // rather nothing than a part that looks like all
		}
		out = append(out, encoded)
	}
	return strings.Join(out, string(separator))
}

// encode writes a value so that it can be read in one way only: as one element of a list,
// if there is a separator. "" where it cannot be.
func (e Encoding) encode(value string, separator byte) string {
	if value == "" || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return ""
	}
	plain := true
	for i := range len(value) {
		plain = plain && !e.escapes(value, i, separator)
	}
	switch {
	case e == NoEncoding && !plain, e == QuotedPrintable && separator != 0 && strings.IndexByte(value, separator) >= 0:
		return "" // QuotedPrintable is undone before a list is split
	case plain && e != RFC8187Encoding:
		return value
	}
	return e.escape(value, separator)
}

func (e Encoding) escape(value string, separator byte) string {
	const hex = "0123456789ABCDEF"
	mark := byte('%')
	out := make([]byte, 0, 3*len(value)+len(extended))
	switch e {
	case RFC8187Encoding:
		out = append(out, extended...)
	case QuotedPrintable:
		mark = '='
	case PercentEncoding, NoEncoding:
	}
	for i := range len(value) {
		if c := value[i]; e.escapes(value, i, separator) {
			out = append(out, mark, hex[c>>4], hex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

// extended begins an ext-value (RFC 8187 §3.2.1), without a language.
const extended = "UTF-8''"

// escapes reports whether the encoding writes a byte in another way. A blank at an end,
// proxies take off.
func (e Encoding) escapes(value string, i int, separator byte) bool {
	c := value[i]
	if c == ' ' && (i == 0 || i == len(value)-1) {
		return true
	}
	return c < ' ' || c >= 0x7f || separator != 0 && c == separator || e.reserves(c)
}

// reserves reports whether a printable byte means something to the encoding.
func (e Encoding) reserves(c byte) bool {
	switch e {
	case PercentEncoding:
		return c == '%'
	case QuotedPrintable:
		return c == '='
	case RFC8187Encoding:
		return !isLetterOrDigit(c) && strings.IndexByte("!#$&+-.^_`|~", c) < 0 // attr-char
	case NoEncoding:
	}
	return false
}

func isLetterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
