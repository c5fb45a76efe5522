// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// readSite finds out who made a browser ask.
func (a *Ask) readSite(v View) {
	if site, n := v.Header("Sec-Fetch-Site"); n > 0 {
		a.Site = policy.SiteOther
		switch {
		case n > 1:
		case site == "same-origin", site == "none":
			a.Site = policy.SiteOwn
		case site == "same-site":
			a.Site = policy.SiteNear
		}
	}
	a.WebSocket = opensWebSocket(v)
}

// opensWebSocket: proxies drop Upgrade on the way here, and not the key; where HTTP/2
// was made HTTP/1.1, there may be no key (RFC 8441 §5).
func opensWebSocket(v View) bool {
	if _, n := v.Header("Sec-Websocket-Key"); n > 0 {
		return true
	}
	if mode, n := v.Header("Sec-Fetch-Mode"); n > 0 && strings.EqualFold(mode, "websocket") {
		return true
	}
	_, n := v.Header("Upgrade")
	return n > 0 && strings.Contains(strings.ToLower(v.Joined("Upgrade")), "websocket")
}

// setHost keeps the host as the browser spelled it, and its port.
func (a *Ask) setHost(hostPort string) {
	a.HostPort = hostPort
	a.Port = strings.TrimPrefix(a.port(), ":")
}
