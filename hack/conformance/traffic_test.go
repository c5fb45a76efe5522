// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/hack/lab"
)

var trafficCases = []kase{
	{"websocket", "A WebSocket opens with a session; without one it gets 401, no redirect (C17)", webSocket},
	{"tunnels", "No request upgrades to a protocol other than WebSocket, such as h2c (H10)",
		tunnels},
	{"server-sent-events", "Server-sent events arrive one by one", serverSentEvents},
	{"grpc-web", "gRPC-web works in both directions; without a session a page can read the reason", grpcWeb},
	{"upload", "A body of 900 KB arrives completely, and is denied without a session", upload},
	{"keep-alive", "Every request on a connection is decided by itself", keepAlive},
	{"parallel-tabs", "Twenty tabs at once, half of them with sessions, each get their own answer", parallelTabs},
	{"ostiary-down", "While Ostiary is down, every request and preflight is denied", ostiaryDown},
	{"ostiary-back", "When it is back, everything works as before, with the same sessions", ostiaryBack},
}

func webSocket(c *check) {
	ask := func(lines ...string) string {
		return strings.Replace(request("GET", "/ws", "app1.site.com",
			append([]string{"Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"}, lines...)...),
			"Connection: close", "Connection: Upgrade", 1)
	}
	for _, lines := range [][]string{nil, {html}, {"Sec-Fetch-Mode: websocket"}, {"Sec-WebSocket-Protocol: " + c.token("app1")},
		{"Cookie: __Host-ostiary=x"}} {
		a := c.send(ask(lines...))
		c.status(a, 401)
		c.field(a, "Location", "")
		c.field(a, "Upgrade", "")
		c.kept(a)
	}
	a := c.send(ask(c.session("app1")))
	c.status(a, 101)
	c.through(a, "app1")
	c.echo(ask(c.session("app1")))
}

// echo opens a tunnel, and wants back what it sends.
func (c *check) echo(raw string) {
	conn, err := lab.Dial(clientAddress, c.addr)
	if err != nil {
		c.errorf("%v", err)
		return
	}
	defer conn.Close() //nolint:errcheck // the exchange is over
	in := bufio.NewReader(conn)
	if _, err = io.WriteString(conn, raw); err == nil {
		_, err = lab.ReadHead(in)
	}
	frame := "\x81\x85\x00\x00\x00\x00hello"
	back := make([]byte, len(frame))
	if err == nil {
		_, err = io.WriteString(conn, frame)
	}
	if err == nil {
		_, err = io.ReadFull(in, back)
	}
	if err != nil || string(back) != frame {
		c.errorf("nothing comes back through the tunnel: %q, %v", back, err)
	}
}

func serverSentEvents(c *check) {
	conn, err := lab.Dial(clientAddress, c.addr)
	if err != nil {
		c.errorf("%v", err)
		return
	}
	defer conn.Close() //nolint:errcheck // the exchange is over
	began := time.Now()
	raw := request("GET", "/p?app=events", "app1.site.com", "Accept: text/event-stream", c.session("app1"))
	if _, err := io.WriteString(conn, raw); err != nil {
		c.errorf("%v", err)
		return
	}
	var got strings.Builder
	var first time.Duration
	for buffer := make([]byte, 4096); !strings.Contains(got.String(), "data: second"); {
		n, err := conn.Read(buffer)
		got.Write(buffer[:n])
		if first == 0 && strings.Contains(got.String(), "data: first") {
			first = time.Since(began)
		}
		if err != nil {
			break
		}
	}
	if first == 0 || first > 900*time.Millisecond || !strings.Contains(got.String(), "data: second") {
		c.errorf("the first event came after %v: %q", first, got.String())
	}
	a := c.send(request("GET", "/p?app=events", "app1.site.com", "Accept: text/event-stream"))
	c.status(a, 401)
	c.kept(a)
}

func grpcWeb(c *check) {
	message := "\x00\x00\x00\x00\x03\x0a\x01\x62"
	lines := []string{"Content-Type: application/grpc-web+proto", "X-Grpc-Web: 1", "TE: trailers", spa, fetch}
	a := c.send(withBody("POST", "/api/pkg.Service/Method?app=grpc-web", "app.example.com", message, append(lines, c.session("app-api"))...))
	c.status(a, 200)
	if h := c.through(a, "app-api"); h.body != message || h.header.Get("Content-Type") != "application/grpc-web+proto" {
		c.errorf("it arrived as %s with %q", h, h.body)
	}
	if a.Body != grpcWebAnswer {
		c.errorf("the answer is %q, want %q", a.Body, grpcWebAnswer)
	}
	a = c.send(withBody("POST", "/api/pkg.Service/Method?app=grpc-web", "app.example.com", message, lines...))
	c.status(a, 401)
	c.field(a, "Access-Control-Allow-Origin", "https://spa.example.com")
	c.kept(a)
}

