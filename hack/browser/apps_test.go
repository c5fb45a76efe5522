// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/hack/lab"
)

// A hit is a request that reached an application.
type hit struct {
	method, url string // url: scheme, host, path and query
	header      http.Header
	body        string
}

// A recorder is all applications, which answer alike, and what reached them.
type recorder struct {
	lab.Recorder[hit]
	addr string
}

func startApps() (*recorder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &recorder{addr: l.Addr().String()}
	go http.Serve(l, r) //nolint:errcheck // it ends with the process; only nginx asks
	return r, nil
}

// forget begins anew.
func (a *recorder) forget() {
	a.Take()
}

// at returns what reached the address, whatever its query.
func (a *recorder) at(method, url string) []hit {
	var out []hit
	for _, h := range a.All() {
		address, _, _ := strings.Cut(h.url, "?")
		if h.method == method && address == url {
			out = append(out, h)
		}
	}
	return out
}

// strict is a Content-Security-Policy under which nothing runs but files of the
// application's own host.
const strict = "default-src 'none'; script-src 'self'; connect-src 'self' https://*.site.test https://*.hostname.test; " +
	"form-action 'self'; " +
	"frame-src *; base-uri 'none'; require-trusted-types-for 'script'"

// main is the script of every page.
const mainScript = `
import { accessEvents, accessFetch, accessSocket, configure, signOut } from "/.access/client.js";
Object.assign(globalThis, { accessEvents, accessFetch, accessSocket, configure, signOut });
document.querySelector("#call").addEventListener("click", async () => {
  const call = JSON.parse(document.querySelector("#call").dataset.call);
  try {
    const response = await accessFetch(call.url, call.init);
    document.title = response.status + " " + (await response.text());
  } catch (error) {
    document.title = String(error);
  }
});
document.documentElement.dataset.ready = "yes";
`

const document = `<!DOCTYPE html><title>%[1]s</title><h1>%[1]s</h1>
<form method="post" action="/save"><input name="text"><button id="save">Save</button></form>
<button id="call">Call</button>
<script type="module" src="/main.js"></script>`

func (a *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // what was sent, as far as it came
	a.Add(hit{r.Method, "https://" + r.Host + r.RequestURI, r.Header.Clone(), string(body)})
	if strings.HasPrefix(r.URL.Path, "/answer") {
		scripted(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/worker") {
		serveWorker(w, r)
		return
	}
	a.cors(w, r)
	switch {
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case strings.Contains(r.URL.Path, "/data"):
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{ // the client has gone
			"host": r.Host, "user": r.Header.Get("X-Access-Email"), "body": string(body), "origin": r.Header.Get("Origin")})
	case r.URL.Path == "/redirect":
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusTemporaryRedirect)
	case r.URL.Path == "/main.js", r.URL.Path == "/script.js":
		w.Header().Set("Content-Type", "text/javascript")
		script := mainScript
		if r.URL.Path == "/script.js" {
			script = "globalThis.loaded = (globalThis.loaded ?? 0) + 1;"
		}
		fmt.Fprint(w, script)
	case r.URL.Path == "/loose": // a page without the strict policy
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!DOCTYPE html><title>%s</title>", r.Host)
	default:
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/isolated" {
			w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		if !strings.HasPrefix(r.URL.Path, "/loose") {
			w.Header().Set("Content-Security-Policy", strict)
		}
		fmt.Fprintf(w, document, r.Host+r.URL.Path)
	}
}

// cors sets what applications themselves have to set on real answers.
func (a *recorder) cors(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	everybody := "https://"+r.Host == evil || "https://"+r.Host == free
	if !everybody && !slices.Contains([]string{app1, quik, "null"}, origin) {
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	w.Header().Set("Vary", "Origin")
	if everybody {
		w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	}
}
