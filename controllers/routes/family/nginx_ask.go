// SPDX-License-Identifier: Apache-2.0

package family

import (
	"regexp"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// nginxTargets are the paths of our own that ask about the request that is made.
// Without variables they would ask about another, which may well be allowed; with
// $http_host in place of $host the visitor chooses.
var nginxTargets = regexp.MustCompile("^(" + contract.NginxHeaderPath +
	"|(" + contract.NginxPrefix + "|" + contract.NginxPassPrefix + "|" + contract.URLPrefix + ")([a-z0-9.-]+/[a-z0-9.-]+/)?" + regexp.QuoteMeta(contract.NginxTarget) + ")$")

func nginxQuestion(x *routes.Index, annotations map[string]string, proxy routes.Proxy) routes.Question {
	switch text := routes.NGINXAuthURL.Text(annotations); {
	case text != "":
		return x.AuthURL(text, nginxTargets)
	case proxy != routes.IngressNGINX || !routes.Once(x, readConfigs).globalAuth:
		return routes.AsksNobody
	case routes.NGINXGlobalAuth.Flag(proxy, annotations) == routes.Off:
		return routes.TurnedOff
	default:
		return routes.AsksUs
	}
}
