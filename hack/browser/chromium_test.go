// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/ostiary/ostiary/hack/lab"
)

// A profile is how a browser treats the cookies of other sites.
type profile string

const (
	blocked profile = "third-party cookies blocked"
	allowed profile = "third-party cookies allowed"
)

// preferences of chromium; cookie_controls_mode: 0 allows, 1 blocks everywhere.
var preferences = map[profile]string{
	blocked: `{"profile": {"block_third_party_cookies": true, "cookie_controls_mode": 1}}`,
	allowed: `{"profile": {"block_third_party_cookies": false, "cookie_controls_mode": 0}}`,
}

// A chromium is a running browser.
type chromium struct {
	ctx    context.Context
	cancel []context.CancelFunc
}

func (e *environment) startBrowsers(context.Context) error {
	binary, err := lab.Program("OSTIARY_CHROMIUM", "chromium", "chromium-browser", "google-chrome")
	if err != nil {
		return err
	}
	for _, p := range slices.Sorted(maps.Keys(preferences)) {
		dir := filepath.Join(e.dir, strings.ReplaceAll(string(p), " ", "-"))
		err := errors.Join(os.MkdirAll(filepath.Join(dir, "Default"), 0o700),
			os.WriteFile(filepath.Join(dir, "Default", "Preferences"), []byte(preferences[p]), 0o600))
		if err != nil {
			return err
		}
		options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
			chromedp.ExecPath(binary), chromedp.UserDataDir(dir), chromedp.NoSandbox, // as root there is no other way
			chromedp.Flag("headless", "new"), chromedp.Flag("disable-features", "Translate,HttpsUpgrades"),
			chromedp.Flag("host-resolver-rules", "MAP *.test:443 "+e.listen), chromedp.Flag("ignore-certificate-errors-spki-list", e.spki))
		c := &chromium{}
		allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
		c.cancel = append(c.cancel, cancel)
		c.ctx, cancel = chromedp.NewContext(allocator)
		c.cancel = append(c.cancel, cancel)
		e.browsers[p] = c
		if err := chromedp.Run(c.ctx); err != nil {
			return fmt.Errorf("chromium: %w", err)
		}
	}
	return nil
}

func (c *chromium) close() {
	slices.Reverse(c.cancel)
	for _, cancel := range c.cancel {
		cancel()
	}
}

// A person has a browser of their own: no cookie is there yet.
type person struct {
	*chromium
	t     *testing.T
	id    cdp.BrowserContextID
	name  string // of an account
	email string
}

// born counts people: each has an account of their own.
var born int

func newPerson(t *testing.T, p profile) *person {
	t.Helper()
	env.apps.forget()
	name := bear(t)
	who := &person{chromium: env.browsers[p], t: t, name: name, email: name + "@example.com"}
	browser := who.browser()
	id, err := target.CreateBrowserContext().Do(browser)
	if err != nil {
		t.Fatal(err)
	}
	who.id = id
	t.Cleanup(func() { _ = target.DisposeBrowserContext(id).Do(who.browser()) }) // it ends with the browser, too
	return who
}

// browser is for commands to the browser as a whole.
func (c *chromium) browser() context.Context {
	return cdp.WithExecutor(c.ctx, chromedp.FromContext(c.ctx).Browser)
}

// A tab is a page of a person, and all addresses that it went through.
type tab struct {
	*person
	ctx     context.Context
	mu      sync.Mutex
	visited []string
	status  int64
	frame   cdp.FrameID
	within  map[target.ID]context.Context // its frames that are targets of their own
}

// patience is how long anything may take.
const patience = 20 * time.Second

// tab opens a new one, in a window of its own.
func (p *person) tab() *tab {
	p.t.Helper()
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(p.id).WithNewWindow(true).Do(p.browser())
	if err != nil {
		p.t.Fatal(err)
	}
	t, err := p.attach(id)
	if err != nil {
		p.t.Fatal(err)
	}
	t.watch()
	return t
}

// watch follows what the tab's own page, not its frames, goes through.
func (t *tab) watch() {
	t.t.Helper()
	chromedp.ListenTarget(t.ctx, func(event any) {
		t.mu.Lock()
		defer t.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if e.Type == network.ResourceTypeDocument && e.FrameID == t.frame {
				t.visited = append(t.visited, e.Request.URL)
			}
		case *network.EventResponseReceived:
			if e.Type == network.ResourceTypeDocument && e.FrameID == t.frame {
				t.status = e.Response.Status
			}
		case *page.EventJavascriptDialogOpening:
			go chromedp.Run(t.ctx, page.HandleJavaScriptDialog(true)) //nolint:errcheck // it may have gone
		}
	})
	t.run(network.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		tree, err := page.GetFrameTree().Do(ctx)
		if err == nil {
			t.mu.Lock()
			t.frame = tree.Frame.ID
			t.mu.Unlock()
		}
		return err
	}))
}

func (t *tab) run(actions ...chromedp.Action) {
	t.t.Helper()
	if err := t.try(actions...); err != nil {
		t.t.Fatalf("%v\nat %s, by %q", err, t.url(), t.path())
	}
}

func (t *tab) try(actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// path returns the addresses so far, and forgets them.
func (t *tab) path() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.visited
	t.visited = nil
	return out
}

// open goes to an address, and waits until the page is there.
func (t *tab) open(url string) *tab {
	t.t.Helper()
	t.run(chromedp.Navigate(url))
	return t
}

