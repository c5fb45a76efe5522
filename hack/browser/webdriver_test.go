// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
)

// inWebKit drives WebKitGTK's MiniBrowser by WebDriver (W3C), without a display of its own.
type inWebKit struct {
	session, version string
	processes        []*lab.Process
	ctx              context.Context
}

func startWebKit(t *testing.T) (engine, error) {
	t.Helper()
	e := &inWebKit{ctx: t.Context()}
	driver, err := lab.Program("OSTIARY_WEBKIT", "WebKitWebDriver")
	if err != nil {
		return nil, err
	}
	xvfb, err := lab.Program("OSTIARY_XVFB", "Xvfb")
	if err != nil {
		return nil, err
	}
	browsers, err := filepath.Glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser")
	if err != nil || len(browsers) == 0 {
		return nil, fmt.Errorf("MiniBrowser is missing: %w", err)
	}
	dir := t.TempDir()
	display := ":" + fmt.Sprint(100+os.Getpid()%800)
	server, err := lab.Start(filepath.Join(dir, "xvfb.log"), nil, xvfb, display, "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
	if err != nil {
		return nil, err
	}
	e.processes = append(e.processes, server)
	t.Cleanup(e.close)
	socket := "/tmp/.X11-unix/X" + display[1:]
	if err := server.Wait("Xvfb", func() bool { _, err := os.Stat(socket); return err == nil }); err != nil {
		return nil, err
	}
	addr := lab.FreeAddress()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	home := append(os.Environ(), "DISPLAY="+display, "HOME="+dir, "XDG_DATA_HOME="+dir+"/data", "XDG_CACHE_HOME="+dir+"/cache",
		"XDG_RUNTIME_DIR="+dir, "LIBGL_ALWAYS_SOFTWARE=1", "WEBKIT_DISABLE_DMABUF_RENDERER=1", "NO_AT_BRIDGE=1", "GDK_BACKEND=x11")
	p, err := lab.Start(filepath.Join(dir, "driver.log"), home, driver, "-p", port)
	if err != nil {
		return nil, err
	}
	e.processes = append(e.processes, p)
	if err := p.Wait("WebKitWebDriver", func() bool { return lab.Accepts(addr) }); err != nil {
		return nil, err
	}
	var made struct {
		SessionID    string `json:"sessionId"`
		Capabilities struct {
			Version string `json:"browserVersion"`
		} `json:"capabilities"`
	}
	e.session = "http://" + addr + "/session"
	err = e.do(http.MethodPost, "", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"acceptInsecureCerts": true,
		"timeouts":            map[string]any{"script": patience.Milliseconds(), "pageLoad": patience.Milliseconds()},
		"webkitgtk:browserOptions": map[string]any{"binary": browsers[0],
			"args": []string{"--automation", "--proxy=http://" + startTunnel(t, env.listen)}},
	}}}, &made)
	e.session, e.version = e.session+"/"+made.SessionID, made.Capabilities.Version
	return e, err
}

// do sends a command, and reads its value.
func (e *inWebKit) do(method, path string, body, into any) error {
	var text []byte
	if method == http.MethodPost {
		if body == nil {
			body = struct{}{}
		}
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	ctx, cancel := waitFor(e.ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, e.session+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	var answer struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, answer.Value)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, into)
}

func (e *inWebKit) name() string { return "WebKitGTK " + e.version }

func (e *inWebKit) windows() (all []string, err error) {
	err = e.do(http.MethodGet, "/window/handles", nil, &all)
	return all, err
}

func (e *inWebKit) in(window, path string, body, into any) error {
	if err := e.do(http.MethodPost, "/window", map[string]string{"handle": window}, nil); err != nil {
		return err
	}
	return e.do(http.MethodPost, path, body, into)
}

func (e *inWebKit) visit(window, address string) error {
	return e.in(window, "/url", map[string]string{"url": address}, nil)
}

func (e *inWebKit) eval(window, script string) ([]byte, error) {
	var out string
	err := e.in(window, "/execute/async", map[string]any{"args": []any{}, "script": `const done = arguments[0];
		(async () => JSON.stringify(await (` + script + `)) ?? "null")().then(done, e => done("!" + e))`}, &out)
	if err == nil && cmp.Or(out, "!")[0] == '!' {
		err = fmt.Errorf("the script: %s", out)
	}
	return []byte(out), err
}

func (e *inWebKit) click(window, selector string) error {
	element := map[string]string{}
	if err := e.in(window, "/element", map[string]string{"using": "css selector", "value": selector}, &element); err != nil {
		return err
	}
	return e.do(http.MethodPost, "/element/"+element["element-6066-11e4-a52e-4f735466cecf"]+"/click", nil, nil)
}

func (e *inWebKit) close() {
	if e.version != "" {
		e.ctx = context.WithoutCancel(e.ctx)
		_ = e.do(http.MethodDelete, "", nil, nil) // it ends with its driver, too
	}
	for i := len(e.processes) - 1; i >= 0; i-- {
		e.processes[i].Stop()
	}
	e.processes, e.version = nil, ""
}
