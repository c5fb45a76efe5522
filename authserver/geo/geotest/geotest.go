// SPDX-License-Identifier: Apache-2.0

// Package geotest writes small databases of countries in MaxMind's format, for tests
// (https://maxmind.github.io/MaxMind-DB/).
package geotest

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"
)

// Built is when a Database says that it was built.
var Built = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Database returns one of these networks. Later ones take parts of earlier ones. The
// value is the code of the country; empty: a network that has a record without one.
func Database(networks ...Network) []byte {
	var data bytes.Buffer
	t := &tree{}
	at := map[string]uint32{}
	for _, n := range networks {
		offset, ok := at[n.Country]
		if !ok {
			offset = uint32(data.Len()) //nolint:gosec // it is small
			at[n.Country] = offset
			if n.Country == "" {
				data.Write(pairs("continent", pairs("code", text("EU"))))
			} else {
				data.Write(pairs("country", pairs("iso_code", text(n.Country))))
			}
		}
		t.add(n.Network, offset)
	}
	return t.write(data.Bytes())
}

// A Network is one of a Database.
type Network struct {
	Network netip.Prefix
	Country string
}

// In makes a Network.
func In(network, country string) Network { return Network{netip.MustParsePrefix(network), country} }

// A tree is the search tree: IPv6, where IPv4 is ::/96.
type tree struct {
	left, right *tree
	leaf        bool
	data        uint32
}

func (t *tree) add(p netip.Prefix, data uint32) {
	bits, n := p.Addr().AsSlice(), p.Bits()
	if p.Addr().Is4() {
		bits, n = append(make([]byte, 12), bits...), n+96
	}
	for i := range n {
		if t.left == nil { // whatever was said of all of it is said of both halves
			t.left, t.right = &tree{leaf: t.leaf, data: t.data}, &tree{leaf: t.leaf, data: t.data}
			t.leaf = false
		}
		if bits[i/8]>>(7-i%8)&1 == 1 {
			t = t.right
		} else {
			t = t.left
		}
	}
	*t = tree{leaf: true, data: data}
}

func (t *tree) write(data []byte) []byte {
	var nodes []*tree
	index := map[*tree]uint32{}
	var number func(*tree)
	number = func(n *tree) {
		if n.left == nil {
			return
		}
		index[n] = uint32(len(nodes)) //nolint:gosec // it is small
		nodes = append(nodes, n)
		number(n.left)
		number(n.right)
	}
	number(t)
	count := uint32(len(nodes)) //nolint:gosec // it is small
	var out bytes.Buffer
	for _, n := range nodes {
		for _, side := range []*tree{n.left, n.right} {
			record := count // nothing there
			switch {
			case side.left != nil:
				record = index[side]
			case side.leaf:
				record = count + 16 + side.data
			}
			out.Write(binary.BigEndian.AppendUint32(nil, record))
		}
	}
	out.Write(make([]byte, 16))
	out.Write(data)
	out.WriteString("\xab\xcd\xefMaxMind.com")
	out.Write(pairs("node_count", number32(count), "record_size", number32(32), "ip_version", number32(6),
		"database_type", text("Test-Country"), "binary_format_major_version", number32(2), "binary_format_minor_version", number32(0),
		"build_epoch", number64(uint64(Built.Unix())), //nolint:gosec // it is after 1970
		"languages", []byte{0, 4}, "description", pairs("en", text("for tests"))))
	return out.Bytes()
}

// pairs is a map of names and values, fewer than 29.
func pairs(of ...any) []byte {
	out := []byte{7<<5 | byte(len(of)/2)} //nolint:gosec // it is small
	for _, v := range of {
		switch v := v.(type) {
		case string:
			out = append(out, text(v)...)
		case []byte:
			out = append(out, v...)
		}
	}
	return out
}

func text(s string) []byte { return append([]byte{2<<5 | byte(len(s))}, s...) } //nolint:gosec // it is short

func number32(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{6<<5 | 4}, n) }

func number64(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{8, 2}, n) }
