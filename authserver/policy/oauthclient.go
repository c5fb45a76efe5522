// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// An OAuthClient is a client that somebody here answers for, beside those that say themselves
// who they are. It is public: it proves by PKCE that it is it who asked.
type OAuthClient struct {
	ID   string // client_id
	Name string // as people are shown it; empty: ID
	// RedirectURIs are where answers for it may be sent.
	RedirectURIs []string
}

// Bounds of the clients of a policy.
const (
	maxOAuthClients = 32
	maxClientName   = 100
	maxRedirectURIs = 16
	// MaxRedirectURI is the length of the longest redirect URI, in bytes.
	MaxRedirectURI = 1 << 10
)

// clients checks the clients that a policy names.
func (v *validator) clients(all []OAuthClient) {
	const field = "spec.oauth.clients"
	if len(all) > maxOAuthClients {
		v.wrong(field, codeOAuthClient, "%d: at most %d", len(all), maxOAuthClients)
		return
	}
	for i := range all {
		c, at := &all[i], item(field, i)
		if slices.ContainsFunc(all[:i], func(o OAuthClient) bool { return o.ID == c.ID }) {
			v.wrong(at+".id", codeOAuthClient, "%q: it is listed twice", c.ID)
		}
		v.client(c, clientFields{at + ".id", at + ".name", at + ".redirectURIs"})
	}
}

// clientFields are where what a client says stands.
type clientFields struct{ id, name, redirectURIs string }

// client checks one client by itself.
func (v *validator) client(c *OAuthClient, at clientFields) {
	if !IsClientID(c.ID) {
		v.wrong(at.id, codeOAuthClient, "1 to 512 printable characters of ASCII without blanks")
	}
	if len(c.Name) > maxClientName || Line(c.Name) != c.Name {
		v.wrong(at.name, codeOAuthClient, "at most %d bytes of one line", maxClientName)
	}
	if n := len(c.RedirectURIs); n == 0 || n > maxRedirectURIs {
		v.wrong(at.redirectURIs, codeOAuthClient, "%d: 1 to %d", n, maxRedirectURIs)
		return
	}
	for j, uri := range c.RedirectURIs {
		if why := wrongWithRedirect(uri); why != "" {
			v.wrong(item(at.redirectURIs, j), codeOAuthClient, "%q %s", Cut(uri, 100), why)
		}
	}
}

// CheckRedirectURI refuses what people must not be sent to: an address without TLS that is
// not on their own machine, or a scheme that an application cannot own (RFC 8252 §7, §8.4).
func CheckRedirectURI(uri string) error {
	if why := wrongWithRedirect(uri); why != "" {
		return fmt.Errorf("the redirect URI %s %s", Line(Cut(uri, 100)), why)
	}
	return nil
}

// wrongWithRedirect says what is wrong with a redirect URI; empty: nothing.
func wrongWithRedirect(uri string) string {
	if uri == "" || len(uri) > MaxRedirectURI || !IsPlainAddress(uri) {
		return "is empty, too long, or holds characters that an address cannot"
	}
	u, err := url.Parse(uri)
	if err != nil || u.User != nil || strings.Contains(uri, "#") || !isPortOrNone(u.Port()) {
		return "is no address, or holds a user or a fragment"
	}
	return wrongPlace(u)
}

func wrongPlace(u *url.URL) string {
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" {
			return "has no host"
		}
	case "http":
		if !IsOwnMachine(u.Hostname()) {
			return "is neither https nor on the person's own machine"
		}
	default:
		if !strings.Contains(u.Scheme, ".") {
			return "has a scheme of its own that is not the reverse of a domain name, such as com.example.app"
		}
	}
	return ""
}

func isPortOrNone(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil
}

// IsOwnMachine reports whether the host of an address is the machine that a browser runs on.
func IsOwnMachine(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}

// IsPlainAddress reports whether an address holds nothing that one parser reads in another
// way than the next.
func IsPlainAddress(address string) bool {
	return strings.IndexFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\\\"<>^`{|}", r) }) < 0
}

func (d *digest) clients(all []OAuthClient) {
	d.num(len(all))
	for i := range all {
		d.str(all[i].ID)
		d.str(all[i].Name)
		d.strs(all[i].RedirectURIs)
	}
}
