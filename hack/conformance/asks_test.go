// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	_ "embed"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/hack/lab"
)

//go:embed testdata/asks.conf.tmpl
var asksTemplate string

// A way is how nginx asks, with the locations that ingress-nginx renders.
type way struct {
	Name, Addr, TLSAddr string
	AuthPath            string // what follows the address in auth-url
	ErrorPages          string // the named locations that render a 401 or 403
	Route               bool   // nginx sends preflights to the preflight listener, and asks about none
	Canary              bool   // nginx asks about preflights, and sends those that pass to the preflight listener
	Own                 bool   // the application answers the preflights that pass
	Pool                bool   // nginx keeps connections to the authz listener
}

const (
	targetInURL = "/authz/v1/nginx/$request_method/$host$request_uri"
	passInURL   = "/authz/v1/nginx-pass/$request_method/$host$request_uri"
	canaryInURL = "/authz/v1/nginx-canary/$request_method/$host$request_uri"
)

// everyWay are those in which it may: as in mode render and in mode global, with kept
// connections, with a route for preflights, with a plain auth-url, in mode canary,
// and with applications that answer preflights themselves.
func everyWay() []*way {
	return []*way{
		{Name: "render", AuthPath: targetInURL, ErrorPages: "custom_render"},
		{Name: "global", AuthPath: targetInURL, ErrorPages: "access_policy"},
		{Name: "keepalive", AuthPath: targetInURL, ErrorPages: "custom_render", Pool: true},
		{Name: "route", AuthPath: passInURL, ErrorPages: "custom_render", Route: true},
		{Name: "canary", AuthPath: canaryInURL, ErrorPages: "custom_render", Canary: true},
		{Name: "own", AuthPath: passInURL, ErrorPages: "custom_render", Own: true},
		{Name: "header", AuthPath: "/authz/v1/nginx?host=$host", ErrorPages: "custom_render"},
	}
}

// An asking is nginx that asks in every way, beside applications and ostiary, which
// reads a folder of policies. The test may stop and change all of them.
type asking struct {
	*setup
	ways map[string]*way
}

