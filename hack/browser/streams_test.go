// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"testing"
	"time"
)

// TestStreamsAreTold: what a browser hides of a WebSocket and an EventSource that fail, the page
// learns: the session is over, or it is the network. testdata/client.test.mjs of clientjs has the rest.
func TestStreamsAreTold(t *testing.T) {
	tab := signedIn(t, allowed)
	tab.until(`document.documentElement.dataset.ready === "yes"`)
	tab.eval1(`configure({login: "none"}) ?? true`)
	told := func(call, url string) (reason string, took time.Duration) {
		began := time.Now()
		tab.eval(fmt.Sprintf(`%s(%q, %s).then(() => "open", e => e.reason ?? String(e))`, call, url,
			map[string]string{"accessSocket": "[]", "accessEvents": "{withCredentials: true}"}[call]), &reason)
		return reason, time.Since(began)
	}
	for _, call := range []string{"accessSocket", "accessEvents"} {
		for _, c := range []struct{ name, url, want string }{
			{"the application", app1 + "/loose-feed", "network"}, // answers, and not as a stream
			{"another host without a session", api + "/feed", "session-ended"},
			{"a host that does not list the page", app3 + "/feed", "network"},
			{"nobody's port", "https://nobody.site.test:1/feed", "network"},
		} {
			if got, took := told(call, c.url); got != c.want || took > patience/2 {
				t.Errorf("%s: %s: %s after %s, want %s", call, c.name, got, took, c.want)
			}
		}
	}
	tab.forget(app1)
	for _, call := range []string{"accessSocket", "accessEvents"} {
		if got, _ := told(call, app1+"/feed"); got != "session-ended" {
			t.Errorf("%s: the own session is over: %s", call, got)
		}
	}
	if len(env.apps.at("GET", app1+"/feed"))+len(env.apps.at("GET", api+"/feed")) > 0 {
		t.Error("an application was reached")
	}
}