func upload(c *check) {
	body := strings.Repeat("0123456789", 90_000)
	a := c.send(withBody("POST", "/p", "app1.site.com", body, c.session("app1")))
	c.status(a, 200)
	if h := c.through(a, "app1"); h.body != body {
		c.errorf("%d bytes of %d arrived", len(h.body), len(body))
	}
	a = c.send(withBody("POST", "/p", "app1.site.com", body, fetch, "Expect: 100-continue"))
	c.status(a, 401)
	c.kept(a)
}

func keepAlive(c *check) {
	conn, err := lab.Dial(clientAddress, c.addr)
	if err != nil {
		c.errorf("%v", err)
		return
	}
	defer conn.Close() //nolint:errcheck // the exchange is over
	in := bufio.NewReader(conn)
	keep := func(raw string) string { return strings.Replace(raw, "Connection: close\r\n", "", 1) }
	for i, tt := range []struct {
		raw    string
		status int
	}{
		{keep(request("GET", "/p", "app1.site.com", c.session("app1"))), 200}, {keep(request("GET", "/p", "app1.site.com", fetch)), 401},
		{keep(request("GET", "/p", "public.example.com")), 200}, {keep(request("GET", "/admin", "app.example.com", fetch)), 401},
		{keep(request("OPTIONS", "/p", "app2.site.com", cp(seedOrigin, "GET")...)), 200},
		{keep(request("GET", "/p", "app2.site.com", fetch)), 401},
		{keep(withBody("POST", "/p", "app1.site.com", "x=1", c.session("app1"))), 200}, {keep(request("GET", "/p", "app1.site.com", fetch)), 401},
	} {
		c.apps.Take()
		a := &answer{Answer: lab.Answer{Request: tt.raw}}
		if _, err := io.WriteString(conn, tt.raw); err != nil {
			c.errorf("request %d: %v", i, err)
			return
		}
		a.Read(in)
		a.hits = c.apps.Take()
		c.judge(tt.raw, a.hits, a.dump)
		if a.Status != tt.status {
			c.errorf("request %d: status %d, want %d%s", i, a.Status, tt.status, a.dump())
			return
		}
	}
}

func parallelTabs(c *check) {
	session := c.session("app1")
	c.apps.Take()
	var tabs sync.WaitGroup
	var mu sync.Mutex
	for tab := range 20 {
		tabs.Go(func() {
			for range 10 {
				raw, want := request("GET", "/p", "app1.site.com", session), 200
				switch tab % 4 {
				case 1:
					raw, want = request("GET", "/p", "app1.site.com", fetch), 401
				case 3:
					raw, want = request("OPTIONS", "/p", "app2.site.com", cp(seedOrigin, "GET")...), 200
				}
				a := exchange(clientAddress, c.addr, raw)
				mu.Lock()
				if a.Status != want {
					c.errorf("tab %d: status %d, want %d%s", tab, a.Status, want, a.dump())
				}
				mu.Unlock()
			}
		})
	}
	tabs.Wait()
	hits := c.apps.Take()
	if len(hits) != 100 {
		c.errorf("%d requests arrived, want 100", len(hits))
	}
	for _, h := range hits {
		if h.app != "app1" || h.header.Get("X-Access-User") != "ann" {
			c.breach("a request without a session reached %s", h)
		}
	}
}

// ostiaryDown stops it, and leaves it stopped for the next case. THREATS H9.
func ostiaryDown(c *check) {
	c.ostiary.Stop()
	c.apps.Take()
	var asking sync.WaitGroup
	answers := make(chan *answer, 10)
	for _, raw := range []string{
		request("GET", "/p", "app1.site.com", c.session("app1")), request("GET", "/p", "app1.site.com", fetch),
		request("GET", "/p", "public.example.com"),
		request("GET", "/public/x", "app.example.com", navigate), request("OPTIONS", "/p", "app2.site.com", cp(seedOrigin, "GET")...),
		request("OPTIONS", "/p", "handsoff.example.com", cp(seedOrigin, "GET")...), request("GET", "/.access/login", "app1.site.com", navigate),
		request("GET", "/", teamHost),
	} {
		asking.Go(func() { answers <- exchange(clientAddress, c.addr, raw) }) // at once: some proxies try for seconds
	}
	asking.Wait()
	close(answers)
	for _, h := range c.apps.Take() {
		c.breach("%s was reached while nobody decided", h)
	}
	for a := range answers {
		if a.Status < 500 {
			c.errorf("status %d, want an error%s", a.Status, a.dump())
		}
		c.noCORS(a)
		c.kept(a)
	}
}

func ostiaryBack(c *check) {
	if err := c.startAgain(); err != nil {
		c.errorf("%v", err)
		return
	}
	raw := request("GET", "/p", "app1.site.com", c.session("app1"))
	for range 100 { // a proxy may wait a little before it asks again
		if exchange(clientAddress, c.addr, raw).Status == 200 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.through(c.send(raw), "app1")
	c.through(c.send(request("GET", "/p", "public.example.com")), "public")
	c.answered(c.send(request("OPTIONS", "/p", "app2.site.com", cp(seedOrigin, "GET")...)), seedAnswer...)
	a := c.send(request("GET", "/p", "app1.site.com", fetch))
	c.status(a, 401)
	c.kept(a)
}
