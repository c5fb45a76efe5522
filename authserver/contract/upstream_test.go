// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
)

func TestParseUpstream(t *testing.T) {
	// What Grafana, Gitea, Jenkins, oauth2-proxy and Kubernetes call them.
	names := []string{"X-WEBAUTH-USER", "x-webauth-email", "X-Webauth-Fullname", "X-Webauth-Groups", "X-Forwarded-User", "X-Forwarded-Email",
		"X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "Remote-User", "Remote-Groups", "X-Auth-Request-User", "X-Remote-User",
		"Impersonate-User", "X-Forwarded-Mail", "X-Forwarded-DisplayName"}
	got, err := contract.ParseUpstream(names)
	if err != nil || len(got) != len(names) || got[0] != "X-Webauth-User" || got[1] != "X-Webauth-Email" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := contract.ParseUpstream(nil); got != nil || err != nil {
		t.Errorf("none: %q, %v", got, err)
	}
	refused := []string{"", "X_Webauth_User", "X-Webauth_User", "X-Webauth-User:", "X Webauth", "X-Übel", "-X", "X-", "X--A", "1-A", ":path",
		"X-A-B-C-D-E", "X-" + strings.Repeat("a", 47),
		"X-A\r\nB", "X-A\x00", "*", "X-*",
		"Host", "host", "Cookie", "Set-Cookie", "Authorization", "Proxy-Authorization", "Www-Authenticate", "Connection", "Keep-Alive", "TE",
		"Trailer", "Transfer-Encoding",
		"Upgrade", "HTTP2-Settings", "Content-Length", "Content-Type", "Expect", "Origin", "Referer", "Range", "If-Match", "Accept",
		"Accept-Language", "User-Agent", "Via",
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Port",
		"X-Forwarded-Server", "X-Forwarded-Prefix",
		"X-Forwarded-Tls-Client-Cert", "X-Forwarded-Client-Cert", "X-Forwarded-Access-Token", "X-Original-Url", "X-Original-Uri",
		"X-Original-Method", "X-Real-Ip", "X-Request-Id", "X-Requested-With",
		"X-Http-Method-Override", "X-Method-Override", "X-Rewrite-Url", "X-Accel-Redirect", "X-Sendfile", "X-Code", "X-Scheme",
		"X-Namespace", "X-Auth-Request-Redirect", "X-Envoy-Auth-Headers-To-Remove",
		"Access-Control-Allow-Origin", "Access-Control-Request-Method", "Sec-Fetch-Site", "Sec-WebSocket-Key",
		"Client-Cert", "Client-Cert-Chain", "Ssl-Client-Cert", "Ssl-Client-Verify", "X-Ssl-Client-Cert", "True-Client-Ip",
		"Cf-Connecting-Ip", "Cf-Ipcountry", "X-Client-Ip",
		"X-Access-Email", "X-Access-Role", "X-Access-Reason", "X-Access-Dry-Run", "X-Access-Client-Secret", "X-Access-Token", "Cf-Access-Groups",
		"CF-Access-Client-Id", "X-Ostiary-Cors"}
	refused = append(append(refused, contract.Asked()...), contract.AllIdentity()...)
	refused = append(refused, contract.ReasonHeader, contract.ManagedHeader, contract.OriginalURL, contract.ForwardedFor,
		contract.ClientCertificate)
	for _, name := range refused {
		if got, err := contract.ParseUpstream([]string{"X-Webauth-User", name}); err == nil || got != nil || !strings.Contains(err.Error(),
			fmt.Sprintf("%q: ", name)) {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	if _, err := contract.ParseUpstream([]string{"X-A", "x-a", "Host"}); err == nil || !strings.Contains(err.Error(),
		`"x-a": it is listed twice`) || !strings.Contains(err.Error(), `"Host"`) {
		t.Errorf("all that is wrong: %v", err)
	}
	var many []string
	for i := range contract.MaxUpstream + 1 {
		many = append(many, fmt.Sprintf("X-A%d", i))
	}
	if _, err := contract.ParseUpstream(many); err == nil || !strings.Contains(err.Error(), "at most 16") {
		t.Errorf("too many: %v", err)
	}
	if got, err := contract.ParseUpstream(many[1:]); err != nil || !slices.Equal(got, many[1:]) {
		t.Errorf("16: %q, %v", got, err)
	}
}
