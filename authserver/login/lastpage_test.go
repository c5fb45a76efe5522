// SPDX-License-Identifier: Apache-2.0

package login

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

// The last page of a window says that it is over, to its own origin alone: by a script of ours
// and no other.
func TestLastPageOfPopup(t *testing.T) {
	s := newSite(t, nil)
	p := s.browser().get(s.url(app1, "/.access/done?0.5%3Cscript%3E"))
	csp := p.header.Get("Content-Security-Policy")
	script := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindStringSubmatch(p.body)
	if p.status != 200 || script == nil || strings.Contains(p.body, "0.5") {
		t.Fatal(p.status, p.body)
	}
	sum := sha256.Sum256([]byte(script[1]))
	want := "; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if !strings.HasSuffix(csp, want) || !strings.HasPrefix(csp, "default-src 'none'") {
		t.Error(csp)
	}
	if !strings.Contains(script[1], `new BroadcastChannel("ostiary").postMessage(location.search)`) {
		t.Error(script[1])
	}
}
