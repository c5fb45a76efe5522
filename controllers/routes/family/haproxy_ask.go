// SPDX-License-Identifier: Apache-2.0

package family

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// HAProxyQuestion: without headers that the proxy sets itself, a visitor's own
// would say what is asked about.
func HAProxyQuestion(x *routes.Index, annotations map[string]string) routes.Question {
	text := routes.HAProxyAuthURL.Text(annotations)
	placement := routes.HAProxyPlacement.Choice(annotations)
	if text == "" || placement != "" && routes.HAProxyPlacement.Unread(routes.HAProxyIngress, annotations) != "" {
		return routes.AsksNobody // with a placement that it does not know it asks nowhere
	}
	q := x.AuthURL(text, forwardTarget)
	sets := strings.ToLower(routes.HAProxySets.Text(annotations))
	for _, header := range contract.Lower([]string{contract.ForwardedHost, contract.ForwardedURI, contract.ForwardedMethod}) {
		if q == routes.AsksUs && (!strings.Contains(sets, header) || placement == "frontend") {
			return routes.AsksWrongly
		}
	}
	return q
}
