// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/ostiary/ostiary/hack/lab"
)

// An engine is a browser of a person who has not been anywhere yet, as it is shipped. It is
// what the protocols of all browsers can do.
type engine interface {
	// name is what people call it, with its version.
	name() string
	// windows are all that are open, the first one first.
	windows() ([]string, error)
	// visit opens an address in a window, and waits until it is there.
	visit(window, address string) error
	// eval runs an expression in a window's page, and returns as JSON what its promise came to.
	eval(window, script string) ([]byte, error)
	// click clicks on an element as a person does: browsers open windows for nothing less.
	click(window, selector string) error
	close()
}

// inChromium is the engine that all other stories run in.
type inChromium struct {
	*person
	tabs map[string]*tab
	all  []string
}

func startChromium(t *testing.T) (engine, error) {
	e := &inChromium{person: newPerson(t, allowed), tabs: map[string]*tab{}} // Chromium's own default
	first := e.tab()
	e.all = []string{"first"}
	e.tabs["first"] = first
	return e, nil
}

func (e *inChromium) name() string {
	_, product, _, _, _, err := browser.GetVersion().Do(e.browser())
	if err != nil {
		return "Chromium"
	}
	return product
}

func (e *inChromium) windows() ([]string, error) {
	infos, err := target.GetTargets().Do(e.browser())
	open := []string{"first"}
	for _, i := range infos {
		if i.BrowserContextID != e.id || i.Type != "page" || i.TargetID == chromedp.FromContext(e.tabs["first"].ctx).Target.TargetID {
			continue
		}
		id := string(i.TargetID)
		if e.tabs[id] == nil {
			window, err := e.person.tabOf(i.TargetID)
			if err != nil {
				continue // it has gone
			}
			e.tabs[id] = window
		}
		open = append(open, id)
	}
	return open, err
}

// tabOf follows a window that is there.
func (p *person) tabOf(id target.ID) (*tab, error) { return (&tab{person: p}).follow(id) }

func (e *inChromium) visit(window, address string) error {
	return e.tabs[window].try(chromedp.Navigate(address))
}

func (e *inChromium) eval(window, script string) (out []byte, err error) {
	err = e.tabs[window].try(chromedp.Evaluate(`(async () => JSON.stringify(await (`+script+`)) ?? "null")()`, (*stringBytes)(&out),
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return out, err
}

// stringBytes takes a string of JSON.
type stringBytes []byte

func (b *stringBytes) UnmarshalJSON(text []byte) error {
	var s string
	err := json.Unmarshal(text, &s)
	*b = []byte(s)
	return err
}

func (e *inChromium) click(window, selector string) error {
	return e.tabs[window].try(chromedp.Click(selector, chromedp.ByQuery))
}

func (e *inChromium) close() {}

// startTunnel is a proxy for browsers that cannot be told where hosts are: whatever address they
// ask for (CONNECT, RFC 9110 §9.3.6), they get the proxy in front of the applications.
func startTunnel(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "nothing but the tests' hosts is here", http.StatusForbidden)
			return
		}
		out, err := net.Dial("tcp", to)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		in, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, err = in.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
		}
		if err != nil {
			_ = out.Close() // nobody waits for it
			return
		}
		lab.Relay(in, out)
	})}
	go server.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

// A visitor is a person at a browser of any kind.
type visitor struct {
	engine
	t           *testing.T
	user, email string
	window      string
}

func newVisitor(t *testing.T, start func(*testing.T) (engine, error)) *visitor {
	t.Helper()
	user := bear(t)
	e, err := start(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	v := &visitor{engine: e, t: t, user: user, email: user + "@example.com"}
	all, err := e.windows()
	if err != nil || len(all) == 0 {
		t.Fatalf("no window: %v", err)
	}
	v.window = all[0]
	env.apps.forget()
	return v
}

func (v *visitor) open(address string) *visitor {
	v.t.Helper()
	if err := v.visit(v.window, address); err != nil {
		v.t.Fatalf("%s: %v", address, err)
	}
	return v
}

// said runs a script that comes to a string.
func (v *visitor) said(script string) (text string) {
	v.t.Helper()
	out, err := v.eval(v.window, script)
	if err == nil {
		err = json.Unmarshal(out, &text)
	}
	if err != nil {
		v.t.Fatalf("%s: %v: %s", script, err, out)
	}
	return text
}

// until waits for a script to say true.
func (v *visitor) until(script string) {
	v.t.Helper()
	for end := time.Now().Add(3 * patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := v.eval(v.window, script)
		if err == nil && string(out) == "true" {
			return
		}
		if time.Now().After(end) {
			where, _ := v.eval(v.window, `location.href + " " + document.title + " " + document.body?.innerText`)
			v.t.Fatalf("never: %s: %v\nat %s", script, err, where)
		}
	}
}

// at waits until the window shows an address.
func (v *visitor) at(address string) {
	v.t.Helper()
	v.until(fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, address))
}

// signIn fills in the form of the built-in users.
func (v *visitor) signIn() {
	v.t.Helper()
	v.until(`!!document.querySelector("input[name=password]") && document.readyState === "complete"`)
	v.said(fmt.Sprintf(`(document.querySelector("input[name=username]").value = %q,
		document.querySelector("input[name=password]").value = %q)`, v.user, password))
	if err := v.click(v.window, `form button[type=submit]`); err != nil {
		v.t.Fatal(err)
	}
}

// enter opens an address, and signs in on the way.
func (v *visitor) enter(address string) *visitor {
	v.t.Helper()
	v.open(address).signIn()
	v.at(address)
	return v
}

// ready waits for the application's script.
func (v *visitor) ready() { v.t.Helper(); v.until(`document.documentElement.dataset.ready === "yes"`) }

// fetch calls from the page: "STATUS BODY", or what went wrong.
func (v *visitor) fetch(function, address, init string) string {
	v.t.Helper()
	return v.said(fmt.Sprintf(`%s(%q, %s).then(async r => r.status + " " + (await r.text()), e => String(e))`, function, address, init))
}

// call presses the page's button, which calls with accessFetch.
func (v *visitor) call(address, init string) {
	v.t.Helper()
	v.ready()
	v.said(fmt.Sprintf(`(document.querySelector("#call").dataset.call = JSON.stringify({url: %q, init: %s}),
		document.title = "calling")`, address, init))
	if err := v.click(v.window, "#call"); err != nil {
		v.t.Fatal(err)
	}
}

// called waits until the call has ended, and returns how.
func (v *visitor) called() string {
	v.t.Helper()
	v.until(`document.title !== "calling"`)
	return v.said(`document.title`)
}

// opened waits for a second window, or until the call has ended without one: nil.
func (v *visitor) opened() *visitor {
	v.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if all, err := v.windows(); err == nil {
			if i := slices.IndexFunc(all, func(w string) bool { return w != v.window }); i >= 0 {
				other := *v
				other.window = all[i]
				return &other
			}
		}
		if out, err := v.eval(v.window, `["calling", "asking"].includes(document.title)`); err == nil && string(out) == "false" {
			return nil
		}
	}
	return nil
}

// waitFor is patience for an engine to begin.
func waitFor(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 3*patience)
}