// ask starts one for a test; authz, if it is set, says where nginx finds the authz
// listener instead.
func ask(t *testing.T, authz func(real string) (string, error)) *asking {
	t.Helper()
	dir := filepath.Join(shared.dir, strings.ReplaceAll(t.Name(), "/", "-"))
	w, err := newWorld(dir, shared.ostiary.Binary)
	if err != nil {
		t.Fatal(err)
	}
	a := &asking{setup: &setup{world: w}, ways: map[string]*way{}}
	t.Cleanup(func() {
		a.close()
		a.ostiary.Stop()
	})
	at := w.ostiary.Authz
	if authz != nil {
		at, err = authz(at)
	}
	if err == nil {
		err = os.MkdirAll(a.policyDir(), 0o700)
	}
	if err == nil {
		err = a.writePolicies("all.yaml", policies)
	}
	if err == nil {
		err = a.startWays(filepath.Join(dir, "nginx"), at)
	}
	if err == nil {
		err = a.serve(a.policyDir())
	}
	if err == nil {
		err = a.ostiary.WaitReady()
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// policyDir is where ostiary reads its policies from.
func (a *asking) policyDir() string { return filepath.Join(a.dir, "policies") }

// writePolicies replaces a file as a whole, as an editor does.
func (a *asking) writePolicies(name, text string) error {
	temp := filepath.Join(a.dir, name+".new")
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(a.policyDir(), name))
}

// serve starts ostiary, which need not be ready yet.
func (a *asking) serve(policies string) error {
	return a.ostiary.Serve(nil, "--policies", policies, "--keys", a.keys(), "--team-url", teamURL)
}

// startWays starts nginx, which finds the authz listener there.
func (a *asking) startWays(dir, authz string) error {
	type app struct{ Name, ServerName, Addr string }
	data := struct {
		Authz, Public, Render, Preflight, TeamHost string
		Apps                                       []app
		Variants                                   []*way
		Codes                                      []int
	}{authz, a.ostiary.Public, a.ostiary.Render, a.ostiary.Preflight, teamHost, nil, everyWay(), []int{401, 403}}
	for _, r := range hosts() {
		name := r.host
		if rest, ok := strings.CutPrefix(name, "*."); ok { // as ingress-nginx writes it
			name = `"~^(?<subdomain>[\w-]+)\.` + regexp.QuoteMeta(rest) + `$"`
		}
		data.Apps = append(data.Apps, app{r.name, name, a.appAddr[r.name]})
	}
	for _, v := range data.Variants {
		v.Addr, v.TLSAddr = lab.FreeAddress(), lab.FreeAddress()
		a.ways[v.Name], a.addr = v, v.Addr
	}
	if _, err := lab.Certificate(dir, "*.site.com"); err != nil {
		return err
	}
	var conf bytes.Buffer
	if err := template.Must(template.New("nginx").Parse(asksTemplate)).Execute(&conf, data); err != nil {
		return err
	}
	return a.nginx(dir, conf.String())
}

// by checks something of one way.
func (a *asking) by(t *testing.T, name string, does func(c *check)) {
	t.Helper()
	s := *a.setup
	s.addr = a.ways[name].Addr
	c := &check{setup: &s}
	does(c)
	for _, what := range append(first(c.breaches, 5), first(c.deviations, 5)...) {
		t.Errorf("%s: %s", name, what)
	}
}

// TestAsks: what nginx alone can show, of all ways to ask. (What every proxy must do
// are the cases.)
func TestAsks(t *testing.T) {
	a := ask(t, nil)
	t.Run("agree", a.agree)
	t.Run("header", a.header)
	t.Run("exact", a.exact)
	t.Run("upgrades", a.upgrades)
	t.Run("log", a.logged)
	t.Run("curl", a.curl)
}

// sealed is what a page's link says of its request: no two seals are the same.
var sealed = regexp.MustCompile(`([?&]|&amp;)what=[A-Za-z0-9_.-]+`)

// agree: however nginx asks, the same request gets the same answer.
func (a *asking) agree(t *testing.T) {
	var requests []string
	for _, host := range []string{"app1.site.com", "app2.site.com", "app.example.com", "public.example.com", "x.apps.example.com",
		"open.example.com", "null.example.com",
		"managed.example.com", "redirect.example.com", "strict.example.com", "write.example.com", "staff.example.com", "orphan.example.com",
		"nobody.example.com", "APP1.site.com.:8443"} {
		for _, path := range []string{"/", "/p?x=1", "/public/x", "/public/%2e%2e/x", "/api/x", "/a%2fb", "/a\\b"} {
			for _, lines := range append(slices.Clip(readers), []string{a.session("app1")},
				[]string{a.session("app2"), fetch, "Origin: " + seedOrigin}) {
				requests = append(requests, request("GET", path, host, lines...), request("POST", path, host, append(lines, "Content-Length: 0")...))
			}
			for _, origin := range []string{"https://spa.example.com", seedOrigin, "null"} {
				requests = append(requests, request("OPTIONS", path, host, cp(origin, "GET")...),
					request("OPTIONS", path, host, cp(origin, "PUT", "Access-Control-Request-Headers: x-a")...))
			}
			requests = append(requests, request("OPTIONS", path, host), request("OPTIONS", path, host, spa))
		}
	}
	// The same request id for all, as bodies and headers hold it.
	const id = "X-Request-ID: 0123456789abcdef\r\nConnection: close"
	for _, raw := range requests {
		raw = strings.Replace(raw, "Connection: close", id, 1)
		var want *answer
		a.by(t, "render", func(c *check) { want = c.send(raw) })
		for _, name := range []string{"global", "keepalive", "route", "header"} {
			a.by(t, name, func(c *check) {
				got := c.send(raw)
				if got.Status != want.Status || len(got.hits) != len(want.hits) || sealed.ReplaceAllString(got.Body, "") != sealed.ReplaceAllString(want.Body, "") || !slices.Equal(fields(got), fields(want)) {
					c.errorf("it differs from render%s\n--- render%s", got.dump(), want.dump())
				}
			})
		}
	}
}

// Names of header fields that every server adds, and the ids that the public listener
// makes up.
var hopHeaders = []string{"server", "date", "connection", "content-length", "transfer-encoding", "x-request-id"}

// fields returns the header but for what every server adds: "name: value", the name
// in lower case, sorted.
func fields(a *answer) []string {
	return slices.DeleteFunc(a.Header.With(""), func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		return slices.Contains(hopHeaders, name)
	})
}

// header: a plain auth-url believes X-Original-URL. No other proxy family's headers may
// come along, and a client's own copies lose to nginx's.
func (a *asking) header(t *testing.T) {
	a.by(t, "header", func(c *check) {
		for _, line := range []string{"X-Forwarded-Uri: /public/x", "X-Forwarded-Method: OPTIONS"} {
			a := c.send(request("GET", "/p", "public.example.com", line))
			c.status(a, 500) // a mixture of families is for the operator to see
			c.kept(a)
		}
		for _, line := range []string{"X-Original-URL: https://public.example.com/", "X-Original-Method: OPTIONS",
			"X_Original_URL: https://public.example.com/", "Connection: X-Original-URL"} {
			a := c.send(request("GET", "/p", "app1.site.com", line, line))
			c.status(a, 401)
			c.kept(a)
		}
		for _, host := range []string{"app1.site.com:80@public.example.com", "public.example.com#.apps.example.com", "app1.site.com:"} {
			c.guarded(c.send(request("GET", "/p", host)))
		}
		for _, path := range paths {
			c.guarded(c.send(request("GET", path, "app.example.com")))
		}
	})
	// For an absolute request target nginx routes by the target, and puts the Host
	// header, which a client chooses, into X-Original-URL. The host that the auth-url
	// is bound to tells; without one, no relaxing rule applies (package dialect).
	for name, status := range map[string]int{"header": 403, "render": 401} {
		a.by(t, name, func(c *check) {
			a := c.send(request("GET", "http://app1.site.com/p", "public.example.com"))
			c.status(a, status)
			c.kept(a)
		})
	}
}

