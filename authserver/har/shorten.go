// SPDX-License-Identifier: Apache-2.0

package har

import (
	"errors"
	"io"
)

// maxString is how many bytes of a string are kept. Bodies are longer, and nobody looks at
// them; a header of this size has been refused by a proxy long before.
const maxString = 16 << 10

// maxValue is how many bytes an entry may have once its strings are short.
const maxValue = 4 << 20

var errValue = errors.New("one entry has more than 4 MiB of headers")

// A shortener passes JSON on, and leaves out the rest of every long string, so that memory
// is bounded by the structure of a file and not by the bodies in it.
type shortener struct {
	r io.Reader
	// left is how many bytes may be passed on before the next call of more.
	left int

	in      bool // within a string
	escaped bool // the byte before was a backslash
	hex     int  // digits that are missing of a \u
	size    int  // of the string so far
	cut     bool // the rest of it is left out
}

// more allows for another value.
func (s *shortener) more() { s.left = maxValue }

func (s *shortener) Read(p []byte) (int, error) {
	for {
		n, err := s.r.Read(p)
		out := 0
		for _, c := range p[:n] {
			if s.keeps(c) {
				p[out] = c
				out++
			}
		}
		if s.left -= out; s.left < 0 {
			return 0, errValue
		}
		if out > 0 || err != nil || len(p) == 0 {
			return out, err
		}
	}
}

// keeps reports whether a byte is passed on. A string ends short where a character of it
// ends, and never within an escape.
func (s *shortener) keeps(c byte) bool {
	if !s.in {
		s.in, s.size, s.cut = c == '"', 0, false
		return true
	}
	begins := !s.escaped && s.hex == 0
	if begins && c == '"' {
		s.in = false
		return true
	}
	s.cut = s.cut || begins && s.size >= maxString
	s.size++
	switch {
	case s.hex > 0:
		s.hex--
	case s.escaped:
		if s.escaped = false; c == 'u' {
			s.hex = 4
		}
	default:
		s.escaped = c == '\\'
	}
	return !s.cut
}
