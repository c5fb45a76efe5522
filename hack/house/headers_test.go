// SPDX-License-Identifier: Apache-2.0

package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/controllers/routes"
)

// TestProxiesPassOnWhatIsAsked: whoever makes a proxy's configuration knows of every
// header that a decision depends on. (Templates are rendered from dialect.Asked.)
func TestProxiesPassOnWhatIsAsked(t *testing.T) {
	want := lowered(dialect.Asked())
	if got := lowered(routes.Asked()); !slices.Equal(got, want) {
		t.Errorf("what is written for Ingresses and HTTPRoutes names\n%q, want\n%q", got, want)
	}
	script, err := os.ReadFile(filepath.Join(root(t), "authserver", "proxyconfig", "ostiary.lua"))
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)local asked = \{(.*?)\}`).FindSubmatch(script)
	if list == nil {
		t.Fatal("ostiary.lua has no list of that name")
	}
	var got []string
	for _, name := range regexp.MustCompile(`"([^"]*)"`).FindAllSubmatch(list[1], -1) {
		got = append(got, string(name[1]))
	}
	if got = lowered(got); !slices.Equal(got, want) {
		t.Errorf("ostiary.lua names\n%q, want\n%q", got, want)
	}
}

func lowered(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToLower(name)
	}
	slices.Sort(out)
	return out
}
