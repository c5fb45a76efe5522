// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Client is who may ask people to let it act for them. All are public: they prove by PKCE
// that it is they who asked, and by nothing else.
type Client struct {
	ID           string
	Name         string // as people are shown it
	RedirectURIs []string
	// Registered: an OAuthClient or the policy of the application names it. Else its metadata
	// document says all that is known, and its host is the only thing about it that is sure.
	Registered bool
	// Operators: it is they who name it.
	Operators bool
}

// Bounds on what a client says of itself.
const (
	maxClientID     = 512
	maxRedirectURIs = 32
	maxName         = 100 // bytes
)

// isDocument reports whether a client's id is the address of its metadata document.
func isDocument(id string) bool { return policy.IsClientDocument(id) }

// documentAddress checks the address of a client's metadata document, as
// draft-ietf-oauth-client-id-metadata-document §3 has them, and less: it has one spelling,
// which is compared with what stands in the document, and no port to look into networks by.
func documentAddress(id string) (*url.URL, error) {
	if len(id) > maxClientID || !policy.IsPlainAddress(id) {
		return nil, errors.New("client_id is too long, or holds characters that an address cannot")
	}
	u, err := url.Parse(id)
	switch {
	case err != nil || !isDocument(id):
		return nil, errors.New("client_id is no https address")
	case u.User != nil || strings.Contains(id, "#"):
		return nil, errors.New("client_id holds a user or a fragment")
	case u.Path == "" || u.Path == "/" || hasDots(u.EscapedPath()):
		return nil, errors.New("client_id needs a path, without dot segments")
	case u.Host == "" || u.Host != publicHost(u.Host):
		return nil, errors.New("client_id needs the name of a public host, in lower case and without a port")
	}
	return u, nil
}

// hasDots reports whether a path has segments that stand for others.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}

// publicHost returns a host as it is spelled, if it can be one of the internet's; else nothing.
func publicHost(host string) string {
	t, err := policy.NewTarget(host, "/")
	if err != nil || !strings.Contains(host, ".") || strings.Contains(host, ":") {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil || isNumber(host[strings.LastIndexByte(host, '.')+1:]) {
		return "" // an address, in whatever notation a resolver may know
	}
	for _, local := range []string{".localhost", ".local", ".internal", ".home.arpa", ".cluster.local", ".svc"} {
		if strings.HasSuffix(host, local) {
			return ""
		}
	}
	return t.Host()
}

func isNumber(label string) bool {
	return label != "" && (strings.Trim(label, "0123456789") == "" || strings.HasPrefix(label, "0x"))
}

// document is what a metadata document holds, of what is looked at (RFC 7591 §2).
type document struct {
	ClientID     string    `json:"client_id"`
	Name         string    `json:"client_name"`
	RedirectURIs []string  `json:"redirect_uris"`
	AuthMethod   string    `json:"token_endpoint_auth_method"`
	GrantTypes   *[]string `json:"grant_types"`
	Responses    *[]string `json:"response_types"`
	Secret       any       `json:"client_secret"`
}

// parseDocument reads the metadata document that was found at an address.
func parseDocument(id string, text []byte) (*Client, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil || !utf8.Valid(text) {
		return nil, errors.New("the metadata document is no JSON of the right form")
	}
	switch {
	case d.ClientID != id:
		return nil, errors.New("the metadata document names another client_id than its own address")
	case d.AuthMethod != "" && d.AuthMethod != "none", d.Secret != nil:
		return nil, errors.New("the metadata document asks for client authentication: only public clients are taken (none)")
	case d.GrantTypes != nil && !slices.Contains(*d.GrantTypes, "authorization_code"),
		d.Responses != nil && !slices.Contains(*d.Responses, "code"):
		return nil, errors.New("the metadata document leaves out the authorization code grant")
	}
	if err := checkRedirects(d.RedirectURIs); err != nil {
		return nil, err
	}
	return &Client{ID: id, Name: nameOf(d.Name), RedirectURIs: d.RedirectURIs}, nil
}

func checkRedirects(uris []string) error {
	if len(uris) == 0 || len(uris) > maxRedirectURIs {
		return fmt.Errorf("the metadata document has %d redirect_uris: 1 to %d", len(uris), maxRedirectURIs)
	}
	for _, uri := range uris {
		if err := policy.CheckRedirectURI(uri); err != nil {
			return fmt.Errorf("the metadata document: %w", err)
		}
	}
	return nil
}

// nameOf is a name as it is shown: one line, and nothing that can turn what stands around it.
func nameOf(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError || r == ' ' }), " ")
	return policy.Cut(name, maxName)
}

// mayReturnTo reports whether a client's answers may be sent to an address: one of its own, to
// the letter. A program on the person's machine takes what port it gets (RFC 8252 §7.3).
func (c *Client) mayReturnTo(uri string) bool {
	if policy.CheckRedirectURI(uri) != nil {
		return false
	}
	without, local := withoutPort(uri)
	return slices.ContainsFunc(c.RedirectURIs, func(own string) bool {
		if own == uri {
			return true
		}
		o, ok := withoutPort(own)
		return local && ok && o == without
	})
}

// withoutPort returns an address on a person's own machine without its port; false: it is not
// there.
func withoutPort(uri string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", false
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	u, err := url.Parse(uri)
	if err != nil || !policy.IsOwnMachine(u.Hostname()) {
		return "", false
	}
	return u.Hostname() + rest[end:], true
}
