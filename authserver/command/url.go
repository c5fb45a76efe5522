// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A location is a flag that takes a URL, of which a command needs a part.
type location struct {
	into  *string
	given string
	form  string
	part  func(*url.URL) (string, error)
}

func (l *location) String() string { return l.given }
func (l *location) Type() string   { return "string" }

func (l *location) Set(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it is not of the form " + l.form)
	}
	part, err := l.part(u)
	if err == nil {
		l.given, *l.into = s, part
	}
	return err
}

// TeamHost is the flag --team-url of a command that needs the host alone.
func TeamHost(into *string) pflag.Value {
	return &location{into: into, form: "https://HOST", part: func(u *url.URL) (string, error) {
		return HostOf(u), nil
	}}
}

// Listener is a flag for the URL of a listener of ours, of which a command needs
// HOST:PORT. Proxies reach them by plain http.
func Listener(into *string) pflag.Value {
	const form = "http://HOST:PORT"
	return &location{into: into, form: form, part: func(u *url.URL) (string, error) {
		if u.Scheme != "http" || u.Port() == "" {
			return "", errors.New("it is not of the form " + form)
		}
		return net.JoinHostPort(u.Hostname(), u.Port()), nil
	}}
}

// ParseTeamURL reads the address of the team host: a scheme and a host. Empty: a
// name that cannot exist (RFC 2606), so that sessions have an issuer all the same.
func ParseTeamURL(s string) (*url.URL, error) {
	if s == "" {
		return &url.URL{Scheme: "https", Host: "ostiary.invalid"}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not of the form https://auth.example.com", s)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// HostOf is the host of a team URL, as policies would claim it; nil: nowhere.
func HostOf(team *url.URL) string {
	if team == nil {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(team.Hostname()), ".")
}

// CheckPathPrefix says what is wrong with a path prefix of ours.
func CheckPathPrefix(p string) error {
	t, err := policy.NewTarget("localhost", p)
	if err != nil || !t.Canonical() || t.Path() != p || p == "/" || strings.HasSuffix(p, "/") {
		return fmt.Errorf("%q: a canonical path such as "+contract.DefaultPathPrefix, p)
	}
	return nil
}