// exact: where the cases leave a proxy room, nginx has none.
func (a *asking) exact(t *testing.T) {
	for _, name := range []string{"render", "global"} {
		a.by(t, name, func(c *check) {
			for host, status := range map[string]int{"app1.site.com.": 401, "app1.site.com.:81": 401, "x_y.apps.example.com": 401,
				"xn--pp-uia.apps.example.com": 401, "nobody.example.com": 404} {
				c.status(c.send(request("GET", "/p", host, fetch)), status)
			}
			for _, lines := range [][]string{nil, {spa}, {"Access-Control-Request-Method: GET"}, {spa, "Access-Control-Request-Method:"},
				{spa, spa, "Access-Control-Request-Method: GET"},
				{spa, "Access_Control_Request_Method: GET"}, {"X-Origin: https://spa.example.com", "Access-Control-Request-Method: GET"}} {
				c.refused(c.send(request("OPTIONS", "/api", "app.example.com", lines...)))
			}
			c.answered(c.send(request("OPTIONS", "http://app2.site.com/p", "app2.site.com", cp(seedOrigin, "GET")...)), seedAnswer...)
			c.status(c.send(request("TRACE", "/p", "app1.site.com", c.session("app1"))), 405)
			search := c.send(request("M-SEARCH", "/p", "app1.site.com", c.session("app1")))
			c.status(search, 200)
			if h := c.through(search, "app1"); h.method != "M-SEARCH" {
				c.errorf("it arrived as %s", h)
			}
			// nginx lets control characters in a header pass; our servers do not.
			for _, line := range []string{"X-Name: x\x01y", "Cookie: a=\x7f", "Origin: https://spa.example.com\x1f"} {
				a := c.send(request("GET", "/p", "app1.site.com", line))
				c.guarded(a)
				c.status(a, 400)
			}
			chunked := c.send("POST /p HTTP/1.1\r\nHost: app1.site.com\r\nTransfer-Encoding: chunked\r\nConnection: " +
				"close\r\n\r\n4\r\nabcd\r\n0\r\n\r\n")
			c.guarded(chunked)
			c.status(chunked, 401)
		})
	}
}

// upgrades: ingress-nginx passes every Upgrade on, and tunnels what follows. It shows
// the question HTTP2-Settings alone, and that is enough to refuse what clients of h2c
// send (H10).
func (a *asking) upgrades(t *testing.T) {
	for _, name := range []string{"render", "global", "keepalive", "route"} {
		a.by(t, name, func(c *check) {
			for _, host := range []string{"public.example.com", "app1.site.com"} {
				for _, lines := range [][]string{{settings}, {"HTTP2-Settings:"}, {"Upgrade: h2c", settings}} {
					a := c.send(request("GET", "/p", host, append(lines, fetch)...))
					c.status(a, 403)
					c.kept(a)
				}
			}
		})
	}
}

// logged: the reason is in the answer, and the request id in it leads to the line in the
// log (S34, S35).
func (a *asking) logged(t *testing.T) {
	now := time.Now()
	for token, reason := range map[string]string{"": "no-session", "x": "bad-signature",
		a.mint(credential.Claims{Audience: []string{"shop/app1"}}, now.Add(-2*time.Hour)): "session-expired",
		a.mint(credential.Claims{Audience: []string{"shop/app2"}}, now):                   "wrong-audience"} {
		for _, name := range []string{"render", "global"} {
			a.by(t, name, func(c *check) {
				got := c.send(request("GET", "/p", "app1.site.com", asCookie(token), "Sec-Fetch-Site: same-origin", fetch))
				c.status(got, 401)
				c.problem(got, reason, "https://app1.site.com/.access/login?rd=%2Fp")
				id, line := `"requestID":"`+got.Header.Get("X-Request-Id")+`"`, ""
				for range 40 {
					for l := range strings.Lines(a.ostiary.Text()) {
						if strings.Contains(l, id) && strings.Contains(l, `"reason":"`+reason+`"`) {
							line = l
						}
					}
					if line != "" {
						return
					}
					time.Sleep(25 * time.Millisecond) // lines are written in batches
				}
				c.errorf("no line in the log with %s and reason %s", id, reason)
			})
		}
	}
}
