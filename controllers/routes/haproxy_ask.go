// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
)

// HAProxyQuestion: without headers that the proxy sets itself, a visitor's own
// would say what is asked about.
func HAProxyQuestion(x *Index, annotations map[string]string) Question {
	text := HAProxyAuthURL.Text(annotations)
	placement := HAProxyPlacement.Choice(annotations)
	if text == "" || placement != "" && HAProxyPlacement.Unread(HAProxyIngress, annotations) != "" {
		return asksNobody // with a placement that it does not know it asks nowhere
	}
	q := x.AuthURL(text, forwardTarget)
	sets := strings.ToLower(HAProxySets.Text(annotations))
	for _, header := range contract.Lower([]string{contract.ForwardedHost, contract.ForwardedURI, contract.ForwardedMethod}) {
		if q == AsksUs && (!strings.Contains(sets, header) || placement == "frontend") {
			return AsksWrongly
		}
	}
	return q
}
