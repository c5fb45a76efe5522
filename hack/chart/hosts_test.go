// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestHostArguments: what the values say of hosts is what the process is told.
func TestHostArguments(t *testing.T) {
	of := func(values string) (out []string) {
		for _, a := range container(t, render(t, values))["args"].([]any) {
			if s := fmt.Sprint(a); strings.HasPrefix(s, "--host-") || strings.HasPrefix(s, "--return-") || strings.HasPrefix(s, "--external-") {
				out = append(out, s)
			}
		}
		slices.Sort(out)
		return out
	}
	for values, want := range map[string][]string{
		"testdata/values/defaults.yaml": {"--host-claims=first-come", "--host-hold=24h"},
		"testdata/values/host-grants.yaml": {
			"--external-evaluation-origins=https://eval.example.com,https://eval.example.net:8443", "--host-claims=granted-only", "--host-grants=*.preview.example.com=shop,checkout", "--host-grants=app.example.com=checkout",
			"--host-grants=pay.example.com=checkout", "--host-hold=1h30m", "--host-reservations=*.shop.example.com=shop",
			"--return-hosts=www.example.com,*.corp.example.com", "--return-ports=8443,443",
		},
	} {
		if got := of(values); !slices.Equal(got, want) {
			t.Errorf("%s: %q", values, got)
		}
	}
}

// TestLedgerIsNotTheRelease: Helm makes no ConfigMap that it would take away with the
// release, and with it the knowledge whose the hosts are.
func TestLedgerIsNotTheRelease(t *testing.T) {
	for _, values := range valueSets(t) {
		for _, u := range render(t, values) {
			if _, ok := u.GetLabels()["access.ostiary.dev/ledger"]; ok {
				t.Errorf("%s: %s %s", values, u.GetKind(), u.GetName())
			}
		}
	}
}
