// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// readTunnel refuses a request that can turn its connection into a tunnel of anything
// but a WebSocket. Proxies pass such a connection through, and ask nobody about the
// requests in it: one permitted request to an application that speaks h2c would be
// all of them, with identity headers of the client's choice (RFC 7540 §3.2).
//
// Of these headers, ingress-nginx shows HTTP2-Settings alone, and other proxies none.
func readTunnel(v View) *Refusal {
	if _, n := v.Header("Http2-Settings"); n > 0 {
		return &h2c
	}
	if _, n := v.Header("Upgrade"); n > 0 && !isWebSocket(v.Joined("Upgrade")) {
		return &h2c
	}
	if _, n := v.Header("Connection"); n > 0 && hasToken(v.Joined("Connection"), "http2-settings") {
		return &h2c
	}
	return nil
}

var h2c = Refusal{
	Status: 403, Reason: policy.BadRequest,
	Message: "the request asks to upgrade the connection to a protocol other than WebSocket (h2c: HTTP2-Settings)",
	Words:   web.OnlyWebSockets,
}

// isWebSocket reports whether a list of protocols names nothing but WebSocket.
func isWebSocket(list string) bool {
	for token := range strings.SplitSeq(list, ",") {
		if token = strings.Trim(token, " \t"); token != "" && !strings.EqualFold(token, "websocket") {
			return false
		}
	}
	return true
}

func hasToken(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(t, " \t"), token) {
			return true
		}
	}
	return false
}
