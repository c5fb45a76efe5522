// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
)

// A location is a flag that takes a URL, of which a command needs a part.
type location struct {
	into  *string
	given string
	part  func(*url.URL) (string, error)
}

func (l *location) String() string { return l.given }
func (l *location) Type() string   { return "string" }

func (l *location) Set(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it is not of the form https://HOST")
	}
	part, err := l.part(u)
	if err == nil {
		l.given, *l.into = s, part
	}
	return err
}

// TeamHost is the flag --team-url of a command that needs the host alone.
func TeamHost(into *string) pflag.Value {
	return &location{into: into, part: func(u *url.URL) (string, error) {
		return strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), nil
	}}
}

// Listener is a flag for the URL of a listener of ours, of which a command needs
// HOST:PORT. Proxies reach them by plain http.
func Listener(into *string) pflag.Value {
	return &location{into: into, part: func(u *url.URL) (string, error) {
		if u.Scheme != "http" || u.Port() == "" {
			return "", errors.New("it is not of the form http://HOST:PORT")
		}
		return net.JoinHostPort(u.Hostname(), u.Port()), nil
	}}
}
