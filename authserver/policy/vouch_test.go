// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

// TestVouchedByWhat: a credential vouches where a selector of its kind fits, or a group that
// looks at it, and not where something else is merely called like such a group.
func TestVouchedByWhat(t *testing.T) {
	ci := certificate("ci")
	table := &Table{groups: newGroups(CompileGroups([]Group{groupOf("builders", ci, nil, nil)}))}
	r := &Request{Certificate: card("ci", birth, now), Now: now}
	for name, tc := range map[string]struct {
		list  []Selector
		table *Table
		want  bool
	}{
		"itself":                     {ci, nil, true},
		"a group":                    {named("builders"), table, true},
		"no such group":              {named("others"), table, false},
		"a group, and no groups":     {named("builders"), nil, false},
		"a claim named like a group": {groups("builders"), table, false},
	} {
		v := visitor{request: r, table: tc.table}
		if got := v.vouchedBy(tc.list, ClientCertificate); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestNoCertificateWithoutRequest: whoever asks for anything, and hopes for the best, has no
// certificate that could be told of.
func TestNoCertificateWithoutRequest(t *testing.T) {
	v := visitor{hopeful: true}
	if got := (&rule{include: certificate("ci")}).voucher(&v); got != nothing {
		t.Errorf("vouched by %d", got)
	}
}
