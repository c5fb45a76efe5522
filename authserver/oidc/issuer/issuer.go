// SPDX-License-Identifier: Apache-2.0

// Package issuer says what the address of an OpenID Connect issuer may be. It
// talks to none, so that whoever reads configurations can use it.
package issuer

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLength is how long the address of an issuer can be, in bytes.
const maxLength = 255

// Parse reads the address of an issuer. A problem says what is wrong with it;
// otherwise it is empty.
func Parse(address string) (u *url.URL, problem string) {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Hostname() == "", IsOddNumber(u.Hostname()), !utf8.ValidString(address), strings.ContainsFunc(address, notInAddress):
		return nil, "not the address of a provider, such as https://sso.example.com"
	case len(address) > maxLength:
		return nil, "longer than 255 characters"
	case u.User != nil || strings.ContainsAny(address, "?#"):
		return nil, "an issuer has no user name, no query and no fragment"
	case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
		return nil, "leave out /.well-known/openid-configuration: the issuer is the part before it"
	case u.Scheme == "http" && !IsLocal(u.Hostname()):
		return nil, "an issuer is https: http is for this machine alone (localhost, *.localhost, 127.0.0.1)"
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "an issuer is https"
	}
	return u, ""
}

// maxDocument is how long the address of a document can be, in bytes.
const maxDocument = 1024

// ParseDocument reads the address of a document that an issuer publishes, such as its
// metadata: by the rules of an issuer's, but for a query, which it may have.
func ParseDocument(address string) (u *url.URL, problem string) {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Hostname() == "", IsOddNumber(u.Hostname()), !utf8.ValidString(address), strings.ContainsFunc(address, notInAddress):
		return nil, "not an address, such as https://sso.example.com/.well-known/openid-configuration"
	case len(address) > maxDocument:
		return nil, "longer than 1024 characters"
	case u.User != nil || strings.Contains(address, "#"):
		return nil, "it has no user name and no fragment"
	case strings.Trim(u.Path, "/") == "":
		return nil, "write all of the address, with its path, such as /.well-known/openid-configuration"
	case u.Scheme == "http" && !IsLocal(u.Hostname()), u.Scheme != "http" && u.Scheme != "https":
		return nil, "it is https: http is for this machine alone (localhost, *.localhost, 127.0.0.1)"
	}
	return u, ""
}

func notInAddress(r rune) bool { return r <= ' ' || r == utf8.RuneError || !unicode.IsPrint(r) }

// IsLocal reports whether a host is this machine by its name (RFC 6761 §6.3) or
// number. A public name that resolves to 127.0.0.1 is not: it has to prove by a
// certificate whose it is.
func IsLocal(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.Unmap().IsLoopback() || a.Unmap().IsUnspecified())
}

// IsOddNumber reports whether a host is a number to some resolvers only, such as
// 127.1 or 0x7f000001 (URL standard, "ends in a number").
func IsOddNumber(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"))
}
