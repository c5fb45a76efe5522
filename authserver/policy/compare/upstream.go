// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"reflect"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// headersDiffer names the headers that two policies set for the application in other ways, or
// one of them alone; empty: none, or there is but one policy.
func headersDiffer(old, now *policy.Policy) string {
	if old == nil || now == nil {
		return ""
	}
	of := func(p *policy.Policy, name string) *policy.UpstreamHeader {
		i := slices.IndexFunc(p.UpstreamHeaders, func(h policy.UpstreamHeader) bool { return h.Name == name })
		if i < 0 {
			return nil
		}
		return &p.UpstreamHeaders[i]
	}
	var out []string
	for _, h := range slices.Concat(old.UpstreamHeaders, now.UpstreamHeaders) {
		if !slices.Contains(out, h.Name) && !reflect.DeepEqual(of(old, h.Name), of(now, h.Name)) {
			out = append(out, h.Name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