// after does something and waits for the page that it leads to.
func (t *tab) after(actions ...chromedp.Action) {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, actions...); err != nil {
		t.t.Fatalf("%v\nat %s, by %q", err, t.url(), t.path())
	}
}

// signIn fills in the form of the built-in users.
func (t *tab) signIn() {
	t.t.Helper()
	t.signInAs(t.name)
}

func (t *tab) signInAs(name string) {
	t.t.Helper()
	t.run(chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery))
	t.run(chromedp.SetValue(`input[name=username]`, name, chromedp.ByQuery),
		chromedp.SetValue(`input[name=password]`, password, chromedp.ByQuery))
	t.after(chromedp.Click(`form button[type=submit]`, chromedp.ByQuery))
}

// fillIn is signInAs in a window that may close as soon as the form is sent.
func (t *tab) fillIn(name string) {
	t.t.Helper()
	t.run(chromedp.WaitVisible(`input[name=password]`, chromedp.ByQuery),
		chromedp.SetValue(`input[name=username]`, name, chromedp.ByQuery),
		chromedp.SetValue(`input[name=password]`, password, chromedp.ByQuery),
		chromedp.Click(`form button[type=submit]`, chromedp.ByQuery))
}

// enter opens an address and signs in on the way.
func (t *tab) enter(url string) *tab {
	t.t.Helper()
	t.open(url)
	t.signIn()
	t.at(url, 200)
	return t
}

func (t *tab) url() string {
	var url string
	_ = t.try(chromedp.Location(&url)) // the tab has gone: nowhere
	return url
}

// at fails unless the tab shows this address, answered so.
func (t *tab) at(url string, status int64) {
	t.t.Helper()
	t.mu.Lock()
	got := t.status
	t.mu.Unlock()
	if at := t.url(); at != url || got != status {
		t.t.Fatalf("at %s with %d, want %s with %d; by %q\n%s", at, got, url, status, t.path(), t.text())
	}
}

// text is what a person reads.
func (t *tab) text() string {
	var text string
	_ = t.try(chromedp.Evaluate(`document.documentElement?.innerText ?? ""`, &text)) // nothing to read
	return text
}

// wants fails unless the page says it.
func (t *tab) wants(text string) {
	t.t.Helper()
	if got := t.text(); !strings.Contains(got, text) {
		t.t.Fatalf("%s does not say %q:\n%s", t.url(), text, got)
	}
}

// eval runs a script in the page and waits for its promise.
func (t *tab) eval(script string, into any) {
	t.t.Helper()
	t.run(chromedp.Evaluate(script, into, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true).WithUserGesture(false)
	}))
}

// until waits for a script to say true.
func (t *tab) until(script string) {
	t.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var yes bool
		if err := t.try(chromedp.Evaluate(script, &yes)); err == nil && yes {
			return
		}
		if time.Now().After(end) {
			t.t.Fatalf("never: %s\nat %s:\n%s", script, t.url(), t.text())
		}
	}
}

// A result is how a fetch in a page ended.
type result struct {
	Status    int
	Body      string
	Error     string
	URL, Type string
}

// refusal is what our 401 says.
func (r result) refusal(t *testing.T) (v struct {
	Reason    string
	LoginURL  string `json:"login_url"`
	RequestID string `json:"request_id"`
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil || r.Status != 401 || v.Reason == "" {
		t.Fatalf("this is no readable 401: %+v", r)
	}
	return v
}

// fetch calls from the page, with a function such as fetch or accessFetch.
func (t *tab) fetch(function, url, init string) (r result) {
	t.t.Helper()
	if function != "fetch" {
		t.until(`document.documentElement.dataset.ready === "yes"`)
	}
	quoted, _ := json.Marshal(url)
	t.eval(fmt.Sprintf(`%s(%s, %s).then(async r => ({Status: r.status, Body: await r.text(), URL: r.url, Type: r.type}), e => ({Error: String(e)}))`,
		function, quoted, init), &r)
	return r
}

// eval1 runs a script that says yes or no.
func (t *tab) eval1(script string) (yes bool) {
	t.t.Helper()
	t.eval(script, &yes)
	return yes
}

// back goes back, and waits until a script says that it is there: a page out of
// the browser's cache is not loaded again.
func (t *tab) back(there string) {
	t.t.Helper()
	t.run(chromedp.Evaluate(`void history.back()`, nil))
	t.until(there + ` && document.readyState === "complete"`)
}

// cookies returns the names of a host's cookies and their values.
func (p *person) cookies(origin string) map[string]*network.Cookie {
	p.t.Helper()
	out := map[string]*network.Cookie{}
	host := strings.TrimPrefix(origin, "https://")
	all, err := storage.GetCookies().WithBrowserContextID(p.id).Do(p.browser())
	for _, c := range all {
		if c.Domain == host {
			out[c.Name] = c
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// forget removes a host's session, as a browser does that clears its data.
func (t *tab) forget(origin string) {
	t.t.Helper()
	t.run(network.DeleteCookies(sessionCookie).WithURL(origin + "/"))
}

const sessionCookie = "__Host-ostiary"

// window waits for the one that something opens, and follows it. It may be gone
// by then: that is an error.
func (t *tab) window(open func()) (*tab, error) {
	t.t.Helper()
	opened := chromedp.WaitNewTarget(t.ctx, func(i *target.Info) bool { return i.OpenerID != "" })
	open()
	select {
	case id := <-opened:
		return t.follow(id)
	case <-time.After(patience):
		t.t.Fatal("no window was opened")
		return nil, nil
	}
}
