// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/idp/config"
)

// TestWarnOfGuesses: who has built-in users and no proxy that says where clients come
// from is told so, once.
func TestWarnOfGuesses(t *testing.T) {
	users, corp := config.Provider{Name: "people", Type: config.Users}, config.Provider{Name: "corp", Type: config.OIDC}
	trusted := []string{"--trusted-proxies", "10.0.0.0/8"}
	for _, c := range []struct {
		args      []string
		providers []config.Provider
		want      int
	}{{nil, []config.Provider{corp, users}, 1}, {trusted, []config.Provider{users}, 0}, {nil, []config.Provider{corp}, 0}} {
		var o Flags
		f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		o.Add(f)
		if err := f.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		checked, err := o.Config()
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s := o.Service(checked, &log)
		for range 3 {
			s.PublishProviders(c.providers)
		}
		if n := strings.Count(log.String(), "no --trusted-proxies"); n != c.want {
			t.Errorf("%q: said %d times", c.args, n)
		}
	}
}
