// SPDX-License-Identifier: Apache-2.0

package proxyconfig_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/proxyconfig"
)

// TestLuaPassesOnWhatIsAsked: the script is printed as it stands, so its list of the
// headers that a decision reads is compared with the one that there is.
func TestLuaPassesOnWhatIsAsked(t *testing.T) {
	list := regexp.MustCompile(`(?s)local asked = \{(.*?)\}`).FindStringSubmatch(proxyconfig.Lua)
	if list == nil {
		t.Fatal("ostiary.lua has no list of that name")
	}
	var got []string
	for _, name := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(list[1], -1) {
		got = append(got, name[1])
	}
	want := contract.Lower(contract.Asked())
	if got = contract.Lower(got); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("ostiary.lua names\n%q, want\n%q", got, want)
	}
}
