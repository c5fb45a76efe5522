// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// EachHost visits every host of which the table says who decides there, patterns as
// such, with the namespaces whose policies have claims on it, in order. There are none
// where all requests are denied: the host is held for who let it go, or nothing tells
// whose it is. Hosts are in no order.
func (t *Table) EachHost(visit func(host string, namespaces []string)) {
	if t == nil {
		return
	}
	for prefix, hosts := range map[string]*shards[*claims]{"": &t.exact, wildPrefix: &t.wild, deepPrefix: &t.deep} {
		hosts.each(func(host string, c *claims) {
			var namespaces []string
			c.each(func(c claim) { namespaces = append(namespaces, c.app.source.Namespace) })
			slices.Sort(namespaces)
			visit(prefix+host, slices.Compact(namespaces))
		})
	}
}
