// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"regexp"

	"github.com/ostiary/ostiary/authserver/contract"
)

// nginxTargets are the paths of our own that ask about the request that is made.
// Without variables they would ask about another, which may well be allowed; with
// $http_host in place of $host the visitor chooses.
var nginxTargets = regexp.MustCompile("^(" + contract.NginxHeaderPath +
	"|(" + contract.NginxPrefix + "|" + contract.NginxPassPrefix + "|" + contract.URLPrefix + ")([a-z0-9.-]+/[a-z0-9.-]+/)?" + regexp.QuoteMeta(contract.NginxTarget) + ")$")

func nginxQuestion(x *Index, annotations map[string]string, proxy Proxy) Question {
	switch text := NGINXAuthURL.Text(annotations); {
	case text != "":
		return x.AuthURL(text, nginxTargets)
	case proxy != IngressNGINX || !Once(x, readConfigs).globalAuth:
		return asksNobody
	case NGINXGlobalAuth.Flag(proxy, annotations) == Off:
		return TurnedOff
	default:
		return AsksUs
	}
}
