// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/ostiary/ostiary/authserver/har"
	"github.com/ostiary/ostiary/hack/lab"
)

// plainApps is where the applications are without TLS and without a proxy.
func plainApps() string {
	_, port, _ := net.SplitHostPort(env.apps.addr) // it is one
	return "http://localhost:" + port
}

// listen accepts connections at an address of its own until the story ends.
func (t *tab) listen(each func(net.Conn)) string {
	t.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.t.Fatal(err)
	}
	t.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			each(c)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// element adds one to the page, and waits until it has loaded or failed.
func (t *tab) element(kind, src string) {
	t.t.Helper()
	t.eval(`new Promise(r => { const e = document.createElement("`+kind+`"); e.onload = e.onerror = () => r(true); e.src = "`+src+
		`"; document.body.append(e) })`, nil)
}

const worker = `self.addEventListener("fetch", e => { if (e.request.url.includes("/broken")) e.respondWith(new Response("", {status: 504})) });
self.addEventListener("activate", e => e.waitUntil(clients.claim()))`

var harNetwork = []harCase{
	{cause: har.MixedContent, call: "http://bare.plain.test/data"},
	{cause: har.Certificate, run: func(t *tab) {
		s := httptest.NewTLSServer(http.NotFoundHandler())
		t.t.Cleanup(s.Close)
		t.fetch("fetch", s.URL+"/", "{}")
	}},
	{cause: har.NameNotResolved, call: "https://nowhere.invalid/data"},
	{cause: har.ConnectionFailed, run: func(t *tab) { t.fetch("fetch", "https://"+lab.FreeAddress()+"/", "{}") }},
	{cause: har.ConnectionLost, page: "-", run: func(t *tab) {
		at := t.listen(func(c net.Conn) { _, _ = c.Read(make([]byte, 1024)) }) // and closes it
		t.open(plainApps() + "/loose")
		t.fetch("fetch", "http://"+at+"/", "{}")
	}},
	{cause: har.ProtocolError, run: func(t *tab) {
		at := t.listen(func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\n") })
		t.fetch("fetch", "https://"+at+"/", "{}")
	}},
	{cause: har.LocalNetwork, page: "-", run: func(t *tab) {
		t.open(answer{headers: "Content-Type: text/html\nContent-Security-Policy: treat-as-public-address",
			body: "<title>public</title>"}.at(free))
		t.fetch("fetch", strings.Replace(plainApps(), "localhost", "127.0.0.1", 1)+"/data", "{}")
	}},
	{cause: har.BlockedByClient, run: func(t *tab) {
		chromedp.ListenTarget(t.ctx, func(event any) {
			if paused, ok := event.(*fetch.EventRequestPaused); ok { // what an extension does
				go func() { _ = t.try(fetch.FailRequest(paused.RequestID, network.ErrorReasonBlockedByClient)) }()
			}
		})
		t.run(fetch.Enable().WithPatterns([]*fetch.RequestPattern{{URLPattern: "*track*"}}))
		t.fetch("fetch", bare+"/track", "{}")
	}},
	{cause: har.BlockedByCSP, page: free + "/", run: func(t *tab) { t.element("img", bare+"/logo.png") }},
	{cause: har.BlockedByResponse, run: func(t *tab) {
		t.element("img", says(200, "Cross-Origin-Resource-Policy: same-origin\nContent-Type: image/svg+xml"))
	}},
	{cause: har.BlockedORB, run: func(t *tab) {
		t.element("script", answer{headers: "Content-Type: application/json\nX-Content-Type-Options: nosniff",
			body: `{"login": true}`}.at(bare))
	}},
	{cause: har.UnsafePort, call: bare + ":6000/data"},
	{cause: har.Aborted, run: func(t *tab) {
		t.eval(`(() => { const c = new AbortController(); setTimeout(() => c.abort(), 100);
			return fetch("`+answer{headers: cors, wait: 1000}.at(bare)+`", {signal: c.signal}).then(() => true, () => true) })()`, nil)
	}},
	{cause: har.ServiceWorker, run: func(t *tab) {
		at := answer{headers: "Content-Type: text/javascript", body: worker}.at("")
		t.eval(`navigator.serviceWorker.register("`+at+`").then(() => navigator.serviceWorker.ready).then(() =>
			navigator.serviceWorker.controller || new Promise(r => navigator.serviceWorker.oncontrollerchange = r)).then(() => true)`, nil)
		t.fetch("fetch", bare+"/broken", "{}")
	}},
}
