// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/ostiary/ostiary/hack/lab"
)

// inFirefox drives Firefox by WebDriver BiDi, which it speaks itself.
type inFirefox struct {
	conn    net.Conn
	version string
	process *lab.Process
	last    int
}

var biDiAt = regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`)

func startFirefox(t *testing.T) (engine, error) {
	t.Helper()
	binary, err := lab.Program("OSTIARY_FIREFOX", "firefox-esr", "firefox")
	if err != nil {
		return nil, err
	}
	profile, home := t.TempDir(), t.TempDir()
	e := &inFirefox{}
	e.process, err = lab.Start(filepath.Join(home, "firefox.log"), append(os.Environ(), "HOME="+home, "MOZ_HEADLESS=1"), binary, "--headless",
		"--no-remote", "--remote-debugging-port=0", "--profile", profile, "about:blank")
	if err != nil {
		return nil, err
	}
	t.Cleanup(e.close)
	if err := e.process.Wait("Firefox", func() bool { return biDiAt.MatchString(e.process.Text()) }); err != nil {
		return nil, err
	}
	ctx, cancel := waitFor(t.Context())
	defer cancel()
	e.conn, _, _, err = ws.Dial(ctx, biDiAt.FindStringSubmatch(e.process.Text())[1]+"/session")
	if err != nil {
		return nil, err
	}
	var made struct {
		Capabilities struct {
			Version string `json:"browserVersion"`
		} `json:"capabilities"`
	}
	err = e.do("session.new", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": true,
		"proxy": map[string]any{"proxyType": "manual", "sslProxy": startTunnel(t, env.listen)}}}}, &made)
	e.version = made.Capabilities.Version
	return e, err
}

// do sends a command, and waits for its answer. Events are of no interest.
func (e *inFirefox) do(method string, params, into any) error {
	e.last++
	text, err := json.Marshal(map[string]any{"id": e.last, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := e.conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
		return err
	}
	if err := wsutil.WriteClientText(e.conn, text); err != nil {
		return err
	}
	for {
		text, err := wsutil.ReadServerText(e.conn)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		var answer struct {
			ID             int             `json:"id"`
			Result         json.RawMessage `json:"result"`
			Error, Message string
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return err
		}
		switch {
		case answer.ID != e.last:
		case answer.Error != "":
			return fmt.Errorf("%s: %s: %s", method, answer.Error, answer.Message)
		case into == nil:
			return nil
		default:
			return json.Unmarshal(answer.Result, into)
		}
	}
}

func (e *inFirefox) name() string { return "Firefox " + e.version }

func (e *inFirefox) windows() (all []string, err error) {
	var tree struct {
		Contexts []struct {
			Context string `json:"context"`
		} `json:"contexts"`
	}
	err = e.do("browsingContext.getTree", map[string]any{"maxDepth": 0}, &tree)
	for _, c := range tree.Contexts {
		all = append(all, c.Context)
	}
	return all, err
}

func (e *inFirefox) visit(window, address string) error {
	return e.do("browsingContext.navigate", map[string]any{"context": window, "url": address, "wait": "complete"}, nil)
}

func (e *inFirefox) eval(window, script string) ([]byte, error) {
	var out struct {
		Type   string
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
		Exception struct{ Text string } `json:"exceptionDetails"`
	}
	err := e.do("script.evaluate", map[string]any{"target": map[string]any{"context": window}, "awaitPromise": true,
		"expression": `(async () => JSON.stringify(await (` + script + `)) ?? "null")()`}, &out)
	if err == nil && out.Type != "success" {
		err = fmt.Errorf("the script: %s", out.Exception.Text)
	}
	return []byte(out.Result.Value), err
}

func (e *inFirefox) click(window, selector string) error {
	var found struct {
		Nodes []struct {
			SharedID string `json:"sharedId"`
		} `json:"nodes"`
	}
	err := e.do("browsingContext.locateNodes", map[string]any{"context": window,
		"locator": map[string]string{"type": "css", "value": selector}}, &found)
	if err != nil || len(found.Nodes) == 0 {
		return fmt.Errorf("no %s: %w", selector, err)
	}
	move := map[string]any{"type": "pointerMove", "x": 0, "y": 0,
		"origin": map[string]any{"type": "element", "element": map[string]string{"sharedId": found.Nodes[0].SharedID}}}
	return e.do("input.performActions", map[string]any{"context": window, "actions": []any{map[string]any{"type": "pointer", "id": "mouse",
		"actions": []any{move, map[string]any{"type": "pointerDown", "button": 0}, map[string]any{"type": "pointerUp", "button": 0}}}}}, nil)
}

func (e *inFirefox) close() {
	if e.conn != nil {
		_ = e.do("browser.close", struct{}{}, nil) // it ends with its process, too
		_ = e.conn.Close()
	}
	e.process.Stop()
	e.conn = nil
}
